"""The pages under test: the real application on the real database, one client for each of the cast."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, People, make_job
from webapp import storage
from webapp.app import create_app
from webapp.documents import AdminArea, AdminEvent, ReportJob, User
from webapp.services.jobs import held
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.settings import get_settings

Client = Callable[[User], FlaskClient]
CONTENT = b"Class,Count\r\nAAA,3\r\n"


@pytest.fixture
def app(database: Any, settings_env: pytest.MonkeyPatch) -> Flask:
    # A page asks for many names: without any cache each would be a read.
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "0.3")
    settings_env.setenv("REPORTDESK_SECURITY_CONTACT", "mailto:desk@staff.example")
    get_settings.cache_clear()
    app = create_app(connect=False)
    filter_choices.forget()
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return app


@pytest.fixture
def as_person(app: Flask) -> Client:
    """A client signed in as somebody."""

    def sign_in(person: User) -> FlaskClient:
        client = app.test_client()
        answer = client.post("/sign-in", data={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        # Tests look at what is done from here on; that somebody signed in is `test_sessions`'.
        AdminEvent._get_collection().delete_many({"area": AdminArea.SESSIONS.value})
        return client

    return sign_in


@pytest.fixture
def ready_job(people: People, tmp_path: Any) -> Callable[..., ReportJob]:
    """A finished report of the owner, with its file in the storage."""

    def make(**fields: Any) -> ReportJob:
        requester = fields.pop("requested_by", people.owner)
        scope = data_scope.data_scope(requester).to_document()
        job = make_job(
            requester.id, status="queued", slot=f"x:{fields.get('name', 'x')}:{ReportJob.objects.count()}",
            **{"department_id": people.department.id, "provenance": {"scope": scope}, **fields},
        )  # fmt: skip
        hold = held.take(job.id, "worker")
        assert hold is not None
        files = storage.open_storage(get_settings().effective_storage_url)
        content = tmp_path / f"{job.id}.csv"
        content.write_bytes(CONTENT)
        page = tmp_path / f"{job.id}.json"
        page.write_text(
            '{"columns":[{"key":"class","label":{"message":"Class"},"type":"string","unit":"text"},'
            '{"key":"count","label":{"message":"Count"},"type":"integer","unit":"count"}],'
            '"rows":[{"class":"AAA","count":3}],"row_count":1,"rows_matched":3,"totals":{"count":3},"notes":[],"chart":null}'
        )
        key = f"reports/{job.id}/1/file.csv"
        files.put(content, key)
        files.put(page, f"reports/{job.id}/1/page.json")
        stored = {
            **files.locate(key),
            "sizeBytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "mimeType": "text/csv",
        }
        assert held.finish(hold, storage=stored, provenance={"rowsWritten": 1}, records=1)
        job.reload()
        return job

    return make
