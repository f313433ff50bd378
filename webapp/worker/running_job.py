"""One job that this worker holds: its child, what it last said, and how it is going to end."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.messages import Message
from webapp.services.jobs.changes import Failure
from webapp.settings import Settings
from webapp.worker.assignment import Failed, Outcome
from webapp.worker.child import memory_failure
from webapp.worker.child_process import JobChild
from webapp.worker.minding import Ending, Minded


@dataclass
class RunningJob(Minded):
    child: JobChild
    progress_written_at: float = 0.0

    @property
    def result(self) -> Outcome | Failed | None:
        return self.child.messages.ended

    @property
    def has_result(self) -> bool:
        return self.result is not None

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
        text = Message("its process ended without a result: %(how)s", how=self.child.how_it_ended)
        return Failure("worker-crashed", text)
