"""DuckDB over the record's files: with little memory, spilling into the scratch folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from webapp.engine.catalogue.tables import DATA_PREFIX, Kind
from webapp.engine.sql import literal
from webapp.record.tables import RecordTable

#: With so much, 1.6 million events are sorted as quickly as with twice as much (the rest of an import needs 350 MB).
MEMORY_MB = 256
THREADS = 2
ROWS_AT_ONCE = 50_000

SQL_TYPES: dict[Kind, str] = {
    Kind.ID: "VARCHAR",
    Kind.IDS: "VARCHAR[]",
    Kind.TEXT: "VARCHAR",
    Kind.TEXTS: "VARCHAR[]",
    Kind.NUMBER: "DOUBLE",
    Kind.INSTANT: "TIMESTAMP",
    Kind.BOOLEAN: "BOOLEAN",
}


class Duck:
    """One connection. What it works out need not fit into its memory: the rest goes to files of `folder`. (A database
    in a file does too, and takes a third longer.)"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        options: dict[str, Any] = {
            "memory_limit": f"{MEMORY_MB}MB",
            "threads": THREADS,
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": False,
        }
        self.connection = duckdb.connect(config=options)
        # A child process looks like a prompt to DuckDB, and it would draw a bar there.
        self.connection.execute("SET enable_progress_bar = false")

    def run(self, sql: str, parameters: Any = None) -> None:
        self.connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Any = None) -> int:
        """The number that a query of one row and one column gives."""
        row = self.connection.execute(sql, parameters).fetchone()
        return int(row[0] or 0) if row else 0

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()

    def table(self, sql: str, parameters: Any = None) -> pa.Table:
        return self.connection.execute(sql, parameters).to_arrow_table()

    def batches(self, sql: str, schema: pa.Schema | None = None) -> pa.RecordBatchReader:
        """The rows of a query, read as they are asked for. Nothing else may be asked meanwhile."""
        reader = self.connection.execute(sql).to_arrow_reader(ROWS_AT_ONCE)
        if schema is None:
            return reader
        return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))

    def columns_of(self, name: str) -> list[str]:
        return [row[0] for row in self.rows(f'DESCRIBE "{name}"')]

    def close(self) -> None:
        self.connection.close()

    def see_files(self, name: str, paths: Sequence[str]) -> None:
        """A view of Parquet files whose columns need not be the same."""
        listed = ", ".join(literal(path) for path in paths)
        self.run(
            f'CREATE VIEW "{name}" AS SELECT * FROM '  # noqa: S608
            f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        )

    def see_table(self, name: str, table: RecordTable, found: DeltaTable | None) -> list[str]:
        """A view of a version of `table` with every declared column; returns the names of its numbers of `data`."""
        there: set[str] = set()
        if found is not None and (uris := found.file_uris()):
            if any("://" in uri for uri in uris):
                # DuckDB has no reader of its own for files far away; Delta's is asked for what it needs.
                self.connection.register(f"{name}_files", found.to_pyarrow_dataset())
            else:
                self.see_files(f"{name}_files", uris)
            there = set(self.columns_of(f"{name}_files"))
        data = sorted(column for column in there if column.startswith(DATA_PREFIX)) if table.has_data else []
        select = [
            f'"{column}"::{SQL_TYPES[kind]} AS "{column}"'
            if column in there
            else f'NULL::{SQL_TYPES[kind]} AS "{column}"'
            for column, kind in table.columns.items()
        ] + [f'"{column}"' for column in data]
        source = f'FROM "{name}_files"' if there else "WHERE false"
        self.run(f'CREATE VIEW "{name}" AS SELECT {", ".join(select)} {source}')
        return data


def quoted(columns: Sequence[str] | Iterator[str], prefix: str = "") -> str:
    """The columns one after another, each as SQL writes a name."""
    return ", ".join(f'{prefix}"{column}"' for column in columns)
