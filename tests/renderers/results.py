"""Results for the renderers' tests, made by hand: every type of column, and every hard text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from webapp.engine.result import ChartSpec, Column, Result, group_key, neutral
from webapp.renderers.about import About

COLUMNS = (
    Column("learner", "Learner", "string", "text", "dimension"),
    Column("day", "Day", "date", "date", "dimension"),
    Column("count", "Count", "integer", "count", "measure", "Number of rows."),
    Column("completion-rate", "Completion rate", "number", "ratio", "measure", "Completed / all."),
    Column("sum:duration", "Total recorded time", "number", "seconds", "measure", "Sum."),
    Column("average:data.clicks", "Average of clicks", "number", "number", "measure", "Mean."),
    Column("max:timestamp", "Highest time", "datetime", "datetime", "measure", "The latest."),
    Column("passed", "Passed", "boolean", "boolean", "field"),
)
TYPES = {
    "string": pa.string(),
    "date": pa.date32(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
}

ROWS: list[dict[str, Any]] = [
    {
        "learner": "Ana Ruiz",
        "day": date(2024, 2, 29),
        "count": 12,
        "completion-rate": 2 / 3,
        "sum:duration": 93_784.0,
        "average:data.clicks": 1693.1958224543,
        "max:timestamp": datetime(2024, 3, 31, 1, 30, 15, tzinfo=UTC),
        "passed": True,
    },
    {
        "learner": None,
        "day": None,
        "count": 0,
        "completion-rate": None,
        "sum:duration": None,
        "average:data.clicks": None,
        "max:timestamp": None,
        "passed": None,
    },
    {
        "learner": "Zoë “Z” Łuka, Jr.",
        "day": date(2024, 12, 30),
        "count": 648_494,
        "completion-rate": 0.0,
        "sum:duration": 0.4,
        "average:data.clicks": 3.0,
        "max:timestamp": datetime(2023, 1, 1, tzinfo=UTC),
        "passed": False,
    },
]


def make_result(
    folder: Path,
    rows: Sequence[dict[str, Any]] = ROWS,
    columns: Sequence[Column] = COLUMNS,
    *,
    totals: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
    chart: ChartSpec | None = None,
) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    schema = pa.schema([(neutral(place), TYPES[column.type]) for place, column in enumerate(columns)])
    named = [{neutral(place): row.get(column.key) for place, column in enumerate(columns)} for row in rows]
    table = pa.Table.from_pylist(named, schema=schema)
    for place, column in enumerate(column for column in columns if column.role == "dimension"):
        table = table.append_column(group_key(place), table.column(neutral(columns.index(column))))
    pyarrow.parquet.write_table(table, path)
    return Result(tuple(columns), path, len(rows), len(rows) * 10, totals, chart, tuple(notes))


def make_about(**changes: Any) -> About:
    values: dict[str, Any] = {
        "title": "Clicks by learner",
        "description": "What they did.",
        "organization": "Northgate College",
        "requested_by": "Olivia Owner",
        "job_id": "0123456789abcdef01234567",
        "created_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "time_zone": "Europe/Madrid",
        "locale": "en",
        "provenance": {
            "question": [["Rows", "Activity"], ["Period", "all time"]],
            "measures": {"count": {"label": "Count", "unit": "count", "definition": "Number of rows."}},
            "versions": {"events": 7},
            "asOf": datetime(2026, 3, 2, 9, 29, tzinfo=UTC),
            "timeZone": "Europe/Madrid",
            "rowsMatched": 30,
            "rowsWritten": 3,
            "software": "reportdesk 0.1.0",
            "jobId": "0123456789abcdef01234567",
        },
    }
    return About(**{**values, **changes})
