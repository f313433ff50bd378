"""One job that this worker holds: its child, what it last said, and how it is going to end."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.messages import Message
from webapp.services.jobs.changes import Failure
from webapp.services.jobs.lifecycle import Hold
from webapp.settings import Settings
from webapp.worker.assignment import Failed, Outcome
from webapp.worker.child import memory_failure
from webapp.worker.child_process import ChildProcess


class Ending(StrEnum):
    """Why the worker ends a child; a child that ends by itself has none."""

    CANCELLED = "cancelled"  # somebody asked for it
    SHUTDOWN = "shutdown"  # the worker goes; the job is handed back
    NO_BEAT = "no-beat"  # the database has not answered for too long; the job is handed back if it is still ours
    LOST = "lost"  # the job is not ours any more; nothing may be written
    TIME_LIMIT = "time-limit"
    MEMORY_LIMIT = "memory-limit"


#: These may leave politely first; the others are gone at once.
POLITE = frozenset({Ending.CANCELLED, Ending.TIME_LIMIT, Ending.SHUTDOWN})


SHUTDOWN_KILL_SECONDS = 2.0


@dataclass
class RunningJob:
    hold: Hold
    child: ChildProcess
    acknowledged_at: float = field(default_factory=time.monotonic)  # the last beat the database has confirmed
    progress_written_at: float = 0.0
    ending: Ending | None = None
    terminated_at: float | None = None
    is_killed: bool = False

    def check_limits(self, settings: Settings) -> None:
        """End the child if it has used up its time, its memory, or the database's patience."""
        now = time.monotonic()
        if now - self.acknowledged_at > settings.heartbeat_grace_seconds:
            self.end(Ending.NO_BEAT)
        elif self.child.messages.ended is not None:
            return  # it has finished; only the writing is left
        elif now - self.child.started_at > settings.job_time_limit_seconds:
            self.end(Ending.TIME_LIMIT)
        elif self.child.is_alive and self.child.resident_mb() > settings.job_memory_limit_mb:
            self.end(Ending.MEMORY_LIMIT)

    def end(self, ending: Ending) -> None:
        """End the child for this reason; one that is being ended already keeps its reason, unless the job is lost."""
        if self.ending is None or ending in (Ending.LOST, Ending.NO_BEAT):
            self.ending = ending
        if ending in POLITE and self.terminated_at is None:
            self.terminated_at = time.monotonic()
            self.child.signal(signal.SIGTERM)
        elif ending not in POLITE:
            self.kill()

    def press_on(self, settings: Settings) -> None:
        """Kill a child that was asked to leave and has not."""
        if self.terminated_at is None:
            return
        # The worker's own end has its limit too, and what is handed back is made anew anyway.
        grace = SHUTDOWN_KILL_SECONDS if self.ending is Ending.SHUTDOWN else settings.cancel_grace_seconds
        if time.monotonic() - self.terminated_at > grace:
            self.kill()

    def kill(self) -> None:
        if not self.is_killed:
            self.is_killed = True
            self.child.signal(signal.SIGKILL)

    @property
    def result(self) -> Outcome | Failed | None:
        return self.child.messages.ended

    def failure(self, settings: Settings) -> Failure:
        """What to tell of a child that was ended, or ended itself, without a result."""
        if self.ending is Ending.TIME_LIMIT:
            minutes = settings.job_time_limit_seconds / 60
            return Failure(
                "time-limit",
                Message(
                    "The report took longer than the %(minutes)s minutes that one report may take. Ask for a shorter "
                    "period or fewer groups.",
                    minutes=round(minutes),
                ),
            )
        if self.ending is Ending.MEMORY_LIMIT:
            return memory_failure(settings.job_memory_limit_mb)
        code = self.child.exit_code
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        text = Message("its process ended without a result: %(how)s", how=how)
        return Failure("worker-crashed", text)
