"""What a role gives ends when it is deactivated, and so does what a closed department gives; “everyone” is who may ask."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.factories import People, hold, make_class, make_department, make_job, make_user
from webapp.documents import LookupValue, Team, User
from webapp.services import remembered
from webapp.services.lookups import administrators
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL, Permission, may_ask, permissions_of
from webapp.services.rights import data_scope, organisation, visibility
from webapp.services.rights.data_scope import DataScope

NOTHING = DataScope((), ())


def close(role: str) -> None:
    lookups.change("role", role, is_active=False, by=TERMINAL)


def own(*ids: Any) -> DataScope:
    return DataScope(tuple(sorted(str(each) for each in ids)), ())


def test_a_deactivated_role_gives_no_rows_no_permission_and_no_department(people: People) -> None:
    assert data_scope.data_scope(people.owner) == own(people.department.id)
    close("staff")
    assert data_scope.data_scope(people.owner) == NOTHING
    assert permissions_of(people.owner) == frozenset()
    close("department-admin")
    assert visibility.managed_department_ids(people.manager) == frozenset()
    assert data_scope.data_scope(people.manager) == NOTHING


def test_of_two_roles_only_the_active_one_counts(people: People) -> None:
    taught = make_class("History 1", instructors=[people.owner.id])
    hold(people.owner, ["staff", "instructor"])
    both = data_scope.data_scope(people.owner)
    assert both == DataScope((str(people.department.id),), (str(taught.id),))
    close("staff")
    assert data_scope.data_scope(people.owner) == DataScope((), (str(taught.id),))


def test_a_role_that_allows_neither_to_ask_nor_to_manage_opens_no_department(people: People) -> None:
    lookups.add("role", "hurried", "Hurried", metadata={"permissions": ["use-high-priority"]}, by=TERMINAL)
    taught = make_class("History 1", instructors=[people.owner.id])
    hold(people.owner, ["instructor", "hurried", "unheard-of", "learner"])
    assert data_scope.data_scope(people.owner) == DataScope((), (str(taught.id),))


def test_the_last_role_of_administrators_cannot_be_closed_but_a_closed_one_administers_nothing(people: People) -> None:
    lookups.add("role", "chief", "Chief", metadata={"permissions": ["administer"]}, by=TERMINAL)
    owner = hold(people.owner, ["chief"]).save()
    assert data_scope.data_scope(owner).is_everything
    close("chief")
    assert data_scope.data_scope(owner) == NOTHING
    assert administrators.first_administrator() == people.administrator


def test_belonging_to_a_closed_department_gives_nothing_and_above_it_stays_what_it_was(people: People) -> None:
    job = make_job(people.owner.id, visibility="department", department_id=people.department.id)
    assert visibility.may_see(people.neighbour, job)
    people.department.is_active = False
    people.department.save()
    assert not visibility.may_see(people.neighbour, job)
    assert visibility.visible_jobs(people.neighbour).count() == 0
    assert data_scope.data_scope(people.owner) == NOTHING
    # Its faculty still reads what was, and its manager still follows its reports.
    assert str(people.department.id) in (data_scope.data_scope(people.manager).department_ids or ())
    assert visibility.may_see(people.manager, job)
    assert visibility.audience(people.owner, "department", people.department.id)[0] == 1


def test_somebody_of_an_open_and_a_closed_department_keeps_the_open_one(people: People) -> None:
    hold(people.owner, ["staff"], [people.other_department, people.department])
    people.other_department.update(set__is_active=False)
    assert organisation.departments_of(people.owner) == [people.department.id]
    assert data_scope.data_scope(people.owner) == own(people.department.id)


@pytest.mark.parametrize(
    ("roles", "sees"), [(["learner"], False), ([], False), (["unheard-of"], False), (["instructor"], True)]
)
def test_what_is_shared_reaches_only_people_whose_roles_allow_something(
    people: People, roles: list[str], sees: bool
) -> None:
    person = make_user("percy person", roles, [people.department], [people.team])
    for shared_with in ("team", "department", "organization"):
        job = make_job(people.owner.id, visibility=shared_with, department_id=people.department.id)
        assert visibility.may_see(person, job) is sees, shared_with
        assert (visibility.visible_jobs(person).filter(id=job.id).count() == 1) is sees


def test_everyone_is_who_may_ask_for_reports(people: People) -> None:
    lookups.add("role", "reader", "Reader", metadata={"permissions": ["read-billing"]}, by=TERMINAL)
    reader = make_user("rita reader", ["reader"], [people.department], [people.team])
    everyone = make_job(people.owner.id, visibility="organization", department_id=people.department.id)
    team = make_job(people.owner.id, visibility="team", department_id=people.department.id)
    assert not visibility.may_see(reader, everyone)
    assert visibility.may_see(reader, team)  # her role allows something, and she is of the team


def test_the_number_of_people_is_the_number_who_see_it(people: People) -> None:
    make_user("lee learner", ["learner"], [people.department], [people.team])
    make_user("rob roleless", [], [people.department], [people.team])
    left = make_user("liz left", ["staff"], [people.department], [people.team])
    left.update(set__is_active=False)
    everybody = list(User.objects)
    for shared_with in ("team", "department", "organization"):
        job = make_job(people.owner.id, visibility=shared_with, department_id=people.department.id)
        told, _ = visibility.audience(people.owner, shared_with, people.department.id)
        granted = [
            person for person in everybody if visibility.Reach(person)._is_shared_with_actor(job) and person.is_active
        ]
        assert told == len(granted), shared_with
    assert visibility.people_of_everyone() == sum(may_ask(person) for person in everybody)


ROLES = ["staff", "instructor", "learner", "department-admin", "content-admin", "system-admin", "unheard-of"]


def test_closing_a_role_is_like_not_having_it(people: People) -> None:
    """Permissions, rows, and what one sees: with a closed role as without it."""
    below = make_department("Medieval history", str(ObjectId()), people.department)
    jobs = [
        make_job(people.owner.id, visibility=each, department_id=below.id)
        for each in ("private", "team", "department", "organization")
    ]
    places = [people.department, below]

    @hypothesis_settings(deadline=None, max_examples=20, derandomize=True)
    @given(st.lists(st.sampled_from(ROLES), unique=True, max_size=4), st.sets(st.sampled_from(ROLES[:-1])))
    def is_like_that(roles: list[str], closed: set[str]) -> None:
        person, without = (User(name="P", team_ids=[people.team.id], id=people.neighbour.id) for _ in range(2))
        hold(person, roles, places)
        hold(without, [each for each in roles if each not in closed], places)
        remembered.forget_everything()
        expected = (
            permissions_of(without), data_scope.data_scope(without), [visibility.may_see(without, job) for job in jobs],
        )  # fmt: skip
        LookupValue.objects(category="role", key__in=list(closed)).update(set__is_active=False)
        try:
            got = (
                permissions_of(person), data_scope.data_scope(person), [visibility.may_see(person, job) for job in jobs]
            )  # fmt: skip
            assert got == expected
        finally:
            LookupValue.objects(category="role").update(set__is_active=True)

    is_like_that()


def test_every_permission_is_given_by_some_role(database: Any) -> None:
    given_by_roles = {each for role in lookups.active("role") for each in role.metadata.get("permissions", ())}
    assert given_by_roles == {each.value for each in Permission}


def test_a_team_that_rests_reaches_nobody(people: People) -> None:
    Team.objects(id=people.team.id).update(set__is_active=False)
    assert visibility.audience(people.owner, "team", None)[0] == 1
