"""The child's side: one process for one job. It never writes the job; it reports to its worker, who does.

The process is forked from a fork server that has imported everything already, so it starts within milliseconds and
inherits neither threads nor connections.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from webapp.documents import JobStatus, ReportJob, connect
from webapp.documents.connection import Patience
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services.jobs.changes import Failure
from webapp.services.rights.visibility import JobNotFoundError
from webapp.settings import get_settings
from webapp.worker.assignment import (
    Assignment,
    ChildReport,
    Failed,
    NotHeldError,
    ProgressMade,
    PublishAsked,
    RunJob,
    StageEntered,
)

log = logging.getLogger(__name__)

#: Progress is written by a poll of half a second; more messages than that only fill the pipe.
PROGRESS_EVERY = 0.2
ORPHANED = 70
#: A connection that has died without a word must be noticed here: the worker's beats go by another one, and keep the
#: lease alive. Reading a big collection may take longer than other answers (`long_read_database`), but only from a
#: server that says within 20 s (silence and heartbeat) that it is there.
PATIENCE = Patience(answer_ms=20_000, silence_ms=15_000, heartbeat_ms=5_000)
_PR_SET_PDEATHSIG = 1
STACK_LENGTH = 8000


class ChildContext:
    """See `assignment.Context`."""

    def __init__(self, job: ReportJob, assignment: Assignment, to_worker: Connection) -> None:
        self.job = job
        self.assignment = assignment
        self._to_worker = to_worker
        self._told_at = 0.0
        self._step = ""

    def progress(self, step: str, percentage: float, processed: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if step != self._step or now - self._told_at >= PROGRESS_EVERY:
            self._step, self._told_at = step, now
            self._send(ProgressMade(step, percentage, processed, total))

    def enter(self, stage: JobStatus) -> None:
        self._send(StageEntered(stage))

    def require_hold(self) -> None:
        self._send(PublishAsked())
        if self._to_worker.recv() is not True:
            raise NotHeldError

    def _send(self, message: ChildReport) -> None:
        self._to_worker.send(message)


def main(assignment: Assignment, run_job: RunJob, to_worker: Connection, lifeline: Connection) -> None:
    """Run one job and tell the worker how it ended."""
    begin(assignment.environment, lifeline)
    # The worker may be gone: then nobody is left to tell, and the process ends.
    with contextlib.suppress(BrokenPipeError):
        try:
            to_worker.send(_run(assignment, run_job, to_worker))
        except NotHeldError:
            log.info("job was taken away", extra={"job_id": str(assignment.job_id), "fence": assignment.fence})
    to_worker.close()
    # Libraries with threads of their own can hang at interpreter exit; all there is to say has been said.
    logging.shutdown()
    os._exit(0)


def begin(environment: Mapping[str, str], lifeline: Connection) -> None:
    """What every child does first: leave the worker's group, die when it dies, take over its settings."""
    _detach()
    threading.Thread(target=_die_with_worker, args=(lifeline,), daemon=True).start()
    for name in [name for name in os.environ if name.startswith("REPORTDESK_")]:
        del os.environ[name]
    os.environ.update(environment)
    get_settings.cache_clear()


def _run(assignment: Assignment, run_job: RunJob, to_worker: Connection) -> ChildReport:
    try:
        connect(assignment.mongodb_uri, get_settings().mongodb_database, patience=PATIENCE)
        Path(assignment.scratch).mkdir(parents=True, exist_ok=True)
        job = ReportJob.objects(id=assignment.job_id).first()
        if job is None:
            raise JobNotFoundError(str(assignment.job_id))
        return run_job(ChildContext(job, assignment, to_worker))
    except NotHeldError:
        raise
    except ReportdeskError as error:
        log.info("job failed", extra={"job_id": str(assignment.job_id), "code": error.code})
        return Failed(Failure(error.code, error.with_hint, _stack()), is_permanent=error.is_permanent)
    except MemoryError:
        return Failed(memory_failure(get_settings().job_memory_limit_mb), is_permanent=True)
    except Exception as error:
        # A fault of ours or of a server: it may pass, so the job is tried again; the stack is for administrators.
        log.exception("job failed unexpectedly", extra={"job_id": str(assignment.job_id)})
        message = Message("Something went wrong while the report was made (%(kind)s).", kind=type(error).__name__)
        return Failed(Failure("internal-error", message, _stack()), is_permanent=False)


def memory_failure(limit_mb: int) -> Failure:
    return Failure(
        "memory-limit",
        Message(
            "The report needed more than the %(limit)s MB of memory that one report may use. Ask for fewer groups, a "
            "shorter period or fewer classes.",
            limit=limit_mb,
        ),
    )


def _stack() -> str:
    return traceback.format_exc()[-STACK_LENGTH:]


def _detach() -> None:
    """A process group of its own; dead when its worker is; the first to go when the machine runs out of memory."""
    with contextlib.suppress(PermissionError):  # it leads a group already
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, who ends its children in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # some containers forbid it; the worker's own limit still holds
            Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _die_with_worker(lifeline: Connection) -> None:
    """The worker's end closes only when the worker dies, however it dies."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(ORPHANED)
