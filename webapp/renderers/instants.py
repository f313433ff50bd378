"""Instants by the clocks of a time zone, as SQL of plain arithmetic.

DuckDB's own conversion asks its calendar library for every row, which takes longer than all else of a row. Between the
first and the last instant of a column a zone changes its offset a few times only: that is a CASE of a few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from webapp.clock import CALENDAR
from webapp.engine import zones
from webapp.engine.sources import dates_in
from webapp.engine.sql import literal

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC, as the instants of `zones` are


@dataclass(frozen=True)
class Instants:
    """SQL for one column of instants. `microseconds` are those of the zone's clocks since 1970-01-01 00:00 there;
    `offset` is the text that follows them (`+02:00`, or `Z`)."""

    microseconds: str
    offset: str

    def named(self, name: str) -> Instants:
        """The same, of rows whose column `name` holds the microseconds, which are named several times."""
        return replace(self, microseconds=name)

    @property
    def text(self) -> str:
        """ISO 8601, with milliseconds where there are any."""
        moment = f"make_timestamp({self.microseconds})"
        # A date and a time apart: as one text they would need their space replaced, which costs as much again.
        whole = f"concat({moment}::DATE::VARCHAR, 'T', {moment}::TIME::VARCHAR, {self.offset})"
        parts = f"concat(strftime({moment}, '%Y-%m-%dT%H:%M:%S.%g'), {self.offset})"
        return f"CASE WHEN {self.microseconds} % {_SECOND} = 0 THEN {whole} ELSE {parts} END"


def in_utc(name: str) -> Instants:
    return Instants(f"epoch_us({name})", "'Z'")


def in_zone(rows_path: Path, name: str, time_zone: str) -> Instants:
    """The column `name` of the rows, by the clocks of `time_zone`."""
    known = dates_in({"rows": [str(rows_path)]}, "rows", name)
    if known.are_all_empty:
        return in_utc(name)
    changes = zones.offsets(time_zone, known.first, known.last)
    # (until, seconds ahead of UTC): the last has no end.
    ends = [*(_microseconds(moment) for moment, _ in changes[1:]), None]
    until = [(end, seconds) for end, (_, seconds) in zip(ends, changes, strict=True)]
    since = f"epoch_us({name})"
    shift = _case(since, [(end, str(seconds * _SECOND)) for end, seconds in until])
    there = f"({since} + {shift})"
    if zones.may_leave_the_calendar(known.first, known.last):
        first, last = (_microseconds(each.replace(tzinfo=None)) for each in CALENDAR)
        there = f"(CASE WHEN {there} < {first} THEN {first} WHEN {there} > {last} THEN {last} ELSE {there} END)"
    return Instants(there, _case(since, [(end, literal(_told(seconds))) for end, seconds in until]))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _case(since: str, values: list[tuple[int | None, str]]) -> str:
    *before, (_, last) = values
    if not before:
        return last
    return f"(CASE {' '.join(f'WHEN {since} < {until} THEN {value}' for until, value in before)} ELSE {last} END)"


def _told(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
