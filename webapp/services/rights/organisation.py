"""Departments and teams as rights need them, remembered for a few seconds: there are few, and every page asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import Department, Team, User
from webapp.services.remembered import Remembered


@dataclass(frozen=True)
class DepartmentFacts:
    id: ObjectId
    name: str
    parent_id: ObjectId | None


@dataclass(frozen=True)
class StaffFacts:
    department_ids: frozenset[ObjectId]
    team_ids: frozenset[ObjectId]


def departments() -> dict[ObjectId, DepartmentFacts]:
    """All departments by id."""
    return _departments.get(None)


def with_departments_below(department_ids: Iterable[ObjectId]) -> frozenset[ObjectId]:
    """These departments and all below them in the tree; a cycle in the tree does no harm."""
    wanted = list(department_ids)
    if not wanted:
        return frozenset()
    below: dict[ObjectId | None, list[ObjectId]] = defaultdict(list)
    for each in departments().values():
        below[each.parent_id].append(each.id)
    reached: set[ObjectId] = set()
    while wanted:
        department_id = wanted.pop()
        if department_id not in reached:
            reached.add(department_id)
            wanted.extend(below[department_id])
    return frozenset(reached)


def active_teams(team_ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """The names of those of these teams that are active."""
    return _teams.get(frozenset(team_ids))


def teammates(team_ids: Iterable[ObjectId]) -> frozenset[ObjectId]:
    """Everyone in one of these teams, as far as those are active."""
    return _teammates.get(frozenset(team_ids))


def staff() -> list[StaffFacts]:
    """Everyone who can sign in."""
    return _staff.get(None)


def names_of_people(people: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """The names of these people, as far as they are known."""
    wanted = frozenset(people)
    return _names.get(wanted) if wanted else {}


def forget() -> None:
    """Read them anew, because this process has changed one."""
    for each in (_departments, _teams, _teammates, _staff, _names):
        each.forget()


def _read_departments(_: None) -> dict[ObjectId, DepartmentFacts]:
    rows = Department.objects.order_by("code").scalar("id", "name", "parent_id")
    return {department_id: DepartmentFacts(department_id, name, parent) for department_id, name, parent in rows}


def _read_teams(team_ids: frozenset[ObjectId]) -> dict[ObjectId, str]:
    teams = Team.objects(id__in=list(team_ids)).scalar("id", "name", "is_active") if team_ids else ()
    return {team_id: name for team_id, name, is_active in teams if is_active}


def _read_teammates(team_ids: frozenset[ObjectId]) -> frozenset[ObjectId]:
    active = active_teams(team_ids)
    return frozenset(User.objects(team_ids__in=list(active)).scalar("id")) if active else frozenset()


def _read_staff(_: None) -> list[StaffFacts]:
    rows = User.objects(password_hash__exists=True).scalar("department_ids", "team_ids", "is_active")
    return [StaffFacts(frozenset(places), frozenset(teams)) for places, teams, is_active in rows if is_active]


def _read_names(people: frozenset[ObjectId]) -> dict[ObjectId, str]:
    return dict(User.objects(id__in=list(people)).scalar("id", "name"))


_departments = Remembered(_read_departments)
_teams = Remembered(_read_teams)
_teammates = Remembered(_read_teammates)
_staff = Remembered(_read_staff)
_names = Remembered(_read_names)
