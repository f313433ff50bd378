"""What the values of a condition can be, for fields that have few: what the record has, or what the program says."""

from __future__ import annotations

from webapp import statuses
from webapp.engine.catalogue.dimensions import GRADE_RANGES, grade_range_text
from webapp.record import RecordVersion
from webapp.services.record import reading
from webapp.services.record.kept import KeptOfRecord

#: More than this nobody picks from; one types a part of it.
MOST = 300


def possible(key: str) -> list[str]:
    """The values of this dimension as people read them, in their order; none where they are not kept."""
    if key == "completion-status":
        return list(statuses.COMPLETION.values())
    if key == "grade-range":
        return [grade_range_text(low) for low in (*GRADE_RANGES, 0)]
    return _names[key].get() if key in _names else []


def _kept(table: str, column: str) -> KeptOfRecord[list[str]]:
    def read(version: RecordVersion) -> list[str]:
        rows = reading.rows(table, [column], f"{column} > '' AND is_active IS NOT FALSE", version=version)
        return sorted({row[column] for row in rows})[:MOST]

    return KeptOfRecord((table,), read)


_names = {
    "program": _kept("programs", "name"),
    "content-type": _kept("contents", "content_type"),
    "certificate": _kept("certificates", "name"),
}
