"""What time the database has. The queue compares by this clock alone, so a worker's own may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from webapp import clock
from webapp.documents.connection import current_database
from webapp.services.remembered import Remembered


def now() -> datetime:
    """The server's time, aware, in UTC. Writes use `$$NOW`, which is the same clock; this one is for filters."""
    local: datetime = current_database().client.admin.command("hello")["localTime"]
    return local.replace(tzinfo=UTC) if local.tzinfo is None else local.astimezone(UTC)


def about_now() -> datetime:
    """As `now`, without asking each time: good enough for what people read, not for what the queue decides."""
    return clock.utcnow() + _difference.get(None)


def _read_difference(_: None) -> timedelta:
    return now() - clock.utcnow()


_difference: Remembered[None, timedelta] = Remembered(_read_difference)
