"""What time the database has. The queue compares by this clock alone, so a worker's own may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime

from webapp.documents.connection import current_database


def now() -> datetime:
    """The server's time, aware, in UTC. Writes use `$$NOW`, which is the same clock; this one is for filters."""
    local: datetime = current_database().client.admin.command("hello")["localTime"]
    return local.replace(tzinfo=UTC) if local.tzinfo is None else local.astimezone(UTC)
