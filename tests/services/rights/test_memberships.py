"""Roles are held per department: what one is in A gives nothing in B."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.factories import People, hold, make_class, make_department, make_job, make_user
from tests.services.requests.test_requests import a_request
from webapp.documents import Department, Membership, ReportJob, User
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.services import permissions, remembered
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL, permissions_of
from webapp.services.requests import asking, changing
from webapp.services.requests import rules as request_rules
from webapp.services.rights import data_scope, organisation, visibility
from webapp.services.rights.data_scope import DataScope


def belong(user: User, **roles: tuple[Department, list[str]]) -> User:
    """Each of these departments with its own roles, the first the primary one."""
    user.roles = []
    user.memberships = [
        Membership(department_id=department.id, roles=held, is_primary=not n)
        for n, (department, held) in enumerate(roles.values())
    ]
    return user.save()


@pytest.fixture
def both(people: People) -> User:
    """Manages the faculty, teaches in physics."""
    person = make_user("mia both", [], [])
    return belong(person, a=(people.faculty, ["department-admin"]), b=(people.other_department, ["instructor"]))


def test_whoever_manages_a_and_teaches_in_b_manages_only_a(people: People, both: User) -> None:
    taught = make_class("Optics", department=people.other_department, instructors=[both.person_id])
    make_class("Statics", department=people.other_department, instructors=[ObjectId()])
    assert visibility.managed_department_ids(both) == {people.faculty.id, people.department.id}
    arts = tuple(sorted(str(each.id) for each in (people.faculty, people.department)))
    assert data_scope.data_scope(both) == DataScope(arts, (str(taught.id),))
    of_a = make_job(people.owner.id, department_id=people.department.id)
    of_b = make_job(people.stranger.id, department_id=people.other_department.id)
    assert (visibility.may_see(both, of_a), visibility.may_see(both, of_b)) == (True, False)
    assert {each.id for each in visibility.visible_jobs(both)} == {of_a.id}
    changing.reprioritise(both, of_a.id, "high")
    shared = make_job(people.stranger.id, department_id=people.other_department.id, visibility="department")
    assert visibility.may_see(both, shared)
    with pytest.raises(ForbiddenError):
        changing.cancel(both, shared.id)


def test_a_priority_that_is_a_managers_to_give_is_theirs_in_what_they_manage_alone(people: People, both: User) -> None:
    assert "high" in request_rules.usable_priorities(both)
    for department in (people.faculty, people.department):
        assert "high" in request_rules.usable_priorities_in(both, department.id)
    for elsewhere in (people.other_department.id, None):
        usable = request_rules.usable_priorities_in(both, elsewhere)
        assert "high" not in usable
        assert "normal" in usable
    assert asking.create(both, a_request(priority="high")).department_id == people.faculty.id
    with pytest.raises(InvalidRequestError, match="may not give the priority"):
        asking.create(both, a_request(priority="high", department_id=people.other_department.id))


def test_an_inactive_membership_counts_for_nothing(people: People, both: User) -> None:
    make_class("Optics", instructors=[both.person_id])
    shared = make_job(people.owner.id, department_id=people.faculty.id, visibility="department")
    both.memberships[0].is_active = False
    assert visibility.managed_department_ids(both) == frozenset()
    assert permissions_of(both) == {"request-reports"}
    assert not visibility.may_see(both, shared)
    assert data_scope.data_scope(both).department_ids == ()
    both.memberships[1].is_active = False
    both.save()
    assert data_scope.data_scope(both) == DataScope((), ())
    assert permissions_of(both) == frozenset()
    assert organisation.departments_of(both) == []
    assert visibility.audience(people.owner, "department", people.other_department.id)[0] == 2  # not Mia


def test_the_primary_department_is_where_reports_are_filed(people: People, both: User) -> None:
    assert asking.create(both, a_request()).department_id == people.faculty.id
    both.memberships[0].is_primary, both.memberships[1].is_primary = False, True
    assert asking.create(both, a_request(name="Other"), insist=True).department_id == people.other_department.id


def test_a_role_for_the_whole_desk_gives_nothing_of_that_in_a_department_and_the_other_way_round(
    people: People,
) -> None:
    pretender = User(
        name="P",
        roles=["department-admin", "staff"],  # held nowhere
        memberships=[Membership(department_id=people.department.id, roles=["system-admin", "content-admin"])],
    )
    assert not permissions_of(pretender) & permissions.WHOLE_DESK
    assert not data_scope.data_scope(pretender).is_everything
    homeless = User(name="H", roles=["department-admin", "staff"])
    assert permissions_of(homeless) == frozenset()
    assert data_scope.data_scope(homeless) == DataScope((), ())


def test_what_somebody_is_for_the_whole_desk_they_are_in_each_of_their_departments(people: People) -> None:
    keeper = make_user("cora keeper", ["content-admin"], [people.department])
    assert (keeper.roles, keeper.memberships[0].roles) == (["content-admin"], [])
    assert permissions_of(keeper) == {"request-reports", "manage-content"}
    assert data_scope.data_scope(keeper) == DataScope((str(people.department.id),), ())
    assert permissions_of(hold(keeper, ["content-admin"], [])) == {"request-reports", "manage-content"}
    assert data_scope.data_scope(keeper) == DataScope((), ())


def test_which_roles_are_for_the_whole_desk_follows_what_they_allow(people: People) -> None:
    seeded = {role.key for role in lookups.active("role") if permissions.is_global(role.key)}
    assert seeded == {"system-admin", "content-admin", "billing-admin"}
    lookups.change("role", "staff", metadata={"permissions": ["request-reports", "manage-content"]}, by=TERMINAL)
    # Held in a department it still gives what is of a department.
    assert permissions_of(people.owner) == {"request-reports"}
    assert data_scope.data_scope(people.owner).department_ids == (str(people.department.id),)


def test_an_instructor_who_is_tied_to_nobody_reads_no_class(people: People) -> None:
    teacher = make_user("ines instructor", ["instructor"], [people.department])
    make_class("History 1", instructors=[teacher.person_id])
    assert len(data_scope.data_scope(teacher).class_ids or ()) == 1
    teacher.person_id = None
    assert data_scope.data_scope(teacher) == DataScope((), ())


# ---- against plain code that says the same in another way

ROLES = ("staff", "instructor", "learner", "department-admin", "content-admin", "system-admin", "unheard-of")
ALLOW = {
    "staff": {"request-reports"},
    "instructor": {"request-reports"},
    "department-admin": {"request-reports", "manage-department", "use-high-priority"},
    "content-admin": {"request-reports", "manage-content"},
}
IDS = [ObjectId(bytes([n + 1] * 12)) for n in range(6)]


@dataclass(frozen=True)
class Case:
    parents: tuple[int | None, ...]  # of each department; a cycle may be among them
    closed: frozenset[int]
    desk: tuple[str, ...]
    places: tuple[tuple[int, tuple[str, ...], bool], ...]  # department, roles, is it active
    is_active: bool


@st.composite
def cases(draw: Any) -> Case:
    roles = st.lists(st.sampled_from(ROLES), unique=True, max_size=3).map(tuple)
    numbers = st.integers(0, len(IDS) - 1)
    places = st.lists(st.tuples(numbers, roles, st.booleans()), max_size=4, unique_by=lambda place: place[0])
    return Case(
        tuple(draw(st.one_of(st.none(), numbers)) for _ in IDS),
        frozenset(draw(st.sets(numbers, max_size=2))),
        tuple(draw(st.lists(st.sampled_from(ROLES), unique=True, max_size=1))),
        tuple(draw(places)),
        draw(st.integers(0, 9)) > 0,
    )


def _under(case: Case, number: int, top: int) -> bool:
    """Is `top` met when one climbs from `number`?"""
    for _ in range(len(IDS) + 1):
        if number == top:
            return True
        above = case.parents[number]
        if above is None:
            return False
        number = above
    return False


def reference(case: Case) -> dict[str, Any]:
    """What the person may, worked out for each department by itself."""
    nothing = {"may": set(), "reads": set(), "manages": set(), "of": set(), "teaches": False, "all": False}
    if not case.is_active:
        return nothing
    desk = [role for role in case.desk if role in ("content-admin", "system-admin")]
    is_all = "system-admin" in desk
    may: set[str] = set().union(*(ALLOW.get(role, set()) for role in desk))
    reads, manages, of, teaches = set(), set(), set(), False
    for number, held, is_active in case.places:
        if not is_active:
            continue
        # A system administrator's role held in a department is every permission but those of the whole desk.
        here = {
            role: ({"request-reports", "manage-department", "use-high-priority", "use-critical-priority"}
                   if role == "system-admin" else ALLOW.get(role, set()) - {"manage-content"})
            for role in held
        } | {role: ALLOW.get(role, {"request-reports", "manage-department"}) for role in desk}  # fmt: skip
        may |= set().union(*here.values())
        teaches |= "instructor" in here
        if number in case.closed:
            continue
        of |= {number} if any(here.values()) else set()
        if any(
            allowed & {"request-reports", "manage-department"} for role, allowed in here.items() if role != "instructor"
        ):
            reads |= {each for each in range(len(IDS)) if _under(case, each, number)}
        if any("manage-department" in allowed for allowed in here.values()):
            manages |= {each for each in range(len(IDS)) if _under(case, each, number)}
    return {"may": may, "reads": reads, "manages": manages, "of": of, "teaches": teaches, "all": is_all}


@pytest.fixture
def taught(database: Any) -> tuple[ObjectId, ObjectId]:
    """(a person of the record, the class that they teach)"""
    person_id = ObjectId()
    return person_id, make_class("K", instructors=[person_id]).id


@hypothesis_settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(cases())
def test_rights_are_those_of_plain_code_that_takes_each_department_by_itself(
    taught: tuple[ObjectId, ObjectId], case: Case
) -> None:
    person_id, own_class = taught
    Department._get_collection().delete_many({})
    Department._get_collection().insert_many(
        {"_id": IDS[n], "name": f"D{n}", "code": f"d{n}", "isActive": n not in case.closed}
        | ({"parentId": IDS[above]} if above is not None else {})
        for n, above in enumerate(case.parents)
    )
    remembered.forget_everything()
    person = User(
        id=ObjectId(), name="P", roles=list(case.desk), is_active=case.is_active, person_id=person_id,
        memberships=[
            Membership(department_id=IDS[n], roles=list(held), is_active=is_active)
            for n, held, is_active in case.places
        ],
    )  # fmt: skip
    expected = reference(case)
    scope = data_scope.data_scope(person)
    assert scope.is_everything == expected["all"]
    if not expected["all"]:
        assert permissions_of(person) == expected["may"]
        assert set(scope.department_ids or ()) == {str(IDS[n]) for n in expected["reads"]}
        assert set(scope.class_ids or ()) == ({str(own_class)} if expected["teaches"] else set())
    assert visibility.managed_department_ids(person) == {IDS[n] for n in expected["manages"]}
    assert set(organisation.departments_of(person)) == {IDS[n] for n in expected["of"]}
    reach = visibility.Reach(person)
    for n, department_id in enumerate(IDS):
        for shared_with in ("private", "department", "organization"):
            job = SimpleNamespace(
                requested_by=ObjectId(), department_id=department_id, visibility=shared_with, reader_ids=()
            )
            sees = case.is_active and (
                expected["all"]
                or n in expected["manages"]
                or (shared_with == "department" and n in expected["of"])
                or (shared_with == "organization" and "request-reports" in expected["may"])
            )
            assert reach.sees(job) == sees, (n, shared_with)


def test_lists_and_the_rule_for_one_job_agree_for_whoever_is_many_things(people: People, both: User) -> None:
    below = make_department("Medieval history", "medieval", people.department)
    places = (people.faculty, people.department, below, people.other_department)
    jobs = [
        make_job(people.owner.id, department_id=place.id, visibility=shared_with)
        for place in places
        for shared_with in ("private", "team", "department", "organization")
    ]
    listed = {each.id for each in visibility.visible_jobs(both)}
    assert listed == {job.id for job in jobs if visibility.may_see(both, job)}
    assert 0 < len(listed) < ReportJob.objects.count()
