"""How many rows of a report are of which department, class or instructor: worked out while the whole is made, and for
a preview. What has no rows is not told here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webapp.documents import PartBy
from webapp.documents.ids import id_or_none
from webapp.engine import compiler, places
from webapp.engine.backends import DUCKDB, Limits
from webapp.engine.places import Place
from webapp.engine.query import Query
from webapp.record import RecordVersion
from webapp.services.record import reading
from webapp.services.rights import organisation

#: Of so many parts the rows are kept; of more, a report is not made in parts anyway.
MOST_KEPT = 1_000


@dataclass(frozen=True)
class Counted:
    """Rows by the id of a part; of `count` parts, those with the most rows."""

    rows: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def left_out(self, by: PartBy) -> int:
        """How many parts have rows and are none of those that were kept. (Departments are found without rows, too.)"""
        return 0 if by is PartBy.DEPARTMENT else self.count - len(self.rows)

    def to_document(self) -> dict[str, Any]:
        return {"rows": self.rows, "count": self.count}

    @classmethod
    def from_document(cls, stored: Any) -> Counted:
        """What a report keeps of it; nothing for one that keeps none."""
        found = stored if isinstance(stored, dict) else {}
        return cls(dict(found.get("rows") or {}), int(found.get("count") or 0))


def count(
    by: PartBy,
    query: Query,
    version: RecordVersion,
    scratch: Path,
    *,
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Counted:
    """Of a checked `query`, in `version`. Raises QuestionTooSlowError."""
    files = version.files(compiler.tables_of(query))
    found = places.rows_by_place(query, files, scratch, engine=engine, limits=limits)
    rows = Counter[str]()
    for part_id, number in _by_part(by, found, version):
        rows[part_id] += number
    return Counted(dict(rows.most_common(MOST_KEPT)), len(rows))


def _by_part(by: PartBy, found: Iterable[Place], version: RecordVersion) -> Iterator[tuple[str, int]]:
    match by:
        case PartBy.DEPARTMENT:
            for place in found:
                yield from ((each, place.rows) for each in _with_those_above(place.department_id))
        case PartBy.CLASS:
            yield from ((place.class_id, place.rows) for place in found if place.class_id)
        case PartBy.INSTRUCTOR:
            found = list(found)
            classes = {place.class_id for place in found if place.class_id}
            taught = reading.rows_of("classes", classes, ["id", "instructor_ids"], version=version)
            by_class = {each["id"]: set(each["instructor_ids"] or ()) for each in taught}
            for place in found:
                yield from ((each, place.rows) for each in by_class.get(place.class_id or "", ()))


def _with_those_above(department_id: str | None) -> Iterator[str]:
    """Each counts what is below it."""
    known = organisation.departments()
    above = organisation.with_departments_above(id_or_none(department_id or ""))
    yield from (str(each) for each in above if each in known)
