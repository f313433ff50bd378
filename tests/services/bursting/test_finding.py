"""Which parts there are: departments of the owner's tree, classes and instructors that have rows; and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from mongoengine.errors import ValidationError

from tests.factories import People, hold, make_department, make_record, make_user
from tests.services.bursting.college import College, make_college
from tests.services.bursting.conftest import named
from tests.services.schedules.conftest import request, wish
from webapp.documents import Burst, NamedForPart, PartBy, User
from webapp.errors import InvalidRequestError
from webapp.services.bursting import preview
from webapp.services.bursting.in_words import burst_in_words
from webapp.services.bursting.preview import Plan
from webapp.services.people import departments
from webapp.services.permissions import TERMINAL
from webapp.services.rights import organisation
from webapp.services.schedules import keeping


@pytest.fixture
def college(database: object) -> College:
    """Of five departments: the first has no learners, the third nobody who manages it."""
    return make_college(5, empty=(0,), unmanaged=(2,))


@pytest.fixture
def registrar(college: College) -> User:
    return make_user("rita registrar", ["staff"], [college.departments[0]])


def planned(owner: User, by: str = "department", asked: Any = None, **burst: Any) -> Plan:
    return preview.plan(owner, asked or request(), Burst(by=by, **burst))


def lines(plan: Plan) -> list[tuple[str, int, int | None, list[str]]]:
    return [
        (each.found.name, each.found.depth, each.found.rows, [one.name for one in each.found.recipients])
        for each in plan.lines
    ]


def test_departments_go_down_the_tree_with_the_rows_of_all_below_them(college: College, registrar: User) -> None:
    plan = planned(registrar)
    assert lines(plan) == [
        ("Department 00", 0, 14, ["Manager 00"]),
        ("Department 01", 1, 7, ["Manager 01"]),
        ("Department 04", 2, 5, ["Manager 04"]),
        ("Department 02", 1, 3, []),
        ("Department 03", 1, 4, ["Manager 03"]),
    ]
    assert [each[2] for each in lines(plan)] == [len(college.rows_of(number)) for number in (0, 1, 4, 2, 3)]
    assert (plan.count, plan.nobodys, plan.empty, plan.problem) == (5, 1, 0, None)


def test_from_a_department_on_and_of_chosen_departments_only_those(college: College, registrar: User) -> None:
    one, two = college.departments[1], college.departments[2]
    assert [each[0] for each in lines(planned(registrar, root_id=one.id))] == ["Department 01", "Department 04"]
    chosen = request(department_ids=(two.id,))
    assert lines(planned(registrar, asked=chosen)) == [("Department 02", 0, 3, [])]


def test_what_the_owner_may_not_read_is_no_part(college: College) -> None:
    manager = college.managers[1]
    assert [each[0] for each in lines(planned(manager))] == ["Department 01", "Department 04"]


def test_a_closed_department_is_told_and_its_rows_stay_in_those_above(college: College, registrar: User) -> None:
    departments.set_active(college.departments[4], False, by=TERMINAL)
    organisation.forget()
    plan = planned(registrar)
    closed = next(each.found for each in plan.lines if each.found.name == "Department 04")
    assert str(closed.why_not) == "It is closed. Its rows are in the reports of the departments above it."
    assert plan.count == 4
    assert next(each.found.rows for each in plan.lines if each.found.name == "Department 01") == 7


def test_a_part_without_rows_is_told(registrar: User, college: College) -> None:
    empty = make_department("Department 05", "D05", college.departments[3])
    organisation.forget()
    plan = planned(registrar)
    assert next(each.found.rows for each in plan.lines if each.found.part.id == empty.id) == 0
    assert plan.empty == 1


def test_classes_and_instructors_are_those_that_have_rows(college: College, registrar: User) -> None:
    hold(college.managers[1], ["instructor"]).save()
    plan = planned(registrar, "class")
    assert lines(plan) == [
        ("C01", 0, 2, ["Manager 01"]),
        ("C02", 0, 3, []),
        ("C03", 0, 4, ["Manager 03"]),
        ("C04", 0, 5, ["Manager 04"]),
    ]
    # Who teaches and holds the role reads the rows; a manager of the department reads its classes only as a department.
    assert [set(each.without_rows) for each in plan.lines] == [set(), set(), {"Manager 03"}, {"Manager 04"}]
    people = lines(planned(registrar, "instructor"))
    assert people == [(f"Manager {n:02}", 0, n + 1, [f"Manager {n:02}"]) for n in (1, 3, 4)]


def test_two_who_teach_a_class_both_have_its_rows(college: College, registrar: User) -> None:
    both = [{"class_id": college.classes[2], "person_id": college.managers[n].id} for n in (3, 4)]
    make_record(teachings=both)
    found = {name: rows for name, _, rows, _ in lines(planned(registrar, "instructor"))}
    assert found == {"Manager 01": 2, "Manager 03": 4 + 3, "Manager 04": 5 + 3}
    by_class = {name: people for name, _, _, people in lines(planned(registrar, "class"))}
    assert by_class["C02"] == ["Manager 03", "Manager 04"]


def test_a_chosen_class_that_has_ended_is_told(college: College, registrar: User) -> None:
    ended = {"id": college.classes[1], "code": "C01", "name": "Class 01", "ends_at": datetime(2020, 7, 1, tzinfo=UTC)}
    gone = {"id": college.classes[0], "code": "C00", "name": "Class 00", "department_id": college.departments[0].id}
    make_record(classes=[{**ended, "department_id": college.departments[1].id}, {**gone, "is_active": False}])
    asked = request(class_ids=(college.classes[0], college.classes[1]), include_inactive=True)
    found = {each.found.name: each.found for each in planned(registrar, "class", asked).lines}
    assert str(found["C00"].why_not) == "It has ended: the record does not have it any more."
    assert str(found["C01"].note) == "It ended on 30 June 2020."


def test_persons_who_are_named_stand_in_the_place_of_those_who_run_it(college: College, registrar: User) -> None:
    stranger = make_user("stefan stranger", ["staff"], [college.departments[4]])
    plan = planned(registrar, named=named(college.departments[1].id, stranger.email))
    line = next(each for each in plan.lines if each.found.name == "Department 01")
    assert [one.name for one in line.found.recipients] == ["Stefan Stranger"]
    assert line.without_rows == {"Stefan Stranger"}, "he reads the fourth department alone"


def test_in_words(college: College, registrar: User) -> None:
    burst = Burst(
        by="department", root_id=college.departments[1].id, named=named(college.departments[1].id, "a@b.example")
    )
    assert burst_in_words(burst) == (
        "Beside the whole, one report for each department, with all below it. Down the tree from Department 01. "
        "For 1 of them other persons are named."
    )


REFUSED: dict[str, tuple[Any, str, str]] = {
    "another kind": (lambda people: Burst(by="planet"), "burst.by", "Choose what each report is for."),
    "a department of nobody's": (
        lambda people: Burst(by="department", root_id=ObjectId()), "burst.root_id", "There is no such department",
    ),
    "a department of others": (
        lambda people: Burst(by="department", root_id=people.other_department.id), "burst.root_id", "There is no such",
    ),
    "a tree of classes": (
        lambda people: Burst(by="class", root_id=people.department.id), "burst.root_id", "Only departments have a tree",
    ),
    "somebody for a part of others": (
        lambda people: Burst(by="department", named=named(people.other_department.id, people.colleague.email)),
        "burst.named", "for a part that does not exist",
    ),
    "somebody for an instructor": (
        lambda people: Burst(by="instructor", named=named(people.owner.id, people.colleague.email)),
        "burst.named", "goes to that instructor",
    ),
    "somebody twice": (
        lambda people: Burst(by="department", named=named(people.department.id, "a@b.example") * 2),
        "burst.named", "more than once",
    ),
    "nobody's address": (
        lambda people: Burst(by="department", named=named(people.department.id, "not an address")),
        "burst.named", "This desk sends no e-mail",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_is_told_under_its_field(people: People, what: str) -> None:
    burst, field, text = REFUSED[what]
    with pytest.raises(InvalidRequestError) as refused:
        keeping.create(people.owner, wish(burst=burst(people)))
    assert list(refused.value.fields) == [field]
    assert text in refused.value.fields[field]


def test_a_part_is_not_made_in_parts_again(people: People) -> None:
    asked = request(part=f"department:{people.department.id}")
    with pytest.raises(InvalidRequestError, match="about a part already"):
        keeping.create(people.owner, wish(burst=Burst(by="class"), request=asked))


def test_the_document_itself_refuses_what_no_burst_can_be(people: People) -> None:
    schedule = keeping.create(people.owner, wish(burst=Burst(by="department")))
    schedule.burst.named = [NamedForPart(part_id=ObjectId(), addresses=["a@b.example"]) for _ in range(201)]
    with pytest.raises(ValidationError, match="200 parts"):
        schedule.validate()
    schedule.burst = Burst(by="class", root_id=ObjectId())
    with pytest.raises(ValidationError):
        schedule.validate()
    assert set(PartBy) == {"department", "class", "instructor"}


def test_whoever_administers_the_desk_runs_no_department_by_that(college: College, registrar: User) -> None:
    make_user("ada administrator", ["system-admin"], [college.departments[1]])
    found = {name: people for name, _, _, people in lines(planned(registrar))}
    assert found["Department 01"] == ["Manager 01"]
