"""From a stored schedule to its rule, and from that to what a scheduler looks for: `nextRunAt` and `dataVersion`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Protocol

from bson import ObjectId

from webapp import record
from webapp.clock import aware
from webapp.documents import Calendar, ReportSchedule
from webapp.documents.report_schedule import End, Frequency, Relative, Timing, Trigger, as_day
from webapp.record import Made
from webapp.services.questions import terms
from webapp.services.questions.period import zone_of
from webapp.services.record import reading
from webapp.services.remembered import Remembered
from webapp.services.timing.closed_days import NEVER_CLOSED, ClosedDays
from webapp.services.timing.runs import Rule, next_run_after, runs_after

#: So many runs are told beforehand.
TOLD = 5


#: The closed days of a calendar, by its id.
Closed = Callable[[ObjectId | None], ClosedDays]


class SaysWhen(Protocol):
    """A schedule, or as much of one as says when it runs."""

    @property
    def schedule(self) -> Timing: ...
    @property
    def calendar_id(self) -> ObjectId | None: ...
    @property
    def on_closed(self) -> str: ...
    @property
    def trigger(self) -> str: ...
    @property
    def catch_up(self) -> str: ...
    @property
    def most_caught_up(self) -> int: ...


def closed_days(calendar_id: ObjectId | None) -> ClosedDays:
    """The days of a calendar; none of one that is gone or is not used any more."""
    calendar = Calendar.objects(id=calendar_id, is_active=True).first() if calendar_id else None
    if calendar is None:
        return NEVER_CLOSED
    return ClosedDays(frozenset(calendar.weekend), frozenset(each.day.date() for each in calendar.days))


def rule_of(schedule: SaysWhen, closed: Closed = closed_days) -> Rule:
    """What the schedule says, with its calendar as it is now and the ends of classes or terms as the record has
    them. `closed`: `closed_days`, or what remembers it for who asks of many schedules."""
    timing: Timing = schedule.schedule
    relative: Relative | None = timing.relative if timing.frequency == Frequency.RELATIVE else None
    return Rule(
        frequency=timing.frequency,
        zone=zone_of(timing.timezone),
        time_of_day=time.fromisoformat(timing.time_of_day or "06:00"),
        run_at=aware(timing.run_at) if timing.run_at else None,
        days_of_week=tuple(timing.day_of_week),
        day_of_month=timing.day_of_month or 1,
        months=tuple(timing.quarter_months) if timing.frequency == Frequency.QUARTERLY else (timing.month or 1,),
        cron=timing.cron or "",
        ends=ends_of(relative) if relative else (),
        days_before=(relative.days or 0) if relative else 0,
        in_working_days=relative.working_days is not False if relative else True,
        first_day=as_day(timing.start_date),
        last_day=as_day(timing.end_date),
        closed=closed(schedule.calendar_id),
        on_closed=schedule.on_closed,
        trigger=schedule.trigger,
        catch_up=schedule.catch_up,
        most_caught_up=schedule.most_caught_up or 1,
    )


def ends_of(relative: Relative) -> tuple[date, ...]:
    """The last days of the classes, or of all terms."""
    if relative.end == End.TERM:
        return tuple(sorted({term.ends_on for term in terms.every()}))
    classes = reading.rows_of("classes", relative.class_ids, ["ends_at"])
    return tuple(sorted({terms.last_day(each["ends_at"]) for each in classes if each["ends_at"]}))


def next_run(schedule: ReportSchedule, after: datetime) -> datetime | None:
    """When it runs next; None while it is paused, deleted, over, or runs by new data alone."""
    return next_run_after(rule_of(schedule), after) if schedule.is_running else None


def next_runs(schedule: ReportSchedule, after: datetime, *, count: int = TOLD) -> list[datetime]:
    """The next runs, as a scheduler will find them."""
    return list(islice(runs_after(rule_of(schedule), after), count))


def watched_version(schedule: ReportSchedule) -> int | None:
    """The version of the record that new data is newer than, from now on; None where new data does not matter."""
    watches = schedule.is_running and schedule.trigger in (Trigger.FRESH_DATA, Trigger.BOTH)
    return data_version() if watches else None


def data_version() -> int:
    """The number of the newest version of the record that has other rows than the one before; seconds old at most."""
    return _data_version.get(None)


def _read_data_version(_: None) -> int:
    return next((each.number for each in record.history() if each.made is not Made.UPKEEP), 0)


_data_version: Remembered[None, int] = Remembered(_read_data_version)


def plan_anew(schedules: Iterable[ReportSchedule], now: datetime) -> int:
    """Their next runs by what their calendars and the record say now; returns how many of them have another one.

    A run that is due already stays: it is made, or caught up, as it was meant.
    """
    changed = 0
    for each in schedules:
        if each.next_run_at is not None and aware(each.next_run_at) <= now:
            continue
        run = next_run(each, now)
        if run != (aware(each.next_run_at) if each.next_run_at else None):
            # Guarded: whoever has changed or fired it meanwhile has planned it, too.
            same = {"_id": each.id, "nextRunAt": each.next_run_at, "isPaused": each.is_paused}
            same["revision"] = each.revision
            written = ReportSchedule._get_collection().update_one(same, next_run_change(run), hint="_id_")
            changed += written.matched_count
    return changed


def next_run_change(run: datetime | None) -> dict[str, Any]:
    """The update that writes the next run; where there is none, the field goes, and with it the work of looking."""
    return {"$set": {"nextRunAt": run}} if run is not None else {"$unset": {"nextRunAt": ""}}
