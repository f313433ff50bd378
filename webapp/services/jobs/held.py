"""A report job while a worker holds it: claimed, worked on, ended, taken over (DESIGN §6).

A worker guards by its `Hold`: worker, claim and fence must still be the job's own. Zero matched means that the job has
been taken away; nothing was written, and the worker drops what it made. `leases` has the claim, the beat and the look;
here is what each of them means for a report job, and `lifecycle` says which state may follow which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus, ReportJob
from webapp.documents.job_status import RUNNING, STATES
from webapp.messages import Message
from webapp.services.jobs.changes import Failure, attempt, ended_with, error_of, transition
from webapp.services.jobs.lifecycle import JOBS, move, sources_of
from webapp.services.leases.lease import Document, Hold, HoldState, Pipeline, after, counted, expired_guard, literal
from webapp.settings import get_settings


def take(job_id: ObjectId, worker_id: str) -> Hold | None:
    """queued -> processing for this one job; None when another worker was first. Raises UnsureClaimError."""
    found = ReportJob._get_collection().find_one({"_id": job_id}, {"lease.fence": 1})
    return take_peeked(found, worker_id) if found is not None else None


def take_peeked(seen: Document, worker_id: str) -> Hold | None:
    """As `take`, of a job whose `_id` and `lease.fence` were seen before."""

    def change(lease: Document) -> Pipeline:
        return transition(
            JobStatus.PROCESSING,
            why="claimed",
            worker_id=worker_id,
            sets={
                "startedAt": "$$NOW",
                "lease": lease,
                "progress": {
                    "currentStep": Message("Starting"),
                    "percentage": 0,
                    "recordsProcessed": 0,
                    "totalRecords": 0,
                },
            },
            unsets=["completedAt"],
        )

    return JOBS.claim(seen, worker_id, change, states=sources_of(JobStatus.PROCESSING))


def find_claim(job_id: ObjectId, worker_id: str, claim_id: str) -> Hold | None:
    """The hold that this claim gave, if it was written and still stands."""
    return JOBS.find_claim(job_id, worker_id, claim_id)


def beat(holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
    """Renew the leases of `holds` in one write, and look at them in one read."""
    return JOBS.beat(holds)


def look_at(holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
    """Which of `holds` still stand, and which jobs are to be stopped."""
    return JOBS.look_at(holds)


def record_progress(hold: Hold, *, step: str, percentage: float, processed: int, total: int) -> bool:
    """Write how far the work has come; the percentage never goes back. False when the job is not held any more."""
    change = [
        {
            "$set": {
                "progress": {
                    "currentStep": literal(step),
                    "percentage": {
                        "$max": [{"$ifNull": ["$progress.percentage", 0]}, min(max(float(percentage), 0.0), 100.0)]
                    },
                    "recordsProcessed": max(int(processed), 0),
                    "totalRecords": max(int(total), 0),
                },
                "updatedAt": "$$NOW",
            }
        }
    ]
    return JOBS.write(hold, change)


def advance(hold: Hold, stage: JobStatus) -> bool:
    """processing -> rendering -> uploading. False when the job is not held any more; True if it is there already."""
    if stage not in (JobStatus.RENDERING, JobStatus.UPLOADING):
        raise ValueError(f"{stage} is no stage of a run")
    return _move_held(hold, stage, transition(stage, why="next stage", worker_id=hold.worker_id))


def finish(hold: Hold, *, storage: Mapping[str, Any], provenance: Mapping[str, Any], records: int) -> bool:
    """running -> ready, with its file. False when the job is not held any more or somebody has asked for its end.

    `storage` has the names of `output.storage` in MongoDB; its `expiresAt` is set here, by the database's clock.
    """
    settings = get_settings()
    file_expiry = after(timedelta(days=settings.file_retention_days))
    change = transition(
        JobStatus.READY,
        why="file published",
        worker_id=hold.worker_id,
        # The file's mark outlives the file: with the audit trail it can be told for what it is (`verification`).
        told={"sha256": storage["sha256"]} if storage.get("sha256") else None,
        sets={
            "output.storage": {**{key: literal(value) for key, value in storage.items()}, "expiresAt": file_expiry},
            "provenance": {"$mergeObjects": [{"$ifNull": ["$provenance", {}]}, {"$literal": dict(provenance)}]},
            "progress": {
                "currentStep": STATES[JobStatus.READY].label,
                "percentage": 100,
                "recordsProcessed": records,
                "totalRecords": records,
            },
            "completedAt": "$$NOW",
            # A file never outlives its job.
            "expiresAt": {"$max": ["$expiresAt", file_expiry]},
            "attempts": attempt("ready"),
        },
        unsets=["slot", "lease.until", "error"],
    )
    return _move_held(hold, JobStatus.READY, change, unless_cancelled=True)


def fail(hold: Hold, failure: Failure) -> bool:
    """running -> failed, for good. False when the job is not held any more."""
    change = transition(
        JobStatus.FAILED,
        why=failure.message,
        code=failure.code,
        worker_id=hold.worker_id,
        sets=ended_with(error_of(failure)) | {"attempts": attempt("failed", failure)},
        unsets=["slot", "lease.until"],
    )
    return _move_held(hold, JobStatus.FAILED, change)


def postpone(hold: Hold, failure: Failure, delay: timedelta) -> bool:
    """running -> pending: try again after `delay`. False when the job is not held any more."""
    change = transition(
        JobStatus.PENDING,
        why=failure.message,
        code=failure.code,
        worker_id=hold.worker_id,
        sets={
            "error": error_of(failure, retry=True),
            "scheduledFor": after(delay),
            "attempts": attempt("retried", failure),
        },
        unsets=["slot", "lease.until"],
    )
    return _move_held(hold, JobStatus.PENDING, change)


def hand_back(hold: Hold) -> bool:
    """running -> queued: the worker goes, the job lost nothing. It keeps its slot and its place."""
    change = transition(
        JobStatus.QUEUED,
        why="worker shut down",
        worker_id=hold.worker_id,
        sets={"attempts": attempt("handed-back")},
        unsets=["lease.until", "startedAt"],
    )
    return _move_held(hold, JobStatus.QUEUED, change)


def stopped(hold: Hold) -> bool:
    """running -> cancelled, once the child is gone. False when the job is not held any more."""
    return _move_held(hold, JobStatus.CANCELLED, _stop_change(worker_id=hold.worker_id))


def crashed_held(hold: Hold, failure: Failure, *, delay: timedelta | None) -> bool:
    """The child of this worker ended without a word: see `_crash`. False when the job is not held any more."""
    return _crash(hold.filter, failure, delay)


def taken_over(
    job_id: ObjectId, fence: int, failure: Failure, *, delay: timedelta | None, expired_at: datetime
) -> bool:
    """The worker has not been heard of since before `expired_at`: see `_crash`. False when it came back in time.

    The test that found the lease expired is repeated in the filter, and `fence` names the run that is meant.
    """
    return _crash(expired_guard(job_id, fence, expired_at), failure, delay)


def _crash(guard: Document, failure: Failure, delay: timedelta | None) -> bool:
    """running -> pending after `delay`, or failed when it is None; cancelled if that is what somebody wanted."""
    wanted_stopped = {**guard, "cancelRequestedAt": {"$type": "date"}}
    if move(wanted_stopped, JobStatus.CANCELLED, _stop_change(worker_id=None), sources=RUNNING):
        return True
    sets = {"crashCount": counted("crashCount"), "attempts": attempt("crashed", failure)}
    if delay is None:
        wanted, ends = JobStatus.FAILED, ended_with(error_of(failure))
    else:
        wanted, ends = JobStatus.PENDING, {"error": error_of(failure, retry=True), "scheduledFor": after(delay)}
    change = transition(
        wanted, why=failure.message, code=failure.code, sets=sets | ends, unsets=["slot", "lease.until"]
    )
    return move({**guard, "cancelRequestedAt": None}, wanted, change, sources=RUNNING)


def expired_leases() -> tuple[datetime, list[Document]]:
    """Running jobs whose lease is past, as (`_id`, `lease`, `crashCount`), and the database's time of asking."""
    return JOBS.expired()


def _move_held(hold: Hold, wanted: JobStatus, change: Pipeline, *, unless_cancelled: bool = False) -> bool:
    guard = {"cancelRequestedAt": None} if unless_cancelled else None
    sources = [state for state in sources_of(wanted) if state in RUNNING]
    return JOBS.end(hold, change, wanted=wanted.value, states=sources, guard=guard)


def _stop_change(*, worker_id: str | None) -> list[Document]:
    return transition(
        JobStatus.CANCELLED,
        why="cancelled while running",
        worker_id=worker_id,
        sets={"completedAt": "$$NOW", "attempts": attempt("cancelled")},
        unsets=["slot", "lease.until"],
    )
