"""Every cell of the transition table, and what each change writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import make_job
from webapp.documents import JobEvent, JobStatus, Lease, ReportJob
from webapp.documents.job_status import RUNNING, STATES
from webapp.services import database_clock
from webapp.services.jobs import events as job_events
from webapp.services.jobs import held, lifecycle
from webapp.services.jobs.changes import Failure
from webapp.services.jobs.lifecycle import TRANSITIONS, IllegalTransitionError
from webapp.services.leases.lease import Hold
from webapp.services.queue.line import QueueLine
from webapp.services.rights.visibility import JobNotFoundError

pytestmark = pytest.mark.usefixtures("database")

S = JobStatus
FAILURE = Failure("some-code", "It $went wrong.")
STORAGE = {"provider": "local", "key": "reports/1/1/a.csv", "sizeBytes": 3, "sha256": "ab", "mimeType": "text/csv"}
EVERY_CELL = [(previous, wanted) for previous in S for wanted in S]


def job_in(status: JobStatus, **fields: Any) -> ReportJob:
    job = make_job(**fields)
    lease = {"lease": Lease(worker_id="w", claim_id="c", fence=1, until=database_clock.now() + timedelta(seconds=30))}
    slot = {"slot": f"{job.requested_by}:0"} if status in (S.QUEUED, *RUNNING) else {}
    job.modify(status=status.value, **slot, **(lease if status.is_running else {}))
    return job


def hold_of(job: ReportJob) -> Hold:
    return Hold(job.id, "w", "c", 1)


def ask(job: ReportJob, wanted: JobStatus) -> bool:
    """Ask for `wanted` by the way that a job in this state would get there; refusals are False or an error."""
    hold = hold_of(job)
    running = job.state.is_running
    try:
        match wanted:
            case S.PENDING if running:
                return held.postpone(hold, FAILURE, timedelta(seconds=1))
            case S.PENDING if job.state is S.QUEUED:
                return lifecycle.hold_back(job.id, why="test")
            case S.PENDING:
                lifecycle.retry(job.id, by=ObjectId())
                return True
            case S.QUEUED if running:
                return held.hand_back(hold)
            case S.QUEUED:
                return lifecycle.promote(job.id, slot="s:1", before=database_clock.now() + timedelta(days=1))
            case S.PROCESSING:
                return held.take(job.id, "w2") is not None
            case S.RENDERING | S.UPLOADING:
                return held.advance(hold, wanted)
            case S.READY:
                return held.finish(hold, storage=STORAGE, provenance={}, records=1)
            case S.DOWNLOADED:
                return lifecycle.mark_downloaded(job.id)
            case S.FAILED if running:
                return held.fail(hold, FAILURE)
            case S.FAILED:
                return lifecycle.refuse(job.id, FAILURE)
            case S.CANCELLED if running:
                return held.stopped(hold)
            case S.CANCELLED:
                lifecycle.cancel(job.id, by=ObjectId())
                return True
            case S.EXPIRED:
                return lifecycle.expire(job.id)
    except IllegalTransitionError as error:
        return (error.previous, error.wanted) != (job.status, wanted.value)
    raise AssertionError(wanted)


@pytest.mark.parametrize("previous", list(S))
def test_a_job_changes_only_as_the_table_allows(previous: JobStatus) -> None:
    for wanted in S:
        job = job_in(previous)
        asked = ask(job, wanted)
        job.reload()
        legal = wanted in TRANSITIONS[previous]
        assert job.status == (wanted.value if legal else previous.value), wanted
        # Repeating what is already so is no change: a second look at a lost answer, and a second download.
        assert asked is legal or previous is wanted, wanted
        assert [event["to"] for event in job.history] == ([wanted.value] if legal else []), wanted


def test_an_illegal_change_names_both_states() -> None:
    words = {state: said.label.lower() for state, said in STATES.items()}
    job_id = ObjectId()
    for previous, wanted in EVERY_CELL:
        if wanted in TRANSITIONS[previous]:
            lifecycle.require_legal(job_id, previous, wanted)
        else:
            with pytest.raises(IllegalTransitionError, match=f"is {words[previous]} and cannot become {words[wanted]}"):
                lifecycle.require_legal(job_id, previous, wanted)


def test_a_claim_grows_the_fence_and_leases_by_the_databases_clock() -> None:
    job = job_in(S.QUEUED)
    before = database_clock.now()
    hold = QueueLine("w1").claim()
    assert hold is not None
    assert (hold.id, hold.fence) == (job.id, 1)
    job.reload()
    assert timedelta(seconds=29) < job.lease.until - before < timedelta(seconds=32)
    assert QueueLine("w2").claim() is None
    assert held.hand_back(hold)
    second = QueueLine("w2").claim()
    assert second is not None
    assert second.fence == 2


def test_the_most_urgent_and_then_the_oldest_job_is_claimed_first() -> None:
    low = job_in(S.QUEUED, priority="low")
    first = job_in(S.QUEUED)
    second = job_in(S.QUEUED)
    critical = job_in(S.QUEUED, priority="critical")
    order = [hold.id for hold in iter(QueueLine("w").claim, None)]
    assert order == [critical.id, first.id, second.id, low.id]


@pytest.mark.parametrize("write", ["progress", "advance", "finish", "fail", "postpone", "hand_back", "stopped", "beat"])
@pytest.mark.parametrize("stale", [{"fence": 2}, {"worker_id": "other"}, {"claim_id": "other"}])
def test_a_stale_hold_writes_nothing(write: str, stale: dict[str, Any]) -> None:
    job = job_in(S.PROCESSING)
    before = ReportJob._get_collection().find_one({"_id": job.id})
    hold = Hold(**{"id": job.id, "worker_id": "w", "claim_id": "c", "fence": 1} | stale)
    answers = {
        "progress": lambda: held.record_progress(hold, step="x", percentage=50, processed=1, total=2),
        "advance": lambda: held.advance(hold, S.RENDERING),
        "finish": lambda: held.finish(hold, storage=STORAGE, provenance={}, records=1),
        "fail": lambda: held.fail(hold, FAILURE),
        "postpone": lambda: held.postpone(hold, FAILURE, timedelta(0)),
        "hand_back": lambda: held.hand_back(hold),
        "stopped": lambda: held.stopped(hold),
        "beat": lambda: held.beat([hold])[job.id].is_held,
    }
    assert answers[write]() is False
    assert ReportJob._get_collection().find_one({"_id": job.id}) == before


def test_progress_never_goes_back_within_an_attempt() -> None:
    job = job_in(S.PROCESSING)
    for percentage in (10, 60, 30, 400):
        assert held.record_progress(hold_of(job), step="$x", percentage=percentage, processed=3, total=9)
    job.reload()
    assert (job.progress.percentage, job.progress.current_step, job.progress.total_records) == (100, "$x", 9)


def test_a_finish_whose_answer_was_lost_counts_as_done_when_repeated() -> None:
    job = job_in(S.UPLOADING)
    for _ in range(2):
        assert held.finish(hold_of(job), storage=STORAGE, provenance={"asOf": "x"}, records=7)
    job.reload()
    assert len(job.history) == 1
    assert job.slot is None
    assert job.lease.until is None
    assert job.output.storage.expires_at <= job.expires_at
    assert (job.progress.percentage, job.progress.records_processed) == (100, 7)


def test_a_job_somebody_wants_stopped_cannot_finish() -> None:
    job = job_in(S.UPLOADING)
    assert lifecycle.cancel(job.id, by=job.requested_by, reason="$oops") is S.UPLOADING
    assert not held.finish(hold_of(job), storage=STORAGE, provenance={}, records=1)
    assert held.beat([hold_of(job)])[job.id].cancel_requested
    assert held.stopped(hold_of(job))
    job.reload()
    assert (job.status, job.cancel_reason, job.output.storage) == ("cancelled", "$oops", None)


def test_only_an_expired_lease_is_taken_away_and_the_test_is_repeated_in_the_write() -> None:
    job = job_in(S.RENDERING)
    now = database_clock.now()
    assert held.expired_leases()[1] == []
    assert not held.taken_over(job.id, 1, FAILURE, delay=timedelta(0), expired_at=now)
    job.modify(__raw__={"$set": {"lease.until": now - timedelta(seconds=1)}})
    assert [found["_id"] for found in held.expired_leases()[1]] == [job.id]
    assert held.taken_over(job.id, 1, FAILURE, delay=timedelta(seconds=15), expired_at=now)
    job.reload()
    assert (job.status, job.crash_count, job.error.retry_count, job.slot) == ("pending", 1, 1, None)
    assert timedelta(seconds=14) < job.scheduled_for - now < timedelta(seconds=17)


def test_a_crashed_job_that_somebody_wanted_stopped_is_cancelled() -> None:
    job = job_in(S.PROCESSING)
    lifecycle.cancel(job.id, by=None)
    assert held.crashed_held(hold_of(job), FAILURE, delay=timedelta(seconds=15))
    assert job.reload().status == "cancelled"


def test_a_retried_job_starts_clean_and_keeps_its_attempts() -> None:
    job = job_in(S.PROCESSING)
    held.fail(hold_of(job), FAILURE)
    assert job.reload().error.message == "It $went wrong."
    lifecycle.retry(job.id, by=job.requested_by)
    job.reload()
    assert (job.status, job.error, job.crash_count, job.completed_at) == ("pending", None, 0, None)
    assert [attempt.outcome for attempt in job.attempts] == ["failed"]


def test_two_jobs_cannot_take_the_same_slot() -> None:
    first, second = job_in(S.PENDING), job_in(S.PENDING)
    later = database_clock.now() + timedelta(seconds=5)
    assert lifecycle.promote(first.id, slot="o:0", before=later)
    with pytest.raises(lifecycle.SlotTakenError):
        lifecycle.promote(second.id, slot="o:0", before=later)
    assert second.reload().status == "pending"


def test_a_job_is_not_promoted_before_it_is_due() -> None:
    now = database_clock.now()
    job = job_in(S.PENDING, scheduled_for=now + timedelta(seconds=2))
    assert not lifecycle.promote(job.id, slot="o:0", before=now)


def test_what_is_gone_cannot_be_changed() -> None:
    for change in (lifecycle.remove, lambda job_id: lifecycle.cancel(job_id, by=None)):
        with pytest.raises(JobNotFoundError):
            change(ObjectId())
    assert lifecycle.expire(ObjectId()) is False


@pytest.mark.parametrize("status", list(S))
def test_a_job_can_be_deleted_unless_it_runs(status: JobStatus) -> None:
    job = job_in(status)
    if status.is_running:
        with pytest.raises(lifecycle.ConflictError, match="being worked on"):
            lifecycle.remove(job.id)
    else:
        lifecycle.remove(job.id)
    assert (ReportJob.objects(id=job.id).first() is None) is not status.is_running


def test_every_change_is_an_event_copied_once() -> None:
    job = job_in(S.QUEUED)
    hold = held.take(job.id, "worker-one")
    assert hold is not None
    held.advance(hold, S.RENDERING)
    assert job_events.copy([job.id]) == 2
    held.fail(hold, FAILURE)
    assert job_events.copy([job.id]) == 1
    assert job_events.copy([job.id]) == 0
    assert [(event.seq, event.previous, event.status) for event in JobEvent.objects.order_by("seq")] == [
        (1, "queued", "processing"),
        (2, "processing", "rendering"),
        (3, "rendering", "failed"),
    ]
    entries = job_events.timeline(job.reload())
    assert [entry.actor for entry in entries] == ["worker worker-o"] * 3
    assert entries[-1].code == "some-code"
    last = JobEvent.objects(seq=3).get()
    assert last.run_seconds >= 0
