"""The runs of a schedule by a plain reference: it walks minute by minute, or day by day, with zoneinfo and nothing else.

It shares nothing with the product; what a schedule says is given as words and numbers.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Plain:
    """As a person would write it down. `cron` is (minutes, hours, days of the month, months, days of the week), each a
    set or None for a star."""

    frequency: str
    zone: str
    hour: int = 6
    minute: int = 0
    weekdays: frozenset[int] = frozenset()  # 0 is Sunday
    month_day: int = 1
    months: frozenset[int] = frozenset()
    cron: tuple[frozenset[int] | None, ...] = ()
    first: date | None = None
    last: date | None = None
    weekend: frozenset[int] = frozenset()
    holidays: frozenset[date] = field(default_factory=frozenset)
    on_closed: str = "run"

    def is_closed(self, day: date) -> bool:
        return day in self.holidays or day.isoweekday() % 7 in self.weekend

    def names(self, day: date) -> bool:
        """Does the schedule name this day, closed or not?"""
        if (self.first and day < self.first) or (self.last and day > self.last):
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        is_month_day = day.day == min(self.month_day, length)
        is_weekday = day.isoweekday() % 7 in self.weekdays
        if self.frequency == "daily":
            return True
        if self.frequency == "weekly":
            return is_weekday
        if self.frequency == "biweekly":
            begin = self.first or date(1970, 1, 5)
            weeks = ((day - timedelta(days=day.weekday())) - (begin - timedelta(days=begin.weekday()))).days // 7
            return is_weekday and weeks % 2 == 0
        if self.frequency == "monthly":
            return is_month_day
        if self.frequency in ("quarterly", "yearly"):
            return is_month_day and day.month in self.months
        _, _, month_days, months, weekdays = self.cron
        if months is not None and day.month not in months:
            return False
        fits = [
            None if wanted is None else found in wanted
            for wanted, found in ((month_days, day.day), (weekdays, day.isoweekday() % 7))
        ]
        if None in fits:
            return fits[0] is not False and fits[1] is not False
        return bool(fits[0] or fits[1])

    def takes_place(self, day: date) -> date | None:
        """Where a run of this day goes."""
        if not self.is_closed(day) or self.on_closed == "run":
            return day
        if self.on_closed == "skip":
            return None
        while self.is_closed(day):
            day += DAY if self.on_closed == "after" else -DAY
        return day


def shown(moment: datetime, zone: str) -> datetime:
    """What the clocks there show, without a zone."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def first_shown(wanted: datetime, zone: str) -> datetime:
    """The first instant, minute by minute, at which the clocks show `wanted` or, where they never do, something later."""
    about = wanted.replace(tzinfo=UTC)
    # No clock goes by more than two hours at once.
    moment = about - (about.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()) - timedelta(hours=3)
    while shown(moment, zone) < wanted:
        moment += MINUTE
    return moment


def runs(plain: Plain, after: datetime, until: datetime) -> list[datetime]:
    """Every run after `after`, up to `until`."""
    days = {
        place
        for day in _days(
            shown(after, plain.zone).date() - timedelta(days=40), shown(until, plain.zone).date() + timedelta(days=40)
        )
        if plain.names(day) and (place := plain.takes_place(day)) is not None
    }
    found: set[datetime] = set()
    if plain.frequency != "cron":
        found = {first_shown(datetime.combine(day, time(plain.hour, plain.minute)), plain.zone) for day in days}
    elif plain.cron[0] is None or plain.cron[1] is None:
        found = set(_minutes_that_pass(plain, days, after, until))
    else:
        found = {
            first_shown(datetime.combine(day, time(hour, minute)), plain.zone)
            for day in days
            for hour in plain.cron[1]
            for minute in plain.cron[0]
        }
    return sorted(moment for moment in found if after < moment <= until)


def _minutes_that_pass(plain: Plain, days: set[date], after: datetime, until: datetime) -> Iterator[datetime]:
    minutes, hours, *_ = plain.cron
    moment = after.replace(second=0, microsecond=0)
    while moment <= until:
        there = shown(moment, plain.zone)
        if there.date() not in days:
            # Every day begins at a full quarter of an hour, here and there.
            moment += timedelta(minutes=15 - moment.minute % 15)
            continue
        if (minutes is None or there.minute in minutes) and (hours is None or there.hour in hours):
            yield moment
        moment += MINUTE


def _days(begin: date, end: date) -> Iterator[date]:
    while begin <= end:
        yield begin
        begin += DAY
