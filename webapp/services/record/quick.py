"""Single rows of the record for pages, in a few milliseconds: one DuckDB in the process, and files known by version.

`record.select` opens a database of its own for each question, which suits a million rows and not a page. What this way
cannot read (files far away, files of before a column was added) goes by that one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from webapp import record
from webapp.record import RecordVersion

MEMORY = "256MB"
VERSIONS_KEPT = 64
_lock = threading.Lock()
#: By the process: a connection does not live through a fork.
_connections: dict[int, duckdb.DuckDBPyConnection] = {}


def select(
    version: RecordVersion, table: str, columns: Sequence[str], where: str = "", parameters: Sequence[Any] = ()
) -> pa.Table:
    """As `record.select`. Raises VersionGoneError."""
    if table not in version.tables:
        return record.select(version, table, columns)
    paths = _Files(version, table).paths()
    if not paths or any("://" in path for path in paths):
        return record.select(version, table, columns, where, parameters)
    names = ", ".join(f'"{column}"' for column in columns)
    sql = f"SELECT {names} FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"  # noqa: S608
    try:
        return (
            _cursor().execute(sql + (f" WHERE {where}" if where else ""), [list(paths), *parameters]).to_arrow_table()
        )
    except duckdb.Error:
        return record.select(version, table, columns, where, parameters)


class _Files:
    """A table at a version, equal for equal ones: its files never change."""

    def __init__(self, version: RecordVersion, table: str) -> None:
        self.version, self.table = version, table
        self.key = (table, version.tables[table], version.table_ids[table])

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Files) and self.key == other.key

    def paths(self) -> tuple[str, ...]:
        return _paths(self)


@lru_cache(VERSIONS_KEPT)
def _paths(of: _Files) -> tuple[str, ...]:
    return tuple(of.version.files([of.table])[of.table])


def _cursor() -> duckdb.DuckDBPyConnection:
    with _lock:
        found = _connections.get(os.getpid())
        if found is None:
            _connections.clear()
            options: dict[str, Any] = {"memory_limit": MEMORY, "threads": 2}
            found = _connections[os.getpid()] = duckdb.connect(config=options)
            # A child process looks like a prompt to DuckDB, and it would draw a bar there.
            found.execute("SET enable_progress_bar = false")
    return found.cursor()
