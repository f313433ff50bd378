"""A look before an import, in the browser: what would end is told first; it is applied, discarded and downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask

from tests.factories import People
from tests.services.orders.test_dry_runs import LEARNERS, bundle, carried_out, imported, zipped
from tests.web.conftest import Client
from webapp import record
from webapp.documents import Order, OrderState, Settled
from webapp.record.ids import id_of
from webapp.record.tables import TABLES
from webapp.services.orders.told import OWN
from webapp.web.admin import record_words


@pytest.fixture
def look(people: People, tmp_path: Path, app: object) -> Order:
    """A dry run of a bulk file that lacks two of twenty enrollments."""
    imported(people, bundle(), tmp_path)
    return imported(people, bundle(range(LEARNERS - 2)), tmp_path, dry_run=True)


def test_only_looking_is_the_first_button_and_what_enter_does(
    people: People, as_person: Client, tmp_path: Path
) -> None:
    client = as_person(people.administrator)
    page = client.get("/admin/imports/").text
    assert page.index('value="look"') < page.index('value="import"')
    for do, is_dry in (({}, True), ({"do": "look"}, True), ({"do": "import"}, None)):
        upload = zipped(bundle(), tmp_path / "r.zip")
        with upload.path.open("rb") as file:
            answer = client.post("/admin/imports/", data={"files": [(file, "r.zip")], "strict": "yes", **do})
        assert answer.status_code == 303
        order = Order.objects.order_by("-id").first()
        assert (order.dry_run, order.strict, order.source) == (is_dry, True, "oneroster")


def test_how_many_enrollments_would_end_is_told_before_all_counts(
    people: People, as_person: Client, look: Order
) -> None:
    page = as_person(people.administrator).get(f"/admin/imports/{look.id}").text
    assert (
        page.index("2 enrollments would end.")
        < page.index("Apply: import these files")
        < page.index("What it would do")
    )
    assert "Ana Ruiz 19 · Harmony A" in page
    assert "nothing was changed" in page
    assert "The record has changed since" not in page
    listed = as_person(people.administrator).get("/admin/imports/").text
    assert "Dry run" in listed


def test_whoever_else_would_end_is_told_as_well(people: People, as_person: Client, tmp_path: Path, app: object) -> None:
    imported(people, bundle(), tmp_path)
    fewer = bundle(range(1, LEARNERS))
    fewer["users.csv"] = fewer["users.csv"].replace("u0,,true,s1,student,u0,Ana,Ruiz 0\n", "")
    order = imported(people, fewer, tmp_path, dry_run=True)
    page = " ".join(as_person(people.administrator).get(f"/admin/imports/{order.id}").text.split())
    assert "1 enrollment would end." in page
    assert "These are not named any more, and end:</strong> Persons: 1</div>" in page


def test_what_changes_is_told_in_words_and_whose_account_stays_by_name(
    people: People, as_person: Client, tmp_path: Path, app: object
) -> None:
    imported(people, bundle(), tmp_path)
    people.owner.modify(person_id=ObjectId(id_of("oneroster", "persons", "u0")))
    other = bundle(range(1, LEARNERS), name="Eva")
    other["users.csv"] = other["users.csv"].replace("u0,,true,s1,student,u0,Eva,Ruiz 0\n", "")
    order = imported(people, other, tmp_path, dry_run=True)
    page = " ".join(as_person(people.administrator).get(f"/admin/imports/{order.id}").text.split())
    assert "<div>Name: Ana Ruiz 1 → Eva Ruiz 1</div>" in page
    assert f"{people.owner.name} &lt;{people.owner.email}&gt;" in page
    assert "No import touches an account" in page


def test_no_column_of_the_record_lacks_its_word(app: Flask) -> None:
    with app.test_request_context():
        words = record_words.columns()
    told = {name for table in TABLES.values() for name in table.content if not name.startswith(OWN)}
    assert told == set(words)


def test_it_is_said_when_the_record_has_moved_on(
    people: People, as_person: Client, look: Order, tmp_path: Path
) -> None:
    imported(people, bundle(name="Eva"), tmp_path)
    assert "The record has changed since" in as_person(people.administrator).get(f"/admin/imports/{look.id}").text


def test_all_changes_come_as_csv_and_no_cache_keeps_them(people: People, as_person: Client, look: Order) -> None:
    answer = as_person(people.administrator).get(f"/admin/imports/{look.id}/changes.csv")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=changes-{look.id}.csv"
    assert answer.headers["Cache-Control"] == "no-store"
    assert '"rosters","ended","e19"' in answer.text


def test_it_is_applied_once_and_leads_to_its_import(
    people: People, as_person: Client, look: Order, tmp_path: Path
) -> None:
    client = as_person(people.administrator)
    answer = client.post(f"/admin/imports/{look.id}/apply")
    assert answer.status_code == 303
    assert client.post(f"/admin/imports/{look.id}/apply").status_code == 409
    applied = Order.objects(of=look.id).get()
    assert str(applied.id) in answer.location
    assert f"/admin/imports/{look.id}" in client.get(answer.location).text
    assert f"/admin/imports/{applied.id}" in client.get(f"/admin/imports/{look.id}").text
    carried_out(applied, tmp_path)
    assert "of the learning record" in client.get(answer.location).text
    assert client.get(f"/admin/imports/{look.id}/changes.csv").status_code == 409


def test_discarded_it_says_so_and_changes_nothing(people: People, as_person: Client, look: Order) -> None:
    before = record.current().number
    client = as_person(people.administrator)
    assert client.post(f"/admin/imports/{look.id}/discard").status_code == 303
    assert look.reload().settled == Settled.DISCARDED
    page = client.get(f"/admin/imports/{look.id}").text
    assert "Discarded: the files were deleted" in page
    assert "Apply:" not in page
    assert record.current().number == before


def test_nobody_else_knows_of_it(people: People, as_person: Client, look: Order) -> None:
    for person in (people.owner, people.colleague, people.manager, people.stranger):
        client = as_person(person)
        assert client.get(f"/admin/imports/{look.id}").status_code == 404
        assert client.get(f"/admin/imports/{look.id}/changes.csv").status_code == 404
        for act in ("apply", "discard", "again"):
            assert client.post(f"/admin/imports/{look.id}/{act}").status_code == 404
    assert Order.objects(state=OrderState.WAITING.value).count() == 0
