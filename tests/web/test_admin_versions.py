"""The record's history in the browser: who brought what, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.factories import People, make_department, make_learner, make_record
from tests.web.conftest import Client
from webapp import record
from webapp.documents import AdminEvent
from webapp.record import Made, RecordVersion
from webapp.services.record import history


def version(number: int, undone_to: int | None = None) -> RecordVersion:
    made = Made.IMPORT if undone_to is None else Made.UNDO
    return RecordVersion(number, datetime(2026, 3, number, tzinfo=UTC), made, undone_to=undone_to)


@pytest.mark.parametrize(
    ("versions", "lost"),
    [
        ([version(2), version(1)], set()),
        ([version(3, 1), version(2), version(1)], {2}),
        ([version(4, 2), version(3, 1), version(2), version(1)], {3}),
        ([version(5, 0), version(4, 2), version(3, 1), version(2), version(1)], {1, 2, 3, 4}),
        ([version(5), version(4, 1), version(3), version(2), version(1)], {2, 3}),
    ],
)
def test_an_undo_takes_back_what_came_after_where_it_goes_to(versions: list[RecordVersion], lost: set[int]) -> None:
    assert history.undone(versions) == lost


def test_an_import_is_undone_after_its_page_said_what_that_changes(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    make_learner("Ana")
    make_learner("Bo")
    newest = record.current().number
    page = client.get(f"/admin/imports/versions/{newest}").text
    assert "Undo to before this" in page
    assert "Persons" in page
    assert ">-1<" in page
    answer = client.post(f"/admin/imports/versions/{newest}/undo", data={"newest": newest})
    assert answer.status_code == 303
    assert record.select(record.current(), "persons", ["name"])["name"].to_pylist() == ["Ana"]
    assert AdminEvent.objects(action="record undone").count() == 1
    undone = client.get(f"/admin/imports/versions/{newest}").text
    assert "This was undone" in undone
    assert "<form method" not in undone.partition('id="undo-heading"')[2]
    listed = client.get("/admin/imports/").text
    assert listed.index(f"Back to version {newest - 1}") < listed.index("undone")
    # And the undo itself is undone in its turn.
    again = newest + 1
    assert client.post(f"/admin/imports/versions/{again}/undo", data={"newest": again}).status_code == 303
    assert record.select(record.current(), "persons", ["name"])["name"].to_pylist() == ["Ana", "Bo"]


def test_what_came_after_is_said_and_a_stale_page_undoes_nothing(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    make_learner("Ana")
    first = record.current().number
    make_learner("Bo")
    assert "1 version that came after it is undone, too" in client.get(f"/admin/imports/versions/{first}").text
    answer = client.post(f"/admin/imports/versions/{first}/undo", data={"newest": first})
    assert answer.status_code == 409
    assert "has changed since you opened this page" in answer.text
    assert record.current().number == first + 1


def test_while_something_is_imported_nothing_is_undone_and_nobody_waits(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    make_learner("Ana")
    newest = record.current().number
    with record.importing(source="test", what="x", import_id="1", by="test"):
        answer = client.post(f"/admin/imports/versions/{newest}/undo", data={"newest": newest}, follow_redirects=True)
    assert "Something is being imported at the moment" in answer.text
    assert record.current().number == newest


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1e3", "٣", "9" * 40])
def test_a_version_that_never_was_is_a_404(people: People, as_person: Client, number: str) -> None:
    client = as_person(people.administrator)
    assert client.get(f"/admin/imports/versions/{number}").status_code == 404
    assert client.post(f"/admin/imports/versions/{number}/undo", data={"newest": number}).status_code == 404


def test_only_who_keeps_the_content_sees_and_undoes(people: People, as_person: Client) -> None:
    make_record(persons=[{"name": "Ana"}])
    make_department("New", "new")
    newest = record.current().number
    for person in (people.owner, people.colleague, people.manager, people.stranger):
        client = as_person(person)
        assert client.get(f"/admin/imports/versions/{newest}").status_code == 404
        address = f"/admin/imports/versions/{newest}/undo"
        assert client.post(address, data={"newest": newest}).status_code == 404
    assert record.current().number == newest
