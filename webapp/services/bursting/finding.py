"""Which parts a report has at this moment, and who runs each: managers of a department, instructors of a class.

What is found is what its owner may read, as departments are now and classes in the record version that is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from bson import ObjectId

from webapp.clock import aware, utcnow
from webapp.documents import Burst, MadeInParts, PartBy, User
from webapp.documents.burst import MOST_PARTS, PART_NAME_LENGTH
from webapp.documents.ids import ids_of
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.renderers.reader import shortened
from webapp.services import permissions
from webapp.services.bursting.counting import Counted
from webapp.services.permissions import Permission
from webapp.services.questions import terms
from webapp.services.questions.request import ReportRequest
from webapp.services.record import reading
from webapp.services.rights import organisation
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.parts import Part

_OF_CLASSES = ["id", "code", "name", "department_id", "instructor_ids", "is_active", "ends_at"]


@dataclass(frozen=True)
class Recipient:
    """`user` None: somebody who was named, and has no account here."""

    name: str
    user: User | None = None
    address: str = ""


@dataclass(frozen=True)
class Found:
    """One part. `depth`: how far down the tree; `rows` None: not counted; `why_not`: why no report of it is made."""

    part: Part
    name: str
    depth: int = 0
    rows: int | None = 0
    recipients: tuple[Recipient, ...] = ()
    why_not: Message | None = None
    note: Message | None = None
    person_ids: tuple[str, ...] = ()


def find(
    scope: DataScope,
    request: ReportRequest,
    burst: Burst | MadeInParts,
    counted: Counted | None,
    version: RecordVersion | None = None,
) -> list[Found]:
    """The parts, in the order in which people read them: down the tree, or by name. `counted` None: nobody could
    count, so of classes and instructors only those are found that the question names."""
    by = PartBy(burst.by)
    match by:
        case PartBy.DEPARTMENT:
            found = list(_departments(scope, request, burst.root_id, counted))
        case PartBy.CLASS:
            found = list(_classes(scope, request, counted, version))
        case PartBy.INSTRUCTOR:
            found = list(_instructors(counted))
    return _with_recipients(by, found, burst)


def count_of(found: Iterable[Found]) -> int:
    """How many reports would be made."""
    return sum(each.why_not is None for each in found)


def too_many(count: int) -> Message | None:
    """Why none of so many is made; None where they can be."""
    if count <= MOST_PARTS:
        return None
    return Message(
        "It has %(count)s parts; at most %(most)s are made of one report, so none is. Ask for less, or go down the "
        "tree from a department further down.",
        count=count,
        most=MOST_PARTS,
    )


def nothing(by: PartBy) -> Message:
    """Why there is no part at all."""
    if by is PartBy.DEPARTMENT:
        return Message("Its owner reads no department, or none of those that the question names.")
    return Message("Nothing has rows that its owner may read.")


# --- departments ------------------------------------------------------------------------------------------------------


def _departments(
    scope: DataScope, request: ReportRequest, root_id: ObjectId | None, counted: Counted | None
) -> Iterator[Found]:
    known = organisation.departments()
    ids = set(known)
    if not scope.outer.is_everything:
        ids &= set(ids_of(scope.department_ids or ()))
    if root_id is not None:
        ids &= organisation.with_departments_below([root_id])
    if request.department_ids:
        ids &= organisation.with_departments_below(request.department_ids)
    for department_id, depth in _down_the_tree(ids):
        here = known[department_id]
        rows = _rows(counted, department_id)
        if here.is_active:
            yield Found(Part(PartBy.DEPARTMENT, department_id), here.name, depth, rows)
        elif rows:
            why_not = Message("It is closed. Its rows are in the reports of the departments above it.")
            yield Found(Part(PartBy.DEPARTMENT, department_id), here.name, depth, rows, why_not=why_not)


def _down_the_tree(ids: Collection[ObjectId]) -> Iterator[tuple[ObjectId, int]]:
    """Each department before those below it, by name, and how deep it is among these."""
    known = organisation.departments()
    below: dict[ObjectId | None, list[ObjectId]] = defaultdict(list)
    for each in sorted(ids, key=lambda each: (known[each].name, each)):
        above = known[each].parent_id
        below[above if above in ids else None].append(each)
    waiting = [(each, 0) for each in reversed(below[None])]
    seen: set[ObjectId] = set()
    while waiting:
        department_id, depth = waiting.pop()
        if department_id not in seen:
            seen.add(department_id)
            yield department_id, depth
            waiting += [(each, depth + 1) for each in reversed(below[department_id])]


# --- classes and instructors ------------------------------------------------------------------------------------------


def _classes(
    scope: DataScope, request: ReportRequest, counted: Counted | None, version: RecordVersion | None
) -> Iterator[Found]:
    """Those that have rows, and those that the question names."""
    ids = {*(counted.rows if counted is not None else ()), *map(str, request.class_ids)}
    rows_of = reading.rows_of("classes", ids, _OF_CLASSES, version=version)
    for row in sorted(rows_of, key=lambda row: (row["code"] or row["name"] or "", row["id"])):
        if not scope.has_class(row["id"], row["department_id"]):
            continue
        rows = _rows(counted, row["id"])
        found = Found(
            Part(PartBy.CLASS, ObjectId(row["id"])),
            _shortened(row["code"] or row["name"], row["id"]),
            rows=rows,
            person_ids=tuple(row["instructor_ids"] or ()),
        )
        if row["is_active"] is False and not rows:
            yield replace(found, why_not=Message("It has ended: the record does not have it any more."))
        elif row["ends_at"] and aware(row["ends_at"]) < utcnow():
            yield replace(found, note=Message("It ended on %(day)s.", day=terms.last_day(row["ends_at"])))
        else:
            yield found


def _instructors(counted: Counted | None) -> Iterator[Found]:
    """Those who teach a class that has rows."""
    ids = list(counted.rows) if counted is not None else []
    people = {row["id"]: row["name"] for row in reading.rows_of("persons", ids, ["id", "name"])}
    for person_id in sorted(ids, key=lambda each: (people.get(each) or "", each)):
        part = Part(PartBy.INSTRUCTOR, ObjectId(person_id))
        name = _shortened(people.get(person_id), person_id)
        yield Found(part, name, rows=_rows(counted, person_id), person_ids=(person_id,))


def _shortened(name: str | None, otherwise: str) -> str:
    return shortened(name or otherwise, PART_NAME_LENGTH)


def _rows(counted: Counted | None, part_id: object) -> int | None:
    return None if counted is None else counted.rows.get(str(part_id), 0)


# --- who gets it ------------------------------------------------------------------------------------------------------


def _with_recipients(by: PartBy, found: list[Found], burst: Burst | MadeInParts) -> list[Found]:
    named = {each.part_id: list(each.addresses) for each in burst.named}
    accounts = _by_address({address for addresses in named.values() for address in addresses})
    who_run = _managers(found) if by is PartBy.DEPARTMENT else _teachers(found)
    return [
        replace(each, recipients=tuple(accounts[address] for address in named[each.part.id]))
        if each.part.id in named
        else replace(each, recipients=tuple(who_run.get(each.part.id, ())))
        for each in found
    ]


def _by_address(addresses: Collection[str]) -> dict[str, Recipient]:
    people = {each.email: each for each in User.objects(email__in=list(addresses))} if addresses else {}
    return {
        each: Recipient(people[each].name, people[each], each) if each in people else Recipient(each, address=each)
        for each in addresses
    }


def _managers(found: Iterable[Found]) -> dict[ObjectId, list[Recipient]]:
    """Who manages just this department: those of the departments above it have a report of their own."""
    ids = {each.part.id for each in found}
    by_department: dict[ObjectId, list[Recipient]] = defaultdict(list)
    people = User.objects(memberships__department_id__in=list(ids), is_active=True).order_by("name") if ids else ()
    for person in people:
        for held in permissions.held(person):
            # Whoever administers the whole desk runs no department by that.
            roles = [role for role in held.roles if not permissions.is_global(role)]
            if held.department_id in ids and Permission.MANAGE_DEPARTMENT in permissions.permissions_of_roles(roles):
                by_department[held.department_id].append(_of(person))
    return by_department


def _teachers(found: Iterable[Found]) -> dict[ObjectId, list[Recipient]]:
    """The accounts of those who teach."""
    each_of = list(found)
    ids = ids_of({person for each in each_of for person in each.person_ids})
    people = User.objects(person_id__in=ids, is_active=True).order_by("name") if ids else ()
    by_person: dict[str, list[Recipient]] = defaultdict(list)
    for person in people:
        by_person[str(person.person_id)].append(_of(person))
    return {each.part.id: [one for person in each.person_ids for one in by_person[person]] for each in each_of}


def _of(person: User) -> Recipient:
    return Recipient(person.name, person, person.email or "")
