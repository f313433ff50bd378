"""A sync: documents of the LMS by way of a mapping into the record's staging."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from webapp.messages import Message
from webapp.sources.lms_mongodb.database import Lms
from webapp.sources.lms_mongodb.expressions import Words
from webapp.sources.lms_mongodb.joins import Joins
from webapp.sources.lms_mongodb.mapping import Reading
from webapp.sources.lms_mongodb.mapping_file import MappingFile
from webapp.sources.lms_mongodb.paths import projection
from webapp.sources.lms_mongodb.plan import OVERLAP, Known, ReadingPlan, State, TablePlan, place_of, plans
from webapp.sources.lms_mongodb.rows import RowMaker

#: `on_progress(collection, documents read of it)`.
Progress = Callable[[str, int], None]


class Staging(Protocol):
    """What a sync asks of the record's staging."""

    def add(self, table: str, rows: list[dict[str, Any]]) -> None: ...
    def whole(self, table: str) -> None: ...
    def mention(self, table: str, key: str, *, id: str | None = None) -> None: ...
    def read(self, what: str, n: int = 1) -> None: ...
    def refuse(self, file: str, line: int, reason: str, *, value: str = "", what: str = "") -> None: ...
    def note(self, text: str, n: int = 1) -> None: ...
    def set_aside(self, what: str, reason: str, n: int = 1) -> None: ...


@dataclass(frozen=True)
class Synced:
    """What a sync read: documents by collection, and the tables that it read whole."""

    state: State
    documents: Mapping[str, int]
    whole: Collection[str]


def sync(
    lms: Lms,
    file: MappingFile,
    staging: Staging,
    *,
    before: State,
    known: Known,
    zone: ZoneInfo,
    on_progress: Progress = lambda collection, count: None,
) -> Synced:
    """Bring into `staging` what the LMS has, as far as the state of the last sync (`before`) does not have it."""
    now, mapping = lms.now(), file.mapping
    goes_on = before.is_of(file.digest, lms.name, now)
    joins, words = Joins(lms), Words(mapping.values)
    planned = plans(lms, mapping, before if goes_on else None, known)
    counts: dict[str, int] = {}
    documents: dict[str, int] = {}
    for plan in planned:
        if plan.is_whole:
            staging.whole(plan.table)
        for number, reading in enumerate(plan.readings):
            maker = RowMaker(plan.table, reading.reading, joins, words, zone)
            read = _read(lms, plan, reading, maker, staging, on_progress)
            counts[place_of(plan.table, number)] = read if plan.is_whole else reading.count
            collection = reading.reading.collection
            documents[collection] = documents.get(collection, 0) + read
    _tell(staging, joins, words)
    state = State(
        mapping=file.digest,
        database=lms.name,
        synced_at=now,
        whole_at=before.whole_at if goes_on else now,
        watermark=now - OVERLAP,
        counts=counts,
    )
    return Synced(state, documents, [plan.table for plan in planned if plan.is_whole])


def _read(
    lms: Lms, table: TablePlan, plan: ReadingPlan, maker: RowMaker, staging: Staging, on_progress: Progress
) -> int:
    count, reading = 0, plan.reading
    for batch in _batches(lms, plan):
        found = maker.read(batch)
        staging.read(table.table, len(found.rows) + len(found.refused) + found.aside)
        for refused in found.refused:
            staging.refuse(refused.place, refused.number, refused.reason, value=refused.id, what=table.table)
            if refused.row_id is not None:
                # It is still there: what the record has of it stays.
                staging.mention(table.table, refused.id, id=refused.row_id)
        if found.aside and reading.unless is not None:
            staging.set_aside(table.table, reading.unless.because, found.aside)
        if found.rows:
            staging.add(table.table, found.rows)
        count += len(batch)
        on_progress(reading.collection, count)
    return count


def _batches(lms: Lms, plan: ReadingPlan) -> Iterator[list[dict[str, Any]]]:
    asked_for = projection(plan.reading.paths)
    if plan.ids is None:
        return lms.batches(plan.reading.collection, plan.query, asked_for)
    # Not by their conditions again: what has ceased to fit them is found by the count.
    return lms.those(plan.reading.collection, "_id", plan.ids, asked_for, plan.query)


def _tell(staging: Staging, joins: Joins, words: Words) -> None:
    for (table, word), count in sorted(words.unmapped.items()):
        staging.note(
            Message("× “%(word)s”, which the mapping's value table “%(table)s” lacks", word=word, table=table), count
        )
    for (collection, by), count in sorted(joins.nowhere.items()):
        staging.note(Message("× %(by)s led nowhere in %(collection)s", by=by, collection=collection), count)
    for (collection, by), count in sorted(joins.ambiguous.items()):
        staging.note(
            Message("× %(by)s had several answers in %(collection)s, so none was taken", by=by, collection=collection),
            count,
        )


def reads(reading: Reading) -> set[str]:
    """Every collection that a reading looks into."""
    found = {reading.collection}
    waiting = [*reading.expressions, *([reading.unless.join] if reading.unless else [])]
    while waiting:
        expression = waiting.pop()
        if expression.in_ is not None:
            found.add(expression.in_)
        waiting += [*expression.own, *expression.there]
        if expression.take is not None:
            waiting.append(expression.take)
    return found | {condition.in_ for condition in reading.where.values() if condition.in_ is not None}
