"""Until when a record store has told everything: where the next pull goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from webapp.sources.xapi.values import instant

#: A store on several machines may show a statement some moments after one that it stored later. What comes twice is
#: known by its id, and changes nothing.
OVERLAP = timedelta(seconds=60)
CONSISTENT_THROUGH = "X-Experience-API-Consistent-Through"


def since_of(watermark: datetime | None) -> str | None:
    """What to ask a store for after `watermark`; None for everything."""
    if watermark is None:
        return None
    return (watermark - OVERLAP).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def consistent_through(headers: Mapping[str, str]) -> datetime | None:
    """Until when the answer has everything, as the store says: never after the answer itself."""
    try:
        told = instant(headers.get(CONSISTENT_THROUGH))
    except ValueError:
        return None
    answered_at = _date(headers.get("Date"))
    return told if answered_at is None else min(told, answered_at)


def newest_stored(statements: Iterable[Any]) -> datetime | None:
    """The latest `stored`; what has none counts for nothing."""
    newest: datetime | None = None
    for each in statements:
        text = each.get("stored") if isinstance(each, dict) else None
        try:
            found = instant(text)
        except ValueError:
            continue
        newest = found if newest is None else max(newest, found)
    return newest


def next_watermark(before: datetime | None, told: datetime | None, newest: datetime | None) -> datetime | None:
    """Where the next pull goes on: what the store promises, else the newest that it gave; never back."""
    found = [each for each in (before, told if told is not None else newest) if each is not None]
    return max(found, default=None)


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
