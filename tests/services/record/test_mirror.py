"""Departments are the same in the record and in MongoDB, whichever side they were changed on."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from tests.factories import People, make_record
from webapp import record
from webapp.documents import Department
from webapp.services.people import departments
from webapp.services.record import mirror, reading


def in_record() -> dict[str, tuple[Any, ...]]:
    columns = ["id", "name", "code", "parent_id", "is_active", "source"]
    rows = record.select(record.current(), "departments", columns).to_pylist()
    return {row["id"]: tuple(row[name] for name in columns[1:]) for row in rows}


def test_what_a_source_gives_comes_to_mongodb_by_the_same_id(database: Any) -> None:
    above, below = ObjectId(), ObjectId()
    version = make_record(
        departments=[
            {"id": above, "name": "Arts", "code": "A"},
            {"id": below, "name": "History", "parent_id": above, "key": "hist", "is_active": False},
        ]
    )
    assert mirror.bring_departments(version) == 2
    found = Department.objects.get(id=below)
    assert (found.name, found.code, found.parent_id, found.is_active) == ("History", "hist", above, False)
    assert mirror.bring_departments(version) == 0
    renamed = make_record(departments=[{"id": above, "name": "Arts and Letters", "code": "A", "key": str(above)}])
    assert mirror.bring_departments(renamed) == 1
    assert Department.objects.get(id=above).name == "Arts and Letters"


def test_what_an_administrator_edits_goes_into_the_record(people: People) -> None:
    added = departments.add(people.administrator, name="Music", code="mus", parent_id=people.faculty.id)
    assert in_record()[str(added.id)] == ("Music", "mus", str(people.faculty.id), True, "reportdesk")
    departments.change(added, by=people.administrator, name="Music and Dance", code="mus", parent_id=None)
    departments.set_active(added, False, by=people.administrator)
    assert in_record()[str(added.id)] == ("Music and Dance", "mus", None, False, "reportdesk")
    assert Department.objects(edited_at__exists=True).count() == 0


def test_a_department_of_a_source_stays_that_sources_own(people: People) -> None:
    make_record(source="oneroster")
    departments.change(people.faculty, by=people.administrator, name="Faculty of Letters", code="arts", parent_id=None)
    assert in_record()[str(people.faculty.id)] == ("Faculty of Letters", "arts", None, True, "oneroster")


def test_while_an_import_is_under_way_an_edit_waits_for_its_end(people: People) -> None:
    with record.importing(source="x", what="x", import_id="x", by="x"):
        added = departments.add(people.administrator, name="Music", code="mus", parent_id=None)
        assert str(added.id) not in in_record()
        mirror.bring_departments(record.current())
    assert Department.objects.get(id=added.id).name == "Music"
    assert mirror.give_departments()
    reading.forget()
    assert in_record()[str(added.id)][0] == "Music"
