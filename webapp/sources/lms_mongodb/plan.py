"""What a sync reads of each table: nothing, what has changed, or all of it.

The state of the last sync says what there was. All is read when that state is none (another mapping or database, or the
first time), when it is a day old, when a collection does not say what changed, or when the counts do not add up: then
something was deleted, which no document tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp.sources.lms_mongodb.database import Lms
from webapp.sources.lms_mongodb.joins import plain_pair
from webapp.sources.lms_mongodb.mapping import Expression, LmsMapping, Reading
from webapp.sources.lms_mongodb.paths import projection, values_at
from webapp.sources.lms_mongodb.shape import TABLES
from webapp.sources.lms_mongodb.values import UnfitError, row_id

#: The LMS's processes stamp changes by their own clocks, and a write may take a while to arrive.
OVERLAP = timedelta(minutes=2)
#: What nothing else gives away (a document that was changed without its stamp) is found after so long.
WHOLE_EVERY = timedelta(days=1)
#: More changed documents than this are as quickly read with all others.
MANY = 50_000

#: Stands for keys of kinds by which nothing is looked for.
_NO_ID = object()

#: Which of these ids the record has rows under: (table, ids) -> ids.
Known = Callable[[str, Collection[str]], set[str]]


@dataclass
class State:
    """What is remembered of a sync, in the record version that it made."""

    mapping: str = ""
    database: str = ""
    synced_at: datetime | None = None
    whole_at: datetime | None = None
    #: Changes before it have been read.
    watermark: datetime | None = None
    #: "table/number of the reading" -> documents.
    counts: dict[str, int] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        instants = {"synced_at": self.synced_at, "whole_at": self.whole_at, "watermark": self.watermark}
        told = {name: each.isoformat() if each else None for name, each in instants.items()}
        return {"mapping": self.mapping, "database": self.database, **told, "counts": dict(self.counts)}

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> State:
        def instant(name: str) -> datetime | None:
            return datetime.fromisoformat(stored[name]) if stored.get(name) else None

        return cls(
            str(stored.get("mapping") or ""),
            str(stored.get("database") or ""),
            instant("synced_at"),
            instant("whole_at"),
            instant("watermark"),
            {str(place): int(count) for place, count in (stored.get("counts") or {}).items()},
        )

    def is_of(self, mapping: str, database: str, now: datetime) -> bool:
        """Whether a sync by this mapping may go on from it."""
        is_young = self.whole_at is not None and timedelta() <= now - self.whole_at < WHOLE_EVERY
        return (self.mapping, self.database) == (mapping, database) and self.watermark is not None and is_young


@dataclass
class ReadingPlan:
    reading: Reading
    query: dict[str, Any]
    count: int
    #: The documents to read; None for all.
    ids: list[Any] | None = None


@dataclass
class TablePlan:
    table: str
    is_whole: bool
    readings: list[ReadingPlan]


def place_of(table: str, number: int) -> str:
    return f"{table}/{number}"


def plans(lms: Lms, mapping: LmsMapping, state: State | None, known: Known) -> list[TablePlan]:
    """What to read, table by table. `state` is None when everything is."""
    return [
        _of_table(lms, mapping, table, mapping.tables[table], state, known)
        for table in TABLES
        if table in mapping.tables
    ]


def _of_table(
    lms: Lms, mapping: LmsMapping, table: str, readings: Iterable[Reading], state: State | None, known: Known
) -> TablePlan:
    planned, is_whole = [], state is None
    for number, reading in enumerate(readings):
        query = lms.query(reading.where)
        plan = ReadingPlan(reading, query, lms.count(reading.collection, query))
        planned.append(plan)
        if state is None or is_whole:
            continue
        before = state.counts.get(place_of(table, number))
        ids = _changed(lms, mapping, reading, query, state)
        if before is None or ids is None or len(ids) > MANY:
            is_whole = True
        elif reading.each is not None or reading.key is not None:
            # An element that is gone from a list, and a key that has changed, are told by nothing but all of them.
            is_whole = bool(ids) or plan.count != before
        else:
            plan.ids = ids
            is_whole = plan.count != before + _new(table, ids, known)
    if is_whole:
        for plan in planned:
            plan.ids = None
        return TablePlan(table, True, planned)
    for plan in planned:
        plan.ids = plan.ids or []
    return TablePlan(table, False, planned)


def _new(table: str, ids: list[Any], known: Known) -> int:
    """How many of these documents the record has no row of."""
    if not ids:
        return 0
    rows = set()
    for each in ids:
        try:
            rows.add(row_id(table, each))
        except UnfitError:
            # It gave no row, and gives none: it is counted as it was.
            continue
    return len(rows - known(table, rows))


def _changed(
    lms: Lms, mapping: LmsMapping, reading: Reading, query: Mapping[str, Any], state: State
) -> list[Any] | None:
    """The _ids of documents whose rows may be other ones now; None when nobody can say."""
    own = _since(lms, mapping, reading.collection, {"_id"}, state)
    if own is None:
        return None
    for condition in reading.where.values():
        # What the condition finds there may be something else now.
        if condition.in_ is not None and _since(lms, mapping, condition.in_, {"_id"}, state) != []:
            return None
    found: dict[Any, None] = {}
    updated = mapping.updated_of(reading.collection)
    if updated is None or not query:
        found |= {_hashable(document["_id"]): None for document in own}
    elif own:
        both = {"$and": [dict(query), {updated: {"$gte": state.watermark}}]}
        for batch in lms.batches(reading.collection, both, {"_id": 1}):
            found |= {_hashable(document["_id"]): None for document in batch}
    joins = [join for expression in reading.expressions for join in expression.joins]
    if reading.unless is not None:
        joins += reading.unless.join.joins
    for join in joins:
        ids = _by_way_of(lms, mapping, reading, join, query, state)
        if ids is None:
            return None
        found |= ids
    return None if _NO_ID in found else list(found)


def _by_way_of(
    lms: Lms, mapping: LmsMapping, reading: Reading, join: Expression, query: Mapping[str, Any], state: State
) -> dict[Any, None] | None:
    """The documents of a reading that look something up in what has changed there; None when nobody can say."""
    for inner in (further for each in join.there for further in each.joins):
        there = _since(lms, mapping, str(inner.in_), {"_id"}, state)
        if there is None or there:
            return None
    pair = plain_pair(join)
    on = join.on[pair] if pair is not None else None
    changed = _since(lms, mapping, str(join.in_), on.paths if on is not None else {"_id"}, state)
    if changed is None:
        return None
    if not changed:
        return {}
    if pair is None or on is None or join.by is None:
        return None
    by = join.by[pair].path
    if by is None or reading.each is not None:
        return None
    values = {_hashable(value): None for document in changed for value in values_at(document, str(on.path))}
    values.pop(_NO_ID, None)
    found: dict[Any, None] = {}
    for batch in lms.those(reading.collection, by, list(values), {"_id": 1}, query):
        found |= {_hashable(document["_id"]): None for document in batch}
    return found


def _since(
    lms: Lms, mapping: LmsMapping, collection: str, paths: set[str], state: State
) -> list[dict[str, Any]] | None:
    """What has changed in a collection since the last sync, as far as `paths`; None when nobody can say."""
    updated = mapping.updated_of(collection)
    if updated is None:
        return None if lms.count(collection, {}) else []
    query = {updated: {"$gte": state.watermark}}
    found: list[dict[str, Any]] = []
    for batch in lms.batches(collection, query, projection(paths)):
        found += batch
        if len(found) > MANY:
            return None
    return found


def _hashable(value: Any) -> Any:
    """A key that may stand in a set."""
    return value if isinstance(value, ObjectId | str | int | float) else _NO_ID
