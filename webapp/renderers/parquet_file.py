"""Parquet: the rows with their types, and the provenance in the file's metadata (`reportdesk`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webapp.engine.result import Result
from webapp.engine.sql import identifier, literal
from webapp.messages import Message
from webapp.renderers import json_file
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.row_texts import Progress, database, execute


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows. Ratios are fractions 0-1, recorded times seconds, instants UTC."""
    columns = [
        {"key": column.key, "label": column.label, "type": column.type, "unit": column.unit}
        for column in result.columns
    ]
    metadata = json_file.dumps({"report": about.to_json(), "columns": columns, "totals": result.totals})
    # A count is a whole number, whatever the rows hold it in.
    names = ", ".join(
        f"{identifier(column.key)}::BIGINT AS {identifier(column.key)}"
        if column.type == "integer"
        else identifier(column.key)
        for column in result.columns
    )
    with database() as connection:
        sql = (
            f"COPY (SELECT {names} FROM read_parquet($rows)) TO {literal(str(path))} "  # noqa: S608
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{reportdesk: {literal(metadata)}}})"
        )
        execute(connection, sql, {"rows": str(result.rows_path)}, on_progress, result.row_count)
    return result.row_count, []


FORMAT = Format(
    key="parquet",
    label=Message("Parquet"),
    description=Message("For data tools: typed columns, compressed, any number of rows."),
    extension="parquet",
    mime_type="application/vnd.apache.parquet",
    write=write,
)
