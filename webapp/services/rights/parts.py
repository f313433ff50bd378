"""The part of a report that is made in parts: a department with all below it, a class, or the classes of an instructor.

A part only takes rows away from what somebody may read, so anybody may ask for any: of what is not theirs they get
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bson import ObjectId

from webapp.documents.burst import PartBy
from webapp.documents.ids import id_or_none
from webapp.record import RecordVersion
from webapp.services.record import reading
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.organisation import with_departments_below

_NOTHING = DataScope((), ())


@dataclass(frozen=True)
class Part:
    by: PartBy
    id: ObjectId

    @property
    def text(self) -> str:
        """As a request has it."""
        return f"{self.by.value}:{self.id}"

    @classmethod
    def of(cls, text: str) -> Part | None:
        """The part that a request names; None for what names none."""
        by, _, key = text.partition(":")
        part_id = id_or_none(key)
        return cls(PartBy(by), part_id) if part_id is not None and by in set(PartBy) else None


def narrowed(scope: DataScope, text: str, *, version: RecordVersion | None = None) -> DataScope:
    """`scope`, and of it only the part that a request names (`""`: all of it), as departments are now and classes in
    `version` (None: now). What names no part has no rows."""
    return replace(scope.outer, within=_rows_of(Part.of(text), version)) if text else scope


def _rows_of(part: Part | None, version: RecordVersion | None) -> DataScope:
    if part is None:
        return _NOTHING
    match part.by:
        case PartBy.DEPARTMENT:
            return DataScope(tuple(sorted(str(each) for each in with_departments_below([part.id]))), ())
        case PartBy.CLASS:
            return DataScope((), (str(part.id),))
        case PartBy.INSTRUCTOR:
            return DataScope((), tuple(sorted(reading.classes_taught_by(part.id, version=version))))
