"""Rows of a record version, asked for in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from webapp.record.lake.duck import Duck, quoted
from webapp.record.tables import TABLES
from webapp.record.versions import RecordVersion
from webapp.settings import get_settings


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
    parent = get_settings().scratch_folder
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="reading-", dir=parent) as folder:
        duck = Duck(Path(folder))
        try:
            duck.see_table("rows", TABLES[table], version.open(table))
            sql = f"SELECT {quoted(columns)} FROM rows" + (f" WHERE {where}" if where else "")  # noqa: S608
            return duck.table(sql, parameters or None)
        finally:
            duck.close()
