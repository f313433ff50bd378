"""Departments and teams as rights need them, remembered for a few seconds: there are few, and every page asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from bson import ObjectId

from webapp.documents import Department, Team, User
from webapp.services import permissions
from webapp.services.permissions import Held, Permission
from webapp.services.remembered import Remembered


class HasParent(Protocol):
    """A node of the tree: the document, or what is remembered of it."""

    @property
    def id(self) -> Any: ...
    @property
    def parent_id(self) -> Any: ...


@dataclass(frozen=True)
class DepartmentFacts:
    id: ObjectId
    name: str
    parent_id: ObjectId | None
    is_active: bool = True


@dataclass(frozen=True)
class StaffFacts:
    """Somebody who can sign in, and has a role that allows something: whom sharing reaches. `department_ids`: in which
    theirs allow something; `may_ask`: for reports."""

    department_ids: frozenset[ObjectId]
    team_ids: frozenset[ObjectId]
    may_ask: bool = True


def departments() -> dict[ObjectId, DepartmentFacts]:
    """All departments by id."""
    return _departments.get(None)


def with_departments_below(department_ids: Iterable[ObjectId]) -> frozenset[ObjectId]:
    """These departments and all below them in the tree, as `below`."""
    wanted = list(department_ids)
    return below(wanted, departments().values()) if wanted else frozenset()


def below(department_ids: Iterable[ObjectId], tree: Iterable[HasParent]) -> frozenset[ObjectId]:
    """These departments and all below them in `tree`; a cycle in it does no harm."""
    children: dict[ObjectId | None, list[ObjectId]] = defaultdict(list)
    for each in tree:
        children[each.parent_id].append(each.id)
    reached: set[ObjectId] = set()
    wanted = list(department_ids)
    while wanted:
        department_id = wanted.pop()
        if department_id not in reached:
            reached.add(department_id)
            wanted.extend(children[department_id])
    return frozenset(reached)


def _allows_something(held: Held) -> bool:
    return bool(held.permissions)


def departments_of(person: User, where: Callable[[Held], bool] = _allows_something) -> list[ObjectId]:
    """The active departments in which what the person is there fulfils `where` (default: it allows anything at all),
    the primary one first. Belonging to a closed department gives nothing; what was below an active one stays readable
    from there, closed or not."""
    known = departments()
    found = dict.fromkeys(each.department_id for each in permissions.held(person) if where(each))
    return [each for each in found if each in known and known[each].is_active]


def permissions_in(person: User, department_id: ObjectId | None) -> frozenset[str]:
    """What the person may do with what is filed under a department, by the roles that they hold for the whole desk,
    there, or in one above it. None: what is filed nowhere."""
    places = with_departments_above(department_id)
    here = [each.permissions for each in permissions.held(person) if each.department_id in places]
    return permissions.permissions_of_roles(permissions.desk_roles(person)).union(*here)


def with_departments_above(department_id: ObjectId | None) -> set[ObjectId]:
    """This department and all above it in the tree."""
    known, found = departments(), set[ObjectId]()
    while department_id is not None and department_id not in found:  # a cycle does no harm
        found.add(department_id)
        department_id = known[department_id].parent_id if department_id in known else None
    return found


def active_teams(team_ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """The names of those of these teams that are active."""
    return _teams.get(frozenset(team_ids))


def teammates(team_ids: Iterable[ObjectId]) -> frozenset[ObjectId]:
    """Everyone in one of these teams, as far as those are active."""
    return _teammates.get(frozenset(team_ids))


def staff() -> list[StaffFacts]:
    """Everyone who can sign in and has a role that allows something."""
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
    rows = Department.objects.order_by("code").scalar("id", "name", "parent_id", "is_active")
    found = [DepartmentFacts(each, name, above, is_active is not False) for each, name, above, is_active in rows]
    return {each.id: each for each in found}


def _read_teams(team_ids: frozenset[ObjectId]) -> dict[ObjectId, str]:
    teams = Team.objects(id__in=list(team_ids)).scalar("id", "name", "is_active") if team_ids else ()
    return {team_id: name for team_id, name, is_active in teams if is_active}


def _read_teammates(team_ids: frozenset[ObjectId]) -> frozenset[ObjectId]:
    active = active_teams(team_ids)
    return frozenset(User.objects(team_ids__in=list(active)).scalar("id")) if active else frozenset()


def _read_staff(_: None) -> list[StaffFacts]:
    accounts = User.objects(password_hash__exists=True).only("memberships", "roles", "team_ids", "is_active")
    return [
        StaffFacts(
            frozenset(each.department_id for each in permissions.held(account) if each.permissions),
            frozenset(account.team_ids),
            Permission.REQUEST_REPORTS in allowed,
        )
        for account in accounts
        if (allowed := permissions.permissions_of(account))
    ]


def _read_names(people: frozenset[ObjectId]) -> dict[ObjectId, str]:
    return dict(User.objects(id__in=list(people)).scalar("id", "name"))


_departments = Remembered(_read_departments)
_teams = Remembered(_read_teams)
_teammates = Remembered(_read_teammates)
_staff = Remembered(_read_staff)
_names = Remembered(_read_names)
