"""The columns of the list files (CSV, JSON, Parquet): those of the result, whose states and events are keys; with the
option `words` a column beside each of them that has what people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers.reader import Reader

WORDS = "words"


def listed(result: Result, reader: Reader, options: Mapping[str, Any]) -> list[tuple[str, Column]]:
    """Each column with the SQL for its value in the file of rows."""
    found: list[tuple[str, Column]] = []
    for name, column in result.named:
        found.append((name, column))
        if column.words and options.get(WORDS):
            label = Message("%(column)s (in words)", column=column.label)
            words = replace(column, key=f"{column.key}-{WORDS}", label=label, words={})
            found.append((f"({reader.words_in_sql(name, column)})", words))
    return found


def told(columns: list[tuple[str, Column]], reader: Reader) -> list[dict[str, str]]:
    """What JSON and Parquet say of their columns."""
    return [
        {"key": column.key, "label": reader.text(column.label), "type": column.type, "unit": column.unit}
        for _, column in columns
    ]
