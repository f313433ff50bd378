"""Days on which nobody works, as pure facts."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, timedelta

#: Whoever finds no working day so far away finds none.
MOST_MOVED = 62
_ONE_DAY = timedelta(days=1)


def day_of_week(day: date) -> int:
    """0 is Sunday."""
    return day.isoweekday() % 7


@dataclass(frozen=True)
class ClosedDays(Container[date]):
    """The days of a calendar; `day in closed`. Empty: every day is a working day."""

    weekend: frozenset[int] = frozenset()
    days: frozenset[date] = frozenset()

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day in self.days or day_of_week(day) in self.weekend)

    @property
    def is_empty(self) -> bool:
        return not self.weekend and not self.days


NEVER_CLOSED = ClosedDays()
#: What working days are counted by where no calendar says it.
WEEKENDS = ClosedDays(frozenset({0, 6}))


def open_day(day: date, closed: ClosedDays, *, step: int) -> date | None:
    """`day`, or the next working day in the direction of `step` (1 or -1); None where there is none near."""
    for _ in range(MOST_MOVED + 1):
        if day not in closed:
            return day
        day += step * _ONE_DAY
    return None


def working_days_from(day: date, count: int, closed: ClosedDays) -> date | None:
    """The day that is `count` working days after `day`, before it where `count` is below zero; `day` itself for 0.
    None where there are not so many within a few years."""
    step = _ONE_DAY if count > 0 else -_ONE_DAY
    left, looked = abs(count), 0
    while left:
        day += step
        looked += 1
        if day not in closed:
            left -= 1
        if looked > 4 * 366:
            return None
    return day
