"""JSON, the machine's format (DESIGN §7): provenance, columns with types and units, rows, totals.

Ratios are fractions 0-1, recorded times seconds, instants ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from webapp.engine.result import Column, Result
from webapp.engine.sql import literal
from webapp.messages import Message
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.instants import in_utc
from webapp.renderers.list_columns import WORDS, listed, told
from webapp.renderers.row_texts import Progress, copy_rows, number_text


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows."""
    columns = listed(result, about.reader, options)
    head = {
        "report": about.to_json(),
        "columns": told(columns, about.reader),
    }
    pieces: list[str] = []
    for number, (name, column) in enumerate(columns):
        pieces += [literal(f"{',' if number else '{'}{dumps(column.key)}:"), _cell(column, name)]
    row = f"concat({', '.join(pieces)}, {literal('}' if columns else '{}')})"
    before = dumps(head)[:-1] + ',"rows":[\n'
    after = '\n],"totals":' + dumps(result.totals) + "}\n"
    rows = copy_rows(
        path,
        result.rows_path,
        row,
        on_progress,
        result.row_count,
        form="QUOTE '', ESCAPE '', DELIMITER chr(10)",  # one column, as it is
        head=before,
        between=",\n",
        tail=after,
    )
    return rows, []


def dumps(value: Any) -> str:
    """Compact JSON; what JSON has no word for, as ISO 8601 or text."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_told)


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _cell(column: Column, name: str) -> str:
    if column.type == "number":  # JSON has no word for an infinite number: it is NULL here
        value = number_text(name)
    elif column.type == "integer":
        value = f"{name}::BIGINT::VARCHAR"
    elif column.type == "boolean":
        value = f"CASE WHEN {name} THEN 'true' ELSE 'false' END"
    elif column.type == "datetime":
        value = f"concat('\"', {in_utc(name).text}, '\"')"
    elif column.type == "date":
        value = f"concat('\"', {name}::VARCHAR, '\"')"
    else:
        value = f"to_json({name}::VARCHAR)::VARCHAR"
    return f"CASE WHEN {name} IS NULL THEN 'null' ELSE coalesce({value}, 'null') END"


FORMAT = Format(
    key="json",
    label=Message("JSON"),
    description=Message("For machines: the rows with their types, units and provenance."),
    extension="json",
    mime_type="application/json",
    write=write,
    options=(WORDS,),
)
