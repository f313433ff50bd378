"""The state machine against a model, on a real server: whoever asks for whatever, in any order, with any old hold.

The model says what each call must answer; the invariants look at the documents after every step. The long form
(`make faults`) takes 10,000 steps.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.factories import make_job
from webapp.documents import JobStatus, ReportJob
from webapp.documents.job_status import RUNNING
from webapp.errors import ConflictError
from webapp.services import database_clock
from webapp.services.jobs import held, lifecycle
from webapp.services.jobs.changes import Failure
from webapp.services.jobs.lifecycle import TRANSITIONS
from webapp.services.leases.lease import Hold
from webapp.services.queue import promotion
from webapp.services.queue.line import QueueLine
from webapp.services.rights.visibility import JobNotFoundError
from webapp.settings import get_settings

S = JobStatus
IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
STEPS = 10_000 if IS_FULL else 400
STEPS_EACH = 50
CAP = 2
REQUESTERS = [ObjectId(), ObjectId(), ObjectId()]
FAILURE = Failure("some-code", "It $went wrong.")
STORAGE = {"provider": "local", "key": "reports/1/1/a.csv", "sizeBytes": 3, "sha256": "ab", "mimeType": "text/csv"}
NTH = st.integers(0, 99)
HOLDS_SLOT = (S.QUEUED, *RUNNING)


@dataclass
class Model:
    """What the machine must remember of one job. `lease` stays when a run ends: a late repetition still matches it."""

    requester: ObjectId
    is_due: bool
    status: JobStatus = S.PENDING
    fence: int = 0
    lease: Hold | None = None
    cancel_asked: bool = False
    percentage: float = 0


@dataclass
class Seen:
    """One document as the last invariant saw it."""

    status: JobStatus
    fence: int
    percentage: float


@dataclass
class Tally:
    steps: int = 0
    moves: set[tuple[JobStatus, JobStatus]] = field(default_factory=set)


class JobMachine(RuleBasedStateMachine):
    """Rules are what people, workers, promotion and the reaper may do, at the wrong moment too."""

    jobs = Bundle("jobs")
    tally = Tally()

    def __init__(self) -> None:
        super().__init__()
        ReportJob._get_collection().delete_many({})
        self.model: dict[ObjectId, Model] = {}
        self.seen: dict[ObjectId, Seen] = {}
        self.retried: ObjectId | None = None
        self.holds: list[Hold] = []  # all that were ever given

    # --- people -------------------------------------------------------------------------------------------------------

    @initialize(target=jobs)
    def begin_in_the_middle(self) -> Any:
        """One job in each state that takes long to get to."""
        found = []
        for steps in range(5):
            job_id = self.ask_for(REQUESTERS[steps % len(REQUESTERS)], "normal", is_due=True)
            found.append(job_id)
            self.promote_one(job_id)
            self.claim_one("w1")
            for _ in range(steps):
                self.work_on(self.model[job_id])
        self.mark_downloaded(found[4])
        return multiple(*found)

    @rule(
        target=jobs,
        requester=st.sampled_from(REQUESTERS),
        priority=st.sampled_from(["low", "normal", "critical"]),
        is_due=st.sampled_from([True, True, True, False]),
    )
    def ask(self, requester: ObjectId, priority: str, is_due: bool) -> ObjectId:
        return self.ask_for(requester, priority, is_due=is_due)

    def ask_for(self, requester: ObjectId, priority: str, *, is_due: bool) -> ObjectId:
        due = database_clock.now() + (timedelta(0) if is_due else timedelta(hours=1))
        job = make_job(
            requester,
            priority=priority,
            scheduled_for=due,
            question_hash="same",
            provenance={"scope": {"departmentIds": None, "classIds": None}},
        )
        self.model[job.id] = Model(requester, is_due)
        return job.id

    @rule(job_id=jobs)
    def cancel(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        try:
            left_in = lifecycle.cancel(job_id, by=REQUESTERS[0], reason="$why")
        except ConflictError:
            assert job is not None
            assert job.status.is_finished
        except JobNotFoundError:
            assert job is None
        else:
            assert job is not None
            if job.status.is_waiting:
                self._move(job, S.CANCELLED)
            job.cancel_asked = True
            assert left_in is job.status

    @rule(job_id=jobs)
    def retry(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        try:
            lifecycle.retry(job_id, by=REQUESTERS[0])
        except ConflictError:
            assert job is not None
            assert job.status not in (S.FAILED, S.CANCELLED, S.EXPIRED)
        except JobNotFoundError:
            assert job is None
        else:
            assert job is not None
            self._move(job, S.PENDING)
            job.cancel_asked, job.is_due, job.percentage = False, True, 0
            self.retried = job_id

    @rule(job_id=jobs)
    def download(self, job_id: ObjectId) -> None:
        self.mark_downloaded(job_id)

    def mark_downloaded(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        assert lifecycle.mark_downloaded(job_id) is (job is not None and job.status.has_file)
        if job is not None and job.status is S.READY:
            self._move(job, S.DOWNLOADED)

    @rule(job_id=jobs)
    def expire(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        assert lifecycle.expire(job_id) is (job is not None and job.status.has_file)
        if job is not None and job.status.has_file:
            self._move(job, S.EXPIRED)

    @rule(job_id=consumes(jobs))
    def remove(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        try:
            lifecycle.remove(job_id)
        except ConflictError:
            assert job is not None
            assert job.status.is_running
        except JobNotFoundError:
            assert job is None
        else:
            assert job is not None
            assert not job.status.is_running
            del self.model[job_id]
            self.seen.pop(job_id, None)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def promote_one(self, job_id: ObjectId) -> None:
        job = self.model.get(job_id)
        may = job is not None and job.status is S.PENDING and job.is_due and self._slots_of(job.requester) < CAP
        assert promotion.promote(job_id) is may
        if job is not None and may:
            self._move(job, S.QUEUED)

    @rule()
    def promote_all(self) -> None:
        for job_id in list(self.model):
            self.promote_one(job_id)

    @precondition(lambda self: any(job.status is S.QUEUED for job in self.model.values()))
    @rule(worker=st.sampled_from(["w1", "w2"]))
    def claim(self, worker: str) -> None:
        assert self.claim_one(worker)

    @precondition(lambda self: not any(job.status is S.QUEUED for job in self.model.values()))
    @rule()
    def claim_of_nothing(self) -> None:
        assert not self.claim_one("w1")

    def claim_one(self, worker: str) -> bool:
        queued = list(ReportJob._get_collection().find({"status": "queued"}))
        first = min(queued, key=lambda job: (-job["priorityRank"], job["scheduledFor"], job["_id"]), default=None)
        hold = QueueLine(worker).claim()
        assert (hold.id if hold else None) == (first["_id"] if first else None)
        if hold is not None:
            job = self.model[hold.id]
            self._move(job, S.PROCESSING)
            job.fence += 1
            job.lease, job.percentage = hold, 0
            assert hold.fence == job.fence
            self.holds.append(hold)
        return hold is not None

    @rule(job_id=jobs, has_delay=st.booleans(), is_expired=st.booleans())
    def take_over(self, job_id: ObjectId, has_delay: bool, is_expired: bool) -> None:
        job = self.model.get(job_id)
        if job is None or not job.status.is_running:
            return
        if is_expired:
            past = {"lease.until": database_clock.now() - timedelta(seconds=1)}
            ReportJob._get_collection().update_one({"_id": job_id}, {"$set": past})
        asked_at, expired = held.expired_leases()
        assert [found["_id"] for found in expired] == ([job_id] if is_expired else [])
        delay = timedelta(seconds=60) if has_delay else None
        assert held.taken_over(job_id, job.fence, FAILURE, delay=delay, expired_at=asked_at) is is_expired
        if is_expired:
            self._crashed(job, has_delay)

    # --- workers, with holds of any age -------------------------------------------------------------------------------

    @rule(nth=NTH)
    def beat(self, nth: int) -> None:
        hold = self.hold(nth)
        seen = held.beat([hold])[hold.id]
        job = self._held(hold)
        assert seen.is_held is (job is not None)
        if job is not None:
            assert seen.cancel_requested is job.cancel_asked

    @rule(nth=NTH, percentage=st.integers(-10, 120))
    def progress(self, nth: int, percentage: int) -> None:
        hold = self.hold(nth)
        job = self._held(hold)
        said = held.record_progress(hold, step="$x", percentage=percentage, processed=1, total=2)
        assert said is (job is not None)
        if job is not None:
            job.percentage = max(job.percentage, min(percentage, 100))

    @rule(nth=NTH, stage=st.sampled_from([S.RENDERING, S.UPLOADING]))
    def advance(self, nth: int, stage: JobStatus) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, stage, held.advance(hold, stage))

    @rule(nth=NTH)
    def finish(self, nth: int) -> None:
        self._finish(self.hold(nth))

    def _finish(self, hold: Hold) -> None:
        job = self._held(hold)
        is_wanted_stopped = job is not None and job.cancel_asked
        is_done = held.finish(hold, storage=STORAGE, provenance={"$odd": 1}, records=7)
        if is_wanted_stopped:
            assert not is_done
        else:
            self._ask_held(hold, S.READY, is_done)
            if job is not None:
                job.percentage = 100

    @rule(nth=NTH)
    def fail(self, nth: int) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, S.FAILED, held.fail(hold, FAILURE))

    @rule(nth=NTH)
    def postpone(self, nth: int) -> None:
        hold = self.hold(nth)
        delay = timedelta(hours=1)
        if self._ask_held(hold, S.PENDING, held.postpone(hold, FAILURE, delay)):
            self.model[hold.id].is_due = False

    @rule(nth=NTH)
    def hand_back(self, nth: int) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, S.QUEUED, held.hand_back(hold))

    @rule(nth=NTH)
    def stop(self, nth: int) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, S.CANCELLED, held.stopped(hold))

    @rule(nth=NTH, has_delay=st.booleans())
    def crash(self, nth: int, has_delay: bool) -> None:
        hold = self.hold(nth)
        job = self._held(hold)
        delay = timedelta(seconds=60) if has_delay else None
        assert held.crashed_held(hold, FAILURE, delay=delay) is (job is not None)
        if job is not None:
            self._crashed(job, has_delay)

    def work_on(self, job: Model) -> None:
        """What a worker does next when nothing goes wrong."""
        assert job.lease is not None
        match job.status:
            case S.PROCESSING:
                self._ask_held(job.lease, S.RENDERING, held.advance(job.lease, S.RENDERING))
            case S.RENDERING:
                self._ask_held(job.lease, S.UPLOADING, held.advance(job.lease, S.UPLOADING))
            case S.UPLOADING:
                self._finish(job.lease)

    def hold(self, nth: int) -> Hold:
        """One of all holds there were, the latest for 0."""
        return self.holds[-1 - nth % len(self.holds)]

    # --- the model ----------------------------------------------------------------------------------------------------

    def _slots_of(self, requester: ObjectId) -> int:
        return sum(job.requester == requester and job.status in HOLDS_SLOT for job in self.model.values())

    def _held(self, hold: Hold) -> Model | None:
        job = self.model.get(hold.id)
        return job if job is not None and job.lease == hold and job.status.is_running else None

    def _ask_held(self, hold: Hold, wanted: JobStatus, said: bool) -> bool:
        """Check the answer to a worker's wish; True when the job moved."""
        job = self._held(hold)
        if job is not None and wanted in TRANSITIONS[job.status]:
            assert said
            self._move(job, wanted)
            return True
        same = self.model.get(hold.id)
        # Said again after a lost answer: it is so already, by the same hold.
        assert said is (same is not None and same.lease == hold and same.status is wanted)
        return False

    def _crashed(self, job: Model, has_delay: bool) -> None:
        if job.cancel_asked:
            self._move(job, S.CANCELLED)
        else:
            self._move(job, S.PENDING if has_delay else S.FAILED)
            job.is_due = False

    def _move(self, job: Model, wanted: JobStatus) -> None:
        assert wanted in TRANSITIONS[job.status]
        self.tally.moves.add((job.status, wanted))
        job.status = wanted

    # --- invariants ---------------------------------------------------------------------------------------------------

    @invariant()
    def the_documents_agree(self) -> None:
        self.tally.steps += 1
        found = {job["_id"]: job for job in ReportJob._get_collection().find({})}
        assert set(found) == set(self.model)
        for job_id, document in found.items():
            self._check(job_id, document, self.model[job_id])
        self.retried = None
        slots = [document["slot"] for document in found.values() if document.get("slot")]
        assert len(set(slots)) == len(slots)
        assert all(sum(slot.startswith(str(requester)) for slot in slots) <= CAP for requester in REQUESTERS)

    def _check(self, job_id: ObjectId, document: dict[str, Any], job: Model) -> None:
        now = Seen(
            S(document["status"]), (document.get("lease") or {}).get("fence", 0), document["progress"]["percentage"]
        )
        assert (now.status, now.fence, now.percentage) == (job.status, job.fence, job.percentage)
        assert bool(document.get("slot")) is (now.status in HOLDS_SLOT)
        assert len(document.get("attempts") or []) <= now.fence
        before = self.seen.get(job_id)
        if before is not None:
            assert now.fence >= before.fence, "a fence went back"
            assert now.fence - before.fence <= 1
            assert (now.fence > before.fence) <= (now.status is S.PROCESSING), "a fence grew without a claim"
            if before.status.is_finished and not now.status.is_finished:
                assert self.retried == job_id, "a job that had ended began again by itself"
            if now.fence == before.fence and before.status.is_running and now.status.is_running:
                assert now.percentage >= before.percentage, "a percentage went back"
        self.seen[job_id] = now


def test_no_order_of_calls_breaks_the_state_machine(database: Any, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_REQUESTER_CAP", str(CAP))
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")  # they do not change here, and each job reads them
    get_settings.cache_clear()
    JobMachine.tally = Tally()
    while JobMachine.tally.steps < STEPS:
        run_state_machine_as_test(
            JobMachine,
            settings=settings(
                max_examples=(STEPS - JobMachine.tally.steps) // STEPS_EACH + 1,
                phases=[Phase.generate, Phase.shrink],
                stateful_step_count=STEPS_EACH,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"{JobMachine.tally.steps} steps, {len(JobMachine.tally.moves)} different changes of state")
    if IS_FULL:
        legal = {(previous, wanted) for previous, following in TRANSITIONS.items() for wanted in following}
        # queued -> pending and waiting -> failed are for jobs of other clients: test_loop has them.
        assert legal - JobMachine.tally.moves <= {(S.QUEUED, S.PENDING), (S.PENDING, S.FAILED), (S.QUEUED, S.FAILED)}
