"""Every change of a comparison as CSV: table, kind, key, column, before, after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from webapp.record import Change, Comparison
from webapp.renderers.csv_file import FORMULA
from webapp.services.orders.told import KINDS, OWN, changed_columns, text_of

COLUMNS = ("table", "kind", "key", "column", "before", "after")
_SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])
#: In every line already, or said by it.
_NOT_OF_A_SOURCE = frozenset({"key", "is_active", "_is_moved", "_is_absent", "_import_id", "_changed_at", "month"})
_BOM = "\ufeff".encode()


def write(comparison: Comparison, path: Path) -> None:
    """A line for each column of a row that changes, and for each that a row which ends has in the record; a line for
    each row that is added, and for each refusal that is told one by one."""
    with path.open("wb") as file:
        file.write(_BOM)
        with pyarrow.csv.CSVWriter(file, _SCHEMA) as writer:
            for table in comparison.tables:
                for kind in KINDS:
                    for batch in comparison.batches(table, kind):
                        for lines in _lines(table, kind.value, batch):
                            writer.write_table(_harmless(lines))
            refused = [
                {
                    "table": each.what,
                    "kind": "refused",
                    "key": f"{each.source}, {each.line}",
                    "before": each.value,
                    "after": str(each.reason),
                }
                for each in comparison.summary.refusals
            ]
            writer.write_table(_harmless(pa.Table.from_pylist(refused, _SCHEMA)))


def _lines(table: str, kind: str, batch: pa.RecordBatch) -> Iterator[pa.Table]:
    if "_changed" in batch.schema.names:
        lines = [
            {"table": table, "kind": kind, "key": row["key"], "column": column, "before": before, "after": after}
            for row in batch.to_pylist()
            for column, before, after in changed_columns(row)
        ]
        yield pa.Table.from_pylist(lines, _SCHEMA)
        return
    if kind == Change.ENDED:
        yield pa.Table.from_pylist(_as_they_were(table, batch), _SCHEMA)
        return
    empty = pa.nulls(len(batch), pa.string())
    name = batch["name"].cast(pa.string()) if "name" in batch.schema.names else empty
    yield pa.table(
        [_always(table, len(batch)), _always(kind, len(batch)), batch["key"].cast(pa.string()), empty, empty, name],
        schema=_SCHEMA,
    )


def _as_they_were(table: str, batch: pa.RecordBatch) -> list[dict[str, str | None]]:
    """Rows that end, column by column, as they stand in the record."""
    return [
        {"table": table, "kind": Change.ENDED.value, "key": row["key"], "column": column, "before": text_of(value)}
        for row in batch.to_pylist()
        for column, value in row.items()
        if value is not None and column not in _NOT_OF_A_SOURCE and not column.startswith(OWN)
    ]


def _always(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())


def _harmless(lines: pa.Table) -> pa.Table:
    """No spreadsheet runs a text of it as a formula."""
    for number, name in enumerate(COLUMNS):
        texts = pc.replace_substring_regex(lines[name], pattern=f"({FORMULA})", replacement="'\\1")
        lines = lines.set_column(number, name, texts)
    return lines
