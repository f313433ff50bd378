"""The tree of departments, and the teams in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bson import ObjectId
from mongoengine.errors import ValidationError

from webapp import clock
from webapp.documents import AdminArea, Department, Team
from webapp.documents.ids import id_or_nobody
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.plain_text import folded
from webapp.services.record import mirror
from webapp.services.rights import organisation
from webapp.services.rights.organisation import DepartmentFacts

Found = TypeVar("Found", Department, Team)
#: The document, or what lists remember of it.
Place = TypeVar("Place", Department, DepartmentFacts)


@dataclass(frozen=True)
class Node(Generic[Place]):
    department: Place
    depth: int  # 0 at the top


def every() -> list[Department]:
    """All departments, inactive ones included: they are few."""
    return list(Department.objects)


def tree(departments: Iterable[Place]) -> list[Node[Place]]:
    """Parents before children, brothers by name. One whose parent is missing, or that is in a cycle which an import
    has made, stands at the top: nothing is hidden."""
    ordered: list[Place] = sorted(departments, key=lambda each: folded(each.name))
    known = {each.id for each in ordered}
    below: dict[ObjectId | None, list[Place]] = defaultdict(list)
    for each in ordered:
        below[each.parent_id if each.parent_id in known else None].append(each)
    nodes: list[Node[Place]] = []
    reached: set[ObjectId] = set()
    for top in below[None] + ordered:
        waiting: list[Node[Place]] = [Node(top, 0)]
        while waiting:
            node = waiting.pop()
            if node.department.id in reached:
                continue
            reached.add(node.department.id)
            nodes.append(node)
            waiting += [Node(child, node.depth + 1) for child in reversed(below[node.department.id])]
    return nodes


def find(department_id: str) -> Department:
    """Raises NotFoundError."""
    return _find(Department, department_id, Message("department"))


def meant_by(text: str) -> list[Department]:
    """The active departments that a person may mean by this id or code, by name: codes may repeat in a record."""
    found = Department.objects(code=text, is_active=True)
    by_id = Department.objects(id=id_or_nobody(text), is_active=True)
    return sorted({each.id: each for each in [*by_id, *found]}.values(), key=lambda each: folded(each.name))


def find_team(team_id: str) -> Team:
    """Raises NotFoundError."""
    return _find(Team, team_id, Message("team"))


def teams(department_id: ObjectId | None = None) -> list[Team]:
    """Teams by name, of one department or of all; inactive ones included."""
    found = Team.objects if department_id is None else Team.objects(department_id=department_id)
    return sorted(found, key=lambda each: folded(each.name))


def add(by: Actor, *, name: str, code: str, parent_id: ObjectId | None) -> Department:
    """Raises InvalidRequestError: code taken, no such parent, name or code too long."""
    require_permission(by, Permission.ADMINISTER)
    department = Department(name=name.strip())
    _place(department, code.strip(), parent_id)
    department.edited_at = clock.utcnow()
    _save(department)
    mirror.give_departments()
    audit.record(by, AdminArea.DEPARTMENTS, "added", f"{department.code} {department.name}", subject_id=department.id)
    return department


def change(department: Department, *, by: Actor, name: str, code: str, parent_id: ObjectId | None) -> Department:
    """Rename or move a department; its reports and records stay its own. Raises InvalidRequestError: as `add`, and a
    move under itself."""
    require_permission(by, Permission.ADMINISTER)
    before = {"name": department.name, "code": department.code, "parent": department.parent_id}
    _place(department, code.strip(), parent_id)
    department.name, department.edited_at = name.strip(), clock.utcnow()
    _save(department)
    mirror.give_departments()
    after = {"name": department.name, "code": department.code, "parent": department.parent_id}
    changes = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    if changes:
        action = "moved" if "parent" in changes else "changed"
        subject = f"{department.code} {department.name}"
        audit.record(by, AdminArea.DEPARTMENTS, action, subject, subject_id=department.id, changes=changes)
    return department


def set_active(department: Department, is_active: bool, *, by: Actor) -> None:
    """Offer a department no more, or again. Raises ConflictError while active departments are below it, or while the
    one above it is inactive."""
    require_permission(by, Permission.ADMINISTER)
    if is_active:
        above = Department.objects(id=department.parent_id).first() if department.parent_id else None
        if above is not None and not above.is_active:
            raise ConflictError(
                Message("“%(name)s”, above it, is inactive.", name=above.name), hint=Message("Activate that one first.")
            )
    else:
        children = list(Department.objects(parent_id=department.id, is_active=True).scalar("name"))
        if children:
            raise ConflictError(
                Message(
                    "“%(name)s” still has active departments below it: %(below)s.",
                    name=department.name,
                    below=sorted(children)[:5],
                ),
                hint=Message("Move or deactivate them first."),
            )
    _set_active(department, is_active, by, f"{department.code} {department.name}")


def add_team(by: Actor, *, name: str, department_id: ObjectId) -> Team:
    """Raises InvalidRequestError."""
    require_permission(by, Permission.ADMINISTER)
    team = Team(name=name.strip(), department_id=department_id)
    _save(team)
    audit.record(by, AdminArea.DEPARTMENTS, "team added", team.name, subject_id=team.id)
    return team


def change_team(team: Team, *, by: Actor, name: str, department_id: ObjectId) -> None:
    """Rename a team, or give it to another department. Raises InvalidRequestError."""
    require_permission(by, Permission.ADMINISTER)
    before = {"name": team.name, "department": team.department_id}
    team.name, team.department_id = name.strip(), department_id
    _save(team)
    after = {"name": team.name, "department": team.department_id}
    changes = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    if changes:
        audit.record(by, AdminArea.DEPARTMENTS, "team changed", team.name, subject_id=team.id, changes=changes)


def set_team_active(team: Team, is_active: bool, *, by: Actor) -> None:
    """What is shared with an inactive team reaches nobody by it."""
    require_permission(by, Permission.ADMINISTER)
    _set_active(team, is_active, by, team.name)


def _set_active(found: Department | Team, is_active: bool, by: Actor, subject: str) -> None:
    if bool(found.is_active) == is_active:
        return
    found.is_active = is_active
    if isinstance(found, Department):
        found.edited_at = clock.utcnow()
    found.save()
    if isinstance(found, Department):
        mirror.give_departments()
    action = "activated" if is_active else "deactivated"
    audit.record(by, AdminArea.DEPARTMENTS, action, subject, subject_id=found.id)


def _place(department: Department, code: str, parent_id: ObjectId | None) -> None:
    """Put it under another one, after checking what a single document cannot know. Raises InvalidRequestError."""
    everything: Sequence[Department] = every()
    errors: dict[str, str] = {}
    if parent_id is not None and parent_id not in {each.id for each in everything}:
        errors["parent"] = Message("There is no such department to put it under.")
    elif parent_id is not None and department.id and parent_id in organisation.below([department.id], everything):
        errors["parent"] = Message("A department cannot be under itself or under one that is below it.")
    if any(each.code.casefold() == code.casefold() and each.id != department.id for each in everything):
        errors["code"] = Message("Another department has the code “%(code)s” already.", code=code[:60])
    if errors:
        raise InvalidRequestError(errors)
    department.code, department.parent_id = code, parent_id


def _save(found: Department | Team) -> None:
    try:
        found.save()
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error


def _find(document: type[Found], wanted: str, what: str) -> Found:
    found = document.objects(id=id_or_nobody(wanted)).first()
    if found is None:
        raise NotFoundError(Message("There is no %(what)s %(id)s.", what=what, id=wanted[:24]))
    return found
