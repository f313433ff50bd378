"""Parquet: the rows with their types, and the provenance in the file's metadata (`reportdesk`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from webapp.engine.result import Result
from webapp.engine.sql import identifier, literal
from webapp.messages import Message
from webapp.renderers import json_file
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.list_columns import WORDS, listed, told
from webapp.renderers.row_texts import BATCH, Progress, database, execute


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows. Ratios are fractions 0-1, recorded times seconds, instants UTC."""
    columns = listed(result, about.reader, options)
    document = {"report": about.to_json(), "columns": told(columns, about.reader), "totals": result.totals}
    metadata = json_file.dumps(document)
    keys = [column.key for _, column in columns]
    # DuckDB takes names that differ in case alone for one, and would give the second another one.
    apart = len({key.casefold() for key in keys}) < len(keys)
    # A count is a whole number, whatever the rows hold it in.
    names = ", ".join(
        f"{name}{'::BIGINT' if column.type == 'integer' else ''} AS {f'o{place}' if apart else identifier(column.key)}"
        for place, (name, column) in enumerate(columns)
    )
    with database() as connection:
        sql = (
            f"COPY (SELECT {names} FROM read_parquet($rows)) TO {literal(str(path))} "  # noqa: S608
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{reportdesk: {literal(metadata)}}})"
        )
        execute(connection, sql, {"rows": str(result.rows_path)}, on_progress, result.row_count)
    if apart:
        _rename(path, keys)
    return result.row_count, []


def _rename(path: Path, keys: list[str]) -> None:
    """Give the columns of a file their keys, part by part."""
    draft = path.with_suffix(".named")
    with pyarrow.parquet.ParquetFile(path) as file:
        kept = file.schema_arrow
        metadata: Any = file.metadata.metadata
        schema = pa.schema([kept.field(place).with_name(key) for place, key in enumerate(keys)], metadata=metadata)
        with pyarrow.parquet.ParquetWriter(draft, schema, compression="zstd") as target:
            for batch in file.iter_batches(batch_size=BATCH):
                target.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    draft.replace(path)


FORMAT = Format(
    key="parquet",
    label=Message("Parquet"),
    description=Message("For data tools: typed columns, compressed, any number of rows."),
    extension="parquet",
    mime_type="application/vnd.apache.parquet",
    write=write,
    options=(WORDS,),
)
