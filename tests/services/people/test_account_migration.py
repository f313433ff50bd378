"""Accounts as an older version stored them go on reading, managing and teaching what they did, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_class
from webapp.documents import User
from webapp.services import database_setup
from webapp.services.permissions import permissions_of
from webapp.services.rights import data_scope, visibility


def before(database: Any, **fields: Any) -> ObjectId:
    """A document as it was written then."""
    user_id = ObjectId()
    database.users.insert_one({"_id": user_id, "name": "Old", "isActive": True, "passwordHash": "x", **fields})
    return user_id


def after(user_id: ObjectId) -> User:
    database_setup.prepare()
    return User.objects.get(id=user_id)


def held(user: User) -> list[tuple[ObjectId, list[str], bool, bool]]:
    return [(each.department_id, each.roles, each.is_primary, each.is_active) for each in user.memberships]


def test_roles_are_held_in_each_department_and_the_first_is_the_primary_one(people: People, database: Any) -> None:
    places = [people.department.id, people.other_department.id]
    old = before(database, roles=["staff", "content-admin", "department-admin"], departmentIds=places, teamIds=[])
    user = after(old)
    assert user.roles == ["content-admin"]
    here = ["staff", "department-admin"]
    assert held(user) == [(places[0], here, True, True), (places[1], here, False, True)]
    assert visibility.managed_department_ids(user) == set(places)
    assert set(data_scope.data_scope(user).department_ids or ()) == {str(each) for each in places}
    assert user.person_id is None
    assert "departmentIds" not in database.users.find_one({"_id": old})


@pytest.mark.parametrize("role", ["system-admin", "billing-admin"])
def test_whoever_is_something_for_the_whole_desk_is_it_still(people: People, database: Any, role: str) -> None:
    placed = after(before(database, roles=[role], departmentIds=[people.department.id]))
    free = after(before(database, roles=[role], departmentIds=[]))
    assert (placed.roles, held(placed)) == ([role], [(people.department.id, [], True, True)])
    assert (free.roles, held(free)) == ([role], [])
    assert permissions_of(placed) == permissions_of(free) != frozenset()


def test_whoever_teaches_is_the_person_of_the_same_id(people: People, database: Any) -> None:
    course = {"_id": ObjectId(), "name": "Optics", "departmentId": people.other_department.id}
    database.courses.insert_one(course)
    from_source = before(database, roles=["instructor"], departmentIds=[people.department.id], externalId="t-1")
    by_class = before(database, roles=["instructor", "staff"])
    database.classes.insert_one({"name": "Optics 1", "courseId": course["_id"], "instructorIds": [by_class]})
    assert after(from_source).person_id == from_source
    user = after(by_class)
    assert user.person_id == by_class
    # Of no department: the class says of which they are, and they read that class and no more.
    assert held(user) == [(people.other_department.id, ["instructor"], True, True)]
    make_class("Optics 1", department=people.other_department, instructors=[by_class])
    scope = data_scope.data_scope(user)
    assert (scope.department_ids, len(scope.class_ids or ())) == ((), 1)


def test_learners_stay_as_they_are_and_twice_changes_nothing(people: People, database: Any) -> None:
    learner = before(database, roles=["learner"], departmentIds=[people.department.id], externalId="l-1")
    database.users.update_one({"_id": learner}, {"$unset": {"passwordHash": ""}})
    signs_in = before(database, roles=["learner"], departmentIds=[people.department.id])
    as_it_was = database.users.find_one({"_id": learner})
    assert held(after(signs_in)) == [(people.department.id, ["learner"], True, True)]
    assert database.users.find_one({"_id": learner}) == as_it_was
    everybody = sorted(database.users.find(), key=lambda each: each["_id"])
    database_setup.prepare()
    assert sorted(database.users.find(), key=lambda each: each["_id"]) == everybody


def test_a_role_without_any_department_is_lost_and_gives_nothing(people: People, database: Any) -> None:
    user = after(before(database, roles=["department-admin"], departmentIds=[]))
    assert (user.roles, held(user), permissions_of(user)) == ([], [], frozenset())
