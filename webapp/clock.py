"""The only clock. Tests replace `utcnow`; nothing else in the program asks for the time of day."""

from datetime import UTC, datetime, tzinfo

#: The first and the last moment that there are words for.
CALENDAR = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def utcnow() -> datetime:
    """Now, in UTC, cut to the millisecond that MongoDB keeps, so that stored and compared instants agree."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def aware(moment: datetime) -> datetime:
    """An instant without a zone is one of UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    """An instant as the record keeps it: in UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def on_clocks(moment: datetime, zone: tzinfo) -> datetime:
    """What the clocks of `zone` show at `moment`. The calendar ends at both ends: 31 December 9999 is many a system's
    word for “never”, and stays that day wherever it is read."""
    moment = aware(moment)
    try:
        return moment.astimezone(zone)
    except OverflowError:
        first, last = CALENDAR
        return (first if moment.year == 1 else last).replace(tzinfo=zone)
