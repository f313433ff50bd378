"""Events as columns, a batch at a time: what is quick to fill, and goes to the record as an Arrow table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from webapp.engine.catalogue.tables import data_column

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("id", "key", "learner_id", "class_id", "content_id", "event_type", "verb"), pa.string()),
    "duration": pa.float64(),
    "score": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "passed": pa.bool_(),
}


#: One event: the columns' values in their order, then the numbers of `data`.
Event = tuple[
    str, str, str, str | None, str | None, str | None, str | None, float | None, float | None, datetime, bool | None,
    dict[str, float],
]  # fmt: skip


def as_table(events: Sequence[Event]) -> pa.Table:
    """These events, of which there is at least one, as the record takes them."""
    *columns, data = zip(*events, strict=True)
    arrays = {name: pa.array(column, kind) for (name, kind), column in zip(_TYPES.items(), columns, strict=True)}
    numbers: dict[str, list[float | None]] = {}
    for place, found in enumerate(data):
        for name, number in found.items():
            column = numbers.get(name)
            if column is None:
                column = numbers[name] = [None] * len(events)
            column[place] = number
    for name, column in numbers.items():
        arrays[data_column(name)] = pa.array(column, pa.float64())
    return pa.table(arrays)
