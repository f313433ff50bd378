"""A child process that works on something under a lease: its limits, and how it is ended. Jobs and orders alike."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.services.leases.lease import Hold
from webapp.settings import Settings
from webapp.worker.child_process import Child


class Ending(StrEnum):
    """Why the worker ends a child; a child that ends by itself has none."""

    CANCELLED = "cancelled"  # somebody asked for it
    SHUTDOWN = "shutdown"  # the worker goes; what it did is handed back
    NO_BEAT = "no-beat"  # the database has not answered for too long; handed back if it is still ours
    LOST = "lost"  # it is not ours any more; nothing may be written
    TIME_LIMIT = "time-limit"
    MEMORY_LIMIT = "memory-limit"


#: These may leave politely first; the others are gone at once.
POLITE = frozenset({Ending.CANCELLED, Ending.TIME_LIMIT, Ending.SHUTDOWN})
#: The worker's own end has its limit too, and what is handed back is made anew anyway.
SHUTDOWN_KILL_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """What a child may use, and how patient its worker is."""

    seconds: float
    memory_mb: int
    beat_seconds: float  # without an acknowledged beat for so long, it is ended
    leave_seconds: float  # from being asked to leave until it is killed

    @classmethod
    def of_jobs(cls, settings: Settings) -> Limits:
        return cls(
            settings.job_time_limit_seconds,
            settings.job_memory_limit_mb,
            settings.heartbeat_grace_seconds,
            settings.cancel_grace_seconds,
        )


@dataclass
class Minded:
    """One child, the hold it works under, and why it is being ended, if it is."""

    hold: Hold
    child: Child
    limits: Limits
    acknowledged_at: float = field(default_factory=time.monotonic)  # the last beat the database has confirmed
    ending: Ending | None = None
    terminated_at: float | None = None
    is_killed: bool = False

    @property
    def has_result(self) -> bool:
        """Whether only the writing is left."""
        return False

    def mind(self) -> None:
        """End the child if it has used up its time, its memory, or the database's patience; kill it if it stays."""
        now = time.monotonic()
        if now - self.acknowledged_at > self.limits.beat_seconds:
            self.end(Ending.NO_BEAT)
        elif not self.has_result and now - self.child.started_at > self.limits.seconds:
            self.end(Ending.TIME_LIMIT)
        elif not self.has_result and self.child.is_alive and self.child.resident_mb() > self.limits.memory_mb:
            self.end(Ending.MEMORY_LIMIT)
        self._press_on()

    def end(self, ending: Ending) -> None:
        """End the child for this reason; one that is being ended already keeps its reason, unless it is lost."""
        if self.ending is None or ending in (Ending.LOST, Ending.NO_BEAT):
            self.ending = ending
        if ending in POLITE and self.terminated_at is None:
            self.terminated_at = time.monotonic()
            self.child.signal(signal.SIGTERM)
        elif ending not in POLITE:
            self.kill()

    def _press_on(self) -> None:
        if self.terminated_at is None:
            return
        patience = SHUTDOWN_KILL_SECONDS if self.ending is Ending.SHUTDOWN else self.limits.leave_seconds
        if time.monotonic() - self.terminated_at > patience:
            self.kill()

    def kill(self) -> None:
        if not self.is_killed:
            self.is_killed = True
            self.child.signal(signal.SIGKILL)
