"""Instants by the clocks of a time zone, as SQL of plain arithmetic.

DuckDB's own conversion asks its calendar library for every row, which takes longer than all else of a row. Between the
first and the last instant of a column a zone changes its offset a few times only: that is a CASE of a few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from webapp.engine.sql import literal
from webapp.renderers.row_texts import database

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: No zone changes its offset and changes it back within a day.
_STEP = timedelta(days=1)


@dataclass(frozen=True)
class Instants:
    """SQL for one column of instants. `microseconds` are those of the zone's clocks since 1970-01-01 00:00 there;
    `offset` is the text that follows them (`+02:00`, or `Z`)."""

    microseconds: str
    offset: str

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
    changes = _offsets(ZoneInfo(time_zone), *_bounds(rows_path, name))
    since = f"epoch_us({name})"
    shift = _case(since, [(until, str(seconds * _SECOND)) for until, seconds in changes])
    return Instants(f"({since} + {shift})", _case(since, [(until, literal(_told(s))) for until, s in changes]))


def _bounds(rows_path: Path, name: str) -> tuple[datetime, datetime]:
    with database() as connection:
        found: Any = connection.execute(
            f"SELECT epoch_us(min({name})), epoch_us(max({name})) FROM read_parquet($1)",  # noqa: S608
            [str(rows_path)],
        ).fetchone()
    first, last = found if found[0] is not None else (0, 0)
    return _EPOCH + timedelta(microseconds=first), _EPOCH + timedelta(microseconds=last)


def _offsets(zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[int | None, int]]:
    """(until, seconds ahead of UTC) in order; `until` in microseconds since 1970, excluded; the last has none."""
    found: list[tuple[int | None, int]] = []
    here = first
    while here < last:
        there = min(here + _STEP, last)
        if _ahead(zone, here) != _ahead(zone, there):
            found.append((_change(zone, here, there), _ahead(zone, here)))
        here = there
    return [*found, (None, _ahead(zone, last))]


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> int:
    """The first second of the new offset, in microseconds since 1970."""
    low, high = (int((moment - _EPOCH).total_seconds()) for moment in (before, after))
    while high - low > 1:
        middle = (low + high) // 2
        same = _ahead(zone, _EPOCH + timedelta(seconds=middle)) == _ahead(zone, before)
        low, high = (middle, high) if same else (low, middle)
    return high * _SECOND


def _ahead(zone: ZoneInfo, moment: datetime) -> int:
    return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _case(since: str, values: list[tuple[int | None, str]]) -> str:
    *before, (_, last) = values
    if not before:
        return last
    return f"(CASE {' '.join(f'WHEN {since} < {until} THEN {value}' for until, value in before)} ELSE {last} END)"


def _told(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
