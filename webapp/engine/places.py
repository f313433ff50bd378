"""How many of the rows that a report counts are of which department and class: few numbers, whatever else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from webapp.engine import compiler
from webapp.engine.backends import DUCKDB, Limits, open_backend
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.engine.sources import Files, open_tables


@dataclass(frozen=True)
class Place:
    """So many rows of this department and class; None: of those that name none."""

    department_id: str | None
    class_id: str | None
    rows: int


def rows_by_place(
    query: Query,
    files: Files,
    scratch: Path,
    *,
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> list[Place]:
    """Of a checked `query`; its limits, and its conditions on results, take nothing away. Raises
    QuestionTooSlowError."""
    backend = open_backend(engine, scratch, limits)
    try:
        rows = compiler.matching_rows(query, open_tables(backend, query, files))
        once = dataset_of(query).once
        if once is not None:
            # Rows repeat one thing, which is in one place.
            rows = rows.select(once, "department_id", "class_id").distinct()
        counted = rows.group_by("department_id", "class_id").aggregate(rows=rows.count())
        found = backend.fetch(counted).to_pylist()
    finally:
        backend.close()
    return [Place(each["department_id"], each["class_id"], int(each["rows"])) for each in found]
