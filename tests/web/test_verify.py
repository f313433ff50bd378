"""The page that tells whether a file was made here: to whom it tells it, and that it tells nobody else."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.factories import People
from tests.web.conftest import CONTENT, Client
from tests.web.test_visibility_matrix import CAST, SEES
from webapp.documents import JobEvent, ReportJob
from webapp.services import database_clock
from webapp.services.files import retention
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lifecycle
from webapp.web.verify import views

MADE_HERE = "This file was made here"
NOT_FOUND = "No report that you may see has this file"
MadeJob = Callable[..., ReportJob]


def check(client: Any, content: bytes = CONTENT) -> str:
    answer = client.post("/verify/", data={"file": (io.BytesIO(content), "any name.csv")})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


@pytest.mark.parametrize("visibility", SEES)
def test_a_file_is_told_to_those_who_see_its_report_and_to_nobody_else(
    people: People, as_person: Client, ready_job: MadeJob, visibility: str
) -> None:
    job = ready_job(visibility=visibility, name="Quarterly figures")
    pages = {person: check(as_person(getattr(people, person))) for person in CAST}
    for person, page in pages.items():
        sees = person in SEES[visibility]
        assert (MADE_HERE in page, "Quarterly figures" in page, str(job.id) in page) == (sees,) * 3, person
        assert (NOT_FOUND in page) != sees
    # What one may not know of looks exactly like what was never made.
    if "stranger" not in SEES[visibility]:
        never_made = check(as_person(people.stranger), b"x")
        hashes = [hashlib.sha256(content).hexdigest() for content in (CONTENT, b"x")]
        assert _without_tokens(pages["stranger"]).replace(hashes[0], "") == _without_tokens(never_made).replace(
            hashes[1], ""
        )


def multipart(content: bytes) -> dict[str, Any]:
    """A body in memory: the test client puts a large one into a file that it leaves open."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    return {"data": head + content + b"\r\n--b--\r\n", "content_type": "multipart/form-data; boundary=b"}


def _without_tokens(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf" not in line)


def test_one_byte_makes_it_another_file(people: People, as_person: Client, ready_job: MadeJob) -> None:
    ready_job()
    client = as_person(people.owner)
    assert MADE_HERE in check(client)
    assert NOT_FOUND in check(client, CONTENT + b" ")
    assert NOT_FOUND in check(client, b"")


def test_a_checksum_does_as_well_as_the_file(people: People, as_person: Client, ready_job: MadeJob) -> None:
    ready_job(name="Quarterly figures")
    client = as_person(people.owner)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert "Quarterly figures" in client.post("/verify/", data={"checksum": f" {sha256.upper()} "}).text
    for wrong in ("", "abc", "z" * 64, "\x00", "a" * 65):
        answer = client.post("/verify/", data={"checksum": wrong})
        assert answer.status_code == 422
        assert 'id="checksum-error"' in answer.text


def test_equal_files_are_all_told(people: People, as_person: Client, ready_job: MadeJob) -> None:
    for name in ("January", "February"):
        ready_job(name=name)
    ready_job(name="Somebody else's", requested_by=people.stranger, department_id=people.other_department.id)
    page = check(as_person(people.owner))
    assert "2 reports have the same file" in page
    assert "January" in page
    assert "February" in page
    assert "Somebody else" not in page


def test_a_file_whose_time_is_over_is_still_known(people: People, as_person: Client, ready_job: MadeJob) -> None:
    job = ready_job(name="Quarterly figures")
    assert retention.expire_due_files(database_clock.now() + timedelta(days=8)) == 1
    page = check(as_person(people.owner))
    assert "Quarterly figures" in page
    assert "no longer kept here" in page
    assert NOT_FOUND in check(as_person(people.stranger))
    # Made again it has another file; the first one stays known.
    lifecycle.retry(job.id, by=people.owner.id)
    assert "Quarterly figures" in check(as_person(people.owner))


def test_a_file_of_a_deleted_report_is_known_while_the_audit_trail_is(
    people: People, as_person: Client, ready_job: MadeJob
) -> None:
    job = ready_job(name="Quarterly figures", visibility="organization")
    assert as_person(people.owner).post(f"/reports/{job.id}/delete").status_code == 303
    for person in CAST:  # nobody's sharing outlives the report
        page = check(as_person(getattr(people, person)))
        assert (MADE_HERE in page) == (person in SEES["private"]), person
        assert "Quarterly figures" not in page
    assert str(job.id) in check(as_person(people.owner))
    JobEvent.objects(job_id=job.id).delete()
    assert NOT_FOUND in check(as_person(people.owner))


def test_a_file_that_is_too_large_is_refused_and_says_so(
    people: People, as_person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_person(people.owner)
    monkeypatch.setattr(views.check, "upload_bytes", lambda: 3_000_000)
    large = client.post("/verify/", **multipart(b"x" * 2_500_000))  # more than a form takes elsewhere
    assert NOT_FOUND in large.text
    answer = client.post("/verify/", **multipart(b"x" * 3_500_000))
    assert answer.status_code == 413
    assert "smaller file" in answer.text


class Unread(io.RawIOBase):
    """A body that nobody may look at."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("the body was read")


def test_who_is_not_signed_in_sends_no_large_file_anywhere(app: Flask) -> None:
    client = app.test_client()
    takes_files = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if hasattr(app.view_functions[rule.endpoint], "upload_bytes") and not rule.arguments
    ]
    assert "/verify/" in takes_files
    for address in [*takes_files, "/sign-in", "/reports/new", "/nowhere"]:
        answer = client.post(
            address,
            content_type="multipart/form-data; boundary=b",
            environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(512 * 1024 * 1024)},
        )
        assert answer.status_code in (302, 404, 413), address
        # Unread, either way: whoever's session ended is led to sign in, and to choose the file again.
        assert answer.status_code == 413 or address == "/nowhere" or "/sign-in" in answer.location


def test_nothing_is_checked_without_signing_in_or_without_a_token(
    app: Flask, people: People, as_person: Client, ready_job: MadeJob
) -> None:
    ready_job(visibility="organization")
    answer = app.test_client().post("/verify/", data={"file": (io.BytesIO(CONTENT), "f")})
    assert answer.status_code == 302
    assert "/sign-in" in answer.location
    client = as_person(people.owner)
    assert client.get("/verify/").status_code == 200
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/verify/", data={"file": (io.BytesIO(CONTENT), "f")}).status_code == 400


def test_files_are_found_by_an_index(database: Any, people: People, ready_job: MadeJob) -> None:
    job = ready_job()
    job_events.copy([job.id])
    sha256 = job.output.storage.sha256
    for collection, query in (
        (ReportJob._get_collection(), {"output.storage.sha256": sha256}),
        (JobEvent._get_collection(), {"sha256": sha256}),
    ):
        assert collection.count_documents(query) == 1
        assert "file_sha256" in str(collection.find(query).explain())
