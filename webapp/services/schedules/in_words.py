"""When a schedule runs, in a sentence or two."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cronsim import CronSim

from webapp.clock import aware
from webapp.documents import ReportSchedule
from webapp.documents.report_schedule import CatchUp, End, Frequency, OnClosed, Relative, Timing, Trigger, as_day
from webapp.messages import Message
from webapp.services.questions.in_words import listed
from webapp.services.questions.period import zone_of
from webapp.services.timing.local_time import cron_of
from webapp.settings import get_settings

#: By the number that a schedule keeps: 0 is Sunday.
WEEKDAYS: tuple[str, ...] = (
    Message("Sunday"),
    Message("Monday"),
    Message("Tuesday"),
    Message("Wednesday"),
    Message("Thursday"),
    Message("Friday"),
    Message("Saturday"),
)
MONTHS: tuple[str, ...] = (
    Message("January"),
    Message("February"),
    Message("March"),
    Message("April"),
    Message("May"),
    Message("June"),
    Message("July"),
    Message("August"),
    Message("September"),
    Message("October"),
    Message("November"),
    Message("December"),
)
_NTH = {
    1: Message("the first %(day)s of the month"),
    2: Message("the second %(day)s of the month"),
    3: Message("the third %(day)s of the month"),
    4: Message("the fourth %(day)s of the month"),
    5: Message("the fifth %(day)s of the month"),
    CronSim.LAST: Message("the last %(day)s of the month"),
}
_ON_CLOSED = {
    OnClosed.SKIP: Message("Not on days on which “%(calendar)s” is closed."),
    OnClosed.BEFORE: Message("On days on which “%(calendar)s” is closed: the working day before."),
    OnClosed.AFTER: Message("On days on which “%(calendar)s” is closed: the working day after."),
}
#: More times of day than these are told by their minutes and hours.
_MOST_TIMES = 6


def rule_in_words(schedule: ReportSchedule, calendar: str = "") -> str:
    """When it runs, and by whose clocks; `calendar` is the name of its calendar."""
    timing: Timing = schedule.schedule
    told: list[str] = []
    if schedule.trigger != Trigger.FRESH_DATA:
        told.append(Message("%(when)s (times of %(zone)s).", when=_when(timing), zone=timing.timezone))
        if calendar and schedule.on_closed in _ON_CLOSED:
            told.append(Message(_ON_CLOSED[OnClosed(schedule.on_closed)], calendar=calendar))
        told += _limits(timing)
    if schedule.trigger != Trigger.TIME:
        told.append(Message("Whenever new data came, at most once an hour."))
    return Message.joined(told)


def catch_up_in_words(schedule: ReportSchedule) -> str:
    """What becomes of runs that were missed."""
    match schedule.catch_up:
        case CatchUp.SKIP:
            return Message("Runs that were missed are not made up for.")
        case CatchUp.ALL:
            return Message("Of runs that were missed the last %(most)s are made.", most=schedule.most_caught_up)
    return Message("Of runs that were missed the last one is made.")


def changes_in_words(schedule: ReportSchedule) -> str:
    """Whether it tells what changed since the report before, and which data are kept for that."""
    if not schedule.tell_changes:
        return Message("It does not tell what changed since the report before.")
    told: list[str] = [Message("It tells what came, went and changed since the report before.")]
    last, settings = schedule.last_made, get_settings()
    runs_again = schedule.is_paused or schedule.next_run_at is not None or schedule.data_version is not None
    if runs_again and last is not None and last.as_of and settings.comparison_days > settings.record_retention_days:
        told.append(
            Message(
                "For that, the learning record as it was for the last one (data of %(day)s) is kept until the next one "
                "is made, for %(days)s days at most.",
                day=aware(last.as_of).astimezone(zone_of(schedule.schedule.timezone)).date(),
                days=f"{settings.comparison_days:g}",
            )
        )
    return Message.joined(told)


def _limits(timing: Timing) -> list[str]:
    first, last = as_day(timing.start_date), as_day(timing.end_date)
    if timing.frequency in (Frequency.ONCE, Frequency.RELATIVE):
        return []
    if first and last:
        return [Message("From %(first)s to %(last)s.", first=first, last=last)]
    if first:
        return [Message("From %(first)s on.", first=first)]
    return [Message("Until %(last)s.", last=last)] if last else []


def _when(timing: Timing) -> str:
    at = timing.time_of_day or ""
    day = timing.day_of_month or 1
    match timing.frequency:
        case Frequency.ONCE:
            moment = _local(timing)
            return Message("Once, on %(day)s at %(time)s", day=moment.date(), time=f"{moment:%H:%M}")
        case Frequency.WEEKLY:
            return Message("Every week on %(days)s at %(time)s", days=_days(timing.day_of_week), time=at)
        case Frequency.BIWEEKLY:
            return Message("Every two weeks on %(days)s at %(time)s", days=_days(timing.day_of_week), time=at)
        case Frequency.MONTHLY:
            return Message("Every month on %(day)s at %(time)s", day=_month_day(day), time=at)
        case Frequency.QUARTERLY:
            months = _months(timing.quarter_months)
            return Message("In %(months)s on %(day)s at %(time)s", months=months, day=_month_day(day), time=at)
        case Frequency.YEARLY:
            month = MONTHS[(timing.month or 1) - 1]
            return Message("Every year in %(month)s on %(day)s at %(time)s", month=month, day=_month_day(day), time=at)
        case Frequency.CRON:
            return cron_in_words(timing.cron or "")
        case Frequency.RELATIVE:
            return _relative(timing.relative or Relative(), at)
    return Message("Every day at %(time)s", time=at)


def _local(timing: Timing) -> datetime:
    return aware(timing.run_at).astimezone(zone_of(timing.timezone))


def _month_day(day: int) -> str:
    if day <= 28:
        return Message("day %(day)s", day=day)
    return Message("day %(day)s (of a shorter month: its last)", day=day)


def _days(numbers: Iterable[int]) -> str:
    """From Monday to Sunday."""
    return _and([WEEKDAYS[each] for each in sorted(set(numbers), key=lambda each: (each - 1) % 7)])


def _months(numbers: Iterable[int]) -> str:
    return _and([MONTHS[each - 1] for each in sorted(set(numbers))])


def _and(texts: list[str]) -> str:
    if len(texts) < 2:
        return texts[0] if texts else ""
    return Message("%(first)s and %(last)s", first=listed(texts[:-1]), last=texts[-1])


def _relative(relative: Relative, at: str) -> str:
    days = relative.days or 0
    end = Message("a term") if relative.end == End.TERM else Message("a chosen class")
    if not days:
        return Message("On the day on which %(end)s ends, at %(time)s", end=end, time=at)
    if relative.working_days is not False:
        many = Message.counted("%(num)s working day", "%(num)s working days", abs(days))
    else:
        many = Message.counted("%(num)s day", "%(num)s days", abs(days))
    if days > 0:
        return Message("%(many)s before %(end)s ends, at %(time)s", many=many, end=end, time=at)
    return Message("%(many)s after %(end)s has ended, at %(time)s", many=many, end=end, time=at)


# --- cron -------------------------------------------------------------------------------------------------------------


def cron_in_words(expression: str) -> str:
    """What a cron expression means. Raises ValueError for what is none."""
    cron = cron_of(expression)
    told = [_cron_times(cron.simulated, passes=cron.passes), _cron_days(cron.simulated)]
    if len(cron.simulated.months) < 12:
        told.append(Message("in %(months)s", months=_months(cron.simulated.months)))
    return Message.joined(told, ", ")


def _cron_times(simulated: CronSim, *, passes: bool) -> str:
    hours, minutes = sorted(simulated.hours), sorted(simulated.minutes)
    if passes and len(hours) == 24:
        every = 60 // len(minutes)
        if minutes == list(range(0, 60, every)):
            return (
                Message("Every hour")
                if every == 60
                else Message.counted("Every minute", "Every %(num)s minutes", every)
            )
        return Message("At the minutes %(minutes)s of every hour", minutes=_numbers(minutes))
    if len(hours) * len(minutes) <= _MOST_TIMES:
        times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return Message("At %(times)s", times=_and(times))
    return Message(
        "At the minutes %(minutes)s of the hours %(hours)s", minutes=_numbers(minutes), hours=_numbers(hours)
    )


def _cron_days(simulated: CronSim) -> str:
    every_day = len(simulated.days) == 31
    every_weekday = {each % 7 for each in simulated.weekdays if isinstance(each, int)} == set(range(7))
    if every_day and every_weekday:
        return Message("every day")
    of_month, of_week = _days_of_month(simulated), _days_of_week(simulated)
    if every_weekday and simulated.day_and:
        return of_month
    if every_day and simulated.day_and:
        return of_week
    if simulated.day_and:
        return Message("%(one)s, only %(other)s", one=of_month, other=of_week)
    return Message("%(one)s, and %(other)s", one=of_month, other=of_week)


def _days_of_month(simulated: CronSim) -> str:
    plain = sorted(each for each in simulated.days if each > 0)
    told: list[str] = [Message("on day %(days)s of the month", days=_numbers(plain))] if plain else []
    if CronSim.LAST in simulated.days:
        told.append(Message("on the last day of the month"))
    if CronSim.LAST_WEEKDAY in simulated.days:
        told.append(Message("on the last day of the month from Monday to Friday"))
    return _and(told)


def _days_of_week(simulated: CronSim) -> str:
    plain = [each % 7 for each in simulated.weekdays if isinstance(each, int)]
    told: list[str] = [Message("on %(days)s", days=_days(plain))] if plain else []
    special = sorted(each for each in simulated.weekdays if isinstance(each, tuple))
    told += [
        Message("on %(day)s", day=Message(_NTH[nth], day=WEEKDAYS[day % 7])) for day, nth in special if nth in _NTH
    ]
    return _and(told)


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
