"""Events as columns, a batch at a time: what is quick to fill, and goes to the record as an Arrow table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from webapp.engine.catalogue.tables import data_column

_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("id", "key", "learner_id", "class_id", "content_id", "event_type", "verb"), pa.string()),
    "duration": pa.float64(),
    "score": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "passed": pa.bool_(),
}


class EventBatch:
    """Columns of the events since the last `taken`."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in _TYPES}
        self._appends = tuple(column.append for column in self._columns.values())
        self._numbers: dict[str, list[float | None]] = {}
        self.count = 0

    def add(
        self,
        event_id: str,
        key: str,
        learner_id: str,
        class_id: str | None,
        content_id: str | None,
        event_type: str | None,
        verb: str | None,
        duration: float | None,
        score: float | None,
        moment: datetime,
        passed: bool | None,
        numbers: dict[str, float],
    ) -> None:
        for append, value in zip(
            self._appends,
            (event_id, key, learner_id, class_id, content_id, event_type, verb, duration, score, moment, passed),
            strict=True,
        ):
            append(value)
        for name, number in numbers.items():
            column = self._numbers.get(name)
            if column is None:
                column = self._numbers[name] = []
            if (missing := self.count - len(column)) > 0:
                column.extend([None] * missing)
            column.append(number)
        self.count += 1

    def taken(self) -> pa.Table:
        """What has been added, which is forgotten here."""
        arrays = {name: pa.array(column, _TYPES[name]) for name, column in self._columns.items()}
        for name, numbers in self._numbers.items():
            numbers.extend([None] * (self.count - len(numbers)))
            arrays[data_column(name)] = pa.array(numbers, pa.float64())
        for column in self._columns.values():
            column.clear()
        self._numbers.clear()
        self.count = 0
        return pa.table(arrays)
