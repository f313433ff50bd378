"""The worker's side of a child: start it, hear it, measure it, end it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

import psutil

from webapp.worker import child
from webapp.worker.assignment import (
    Assignment,
    Failed,
    Messages,
    Outcome,
    ProgressMade,
    PublishAsked,
    RunJob,
    StageEntered,
)


def fork_server(run_job: RunJob) -> ForkServerContext:
    """The context that children are forked from. Its server starts with the first child, imports what `run_job` needs
    once, and stays."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([child.__name__, run_job.__module__])
    return context


def warm_up(run_job: RunJob) -> None:
    """Have the fork server import what children need while this process does something else."""
    fork_server(run_job)
    forkserver.ensure_running()


class Child:
    """One running child: `target(*args, lifeline)`, in a process that dies with this one. `scratch` is its folder."""

    def __init__(
        self, context: ForkServerContext, target: Callable[..., None], args: tuple[Any, ...], *, name: str, scratch: str
    ) -> None:
        self.started_at = time.monotonic()
        self._scratch = scratch
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._process = context.Process(target=target, args=(*args, lifeline), name=name, daemon=True)
        self._process.start()
        lifeline.close()
        self.pid: int = self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """Negative: the signal that ended it."""
        return self._process.exitcode

    @property
    def how_it_ended(self) -> str:
        code = self.exit_code
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"

    def wait(self, seconds: float) -> None:
        """Until it has ended, or for `seconds`."""
        self._process.join(seconds)

    def resident_mb(self) -> float:
        """Memory it holds, in MB; 0 once it is gone."""
        try:
            return psutil.Process(self.pid).memory_info().rss / 1_048_576
        except psutil.Error:
            return 0.0

    def signal(self, number: signal.Signals) -> None:
        """Signal the child and whatever it has started."""
        if not self.is_alive:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            # It has not made its own group yet, or it has just gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self) -> None:
        """Give back what the child held: its pipes, its folder."""
        self._process.join(timeout=5)
        self._lifeline.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


class JobChild(Child):
    """The child of a report job, which reports to its worker."""

    def __init__(self, assignment: Assignment, run_job: RunJob) -> None:
        context = fork_server(run_job)
        self.messages = Messages()
        self.connection, child_end = context.Pipe()
        super().__init__(
            context,
            child.main,
            (assignment, run_job, child_end),
            name=f"reportdesk-job-{assignment.job_id}",
            scratch=assignment.scratch,
        )
        child_end.close()
        self._hung_up = False

    @property
    def waitables(self) -> list[object]:
        """What to wait on for news of this child."""
        return [self._process.sentinel] if self._hung_up else [self._process.sentinel, self.connection]

    def hear(self) -> None:
        """Take in everything the child has said so far."""
        try:
            while not self._hung_up and self.connection.poll():
                self._take(self.connection.recv())
        except (EOFError, OSError):
            self._hung_up = True

    def _take(self, message: object) -> None:
        match message:
            case ProgressMade():
                self.messages.progress = message
            case StageEntered():
                self.messages.stages.append(message.stage)
            case PublishAsked():
                self.messages.publish_asked = True
            case Outcome() | Failed():
                self.messages.ended = message
            case _:
                raise TypeError(f"a child said {type(message).__name__}")

    def answer(self, may_publish: bool) -> None:
        self.messages.publish_asked = False
        with contextlib.suppress(OSError):  # it may just have died; its exit is seen elsewhere
            self.connection.send(may_publish)

    def close(self) -> None:
        super().close()
        self.connection.close()
