"""Rows that a source gives, to Arrow: exactly, a batch at a time; a value of another type reads as empty.

One list per column is what is quick here; a value that does not fit makes its column go value by value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from webapp.clock import naive
from webapp.engine.catalogue.tables import DATA_PREFIX, Kind, data_column
from webapp.record.ids import id_of
from webapp.record.tables import ARROW_TYPES, RecordTable

Row = Mapping[str, Any]

#: What a source may add to a row for the sake of a refusal's words.
FILE, LINE, REF_PREFIX = "_file", "_line", "_ref_"
_NO_NUMBERS: dict[str, Any] = {}


def schema_of_places(table: RecordTable) -> dict[str, Any]:
    """Where a row stands, and its references as they are written there."""
    return {FILE: pa.string(), LINE: pa.int64()} | {
        f"{REF_PREFIX}{each.column}": pa.string() for each in table.references
    }


def to_arrow(table: RecordTable, rows: Sequence[Row], source: str) -> pa.Table:
    """`rows` in the columns that a source gives, and their places; their order kept. Columns no row has are empty.

    Raises ValueError for a row that has neither id nor key.
    """
    arrays: dict[str, pa.Array] = {"id": pa.array([_id(table, row, source) for row in rows], pa.string())}
    arrays["source"] = _filled("source", Kind.TEXT, rows, source)
    arrays["key"] = _array(Kind.TEXT, [row.get("key") for row in rows])
    arrays["is_active"] = _filled("is_active", Kind.BOOLEAN, rows, True)
    for column, kind in table.given.items():
        arrays[column] = _array(kind, [row.get(column) for row in rows])
    if table.has_data:
        arrays |= _numbers_of(rows)
    for column, place in schema_of_places(table).items():
        kind = Kind.NUMBER if pa.types.is_integer(place) else Kind.TEXT
        values = [row.get(column) for row in rows]
        arrays[column] = pa.array(values, place) if kind is Kind.NUMBER else _array(kind, values)
    return pa.table(arrays)


def as_given(table: RecordTable, rows: pa.Table, source: str) -> pa.Table:
    """A ready Arrow table with the columns that `to_arrow` makes. Columns not known here are left out."""
    wanted: dict[str, Any] = dict.fromkeys(("id", "source", "key"), ARROW_TYPES[Kind.TEXT])
    wanted |= {"is_active": pa.bool_()}
    wanted |= {column: ARROW_TYPES[kind] for column, kind in table.given.items()}
    if table.has_data:
        wanted |= {name: pa.float64() for name in rows.column_names if name.startswith(DATA_PREFIX)}
    wanted |= schema_of_places(table)
    defaults: dict[str, Any] = {"source": source, "is_active": True}
    columns: dict[str, Any] = {}
    for name, kind in wanted.items():
        if name not in rows.column_names:
            columns[name] = (
                pa.repeat(pa.scalar(defaults[name], kind), len(rows)) if name in defaults else pa.nulls(len(rows), kind)
            )
            continue
        column = rows[name].cast(kind)
        if name in defaults:
            column = column.fill_null(defaults[name])
        columns[name] = _exact(column)
    if columns["id"].null_count:
        pairs = zip(columns["id"].to_pylist(), columns["key"].to_pylist(), columns["source"].to_pylist(), strict=True)
        ids = [given or _made_id(table, of, key) for given, key, of in pairs]
        columns["id"] = pa.array(ids, pa.string())
    return pa.table(columns)


def _id(table: RecordTable, row: Row, source: str) -> str:
    given = row.get("id")
    return str(given) if given is not None else _made_id(table, row.get("source") or source, row.get("key"))


def _made_id(table: RecordTable, source: str, key: Any) -> str:
    if key is None:
        raise ValueError(f"a row of {table.name} has neither an id nor a key")
    return id_of(source, table.name, _clean(str(key)))


def _filled(column: str, kind: Kind, rows: Sequence[Row], default: Any) -> pa.Array:
    values = [row.get(column, default) for row in rows]
    return _array(kind, [default if value is None else value for value in values])


def _numbers_of(rows: Sequence[Row]) -> dict[str, pa.Array]:
    columns: dict[str, list[float | None]] = {}
    count = len(rows)
    for place, row in enumerate(rows):
        for key, value in (row.get("data") or _NO_NUMBERS).items():
            number = _number(value)
            if number is None:
                continue
            known = columns.get(key)
            if known is None:
                known = columns[key] = [None] * count
            known[place] = number
    return {data_column(key): pa.array(values, pa.float64()) for key, values in columns.items()}


def _array(kind: Kind, values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values, ARROW_TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError):
        # A value of another type among them: one at a time, the strange ones as empty.
        convert = _CONVERT[kind]
        array = pa.array([None if value is None else convert(value) for value in values], ARROW_TYPES[kind])
    return _exact(array)


def _exact(array: Any) -> Any:
    """Numbers that are numbers; instants to the millisecond, as all else here keeps them and every file shows them."""
    if pa.types.is_timestamp(array.type) and array.null_count < len(array):
        return pc.floor_temporal(array, unit="millisecond")
    return _finite(array) if pa.types.is_floating(array.type) else array


def _finite(numbers: Any) -> Any:
    if numbers.null_count == len(numbers):
        return numbers
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _clean(text: str) -> str:
    """Half of a surrogate pair is no character: UTF-8 has no way to write it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: Any) -> str:
    return _clean(value if isinstance(value, str) else str(value))


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return naive(value)


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _texts(value: Any) -> list[str] | None:
    return [_text(each) for each in value if each is not None] if isinstance(value, list | tuple) else None


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: _text,
    Kind.IDS: _texts,
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.NUMBER: _number,
    Kind.INSTANT: _instant,
    Kind.BOOLEAN: _boolean,
}
