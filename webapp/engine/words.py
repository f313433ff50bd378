"""Values that are words of ours (states, events, kinds of contents): what people read, in the order of life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from webapp import statuses
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.messages import Message

EMPTY = Message("(empty)")
#: The row of all groups that a “top” leaves out, in the column of the first dimension.
OTHER = {"Other": Message("Other")}
ROW_TYPES: dict[str, str] = {
    "group": Message("Group"),
    "subtotal": Message("Subtotal"),
    "other": Message("All others"),
}


def words_of(query: Query, key: str) -> Mapping[str, str]:
    """The words of the dimension `key`; nothing where its values are names of the organisation's."""
    if key == "status":
        return {status: statuses.WORDS[status] for status in dataset_of(query).statuses}
    return query.event_words if key == "event-type" else DIMENSIONS[key].words


def words_by_column(query: Query, keys: Sequence[str], prefix: str) -> dict[str, Mapping[str, str]]:
    """The same for the working columns `<prefix>0_text`… of `keys`, those without words left out."""
    found = {f"{prefix}{place}_text": words_of(query, key) for place, key in enumerate(keys)}
    return {name: words for name, words in found.items() if words}


def in_words(query: Query, key: str, value: Any) -> str:
    """What people read for a value of the dimension `key`, as far as it does not depend on who reads it."""
    if value is None or value == "":
        return EMPTY
    text = value.isoformat() if isinstance(value, date) else str(value)
    return words_of(query, key).get(text, text)


def keyed_text(value: Any) -> str:
    """The same for machines."""
    if value is None or value == "":
        return "(empty)"
    return value.isoformat() if isinstance(value, date) else str(value)
