"""When to ask again, and how long to wait before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from webapp.clock import utcnow

_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_GOOD = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})


@dataclass(frozen=True)
class Limits:
    """How long one answer may take and how large it may be; how often a question is asked, and the waits between."""

    connect_seconds: float = 10
    #: Without a single byte.
    read_seconds: float = 120
    #: For the whole of one answer.
    answer_seconds: float = 900
    most_bytes: int = 256 << 20
    tries: int = 7
    first_pause: float = 1
    #: Also when the server asks for more: a sync that sleeps for an hour is better run again.
    longest_pause: float = 120


def is_temporary(status: int) -> bool:
    """May the same question be answered in a moment?"""
    return status in _TEMPORARY or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _FOR_GOOD)


def pause_before(tries: int, asked_for: float | None, limits: Limits) -> float | None:
    """Seconds to wait after `tries` tries: as the server asks, else twice as long each time; None to give up."""
    if tries >= limits.tries:
        return None
    pause = asked_for if asked_for is not None else limits.first_pause * 2 ** (tries - 1)
    return min(max(pause, 0), limits.longest_pause)


def seconds_asked_for(retry_after: str | None, now: datetime | None = None) -> float | None:
    """What a `Retry-After` asks for: a number of seconds or an instant; None where it says neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((until - (now or utcnow())).total_seconds(), 0)
