"""The state of the desk, for everyone: remembered for a few seconds, because everyone's home page asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from webapp.documents import JobStatus
from webapp.services.queue import status as queue_status
from webapp.services.remembered import Remembered


@dataclass(frozen=True)
class DeskState:
    waiting: int
    running: int
    workers: int
    oldest_waiting: timedelta | None
    alarm: str | None


def desk_state() -> DeskState:
    """How many reports wait and run, and whether somebody works on them."""
    return _state.get(None)


def _read(_: None) -> DeskState:
    overview = queue_status.overview()
    counts = overview.counts
    return DeskState(
        waiting=counts.get(JobStatus.PENDING, 0) + counts.get(JobStatus.QUEUED, 0),
        running=sum(counts.get(state, 0) for state in JobStatus if state.is_running),
        workers=sum(worker.is_alive for worker in overview.workers),
        oldest_waiting=overview.oldest_waiting,
        alarm=overview.alarm.message if overview.alarm else None,
    )


_state = Remembered(_read)
