"""Rows of a result as texts, made by DuckDB, in order, into a file.

SQL makes the texts, so that the form of every cell is ours. A file of its own is written by DuckDB's writer, on all
threads (`copy_rows`). What becomes part of another file goes through Arrow, which keeps the texts of a batch side by
side in one buffer (`write_rows`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import duckdb
import pyarrow as pa

from webapp.engine.sql import literal

BATCH = 100_000
MEMORY_LIMIT = "384MB"
PROGRESS_SECONDS = 0.2

Progress = Callable[[int, int], None]


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that stays small."""
    with tempfile.TemporaryDirectory(prefix="reportdesk-") as spill:
        connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2, "temp_directory": spill})
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")  # a child process looks like a prompt to it
        connection.execute("SET TimeZone = 'UTC'")
        try:
            yield connection
        finally:
            connection.close()


def execute(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any], on_progress: Progress, total: int
) -> None:
    """Run one statement about `total` rows, telling how far it is."""
    done = 0
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(connection.execute, sql, values)
        while not wait([running], timeout=PROGRESS_SECONDS).done:
            done = max(done, round(total * connection.query_progress() / 100))
            on_progress(min(done, total), total)
        running.result()
    on_progress(total, total)


def copy_rows(
    path: Path,
    rows_path: Path,
    columns: str,
    on_progress: Progress,
    total: int,
    *,
    form: str,
    head: str,
    between: str,
    tail: str,
    worked_out: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Write `path`: `head`, the texts `columns` (SQL) of every row, `between` two of them, and `tail`; `form` is how
    DuckDB's CSV writer puts the texts of a row together. Returns how many rows.

    `worked_out`: SQL by name, which the columns may name as often as they like.
    """
    if total == 0:
        path.write_text(head + tail, encoding="utf-8", newline="")
        return 0
    options = f"FORMAT csv, HEADER false, {form}, PREFIX $head, SUFFIX $tail, NEW_LINE $between"
    rows = _with("read_parquet($rows)", worked_out)
    sql = f"COPY (SELECT {columns} FROM {rows}) TO {literal(str(path))} ({options})"  # noqa: S608
    values = {"rows": str(rows_path), "head": head, "tail": tail, "between": between}
    with database() as connection:
        execute(connection, sql, values, on_progress, total)
    return total


def write_rows(
    file: IO[bytes],
    rows_path: Path,
    expression: str,
    on_progress: Progress,
    total: int,
    *,
    first: int = 0,
    count: int | None = None,
    worked_out: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Append `expression` of every row (of `count` rows from `first` on) to `file`, in order; returns how many rows.

    `expression` may name `file_row_number`, the row's place in the result from 0 on, and what is `worked_out`.
    """
    end = total if count is None else first + count
    rows = _with("read_parquet($1, file_row_number = true)", worked_out)
    with database() as connection:
        # Part by part: a whole part is worked out by all threads, a stream of rows by one.
        for begin in range(first, end, BATCH):
            upto = min(begin + BATCH, end)
            found = connection.execute(
                f"SELECT {expression} AS line FROM {rows} "  # noqa: S608
                f"WHERE file_row_number >= {begin} AND file_row_number < {upto}",
                [str(rows_path)],
            ).to_arrow_table()
            for texts in found.column(0).chunks:
                _write_buffer(file, texts)
            on_progress(upto, total)
    return end - first


def _with(rows: str, worked_out: Mapping[str, str]) -> str:
    """`rows` with more columns."""
    columns = "".join(f', {sql} AS "{name}"' for name, sql in worked_out.items())
    return f"(SELECT *{columns} FROM {rows})" if columns else rows  # noqa: S608


def _write_buffer(file: IO[bytes], texts: pa.Array) -> None:
    if not len(texts):
        return
    if texts.null_count:
        raise ValueError("a row without a text")
    texts = texts.cast(pa.large_string()) if not pa.types.is_large_string(texts.type) else texts
    _, offsets, values = texts.buffers()
    if offsets is None or values is None:
        return
    bounds = memoryview(offsets).cast("q")
    file.write(memoryview(values)[bounds[texts.offset] : bounds[texts.offset + len(texts)]])


def number_text(value: str) -> str:
    """SQL for a number: whole ones without a point, others with all their digits; NULL for what is no number."""
    return (
        f"CASE WHEN NOT isfinite({value}) THEN NULL "
        f"WHEN {value} = trunc({value}) AND abs({value}) < 1e15 THEN CAST({value} AS BIGINT)::VARCHAR "
        f"ELSE CAST({value} AS VARCHAR) END"
    )
