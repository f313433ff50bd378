"""When a schedule runs: pure functions of what it says, of the days that its calendar closes, and of a moment.

A schedule names days (by rrule, by cron, by the end of classes); a closed day is skipped or moved; on each day that is
left it runs at its times. The days in this order never go back, whatever is moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, FR, MO, MONTHLY, SA, SU, TH, TU, WE, WEEKLY, rrule

from webapp.documents.report_schedule import CatchUp, Frequency, OnClosed, Trigger
from webapp.services.timing.closed_days import (
    NEVER_CLOSED,
    WEEKENDS,
    ClosedDays,
    open_day,
    working_days_from,
)
from webapp.services.timing.local_time import Cron, cron_of, instant_of

#: No run is looked for further away: who asks for the 29th of February waits eight years at most.
FURTHEST = timedelta(days=11 * 366)
#: A run is late, and not missed, for so long.
LATE = timedelta(minutes=15)
#: Nothing older is caught up.
REACH = timedelta(days=31)
_ONE_DAY = timedelta(days=1)
#: A Monday; weeks are counted from it where a schedule names no first day.
_FIRST_MONDAY = date(1970, 1, 5)
_WEEKDAYS = (SU, MO, TU, WE, TH, FR, SA)


@dataclass(frozen=True)
class Rule:
    """What a schedule says, with the facts that it depends on: `closed` days of its calendar, and for a relative one
    the last days (`ends`) of its classes or terms."""

    frequency: str
    zone: ZoneInfo
    time_of_day: time = time(6)
    run_at: datetime | None = None
    days_of_week: tuple[int, ...] = ()  # 0 is Sunday
    day_of_month: int = 1
    months: tuple[int, ...] = ()  # of a year or of quarters
    cron: str = ""
    ends: tuple[date, ...] = ()
    days_before: int = 0
    in_working_days: bool = True
    first_day: date | None = None
    last_day: date | None = None
    closed: ClosedDays = NEVER_CLOSED
    on_closed: str = OnClosed.RUN
    trigger: str = Trigger.TIME
    catch_up: str = CatchUp.ONCE
    most_caught_up: int = 5

    @property
    def cron_rule(self) -> Cron:
        return cron_of(self.cron)


def next_run_after(schedule: Rule, moment: datetime) -> datetime | None:
    """First run strictly after `moment`, in UTC; None once the schedule has ended, and where new data makes it run.

    Wall-clock fields are read in the schedule's zone. A local time that the clock change skips runs at the next valid
    minute; a repeated one runs once. (A cron expression whose minute or hour begins with a star runs by the minutes
    that pass.) Raises ValueError for a naive `moment`.
    """
    return next(runs_after(schedule, moment), None)


def runs_between(schedule: Rule, after: datetime, until: datetime) -> list[datetime]:
    """Every run after `after`, up to and including `until`. Raises ValueError for a naive moment."""
    if until.tzinfo is None:
        raise ValueError("a moment needs a zone")
    return list(takewhile(lambda run: run <= until, runs_after(schedule, after)))


@dataclass(frozen=True)
class Missed:
    """Of the runs that are due: which are made now, in their order, and how many are not made any more."""

    made: tuple[datetime, ...]
    skipped: int


def missed(schedule: Rule, since: datetime, now: datetime) -> Missed:
    """What becomes of the run at `since`, which was promised, and of those after it up to `now`.

    Catching up, `skip` makes those that are hardly late; `once` the last one; `all` the last so many as the schedule
    says. Runs of more than a month ago are over, and not counted.
    """
    due = (
        [since, *runs_between(schedule, since, now)]
        if now - since < REACH
        else runs_between(schedule, now - REACH, now)
    )
    match schedule.catch_up:
        case CatchUp.SKIP:
            made = [run for run in due if now - run <= LATE]
        case CatchUp.ALL:
            made = due[-schedule.most_caught_up :]
        case _:
            made = due[-1:]
    return Missed(tuple(made), len(due) - len(made))


def runs_after(schedule: Rule, moment: datetime) -> Iterator[datetime]:
    """Every run strictly after `moment`, in UTC, in their order. Raises ValueError for a naive `moment`."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a zone")
    return _runs_after(schedule, moment.astimezone(UTC))


def _runs_after(schedule: Rule, moment: datetime) -> Iterator[datetime]:
    if schedule.trigger == Trigger.FRESH_DATA:
        return
    last = moment
    for day in _days(schedule, moment.astimezone(schedule.zone).date()):
        for instant in sorted(_instants(schedule, day)):
            if instant > last:
                last = instant
                yield instant


def _days(schedule: Rule, today: date) -> Iterator[date]:
    """The days on which it runs, each once, from about `today`."""
    begin = today - _ONE_DAY
    if schedule.on_closed == OnClosed.AFTER:
        # What stood on closed days right before may run only now.
        while begin - _ONE_DAY in schedule.closed and today - begin < FURTHEST:
            begin -= _ONE_DAY
    last: date | None = None
    for named in _named_days(schedule, begin, _later(today)):
        day = _moved(schedule, named)
        if day is not None and (last is None or day > last):
            last = day
            yield day


def _later(today: date) -> date:
    return min(today, date.max - FURTHEST) + FURTHEST


def _moved(schedule: Rule, day: date) -> date | None:
    """The day on which a run of `day` takes place; None where it does not."""
    if day not in schedule.closed or schedule.on_closed == OnClosed.RUN:
        return day
    if schedule.on_closed == OnClosed.SKIP:
        return None
    return open_day(day, schedule.closed, step=1 if schedule.on_closed == OnClosed.AFTER else -1)


def _named_days(schedule: Rule, begin: date, end: date) -> Iterator[date]:
    """The days that the schedule names, in their order, from `begin` to `end` and within its first and last day."""
    begin = max(begin, schedule.first_day) if schedule.first_day else begin
    end = min(end, schedule.last_day) if schedule.last_day else end
    found: Iterable[date]
    match schedule.frequency:
        case Frequency.ONCE:
            found = [schedule.run_at.astimezone(schedule.zone).date()] if schedule.run_at else []
        case Frequency.CRON:
            cron = schedule.cron_rule
            found = (day for day in _every_day(begin, end) if cron.is_on(day))
        case Frequency.RELATIVE:
            # What ends in year 9999 has no end.
            ends = (each for each in schedule.ends if each < date.max - FURTHEST)
            found = sorted({day for each in ends if (day := _counted(schedule, each)) is not None})
        case _:
            found = (each.date() for each in _rrule(schedule, begin, end))
    return (day for day in found if begin <= day <= end)


def _every_day(begin: date, end: date) -> Iterator[date]:
    while begin <= end:
        yield begin
        begin += _ONE_DAY


def _counted(schedule: Rule, end: date) -> date | None:
    if not schedule.in_working_days:
        return end - timedelta(days=schedule.days_before)
    closed = WEEKENDS if schedule.closed.is_empty else schedule.closed
    return working_days_from(end, -schedule.days_before, closed)


def _rrule(schedule: Rule, begin: date, end: date) -> rrule:
    """Calendar days as dateutil has them, without zones: a day is a day. It begins near `begin`, where its own
    counting (of weeks, of the days of a month) begins, too."""
    until = datetime.combine(end, time())
    start = datetime.combine(begin, time())
    match schedule.frequency:
        case Frequency.DAILY:
            return rrule(DAILY, dtstart=start, until=until)
        case Frequency.WEEKLY:
            return rrule(WEEKLY, dtstart=start, until=until, byweekday=_weekdays(schedule))
        case Frequency.BIWEEKLY:
            start = datetime.combine(_fortnight(schedule, begin), time())
            return rrule(WEEKLY, interval=2, wkst=MO, dtstart=start, until=until, byweekday=_weekdays(schedule))
    months = schedule.months if schedule.frequency in (Frequency.QUARTERLY, Frequency.YEARLY) else None
    # The last of these days that the month has: of 28, 29, 30, 31 the last day of the month.
    wanted = range(min(schedule.day_of_month, 28), schedule.day_of_month + 1)
    first = datetime.combine(begin.replace(day=1), time())
    return rrule(MONTHLY, dtstart=first, until=until, bymonth=months, bymonthday=list(wanted), bysetpos=-1)


def _weekdays(schedule: Rule) -> list[object]:
    return [_WEEKDAYS[each] for each in schedule.days_of_week]


def _fortnight(schedule: Rule, day: date) -> date:
    """The Monday of the last week, before or with `day`, that counts: every other one from that of the first day."""
    first = schedule.first_day or _FIRST_MONDAY
    monday = first - timedelta(days=first.weekday())
    return day - timedelta(days=(day - monday).days % 14)


def _instants(schedule: Rule, day: date) -> Iterator[datetime]:
    if schedule.frequency == Frequency.CRON:
        yield from schedule.cron_rule.instants(day, schedule.zone)
    elif schedule.frequency == Frequency.ONCE and schedule.run_at is not None:
        local = schedule.run_at.astimezone(schedule.zone)
        is_as_named = local.date() == day
        yield schedule.run_at.astimezone(UTC) if is_as_named else instant_of(day, local.time(), schedule.zone)
    else:
        yield instant_of(day, schedule.time_of_day, schedule.zone)
