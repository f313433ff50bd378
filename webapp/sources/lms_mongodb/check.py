"""Does a mapping fit a database? Reads everything as a sync does, brings nothing anywhere, and tells what it met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from webapp.messages import Message
from webapp.sources.lms_mongodb.database import Lms
from webapp.sources.lms_mongodb.expressions import Words
from webapp.sources.lms_mongodb.joins import Joins
from webapp.sources.lms_mongodb.mapping import LmsMapping
from webapp.sources.lms_mongodb.paths import projection
from webapp.sources.lms_mongodb.read import Progress, reads
from webapp.sources.lms_mongodb.rows import Refused, RowMaker
from webapp.sources.lms_mongodb.shape import TABLES, refers_to

SAMPLES = 3
FIRST_IDS = 5
REFUSALS_KEPT = 20
#: Tables that others refer to: which rows they have must be known.
_REFERRED_TO = frozenset(
    target for table, columns in TABLES.items() for column in columns if (target := refers_to(table, column))
)


@dataclass
class ReadingChecked:
    """What one reading of the mapping gives."""

    table: str
    collection: str
    documents: int = 0
    rows: int = 0
    refused: int = 0
    aside: int = 0
    #: Columns that no document gives a value.
    never_filled: list[str] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Nowhere:
    """A reference whose target the LMS does not have, or the mapping does not read."""

    table: str
    column: str
    target: str
    count: int = 0
    first_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unmapped:
    values: str
    word: str
    count: int


@dataclass
class Checked:
    database: str
    mapping: str
    #: Every collection that the mapping names; None for one that the database lacks.
    collections: dict[str, int | None] = field(default_factory=dict)
    #: Collections of the database that the mapping does not name.
    not_read: list[str] = field(default_factory=list)
    readings: list[ReadingChecked] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    nowhere: list[Nowhere] = field(default_factory=list)
    joins_nowhere: dict[str, int] = field(default_factory=dict)
    joins_ambiguous: dict[str, int] = field(default_factory=dict)
    refusals: list[Refused] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unstamped: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Nothing is lost by this mapping."""
        return not (self.unmapped or self.nowhere or self.refused)

    def rows(self, table: str) -> int:
        return sum(each.rows for each in self.readings if each.table == table)

    def words(self) -> Iterator[str]:
        """What a person is told, line by line."""
        for each in self.readings:
            yield Message(
                "%(table)s: %(rows)s rows of %(documents)s documents in %(collection)s",
                table=each.table, rows=each.rows, documents=each.documents, collection=each.collection,
            )  # fmt: skip
        for word in self.unmapped:
            yield Message(
                "“%(word)s” stands %(count)s times where the value table “%(values)s” has no word for it",
                word=word.word, count=word.count, values=word.values,
            )  # fmt: skip
        for lost in self.nowhere:
            yield Message(
                "%(count)s rows of %(table)s have a %(column)s that leads to no row of %(target)s: %(ids)s",
                count=lost.count, table=lost.table, column=lost.column, target=lost.target, ids=lost.first_ids,
            )  # fmt: skip
        for place, count in self.joins_nowhere.items():
            yield Message("%(count)s times a join found nothing: %(place)s", count=count, place=place)
        for place, count in self.joins_ambiguous.items():
            yield Message(
                "%(count)s times a join found several answers, and took none: %(place)s", count=count, place=place
            )
        for reason, count in self.refused.most_common():
            yield Message("%(count)s refused: %(reason)s", count=count, reason=reason)
        for refused in self.refusals:
            yield Message("%(place)s: %(reason)s", place=refused.place, reason=refused.reason)
        for each in self.readings:
            if each.documents and each.never_filled:
                yield Message(
                    "No document of %(collection)s gives %(table)s its %(columns)s",
                    collection=each.collection, table=each.table, columns=each.never_filled,
                )  # fmt: skip
        for collection, there in self.collections.items():
            if there is None:
                yield Message("The database has no collection %(collection)s", collection=collection)
        for collection in self.unstamped:
            yield Message(
                "No document of %(collection)s says when it changed: it is read whole every time", collection=collection
            )
        if self.not_read:
            yield Message("Not read: %(collections)s", collections=self.not_read)


def check(
    lms: Lms,
    name: str,
    mapping: LmsMapping,
    *,
    zone: ZoneInfo,
    on_progress: Progress = lambda collection, count: None,
) -> Checked:
    """Read the whole database by `mapping`. Writes nothing anywhere."""
    there = lms.collections()
    named = sorted({collection for _, reading in mapping.readings for collection in reads(reading)})
    found = Checked(lms.name, name)
    found.collections = {each: lms.count(each, {}) if each in there else None for each in named}
    found.not_read = sorted(each for each in there - set(named) if not each.startswith("system."))
    joins, words = Joins(lms), Words(mapping.values)
    given: dict[str, set[str]] = {table: set() for table in _REFERRED_TO}
    led: dict[tuple[str, str], Counter[str]] = {}
    stamped: set[str] = set()
    for table, reading in mapping.readings:
        checked = ReadingChecked(table, reading.collection)
        found.readings.append(checked)
        maker = RowMaker(table, reading, joins, words, zone)
        updated = mapping.updated_of(reading.collection)
        asked_for = projection(reading.paths | ({updated} if updated else set()))
        for batch in lms.batches(reading.collection, lms.query(reading.where), asked_for):
            result = maker.read(batch)
            checked.documents += len(batch)
            checked.rows += len(result.rows)
            checked.refused += len(result.refused)
            checked.aside += result.aside
            checked.samples += result.rows[: SAMPLES - len(checked.samples)]
            found.refused.update(each.reason for each in result.refused)
            found.refusals += result.refused[: max(0, REFUSALS_KEPT - len(found.refusals))]
            if table in given:
                given[table].update(row["id"] for row in result.rows)
            _follow(table, result.rows, led)
            if updated is None or any(updated.partition(".")[0] in document for document in batch):
                stamped.add(reading.collection)
            on_progress(reading.collection, checked.documents)
        checked.never_filled = sorted({*reading.fields, *(f"data.{each}" for each in reading.data)} - set(maker.filled))
    found.unmapped = [Unmapped(table, word, count) for (table, word), count in sorted(words.unmapped.items())]
    found.nowhere = list(_lost(led, given))
    found.joins_nowhere = {f"{by} → {collection}": count for (collection, by), count in sorted(joins.nowhere.items())}
    found.joins_ambiguous = {
        f"{by} → {collection}": count for (collection, by), count in sorted(joins.ambiguous.items())
    }
    read = {each.collection for each in found.readings if each.documents}
    found.unstamped = sorted(each for each in read - stamped if mapping.updated_of(each) is not None)
    return found


def _follow(table: str, rows: list[dict[str, Any]], led: dict[tuple[str, str], Counter[str]]) -> None:
    for row in rows:
        for column, value in row.items():
            if value and not column.startswith("_") and refers_to(table, column):
                led.setdefault((table, column), Counter()).update(value if isinstance(value, list) else [value])


def _lost(led: dict[tuple[str, str], Counter[str]], given: dict[str, set[str]]) -> Iterator[Nowhere]:
    for (table, column), ids in sorted(led.items()):
        target = str(refers_to(table, column))
        lost = {each: count for each, count in ids.items() if each not in given[target]}
        if lost:
            yield Nowhere(table, column, target, sum(lost.values()), sorted(lost)[:FIRST_IDS])
