"""The pages under test: the real application on the real database, one client for each of the cast."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from tests.factories import People, make_job
from tests.services.bursting.conftest import registrar, schedule, whole  # noqa: F401 - fixtures
from webapp import catalogues, storage
from webapp.app import ROOT, create_app
from webapp.documents import ReportJob, User
from webapp.services.jobs import held
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.settings import get_settings
from webapp.web import access, assets

Client = Callable[[User], FlaskClient]
CONTENT = b"Class,Count\r\nAAA,3\r\n"


class _Builders:
    """What werkzeug compiles of each address, to build it from its parts: the same for every application, and the half
    of what making one costs."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}
        self._compile = Rule._compile_builder

    def watch(self) -> None:
        """From now on, each is compiled once."""
        builders = self

        def once(rule: Rule, append_unknown: bool = True) -> Any:
            # All that the source of a builder is made of; the rule itself is given to it with each call.
            key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
            if key not in builders._made:
                builders._made[key] = builders._compile(rule, append_unknown)
            return builders._made[key]

        Rule._compile_builder = once  # type: ignore[method-assign]


_Builders().watch()


@pytest.fixture(scope="session")
def app_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every start of the application makes of the same files: compiled translations, packed styles and scripts.
    A home of each test's own would make them anew."""
    cache = tmp_path_factory.mktemp("app-cache")
    catalogues.compile_catalogues(catalogues.SOURCE, cache)
    assets.prepare(ROOT / "static", cache)
    (cache / "templates").mkdir()
    return cache


@pytest.fixture
def prepared_home(home: Path, app_cache: Path) -> None:
    """A home in which applications find what they would make at their first start."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(app_cache, target_is_directory=True)


@pytest.fixture
def app(database: Any, prepared_home: None, app_cache: Path, settings_env: pytest.MonkeyPatch) -> Flask:
    # A page asks for many names: without any cache each would be a read.
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "0.3")
    settings_env.setenv("REPORTDESK_SECURITY_CONTACT", "mailto:desk@staff.example")
    get_settings.cache_clear()
    app = create_app(connect=False)
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(app_cache / "templates"))
    filter_choices.forget()
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return app


@pytest.fixture
def as_person(app: Flask) -> Client:
    """A client signed in as somebody, as after the right password (whose check is slow on purpose)."""

    def sign_in(person: User) -> FlaskClient:
        client = app.test_client()
        with app.test_request_context("/sign-in", method="POST", environ_base=client.environ_base):
            access.sign_in(person)
            answer = app.process_response(app.make_response(""))
        for given in answer.headers.getlist("Set-Cookie"):
            name, _, value = given.partition(";")[0].partition("=")
            client.set_cookie(name, value)
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
            '{"columns":[{"key":"class","label":{"message":"Class"},"type":"string","unit":"text","role":"dimension"},'
            '{"key":"count","label":{"message":"Count"},"type":"integer","unit":"count","role":"measure"}],'
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
