"""The state of the desk, for everyone: kept for a few seconds, because everyone's home page asks for it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from webapp.documents import JobStatus
from webapp.services import queue_status
from webapp.settings import get_settings

KEPT_SECONDS = 5.0


@dataclass(frozen=True)
class DeskState:
    waiting: int
    running: int
    workers: int
    oldest_waiting: timedelta | None
    alarm: str | None


_lock = threading.Lock()
_kept: tuple[float, DeskState] | None = None


def desk_state() -> DeskState:
    """How many reports wait and run, and whether somebody works on them."""
    global _kept
    keep = min(KEPT_SECONDS, get_settings().lookup_cache_seconds)
    with _lock:
        if _kept is not None and time.monotonic() - _kept[0] < keep:
            return _kept[1]
    overview = queue_status.overview()
    counts = overview.counts
    state = DeskState(
        waiting=counts.get(JobStatus.PENDING, 0) + counts.get(JobStatus.QUEUED, 0),
        running=sum(counts.get(state, 0) for state in JobStatus if state.is_running),
        workers=sum(worker.is_alive for worker in overview.workers),
        oldest_waiting=overview.oldest_waiting,
        alarm=overview.alarm.message if overview.alarm else None,
    )
    with _lock:
        _kept = (time.monotonic(), state)
    return state
