"""Rows of a record version, asked for in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyarrow as pa

from webapp.record.lake.duck import Duck, quoted
from webapp.record.tables import TABLES
from webapp.record.versions import RecordVersion
from webapp.scratch import scratch


def select(
    version: RecordVersion,
    table: str,
    columns: Sequence[str],
    where: str = "",
    parameters: Mapping[str, Any] | Sequence[Any] = (),
) -> pa.Table:
    """`columns` of the rows of `table` for which `where` holds (SQL of the caller's own; values as `parameters`).

    Raises VersionGoneError.
    """
    with looking(version, {"rows": table}) as duck:
        sql = f"SELECT {quoted(columns)} FROM rows" + (f" WHERE {where}" if where else "")  # noqa: S608
        return duck.table(sql, parameters or None)


def looking(version: RecordVersion, tables: Sequence[str] | Mapping[str, str]) -> AbstractContextManager[Duck]:
    """A database that sees these tables of `version` as they are (name in SQL -> table, where the names differ), for
    questions over several of them. Raises VersionGoneError.
    """
    named = tables if isinstance(tables, Mapping) else {table: table for table in tables}
    return looking_at({name: (version, table) for name, table in named.items()})


@contextmanager
def looking_at(views: Mapping[str, tuple[RecordVersion, str]]) -> Iterator[Duck]:
    """As `looking`, at tables of several versions: name in SQL -> (version, table)."""
    with scratch("reading-") as folder:
        duck = Duck(folder)
        try:
            for name, (version, table) in views.items():
                duck.see_table(name, TABLES[table], version.open(table))
            yield duck
        finally:
            duck.close()
