"""The only clock. Tests replace `utcnow`; nothing else in the program asks for the time of day."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Now, in UTC, cut to the millisecond that MongoDB keeps, so that stored and compared instants agree."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def aware(moment: datetime) -> datetime:
    """An instant without a zone is one of UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
