"""Which rows of the learning record a person's reports may count (DESIGN §4).

Taken when a report is asked for; a filter that the requester cannot remove.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bson import ObjectId

from webapp.documents import Department, User
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.permissions import Held, Permission
from webapp.services.record import reading
from webapp.services.rights import organisation
from webapp.services.rights.organisation import with_departments_below

#: The one role that reads classes rather than departments.
TEACHES = "instructor"
#: What a role must allow, one of them, to give rows to read.
_READS = frozenset({Permission.REQUEST_REPORTS.value, Permission.MANAGE_DEPARTMENT.value})

TaughtBy = Callable[[ObjectId | None], list[str]]


@dataclass(frozen=True)
class DataScope:
    """Whose rows a report may count, as hex ids. Both None: all rows. Both given: rows of either. Of them, with
    `within`, only those that are within that scope, too: the part of a report that is made in parts (`rights.parts`).
    """

    department_ids: tuple[str, ...] | None = None
    class_ids: tuple[str, ...] | None = None
    within: DataScope | None = None

    @property
    def is_everything(self) -> bool:
        return self.department_ids is None and self.class_ids is None and self.within is None

    @property
    def outer(self) -> DataScope:
        """The scope of the person, whatever part of it is meant."""
        return replace(self, within=None) if self.within is not None else self

    def covers(self, other: DataScope) -> bool:
        """Does this scope reach at least as far as `other`? Of a part it is enough to reach all of the part."""
        if other.within is not None:
            return self.covers(other.outer) or self.covers(other.within)
        if self.is_everything:
            return True
        if other.is_everything:
            return False
        return set(other.department_ids or ()) <= set(self.department_ids or ()) and set(other.class_ids or ()) <= set(
            self.class_ids or ()
        )

    def has_class(self, class_id: str, department_id: str | None) -> bool:
        """May the rows of this class be counted, which is of this department?"""
        if self.within is not None and not self.within.has_class(class_id, department_id):
            return False
        everything = self.department_ids is None and self.class_ids is None
        return (
            everything
            or class_id in (self.class_ids or ())
            or (department_id is not None and department_id in (self.department_ids or ()))
        )

    def to_document(self) -> dict[str, Any]:
        """As `provenance.scope` keeps it."""
        document: dict[str, Any] = {
            "departmentIds": None if self.department_ids is None else list(self.department_ids),
            "classIds": None if self.class_ids is None else list(self.class_ids),
        }
        return document if self.within is None else {**document, "within": self.within.to_document()}

    @classmethod
    def from_document(cls, stored: dict[str, Any]) -> DataScope:
        """Raises KeyError for a document that is no scope: a missing scope must never read as “everything”."""
        departments, classes, within = stored["departmentIds"], stored["classIds"], stored.get("within")
        return cls(
            None if departments is None else tuple(departments),
            None if classes is None else tuple(classes),
            None if within is None else cls.from_document(within),
        )


def scope_in_words(scope: DataScope) -> str:
    """Whose rows a report counts, for people. Of a part nothing is told of what lies outside of it."""
    if scope.within is not None:
        part = scope_in_words(scope.within)
        if scope.outer.covers(scope.within):
            return part
        return Message("%(part)s, as far as the person who asked may read them", part=part)
    if scope.is_everything:
        return Message("everything")
    names = list(Department.objects(id__in=list(scope.department_ids or ())).scalar("name"))
    told: list[str] = [Message("departments: %(names)s", names=sorted(names))] if names else []
    classes = reading.rows_of("classes", scope.class_ids or (), ["code", "name"])
    if classes:
        told.append(Message("classes: %(names)s", names=sorted(each["code"] or each["name"] for each in classes)))
    return Message.joined(told, "; ") if told else Message("nothing")


def data_scope(actor: User, taught_by: TaughtBy = reading.classes_taught_by) -> DataScope:
    """The rows that reports of `actor` may count. `taught_by`: the classes that a person teaches, of now unless given.

    Administrators: all. Others who may ask for reports, by each of the active roles that they hold in a department and
    that allows to ask or to manage: the classes they teach, for the role of instructors; that department and those
    below, for every other one. Someone who has both gets both. Anyone else, and every inactive person: none.
    """
    allowed = permissions.permissions_of(actor)
    if Permission.ADMINISTER in allowed:
        return DataScope()
    department_ids: frozenset[ObjectId] = frozenset()
    class_ids: list[str] = []
    if Permission.REQUEST_REPORTS in allowed:
        department_ids = with_departments_below(
            organisation.departments_of(actor, lambda held: bool(_reading_roles(held) - {TEACHES}))
        )
        if any(TEACHES in _reading_roles(each) for each in permissions.held(actor)):
            class_ids = taught_by(actor.person_id)
    return DataScope(
        tuple(sorted(str(department_id) for department_id in department_ids)),
        tuple(sorted(class_ids)),
    )


def _reading_roles(held: Held) -> frozenset[str]:
    return frozenset(role for role in held.roles if permissions.permissions_of_roles([role]) & _READS)
