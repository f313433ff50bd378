"""Events as columns, a batch at a time: what is quick to fill, and goes to the record as an Arrow table."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyarrow as pa

from webapp.engine.catalogue.tables import data_column
from webapp.sources.xapi.parts import About, Result, Verb, Who

Part = TypeVar("Part", bound=Hashable)

#: Bytes of an event's id.
ID_BYTES = 12


@dataclass(slots=True, eq=False)
class Kind:
    """What events with one verb, about one thing, in one context have in common. `event_type` is None where nobody
    knows one for the verb; `notes` are what is worth telling of each of these events.

    `is_about_class`: they may say something about an enrollment; `kept_verb`: the verb that is kept for want of a type.
    """

    verb: Verb
    about: About
    of_class: Mapping[str, Any] | None
    event_type: str | None
    notes: tuple[str, ...]
    rule: str
    class_id: str | None = field(init=False)
    is_about_class: bool = field(init=False)
    kept_verb: str | None = field(init=False)

    def __post_init__(self) -> None:
        # Asked for each event, so worked out once.
        self.class_id = self.of_class["id"] if self.of_class is not None else None
        self.is_about_class = self.of_class is not None and self.about.class_key is not None
        self.kept_verb = self.verb.iri if self.event_type is None else None


def event_id(key: bytes) -> str:
    """The id of the event that a statement makes: the first 12 bytes of the SHA-256 of its id in small letters."""
    return hashlib.sha256(key).hexdigest()[: 2 * ID_BYTES]


class Events:
    """Events that wait for being handed over, a list for each of their parts: many tuples would be looked through by
    the garbage collector again and again."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._moments: list[int] = []
        self._persons: list[Who] = []
        self._kinds: list[Kind] = []
        self._results: list[Result] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: bytes, moment: int, who: Who, kind: Kind, result: Result) -> None:
        """`key`: the statement's id in small letters; `moment`: when it happened, in microseconds since 1970."""
        self._keys.append(key)
        self._moments.append(moment)
        self._persons.append(who)
        self._kinds.append(kind)
        self._results.append(result)

    def taken(self) -> pa.Table:
        """They, of which there is at least one, as the record takes them. Afterwards there are none."""
        table = self._as_table()
        for each in (self._keys, self._moments, self._persons, self._kinds, self._results):
            each.clear()
        return table

    def _as_table(self) -> pa.Table:
        who, who_of = _coded(self._persons)
        kind, kind_of = _coded(self._kinds)
        result, result_of = _coded(self._results)
        arrays = {
            "id": pa.array([event_id(key) for key in self._keys], pa.string()),
            "key": pa.array(self._keys, pa.string()),
            "timestamp": pa.array(self._moments, pa.timestamp("us")),
            "learner_id": _column([each.person_id for each in who], pa.string(), who_of),
            "class_id": _column([each.class_id for each in kind], pa.string(), kind_of),
            "content_id": _column([each.about.content_id for each in kind], pa.string(), kind_of),
            "event_type": _column([each.event_type for each in kind], pa.string(), kind_of),
            "verb": _column([each.kept_verb for each in kind], pa.string(), kind_of),
            "duration": _column([each.duration for each in result], pa.float64(), result_of),
            "score": _column([each.score for each in result], pa.float64(), result_of),
            "passed": _column([each.passed for each in result], pa.bool_(), result_of),
        }
        for name in dict.fromkeys(name for each in result for name in each.numbers):
            numbers = [each.numbers.get(name) for each in result]
            arrays[data_column(name)] = _column(numbers, pa.float64(), result_of)
        return pa.table(arrays)


def _coded(parts: Sequence[Part]) -> tuple[list[Part], pa.Array]:
    """The different ones of these, and for each of these where it is among them: a batch has few different ones."""
    places: dict[Part, int] = {}
    numbers = pa.array([places.setdefault(part, len(places)) for part in parts], pa.int32())
    return list(places), numbers


def _column(values: list[Any], kind: pa.DataType, places: pa.Array) -> pa.Array:
    return pa.array(values, kind).take(places)
