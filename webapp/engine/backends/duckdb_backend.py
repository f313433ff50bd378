"""DuckDB, in this process: the engine of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from webapp.engine.backends.base import Backend, Deadline, Limits
from webapp.engine.declarations import Table
from webapp.engine.sql import literal


class DuckDbBackend(Backend):
    """`scratch` is where it spills what does not fit its memory."""

    def __init__(self, scratch: Path, limits: Limits) -> None:
        options: dict[str, Any] = {"temp_directory": str(scratch)}
        if limits.memory_mb is not None:
            options["memory_limit"] = f"{limits.memory_mb}MB"
        if limits.threads is not None:
            options["threads"] = limits.threads
        self._connection = ibis.duckdb.connect(**options)
        # DuckDB takes a child process for a person at a prompt, and would draw them a bar.
        self._connection.con.execute("SET enable_progress_bar = false")
        self._deadline = Deadline(limits.seconds, self._connection.con.interrupt)

    def files(self, name: str, paths: Sequence[str]) -> Table:
        with self._deadline.kept(duckdb.InterruptException):
            listed = ", ".join(literal(path) for path in paths)
            sql = f'CREATE TEMP VIEW "{name}" AS SELECT * FROM read_parquet([{listed}], union_by_name = true)'  # noqa: S608
            self._connection.raw_sql(sql)
            return self._kept(name)

    def rows(self, name: str, rows: Sequence[dict[str, Any]], schema: Any) -> Table:
        with self._deadline.kept(duckdb.InterruptException):
            self._connection.con.register(name, pa.Table.from_pylist(list(rows), schema=schema.to_pyarrow()))
            return self._connection.table(name)

    def keep(self, name: str, table: Table) -> Table:
        with self._deadline.kept(duckdb.InterruptException):
            # Ibis's own way makes the table empty first and looks at it three times. A sum of whole numbers is a whole
            # number to Ibis, and wider than any to DuckDB.
            whole = ", ".join(
                f'"{key}"::BIGINT AS "{key}"' for key, kind in table.schema().items() if kind.is_integer()
            )
            columns = f"* REPLACE ({whole})" if whole else "*"
            sql = f'CREATE TEMP TABLE "{name}" AS SELECT {columns} FROM ({self._connection.compile(table)})'  # noqa: S608
            self._connection.raw_sql(sql)
            return self._kept(name)

    def fetch(self, table: Table) -> pa.Table:
        with self._deadline.kept(duckdb.InterruptException):
            return self._connection.to_pyarrow(table)

    def write(self, table: Table, path: Path) -> None:
        with self._deadline.kept(duckdb.InterruptException):
            sql = f"COPY ({self._connection.compile(table)}) TO {literal(str(path))} (FORMAT parquet)"
            self._connection.raw_sql(sql)

    def close(self) -> None:
        self._deadline.end()
        self._connection.disconnect()

    def _kept(self, name: str) -> Table:
        return self._connection.table(name, database=("temp", "main"))
