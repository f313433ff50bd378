"""What the matching records lack: they are counted all the same, and someone who reads the numbers should know."""

from __future__ import annotations

import ibis

from webapp.engine import compiler
from webapp.engine.query import Query
from webapp.engine.runner import Files, open_tables

#: What a row should name, and the column that says it. A class that nobody attends yet is no gap.
_SHOULD_NAME = {"class": "class_id", "learner": "learner_id", "event-type": "event_type"}
_NOT_ABOUT_LEARNERS = ("classes",)


def gaps(query: Query, files: Files) -> dict[str, int]:
    """How many of the rows that `query` matches name no `class`, no `learner`, no `event-type`; what none lacks is
    left out."""
    if query.dataset in _NOT_ABOUT_LEARNERS:
        return {}
    connection = ibis.duckdb.connect()
    try:
        rows = compiler.matching_rows(query, open_tables(connection, query, files))
        counted = {name: rows[column].isnull().sum() for name, column in _SHOULD_NAME.items() if column in rows.columns}
        found = rows.aggregate(**counted).to_pyarrow().to_pylist()[0]
    finally:
        connection.disconnect()
    return {name: int(number) for name, number in found.items() if number}
