"""What in the record leads nowhere is counted, listed and downloaded; verbs are mapped; nothing is counted twice."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, make_record, make_user, new_id
from tests.web.conftest import Client
from webapp import record
from webapp.documents import AdminEvent, LookupValue, Order
from webapp.record import RecordVersion
from webapp.services.orders import imports
from webapp.services.record import quality
from webapp.worker import order_work

VERB = "https://w3id.example/verbs/pondered"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FINDINGS = {
    "classes-without-course": 1,
    "enrollments-without-class": 1,
    "events-without-enrollment": 2,
    "events-of-no-class": 3,
    "persons-twice": 5,
}


@pytest.fixture(autouse=True)
def _unknown() -> None:
    quality._kept.__init__()  # type: ignore[misc]


@pytest.fixture
def wrong(people: People) -> RecordVersion:
    """One of everything that may be wrong, and as much that is right."""
    ana, bo, course, of_course, alone, closed, page = (new_id() for _ in range(7))
    make_record(
        source="oneroster",
        persons=[
            {"id": ana, "name": "Ana Ruiz", "email": "ana@example.org"},
            {"id": bo, "name": "Bo Li", "email": "Bo@Example.org"},
            # Of two with one address nobody can say which is meant.
            {"name": "Cy", "email": "cy@example.org"},
            {"name": "Cyd", "email": "Cy@example.org"},
        ],
        courses=[{"id": course, "name": "Harmony"}],
        classes=[
            {"id": of_course, "name": "Harmony A", "course_id": course},
            {"id": alone, "name": "=Alone()"},
            {"id": closed, "name": "Closed", "course_id": course, "is_active": False},
        ],
        contents=[{"id": page, "name": "Page one", "content_type": "page"}],
        rosters=[
            {"learner_id": ana, "class_id": of_course, "status": "in-progress"},
            {"learner_id": ana, "class_id": closed, "status": "in-progress"},
        ],
        events=[
            {"learner_id": ana, "class_id": of_course, "event_type": "login", "timestamp": AT},
            *({"learner_id": bo, "class_id": of_course, "event_type": "login", "timestamp": AT} for _ in range(2)),
            *({"learner_id": ana, "content_id": page, "verb": VERB, "timestamp": AT} for _ in range(3)),
        ],
    )
    return make_record(
        source="xapi",
        persons=[
            {"name": "bo li "},
            {"name": "Somebody", "email": "CY@example.org"},
            {"name": "", "email_sha1": hashlib.sha1(b"mailto:cy@example.org").hexdigest()},  # noqa: S324
            {"name": "Nobody else"},
            # The record itself knows whom this one is.
            {"name": "A. R.", "email": "ANA@example.org"},
        ],
    )


def counted() -> dict[str, int]:
    found = quality.of_now(patience=30)
    assert found is not None
    return {each.check.key: each.count for each in found.findings}


def test_everything_that_is_wrong_is_counted_and_nothing_else(wrong: RecordVersion) -> None:
    assert counted() == FINDINGS
    found = quality.of_now()
    assert found is not None
    assert [(each.verb, each.count, each.kinds) for each in found.verbs] == [(VERB, 3, ("page",))]
    assert not found.is_clean


def test_each_is_shown_with_its_first_rows(wrong: RecordVersion, people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    counted()
    page = client.get("/admin/quality/").text
    assert "Counting" not in page
    for text in ("=Alone()", "Bo Li", "Page one", VERB, "Somebody", "Classes without a course: 1"):
        assert text in page
    assert "hx-trigger" not in page.partition('id="quality"')[2].partition(">")[0]


def test_each_comes_whole_as_csv_that_no_spreadsheet_runs(
    wrong: RecordVersion, people: People, as_person: Client
) -> None:
    client = as_person(people.administrator)
    for key, count in FINDINGS.items():
        answer = client.get(f"/admin/quality/{key}.csv")
        assert answer.status_code == 200, key
        assert len(list(csv.reader(io.StringIO(answer.text)))) == count + 1
    assert "'=Alone()" in client.get("/admin/quality/classes-without-course.csv").text
    assert client.get("/admin/quality/nothing.csv").status_code == 404
    assert AdminEvent.objects(action="list downloaded").count() == len(FINDINGS) + 1


def test_a_version_is_counted_once_however_many_ask(wrong: RecordVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    examine = quality.examine

    def slowly(version: RecordVersion) -> quality.Quality:
        calls.append(version.number)
        time.sleep(0.3)
        return examine(version)

    monkeypatch.setattr(quality, "examine", slowly)
    asking = [threading.Thread(target=quality.of_now, kwargs={"patience": 20}) for _ in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert counted() == FINDINGS
    assert calls == [wrong.number]
    make_record(classes=[{"name": "Another"}])
    assert counted()["classes-without-course"] == 2
    assert len(calls) == 2


def test_a_page_does_not_wait_for_a_long_count_and_asks_again(
    wrong: RecordVersion, people: People, as_person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_person(people.administrator)
    let_go = threading.Event()
    examine = quality.examine
    monkeypatch.setattr(quality, "examine", lambda version: (let_go.wait(20), examine(version))[1])
    began = time.monotonic()
    page = client.get("/admin/quality/").text
    assert time.monotonic() - began < quality.PATIENCE_SECONDS + 2
    assert "Counting" in page
    assert 'hx-trigger="every 1s"' in page
    assert '<meta http-equiv="refresh"' in page
    let_go.set()
    counted()
    part = client.get("/admin/quality/", headers={"HX-Request": "true"}).text
    assert "Classes without a course: 1" in part
    assert "<html" not in part


def test_a_count_that_fails_is_told_and_tried_again(wrong: RecordVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(version: RecordVersion) -> quality.Quality:
        raise record.VersionGoneError(version.number)

    with monkeypatch.context() as patch:
        patch.setattr(quality, "examine", fails)
        with pytest.raises(record.VersionGoneError):
            quality.of_now(patience=20)
    assert counted() == FINDINGS


def test_a_verb_is_mapped_and_its_events_become_that_event(
    wrong: RecordVersion, people: People, as_person: Client, tmp_path: Path
) -> None:
    client = as_person(people.administrator)
    counted()
    answer = client.post("/admin/quality/verbs", data={"verb": [VERB, "x"], "event": ["content-viewed", ""]})
    assert answer.status_code == 303
    assert imports.xapi_verbs()[VERB, ""] == "content-viewed"
    assert "A worker is giving events their kind" in client.get("/admin/quality/").text
    order = Order.objects.get()
    told = order_work.carry_out(order, tmp_path, lambda share, doing, count: None)
    assert told["version"] == record.current().number
    kinds = record.select(record.current(), "events", ["event_type"])["event_type"].to_pylist()
    assert sorted(str(each) for each in kinds) == ["content-viewed"] * 3 + ["login"] * 3
    counted()
    found = quality.of_now()
    assert found is not None
    assert found.verbs == []
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "Events of mapped verbs" in page.text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose the event of at least one verb"),
        ({"verb": VERB, "event": ""}, "Choose the event of at least one verb"),
        ({"verb": VERB, "event": "no-such"}, "There is no event “no-such”"),
    ],
)
def test_a_rule_that_is_none_comes_back_with_the_reason(
    wrong: RecordVersion, people: People, as_person: Client, data: dict[str, Any], words: str
) -> None:
    answer = as_person(people.administrator).post("/admin/quality/verbs", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert Order.objects.count() == 0


def test_who_keeps_the_content_sees_it_and_only_administrators_map(
    wrong: RecordVersion, people: People, as_person: Client
) -> None:
    counted()
    client = as_person(make_user("carla content", ["content-admin"], [people.department]))
    page = client.get("/admin/quality/")
    assert page.status_code == 200
    assert "Keep these rules" not in page.text
    assert client.post("/admin/quality/verbs", data={"verb": VERB, "event": "login"}).status_code == 404
    for person in (people.owner, people.colleague, people.manager, people.stranger):
        client = as_person(person)
        assert client.get("/admin/quality/").status_code == 404
        assert client.get("/admin/quality/persons-twice.csv").status_code == 404
        assert client.post("/admin/quality/verbs").status_code == 404
    assert LookupValue.objects(metadata__xapiVerbs__verb=VERB).count() == 0


def test_a_record_without_rows_has_nothing_wrong(people: People, as_person: Client) -> None:
    found = quality.examine(record.current())
    assert found.is_clean
    assert as_person(people.administrator).get("/admin/quality/").status_code == 200
