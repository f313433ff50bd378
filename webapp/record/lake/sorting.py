"""Rows in an order, many more than memory holds: while they are sorted, a number stands for each text that repeats."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from webapp.record.lake.duck import Duck, quoted

#: To number more different texts of a column than these costs more than it saves.
MANY_TEXTS = 20_000
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


def in_order(
    duck: Duck, rows: str, schema: pa.Schema, order: Sequence[str], *, unlike: Collection[str]
) -> pa.RecordBatchReader:
    """The rows of the query `rows`, the columns of `schema`, by the columns `order`; there is at least one.

    Texts are dictionaries, but in the columns `unlike`, of which hardly two are equal, and in those of many. Only once
    for each `duck`; nothing else may be asked of it until the last row was taken.
    """
    repeating = _repeating(duck, rows, [each for each in _texts(schema) if each not in unlike])
    texts = _number_texts(duck, rows, sorted(repeating))
    # The numbers are in the order of the texts.
    columns = ", ".join(
        f'enum_code("{name}"::texts)::INTEGER AS "{name}"' if name in repeating else f'"{name}"'
        for name in schema.names
    )
    batches = duck.batches(f"SELECT {columns} FROM ({rows}) ORDER BY {quoted(order)}")  # noqa: S608
    given = pa.schema([pa.field(each.name, _DICTIONARY) if each.name in repeating else each for each in schema])

    def with_texts() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            arrays = [
                _with_texts(batch.column(each.name), texts)
                if each.name in repeating
                else batch.column(each.name).cast(each.type)
                for each in given
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=given)

    return pa.RecordBatchReader.from_batches(given, with_texts())


def _texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_string(field.type)]


def _repeating(duck: Duck, rows: str, columns: Sequence[str]) -> set[str]:
    counts = ", ".join(f'approx_count_distinct("{name}")' for name in columns)
    (found,) = duck.rows(f"SELECT {counts} FROM ({rows})")  # noqa: S608
    return {name for name, count in zip(columns, found, strict=True) if count <= MANY_TEXTS}


def _number_texts(duck: Duck, rows: str, columns: Sequence[str]) -> pa.Array:
    """All texts of these columns; the type `texts` numbers them."""
    if not columns:
        return pa.array([], pa.string())
    sets = ", ".join(f'("{name}")' for name in columns)
    duck.run(
        f"CREATE TYPE texts AS ENUM (SELECT DISTINCT text FROM (SELECT coalesce({quoted(columns)}) AS text "  # noqa: S608
        f"FROM ({rows}) GROUP BY GROUPING SETS ({sets})) WHERE text IS NOT NULL ORDER BY text)"
    )
    return duck.table("SELECT unnest(enum_range(NULL::texts)) AS text")["text"].combine_chunks()


def _with_texts(numbers: pa.Array, texts: pa.Array) -> pa.DictionaryArray:
    """A dictionary of no more texts than these rows have."""
    few = numbers.dictionary_encode()
    return pa.DictionaryArray.from_arrays(few.indices, texts.take(few.dictionary))


__all__ = ["in_order"]
