"""Documents to Arrow: exactly, a batch at a time.

Not by PyMongoArrow: its inferred schema silently narrows 2.5 to 2 when the first value was whole, its given schema
raises for one text among the numbers, and here it was slower than this (docs/decisions.md). The driver decodes
in C; what is left is one list per column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from bson.decimal128 import Decimal128

from webapp.engine.catalogue.tables import DATA_PREFIX, TABLES, WITH_DATA, Kind, data_column, source_field

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.ID: pa.string(),
    Kind.IDS: pa.list_(pa.string()),
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.INSTANT: pa.timestamp("us"),
    Kind.BOOLEAN: pa.bool_(),
}

#: More different names in `data` than this are noise, not measures; the rest are left out and counted.
MAX_DATA_COLUMNS = 200

Document = dict[str, Any]


def arrow_schema(table: str, data_columns: Sequence[str] = ()) -> pa.Schema:
    """The columns of `table`, those of `data` after them in the order of their names."""
    fields = [pa.field(column, ARROW_TYPES[kind]) for column, kind in TABLES[table].items()]
    return pa.schema(fields + [pa.field(column, pa.float64()) for column in sorted(data_columns)])


def layout(table: str) -> str:
    """A text that changes when the columns of `table` do: an extract of another layout is built anew."""
    return ",".join(f"{column}:{kind}" for column, kind in TABLES[table].items())


def projection(table: str) -> dict[str, int]:
    """What to ask the database for."""
    fields = {source_field(column): 1 for column in TABLES[table]}
    return fields | {"data": 1} if table in WITH_DATA else fields


def to_arrow(table: str, documents: Sequence[Document]) -> pa.Table:
    """Documents of the collection `table` as rows, their order kept."""
    arrays: dict[str, pa.Array] = {}
    for column, kind in TABLES[table].items():
        source = source_field(column)
        arrays[column] = _array(kind, [document.get(source) for document in documents])
    if table in WITH_DATA:
        arrays |= _data_arrays(documents)
    schema = arrow_schema(table, [name for name in arrays if name.startswith(DATA_PREFIX)])
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def _data_arrays(documents: Sequence[Document]) -> dict[str, pa.Array]:
    columns: dict[str, list[float | None]] = {}
    for row, document in enumerate(documents):
        data = document.get("data")
        if not isinstance(data, dict):
            continue
        for key, value in data.items():
            number = _number(value)
            if number is None:
                continue
            if key not in columns:
                columns[key] = [None] * len(documents)
            columns[key][row] = number
    return {data_column(key): pa.array(values, pa.float64()) for key, values in columns.items()}


def _array(kind: Kind, values: list[Any]) -> pa.Array:
    convert = _CONVERT[kind]
    if kind in (Kind.ID, Kind.IDS):
        return pa.array([None if value is None else convert(value) for value in values], ARROW_TYPES[kind])
    try:
        array = pa.array(values, ARROW_TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # A value of another type among them: one at a time, the strange ones as empty.
        array = pa.array([convert(value) for value in values], ARROW_TYPES[kind])
    if kind is Kind.NUMBER and array.null_count < len(array):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, pa.float64()))
    return array


def _number(value: Any) -> float | None:
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else str(value)


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _ids(value: Any) -> list[str] | None:
    return [str(each) for each in value if each is not None] if isinstance(value, list) else None


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: str,
    Kind.IDS: _ids,
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.INSTANT: _instant,
    Kind.BOOLEAN: _boolean,
}
