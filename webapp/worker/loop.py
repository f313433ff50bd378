"""The worker: one process that claims jobs, gives each to a child, and writes what becomes of it.

One thread does everything that concerns jobs, turn by turn: hear the children, end those that must end, then talk to
the database. Every database step has a few seconds at most, and the first that fails ends the turn, so that children
are minded even while the database is away. Only the janitor, who deletes files, has a thread of its own.
"""

from __future__ import annotations

import logging
import multiprocessing.connection
import os
import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from typing import Any, Protocol

import pymongo
from bson import ObjectId
from bson.errors import BSONError
from pymongo.errors import InvalidOperation, OperationFailure, PyMongoError

from webapp.documents import ReportJob
from webapp.messages import Message
from webapp.services.jobs import events as job_events
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.leases import retry
from webapp.services.leases.lease import Hold, HoldState, UnsureClaimError, UnsureClaims
from webapp.services.queue.bell import Bell
from webapp.services.queue.line import QueueLine
from webapp.settings import Settings
from webapp.worker import heartbeat, reaper
from webapp.worker.assignment import Assignment, Failed, Outcome, RunJob
from webapp.worker.child_process import JobChild
from webapp.worker.drawing import Drawer
from webapp.worker.minding import Ending, Limits
from webapp.worker.promotion import Promoter
from webapp.worker.running_job import RunningJob

log = logging.getLogger(__name__)

#: One database step. Several of them in a row must fit between the last beat and the end of its lease.
STEP_SECONDS = 4.0
#: The one step that reads all that waits; still short enough for the next beat to come in time.
LOOK_SECONDS = 10.0
#: Of a worker told to go: for handing back what it could not finish, and again for its last words.
LAST_SECONDS = 2.0
WATCH_SECONDS = 1.0
PROGRESS_SECONDS = 0.5
COPY_EVENTS_SECONDS = 0.25
#: How long a turn may sleep when nothing happens; children's words end it at once.
TURN_SECONDS = 0.1
AWAY_FIRST, AWAY_LONGEST = 0.25, 3.0


class Janitor(Protocol):
    """Deletes what an attempt left in the storage; may take its time."""

    def discard(self, job_id: ObjectId, fence: int) -> None: ...


class Worker:
    """`run_job` is what a child does with a job; tests give simpler ones than `execution.execute`."""

    def __init__(
        self,
        settings: Settings,
        mongodb_uri: str,
        *,
        run_job: RunJob,
        janitor: Janitor,
        concurrency: int = 1,
        drawer: Drawer | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.jobs_done = 0
        self._settings = settings
        self._uri = mongodb_uri
        self._run_job = run_job
        self._janitor = janitor
        self._drawer = drawer
        self._concurrency = concurrency
        self._limits = Limits.of_jobs(settings)
        self._running: dict[ObjectId, RunningJob] = {}
        self._unsure = UnsureClaims(self.id, held.find_claim)
        self._promoter = Promoter(settings)
        self._line = QueueLine(self.id)
        self._wishes = heartbeat.Wishes()
        self._uncopied: set[ObjectId] = set()
        self._stopping_since: float | None = None
        self._hands_back_now = False
        self._away_for = 0.0
        self._back_at = 0.0
        self._due: dict[str, float] = {}
        # Settings travel to the children by value: the fork server's environment is that of its own start.
        self._environment = {name: value for name, value in os.environ.items() if name.startswith("REPORTDESK_")}

    # --- from outside -------------------------------------------------------------------------------------------------

    def stop(self, *, at_once: bool = False) -> None:
        """Take no more jobs; let those that run finish for `shutdown_grace_seconds`, or hand them back at once."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            log.info("worker stopping", extra={"worker_id": self.id, "running": len(self._running)})
        self._hands_back_now = self._hands_back_now or at_once

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Work until told to stop, or until `until` says so (which then counts as being told)."""
        log.info("worker started", extra={"worker_id": self.id, "concurrency": self._concurrency})
        with closing(Bell(self.id)) as self._bell, closing(self._drawer) if self._drawer else nullcontext():
            self._work(until)

    def _work(self, until: Callable[[], bool]) -> None:
        while not self._is_over():
            if until():
                self.stop()
            self._listen()
            self._mind_children()
            if time.monotonic() >= self._back_at:
                self._talk()
        for running in list(self._running.values()):  # the database is away: their leases will run out
            running.kill()
            running.child.close()
        self._say_goodbye()

    # --- children -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Sleep until a child says something or ends, or a job is queued, for one turn at most."""
        if any(self._has_ended(running) for running in self._running.values()):
            # Its end is still to be written; a child that has ended would wake us for ever.
            time.sleep(max(0.0, min(self._back_at - time.monotonic(), TURN_SECONDS)))
        else:
            waitables: list[Any] = [news for running in self._running.values() for news in running.child.waitables]
            multiprocessing.connection.wait([*waitables, self._bell.socket], timeout=TURN_SECONDS)
        if self._bell.was_rung():
            self._due.pop("_claim", None)
        for running in self._running.values():
            running.child.hear()

    @staticmethod
    def _has_ended(running: RunningJob) -> bool:
        return running.result is not None or not running.child.is_alive

    def _mind_children(self) -> None:
        self._check_shutdown()
        for running in self._running.values():
            running.mind()

    def _check_shutdown(self) -> None:
        if self._stopping_since is None:
            return
        waited = time.monotonic() - self._stopping_since
        if self._hands_back_now or waited > self._settings.shutdown_grace_seconds:
            for running in self._running.values():
                running.end(Ending.SHUTDOWN)

    def _is_over(self) -> bool:
        if self._stopping_since is None:
            return False
        if not self._running:
            return True
        # Somebody waits for this process to go: what cannot be written now is left to the reaper.
        return time.monotonic() - self._stopping_since > self._settings.shutdown_grace_seconds + LAST_SECONDS

    def _start(self, hold: Hold) -> None:
        assignment = Assignment(
            job_id=hold.id,
            fence=hold.fence,
            claim_id=hold.claim_id,
            mongodb_uri=self._uri,
            environment=self._environment,
            scratch=str(self._settings.scratch_folder / f"{hold.id}-{hold.fence}"),
            drawer=self._drawer.ensure() if self._drawer is not None else "",
        )
        self._running[hold.id] = RunningJob(hold, JobChild(assignment, self._run_job), self._limits)
        self._uncopied.add(hold.id)
        log.info("job claimed", extra=self._about(hold))

    def _about(self, hold: Hold) -> dict[str, Any]:
        return {"job_id": str(hold.id), "fence": hold.fence, "worker_id": self.id}

    # --- the database -------------------------------------------------------------------------------------------------

    def _talk(self) -> None:
        """One turn with the database: what is most urgent first; the first failure ends the turn."""
        steps: Sequence[tuple[float, Callable[[], None]]] = (
            (0, self._settle_ended),
            (self._settings.heartbeat_seconds, self._beat),
            (0, self._answer_children),
            (0, self._write_progress),
            (WATCH_SECONDS, self._watch),
            (self._settings.heartbeat_seconds, self._report_for_duty),
            (self._settings.reap_seconds, self._reap),
            (0, self._promote),
            (self._settings.poll_seconds, self._claim),
            (COPY_EVENTS_SECONDS, self._copy_events),
        )
        for every, step in steps:
            name = step.__name__
            if time.monotonic() < self._due.get(name, 0.0):
                continue
            if self._stopping_since is not None and step in (self._reap, self._promote):
                continue  # others do that; somebody waits for this process to go
            try:
                with pymongo.timeout(LOOK_SECONDS if step == self._promote else STEP_SECONDS):
                    step()
            except PyMongoError as error:
                self._back_off(name, error)
                return
            except Exception as error:
                # A fault of ours in one step must not take down the jobs that run well.
                log.exception("worker step failed", extra={"worker_id": self.id, "step": name})
                self._back_off(name, error)
                return
            # With jitter, so that many workers do not come all at once.
            self._due[name] = time.monotonic() + every * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        self._away_for = 0.0

    def _back_off(self, step: str, error: Exception) -> None:
        self._away_for = min(max(self._away_for * 2, AWAY_FIRST), AWAY_LONGEST)
        self._back_at = time.monotonic() + self._away_for
        log.warning(
            "worker step put off",
            extra={"worker_id": self.id, "step": step, "error": type(error).__name__, "again_in": self._away_for},
        )

    def _settle_ended(self) -> None:
        for running in list(self._running.values()):
            if not self._has_ended(running):
                continue
            running.child.hear()  # its last words may have come with its end
            try:
                self._settle(running)
            except (OperationFailure, BSONError, InvalidOperation, OverflowError) as error:
                if isinstance(error, PyMongoError) and (error.timeout or error.has_error_label("RetryableWriteError")):
                    raise
                self._give_up_result(running)

    def _give_up_result(self, running: RunningJob) -> None:
        """The database will never take what this child made; one such job must not stop all others."""
        log.exception("result cannot be written", extra=self._about(running.hold))
        if isinstance(running.result, Failed) or running.ending is Ending.LOST:
            running.end(Ending.LOST)
            return
        failure = Failure(
            "result-not-written", Message("The report was made, but the database did not accept its record.")
        )
        running.child.messages.ended = Failed(failure, is_permanent=False)

    def _settle(self, running: RunningJob) -> None:
        """Write how the job ended here, once its child is done; raises when the database cannot be asked."""
        hold = running.hold
        job = ReportJob._get_collection().find_one({"_id": hold.id}, {"requestedBy": 1, "crashCount": 1, "error": 1})
        what, is_written = self._write_end(running, job or {})
        if not is_written and (state := held.look_at([hold])[hold.id]).is_held and state.cancel_requested:
            what, is_written = "cancelled", held.stopped(hold)
        if not isinstance(running.result, Outcome) or what != "finished" or not is_written:
            running.kill()
            self._janitor.discard(hold.id, hold.fence)
        log.info(f"job {what}" if is_written else "job was taken away", extra=self._about(hold))
        del self._running[hold.id]
        running.child.close()
        self.jobs_done += what == "finished" and is_written
        self._uncopied.add(hold.id)
        self._due.pop("_claim", None)  # there is room: look for the next at once
        if job is not None:
            self._promoter.make_room(job["requestedBy"])

    def _write_end(self, running: RunningJob, job: dict[str, Any]) -> tuple[str, bool]:
        """The word for the log, and whether it was written: a job that is not ours any more is not."""
        hold, result, settings = running.hold, running.result, self._settings
        if running.ending is Ending.LOST:
            return "lost", False
        if isinstance(result, Outcome) and running.ending is not Ending.CANCELLED:
            return "finished", held.finish(
                hold, storage=result.storage, provenance=result.provenance, records=result.records
            )
        if running.ending is Ending.CANCELLED:
            return "cancelled", held.stopped(hold)
        if isinstance(result, Failed):
            return self._write_failure(hold, result, job)
        if running.ending in (Ending.TIME_LIMIT, Ending.MEMORY_LIMIT):
            return "failed", held.fail(hold, running.failure(settings))
        if running.ending in (Ending.SHUTDOWN, Ending.NO_BEAT) or self._stopping_since is not None:
            # A child that dies while its worker is told to go was told so too, by the same hand.
            return "handed back", held.hand_back(hold)
        return self._write_crash(hold, running.failure(settings), job)

    def _write_failure(self, hold: Hold, failed: Failed, job: dict[str, Any]) -> tuple[str, bool]:
        retries = int((job.get("error") or {}).get("retryCount") or 0)
        delay = retry.failure_delay(
            is_permanent=failed.is_permanent, retries=retries, max_attempts=self._settings.max_attempts
        )
        if delay is None:
            return "failed", held.fail(hold, failed.failure)
        return "postponed", held.postpone(hold, failed.failure, delay)

    def _write_crash(self, hold: Hold, failure: Failure, job: dict[str, Any]) -> tuple[str, bool]:
        crashes = int(job.get("crashCount") or 0) + 1
        delay = retry.crash_delay(crashes, waited_out_lease=False)
        told = reaper.crash_failure(crashes, is_last=delay is None, how=failure.message)
        return "crashed", held.crashed_held(hold, told, delay=delay)

    def _unsettled(self) -> list[RunningJob]:
        return [running for running in self._running.values() if running.result is None]

    def _beat(self) -> None:
        began = time.monotonic()
        self._apply(held.beat(running.hold for running in self._unsettled()), acknowledged_at=began)

    def _watch(self) -> None:
        self._apply(held.look_at(running.hold for running in self._unsettled()))

    def _apply(self, states: dict[ObjectId, HoldState], *, acknowledged_at: float | None = None) -> None:
        for job_id, state in states.items():
            running = self._running[job_id]
            if not state.is_held:
                running.end(Ending.LOST)
                continue
            if acknowledged_at is not None:
                running.acknowledged_at = acknowledged_at
            if state.cancel_requested:
                running.end(Ending.CANCELLED)

    def _answer_children(self) -> None:
        for running in list(self._running.values()):
            if running.child.messages.publish_asked:
                began = time.monotonic()
                self._apply(held.beat([running.hold]), acknowledged_at=began)
                running.child.answer(running.ending is None)

    def _write_progress(self) -> None:
        for running in self._unsettled():
            messages = running.child.messages
            while messages.stages:
                if not held.advance(running.hold, messages.stages[0]):
                    running.end(Ending.LOST)
                    break
                log.info(f"job {messages.stages[0].value}", extra=self._about(running.hold))
                messages.stages.pop(0)
                self._uncopied.add(running.hold.id)
            said, now = messages.progress, time.monotonic()
            if said is not None and now - running.progress_written_at >= PROGRESS_SECONDS:
                held.record_progress(
                    running.hold,
                    step=said.step,
                    percentage=said.percentage,
                    processed=said.processed,
                    total=said.total,
                )
                running.progress_written_at = now
                if messages.progress is said:
                    messages.progress = None

    def _report_for_duty(self) -> None:
        self._wishes = heartbeat.write(
            self.id,
            concurrency=self._concurrency,
            job_ids=self._running,
            jobs_done=self.jobs_done,
            bell_port=self._bell.port,
        )
        if self._wishes.is_draining:
            self.stop()

    def _reap(self) -> None:
        self._uncopied.update(reaper.reap())

    def _promote(self) -> None:
        promoted = self._promoter.take_turn()
        self._uncopied.update(promoted)
        if promoted:
            self._due.pop("_claim", None)

    def _claim(self) -> None:
        self._look_for_unsure_claims()
        if self._stopping_since is not None or self._wishes.is_paused:
            return
        while len(self._running) < self._concurrency:
            try:
                hold = self._line.claim()
            except UnsureClaimError as error:
                self._unsure.add(error)
                raise
            if hold is None:
                return
            self._start(hold)

    def _look_for_unsure_claims(self) -> None:
        for hold in self._unsure.found():
            if self._stopping_since is not None:
                held.hand_back(hold)
            elif hold.id not in self._running:
                self._start(hold)
            self._unsure.forget(hold)

    def _copy_events(self) -> None:
        if self._uncopied:
            job_events.copy(self._uncopied)
            self._uncopied.clear()

    def _say_goodbye(self) -> None:
        try:
            with pymongo.timeout(LAST_SECONDS):
                self._look_for_unsure_claims()
                self._copy_events()
                heartbeat.say_goodbye(self.id, jobs_done=self.jobs_done)
        except PyMongoError as error:
            log.warning("no goodbye", extra={"worker_id": self.id, "error": type(error).__name__})
        log.info("worker stopped", extra={"worker_id": self.id, "jobs_done": self.jobs_done})
