"""Wall-clock times as instants, and what a cron expression says of a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_MINUTE = timedelta(minutes=1)


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of `zone` show `at` on `day`: the first, where they show it twice; the
    next minute that they do show, where they skip it."""
    local = datetime.combine(day, at)
    while True:
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local:
            return instant
        local += _MINUTE


def minutes_of(day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, time]]:
    """Every minute that passes while it is `day` in `zone`, and what the clocks show: 23 to 25 hours of them."""
    moment = instant_of(day, time(), zone)
    while True:
        shown = moment.astimezone(zone)
        if shown.date() > day:
            return
        if shown.date() == day:
            yield moment, shown.time()
        moment += _MINUTE


@dataclass(frozen=True)
class Cron:
    """A cron expression of five fields, read as Debian's cron does. With `passes` (a minute or an hour that begins with
    a star) it runs by minutes that pass: in a repeated hour again, in a skipped one not at all."""

    simulated: CronSim
    passes: bool

    def is_on(self, day: date) -> bool:
        return day.month in self.simulated.months and self.simulated.match_day(day)

    def instants(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        """When it runs on a day that it is on; may repeat an instant."""
        hours, minutes = self.simulated.hours, self.simulated.minutes
        if self.passes:
            yield from (moment for moment, at in minutes_of(day, zone) if at.hour in hours and at.minute in minutes)
        else:
            yield from (
                instant_of(day, time(hour, minute), zone) for hour in sorted(hours) for minute in sorted(minutes)
            )


@lru_cache(maxsize=1024)
def cron_of(expression: str) -> Cron:
    """Raises ValueError for what is no cron expression of five fields."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError("a cron expression has five fields")
    try:
        simulated = CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(str(error)) from error
    return Cron(simulated, fields[0].startswith("*") or fields[1].startswith("*"))
