"""The record's versions as people read them: which were undone, and what going back to one would change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice, takewhile

from webapp import record
from webapp.record import Made, RecordVersion
from webapp.record.versions import NEVER

#: What a source gave for enrollments and what is worked out of it are told once, as enrollments.
HIDDEN = frozenset({"rosters", "outcomes", "voids", "aliases", "teachings"})
COUNTS_KEPT = 200


@dataclass(frozen=True)
class Count:
    """The rows of a table that are active, and all of them."""

    active: int = 0
    every: int = 0


@dataclass(frozen=True)
class Difference:
    table: str
    now: Count
    then: Count


@dataclass(frozen=True)
class Listed:
    """A version in a list. `is_undone`: what it brought is not in the record of now. `is_gone`: its files are."""

    version: RecordVersion
    is_undone: bool
    is_gone: bool


def latest(bound: int) -> list[Listed]:
    """The last versions, the newest first."""
    found = list(islice(record.history(), bound))
    lost, gone = undone(found), record.gone_numbers()
    return [Listed(each, each.number in lost, each.number in gone) for each in found]


def find(number: int) -> Listed:
    """That version, whose files may be gone. Raises NotFoundError."""
    gone = record.gone_numbers()
    since: list[RecordVersion] = []
    for each in record.history():
        if each.number < number:
            break
        since.append(each)
    if not since or since[-1].number != number:
        record.at(number)  # raises, as it was never there
    return Listed(since[-1], number in undone(since), number in gone)


def has_moved_on(since: int) -> bool:
    """Has the record other rows than version `since` had?"""
    return any(each.made is not Made.UPKEEP for each in takewhile(lambda each: each.number > since, record.history()))


def known_until(number: int) -> datetime:
    """When the rows of version `number` were last brought up to date: what happened later it cannot know."""
    wanted = number
    for each in record.history():
        if each.number > wanted:
            continue
        if each.made is Made.IMPORT:
            return each.published_at
        wanted = each.undone_to or 0 if each.made is Made.UNDO else each.number - 1
    return NEVER


def bringing(since: int, until: int) -> list[RecordVersion]:
    """The versions after `since` up to `until` that made its rows what they are in `until`, the oldest first: neither
    those that were taken back, nor those that took nothing else back than these."""
    found = [each for each in takewhile(lambda each: each.number > since, record.history()) if each.number <= until]
    lost = undone(found)
    return [each for each in reversed(found) if each.number not in lost and _brings(each, since)]


def _brings(version: RecordVersion, since: int) -> bool:
    if version.made is Made.UNDO:
        return version.undone_to is not None and version.undone_to < since
    return version.made is Made.IMPORT


def undone(newest_first: Iterable[RecordVersion]) -> frozenset[int]:
    """The numbers of those whose rows were taken back: an undo takes back all that came after where it goes to."""
    found: set[int] = set()
    down_to: int | None = None
    for each in newest_first:
        if down_to is not None and each.number > down_to:
            found.add(each.number)
        elif each.made is Made.UNDO and each.undone_to is not None:
            down_to = each.undone_to
    return frozenset(found)


def differences(to: int) -> list[Difference]:
    """By table, what publishing version `to` again would change. Raises VersionGoneError and NotFoundError."""
    now, then = record.current(), record.at(to)
    tables = [
        table
        for table in {**now.tables, **then.tables}
        if table not in HIDDEN and _state(now, table) != _state(then, table)
    ]
    return [Difference(table, count(now, table), count(then, table)) for table in tables]


def count(version: RecordVersion, table: str) -> Count:
    """How many rows it has. Raises VersionGoneError."""
    return _count(_Table(version, table))


def _state(version: RecordVersion, table: str) -> tuple[int | None, str | None]:
    return version.tables.get(table), version.table_ids.get(table)


class _Table:
    """A table at a version, equal for equal ones: its rows never change."""

    def __init__(self, version: RecordVersion, table: str) -> None:
        self.version, self.table = version, table
        self.key = (table, *_state(version, table))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Table) and self.key == other.key


@lru_cache(COUNTS_KEPT)
def _count(of: _Table) -> Count:
    if of.table not in of.version.tables:
        return Count()
    with record.looking(of.version, [of.table]) as duck:
        found = duck.rows(f'SELECT count(*) FILTER (WHERE is_active), count(*) FROM "{of.table}"')  # noqa: S608
    return Count(int(found[0][0]), int(found[0][1]))
