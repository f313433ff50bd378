"""DuckDB, in this process: the engine of one machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from webapp.engine.backends.base import Backend, Limits
from webapp.engine.declarations import Table
from webapp.engine.errors import QuestionTooSlowError


class DuckDbBackend(Backend):
    """`scratch` is where it spills what does not fit its memory."""

    def __init__(self, scratch: Path, limits: Limits) -> None:
        options: dict[str, Any] = {"temp_directory": str(scratch)}
        if limits.memory_mb is not None:
            options["memory_limit"] = f"{limits.memory_mb}MB"
        if limits.threads is not None:
            options["threads"] = limits.threads
        self._connection = ibis.duckdb.connect(**options)
        self._seconds = limits.seconds or 0.0
        self._is_late = False
        self._timer = threading.Timer(self._seconds, self._stop)
        if limits.seconds is not None:
            self._timer.start()

    def files(self, name: str, paths: Sequence[str]) -> Table:
        with self._in_time():
            return self._connection.read_parquet(list(paths), table_name=name, union_by_name=True)

    def rows(self, name: str, rows: Sequence[dict[str, Any]], schema: Any) -> Table:
        self._connection.con.register(name, pa.Table.from_pylist(list(rows), schema=schema.to_pyarrow()))
        return self._connection.table(name)

    def keep(self, name: str, table: Table) -> Table:
        with self._in_time():
            # Ibis's own way makes the table empty first and looks at it three times. A sum of whole numbers is a whole
            # number to Ibis, and wider than any to DuckDB.
            whole = ", ".join(
                f'"{key}"::BIGINT AS "{key}"' for key, kind in table.schema().items() if kind.is_integer()
            )
            columns = f"* REPLACE ({whole})" if whole else "*"
            sql = f'CREATE TEMP TABLE "{name}" AS SELECT {columns} FROM ({self._connection.compile(table)})'  # noqa: S608
            self._connection.raw_sql(sql)
            return self._connection.table(name, database=("temp", "main"))

    def fetch(self, table: Table) -> pa.Table:
        with self._in_time():
            return self._connection.to_pyarrow(table)

    def write(self, table: Table, path: Path) -> None:
        with self._in_time():
            self._connection.to_parquet(table, path)

    def close(self) -> None:
        self._timer.cancel()
        self._connection.disconnect()

    def _stop(self) -> None:
        self._is_late = True
        self._connection.con.interrupt()

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        # Between two statements there is nothing to interrupt: the next one must not begin.
        if self._is_late:
            raise QuestionTooSlowError(self._seconds)
        try:
            yield
        except duckdb.InterruptException as error:
            raise QuestionTooSlowError(self._seconds) from error
