"""What the matching records lack: they are counted all the same, and someone who reads the numbers should know."""

from __future__ import annotations

from pathlib import Path

from webapp.engine import compiler
from webapp.engine.backends import DUCKDB, Limits, open_backend
from webapp.engine.query import Query
from webapp.engine.sources import Files, open_tables

#: What a row should name, and the column that says it. A class that nobody attends yet is no gap.
_SHOULD_NAME = {"class": "class_id", "learner": "learner_id", "event-type": "event_type"}
_NOT_ABOUT_LEARNERS = ("classes",)


def gaps(query: Query, files: Files, scratch: Path, limits: Limits) -> dict[str, int]:
    """How many of the rows that `query` matches name no `class`, no `learner`, no `event-type`; what none lacks is
    left out. Raises QuestionTooSlowError."""
    if query.dataset in _NOT_ABOUT_LEARNERS:
        return {}
    backend = open_backend(DUCKDB, scratch, limits)
    try:
        rows = compiler.matching_rows(query, open_tables(backend, query, files))
        counted = {name: rows[column].isnull().sum() for name, column in _SHOULD_NAME.items() if column in rows.columns}
        found = backend.fetch(rows.aggregate(**counted)).to_pylist()[0]
    finally:
        backend.close()
    return {name: int(number) for name, number in found.items() if number}
