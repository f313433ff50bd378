"""The state machine of a report job, and the only writer of `ReportJob.status` (DESIGN §6).

Every change of state is one guarded `update_one` by `_id`: the filter is the guard, the update is a pipeline, so that
every instant comes from the database's clock and the job's `history` gets its line in the same write. Two ways to say
who may write:

- people and promotion guard by the states the job may be in (`TRANSITIONS`);
- a worker guards by its `Hold`: worker, claim and fence must still be the job's own. Zero matched means that the job
  has been taken away; nothing was written, and the worker drops what it made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, DuplicateKeyError, PyMongoError

from webapp.documents import JobStatus, ReportJob
from webapp.documents.report_job import RUNNING
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.jobs.changes import (
    Document,
    Failure,
    after,
    attempt,
    ended_with,
    error_of,
    literal,
    text,
    transition,
)
from webapp.services.rights.visibility import JobNotFoundError
from webapp.settings import get_settings

PENDING, QUEUED, PROCESSING = JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PROCESSING
_LEAVE_A_RUN = (PENDING, QUEUED, JobStatus.FAILED, JobStatus.CANCELLED)  # retried, handed back, given up, stopped

#: From each state, the states that may follow. A stage without work may be skipped, never repeated.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        PENDING: frozenset({QUEUED, JobStatus.CANCELLED, JobStatus.FAILED}),
        QUEUED: frozenset({PROCESSING, PENDING, JobStatus.CANCELLED, JobStatus.FAILED}),
        PROCESSING: frozenset({JobStatus.RENDERING, JobStatus.UPLOADING, JobStatus.READY, *_LEAVE_A_RUN}),
        JobStatus.RENDERING: frozenset({JobStatus.UPLOADING, JobStatus.READY, *_LEAVE_A_RUN}),
        JobStatus.UPLOADING: frozenset({JobStatus.READY, *_LEAVE_A_RUN}),
        JobStatus.READY: frozenset({JobStatus.DOWNLOADED, JobStatus.EXPIRED}),
        JobStatus.DOWNLOADED: frozenset({JobStatus.EXPIRED}),
        # What has ended starts again only when a person says so.
        JobStatus.FAILED: frozenset({PENDING}),
        JobStatus.CANCELLED: frozenset({PENDING}),
        JobStatus.EXPIRED: frozenset({PENDING}),
    }
)

#: The states inside a sentence.
_WORDS = {
    PENDING: Message("pending"),
    QUEUED: Message("queued"),
    PROCESSING: Message("processing"),
    JobStatus.RENDERING: Message("rendering"),
    JobStatus.UPLOADING: Message("uploading"),
    JobStatus.READY: Message("ready"),
    JobStatus.DOWNLOADED: Message("downloaded"),
    JobStatus.FAILED: Message("failed"),
    JobStatus.CANCELLED: Message("cancelled"),
    JobStatus.EXPIRED: Message("expired"),
}


class IllegalTransitionError(ConflictError):
    """A job was asked for a change that its state does not allow."""

    code = "illegal-transition"

    def __init__(self, job_id: ObjectId, previous: str, wanted: str) -> None:
        super().__init__(
            Message(
                "Report job %(id)s is %(state)s and cannot become %(wanted)s.",
                id=str(job_id),
                state=_WORDS[JobStatus(previous)],
                wanted=_WORDS[JobStatus(wanted)],
            )
        )
        self.previous = previous
        self.wanted = wanted


@dataclass(frozen=True)
class Hold:
    """A worker's right to write to one job: good as long as worker, claim and fence are the job's own."""

    job_id: ObjectId
    worker_id: str
    claim_id: str
    fence: int

    @property
    def filter(self) -> Document:
        return {
            "_id": self.job_id,
            "lease.workerId": self.worker_id,
            "lease.claimId": self.claim_id,
            "lease.fence": self.fence,
        }


@dataclass(frozen=True)
class HoldState:
    """What a beat or a look found: whether the job is still held, and whether somebody wants it stopped."""

    is_held: bool
    cancel_requested: bool


def sources_of(wanted: JobStatus) -> list[str]:
    """The states that `wanted` may follow."""
    return [previous.value for previous, following in TRANSITIONS.items() if wanted in following]


def require_legal(job_id: ObjectId, previous: JobStatus, wanted: JobStatus) -> None:
    """Raises IllegalTransitionError unless `wanted` may follow `previous`."""
    if wanted not in TRANSITIONS[previous]:
        raise IllegalTransitionError(job_id, previous.value, wanted.value)


# --- the one write ----------------------------------------------------------------------------------------------------


def _jobs() -> Collection[Document]:
    return ReportJob._get_collection()


def _move(guard: Document, wanted: JobStatus, change: list[Document], *, sources: Iterable[str] | None = None) -> bool:
    """Write `change` if the guard and the table allow it; False when no document matched."""
    states = list(sources) if sources is not None else sources_of(wanted)
    # The hint: with `status` in the filter the embedded server may walk the status index instead (DESIGN §10).
    result = _jobs().update_one({**guard, "status": {"$in": states}}, change, hint="_id_")
    return result.matched_count == 1


def _refused(job_id: ObjectId, wanted: JobStatus, sources: Sequence[str]) -> ConflictError | JobNotFoundError:
    """Why a guarded change matched nothing."""
    found = _jobs().find_one({"_id": job_id}, {"status": 1})
    if found is None:
        return JobNotFoundError(str(job_id))
    if found["status"] in sources:
        return ConflictError(Message("Report job %(id)s has changed in the meantime.", id=str(job_id)))
    return IllegalTransitionError(job_id, found["status"], wanted.value)


# --- waiting ----------------------------------------------------------------------------------------------------------


def birth_event(*, user_id: ObjectId | None, at: datetime, why: str) -> Document:
    """The first line of a new job's history; whoever inserts the job puts it in."""
    return {"seq": 1, "from": None, "to": PENDING.value, "at": at, "userId": user_id, "why": why}


class SlotTakenError(Exception):
    """Another job of the same person has just taken this slot: try the next."""


def promote(job_id: ObjectId, *, slot: str, fills: Mapping[str, Any] | None = None, before: datetime) -> bool:
    """pending -> queued, taking `slot`, if the job is still pending and due at `before`.

    `fills` are values another client left out, by their names in MongoDB. Raises SlotTakenError.
    """
    filled = {name: literal(value) for name, value in (fills or {}).items()}
    # From now on it stands in line. Were the line ordered by when jobs were asked for, everything that one person's
    # limit has held back would go before whoever asks for one thing later.
    change = transition(QUEUED, why="due", sets={**filled, "slot": slot, "scheduledFor": "$$NOW"})
    # No `$lte`, and no `$or`, for which the embedded server would read all jobs (DESIGN §10). Without an instant a job
    # is due; instants have whole milliseconds.
    due = {"$not": {"$gte": before + timedelta(milliseconds=1)}}
    try:
        return _move({"_id": job_id, "scheduledFor": due}, QUEUED, change)
    except DuplicateKeyError as error:
        raise SlotTakenError(slot) from error


def hold_back(job_id: ObjectId, *, why: str) -> bool:
    """queued -> pending: for a queued job that promotion must look at first."""
    return _move({"_id": job_id}, PENDING, transition(PENDING, why=why, unsets=["slot"]), sources=[QUEUED.value])


def refuse(job_id: ObjectId, failure: Failure) -> bool:
    """waiting -> failed: the job can never run as it stands."""
    change = transition(
        JobStatus.FAILED, why=failure.message, code=failure.code, sets=ended_with(error_of(failure)), unsets=["slot"]
    )
    return _move({"_id": job_id}, JobStatus.FAILED, change, sources=[PENDING.value, QUEUED.value])


# --- held by a worker -------------------------------------------------------------------------------------------------


class UnsureClaimError(AutoReconnect):
    """The connection broke while a claim was written: it may or may not have happened. `find_claim` tells later."""

    def __init__(self, job_id: ObjectId, claim_id: str) -> None:
        super().__init__(f"no answer to the claim of report job {job_id}")
        self.job_id = job_id
        self.claim_id = claim_id


def take(job_id: ObjectId, worker_id: str) -> Hold | None:
    """queued -> processing for this one job; None when another worker was first. Raises UnsureClaimError."""
    found = _jobs().find_one({"_id": job_id}, {"lease.fence": 1})
    return take_peeked(found, worker_id) if found is not None else None


def take_peeked(seen: Document, worker_id: str) -> Hold | None:
    """As `take`, of a job whose `_id` and `lease.fence` were seen before: that fence is part of the guard, so that the
    new one is known without asking again."""
    job_id, claim_id = seen["_id"], uuid.uuid4().hex
    old_fence = (seen.get("lease") or {}).get("fence")
    fence = int(old_fence or 0) + 1
    change = transition(
        PROCESSING,
        why="claimed",
        worker_id=worker_id,
        sets={
            "startedAt": "$$NOW",
            "lease": {
                "workerId": worker_id,
                "claimId": claim_id,
                "fence": fence,
                "until": after(get_settings().lease),
            },
            "progress": {"currentStep": Message("Starting"), "percentage": 0, "recordsProcessed": 0, "totalRecords": 0},
        },
        unsets=["completedAt"],
    )
    try:
        is_taken = _move({"_id": job_id, "lease.fence": old_fence}, PROCESSING, change)
    except PyMongoError as error:
        if isinstance(error, AutoReconnect) or error.timeout:
            raise UnsureClaimError(job_id, claim_id) from error
        raise
    return Hold(job_id, worker_id, claim_id, fence) if is_taken else None


def find_claim(job_id: ObjectId, worker_id: str, claim_id: str) -> Hold | None:
    """The hold that this claim gave, if it was written and still stands."""
    found = _jobs().find_one({"_id": job_id}, {"lease": 1, "status": 1})
    lease = (found or {}).get("lease") or {}
    if found is None or found["status"] not in RUNNING:
        return None
    if lease.get("workerId") != worker_id or lease.get("claimId") != claim_id:
        return None
    return Hold(job_id, worker_id, claim_id, int(lease["fence"]))


def beat(holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
    """Renew the leases of `holds` in one write, and look at them in one read."""
    holds = list(holds)
    if not holds:
        return {}
    renewal = [{"$set": {"lease.until": after(get_settings().lease)}}]
    running = {"status": {"$in": [state.value for state in RUNNING]}}
    _jobs().bulk_write([UpdateOne({**hold.filter, **running}, renewal, hint="_id_") for hold in holds], ordered=False)
    return look_at(holds)


def look_at(holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
    """Which of `holds` still stand, and which jobs are to be stopped."""
    holds = list(holds)
    if not holds:
        return {}
    found = {
        job["_id"]: job
        for job in _jobs().find(
            {"_id": {"$in": [hold.job_id for hold in holds]}}, {"status": 1, "lease": 1, "cancelRequestedAt": 1}
        )
    }
    return {hold.job_id: _hold_state(hold, found.get(hold.job_id)) for hold in holds}


def _hold_state(hold: Hold, job: Document | None) -> HoldState:
    lease = (job or {}).get("lease") or {}
    is_held = (
        job is not None
        and job["status"] in RUNNING
        and lease.get("workerId") == hold.worker_id
        and lease.get("claimId") == hold.claim_id
        and lease.get("fence") == hold.fence
    )
    return HoldState(is_held, bool(job and job.get("cancelRequestedAt")))


def record_progress(hold: Hold, *, step: str, percentage: float, processed: int, total: int) -> bool:
    """Write how far the work has come; the percentage never goes back. False when the job is not held any more."""
    change = [
        {
            "$set": {
                "progress": {
                    "currentStep": text(step),
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
    running = {"status": {"$in": [state.value for state in RUNNING]}}
    return _jobs().update_one({**hold.filter, **running}, change, hint="_id_").matched_count == 1


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
                "currentStep": Message("Ready"),
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
        PENDING,
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
    return _move_held(hold, PENDING, change)


def hand_back(hold: Hold) -> bool:
    """running -> queued: the worker goes, the job lost nothing. It keeps its slot and its place."""
    change = transition(
        QUEUED,
        why="worker shut down",
        worker_id=hold.worker_id,
        sets={"attempts": attempt("handed-back")},
        unsets=["lease.until", "startedAt"],
    )
    return _move_held(hold, QUEUED, change)


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
    return _crash({"_id": job_id, "lease.fence": fence, "lease.until": {"$lt": expired_at}}, failure, delay)


def _crash(guard: Document, failure: Failure, delay: timedelta | None) -> bool:
    """running -> pending after `delay`, or failed when it is None; cancelled if that is what somebody wanted."""
    running = [state.value for state in RUNNING]
    wanted_stopped = {**guard, "cancelRequestedAt": {"$type": "date"}}
    if _move(wanted_stopped, JobStatus.CANCELLED, _stop_change(worker_id=None), sources=running):
        return True
    counted = {"crashCount": {"$add": [{"$ifNull": ["$crashCount", 0]}, 1]}, "attempts": attempt("crashed", failure)}
    if delay is None:
        wanted, sets = JobStatus.FAILED, ended_with(error_of(failure)) | counted
    else:
        wanted, sets = PENDING, {"error": error_of(failure, retry=True), "scheduledFor": after(delay), **counted}
    change = transition(wanted, why=failure.message, code=failure.code, sets=sets, unsets=["slot", "lease.until"])
    return _move({**guard, "cancelRequestedAt": None}, wanted, change, sources=running)


def expired_leases() -> tuple[datetime, list[Document]]:
    """Running jobs whose lease is past, as (`_id`, `lease`, `crashCount`), and the database's time of asking."""
    asked_at = database_clock.now()
    # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's own.
    expired = {"lease.until": {"$lt": asked_at, "$type": "date"}}
    found = _jobs().find(expired, {"lease": 1, "crashCount": 1, "status": 1}, hint="lease")
    return asked_at, [job for job in found if job["status"] in RUNNING]


def _move_held(hold: Hold, wanted: JobStatus, change: list[Document], *, unless_cancelled: bool = False) -> bool:
    guard = hold.filter
    if unless_cancelled:
        guard["cancelRequestedAt"] = None
    sources = [state for state in sources_of(wanted) if state in RUNNING]
    if _move(guard, wanted, change, sources=sources):
        return True
    # The answer to an earlier try may have been lost: then the job is already where it should be, by our hand.
    # No hint: for a find by `_id` the embedded server would read the whole index for it.
    return _jobs().find_one({**hold.filter, "status": wanted.value}, {"_id": 1}) is not None


def _stop_change(*, worker_id: str | None) -> list[Document]:
    return transition(
        JobStatus.CANCELLED,
        why="cancelled while running",
        worker_id=worker_id,
        sets={"completedAt": "$$NOW", "attempts": attempt("cancelled")},
        unsets=["slot", "lease.until"],
    )


# --- by people, and after the end -------------------------------------------------------------------------------------


def cancel(job_id: ObjectId, *, by: ObjectId | None, reason: str | None = None) -> JobStatus:
    """Stop a job: a waiting one at once (returns CANCELLED), a running one at its worker's next look (its state).

    Raises IllegalTransitionError for a job that has ended and JobNotFoundError for one that is gone.
    """
    asked = {"cancelRequestedAt": "$$NOW", "cancelRequestedBy": by, "cancelReason": text(reason)}
    change = transition(
        JobStatus.CANCELLED,
        why=reason or "cancelled while waiting",
        user_id=by,
        sets={**asked, "completedAt": "$$NOW"},
        unsets=["slot"],
    )
    running = {"status": {"$in": [state.value for state in RUNNING]}}
    # Twice: between the two writes a worker may claim the job, or hand it back.
    for _ in range(2):
        if _move({"_id": job_id}, JobStatus.CANCELLED, change, sources=[PENDING.value, QUEUED.value]):
            return JobStatus.CANCELLED
        if _jobs().update_one({"_id": job_id, **running}, [{"$set": asked}], hint="_id_").matched_count:
            found = _jobs().find_one({"_id": job_id}, {"status": 1})
            return JobStatus(found["status"]) if found else JobStatus.CANCELLED
    raise _refused(job_id, JobStatus.CANCELLED, sources_of(JobStatus.CANCELLED))


def retry(job_id: ObjectId, *, by: ObjectId, fills: Mapping[str, Any] | None = None) -> None:
    """failed, cancelled or expired -> pending, due now, with a clean sheet; `attempts` and `history` stay.

    Raises IllegalTransitionError and JobNotFoundError.
    """
    change = transition(
        PENDING,
        why="asked for again",
        user_id=by,
        sets={
            **{name: literal(value) for name, value in (fills or {}).items()},
            "crashCount": 0,
            "scheduledFor": "$$NOW",
            "expiresAt": after(timedelta(days=get_settings().job_retention_days)),
            "progress": {"currentStep": None, "percentage": 0, "recordsProcessed": 0, "totalRecords": 0},
            "downloadCount": 0,
        },
        unsets=[
            "slot",
            "lease.until",
            "error",
            "startedAt",
            "completedAt",
            "output.storage",
            "downloadedAt",
            "cancelRequestedAt",
            "cancelRequestedBy",
            "cancelReason",
        ],
    )
    ended = [state for state in sources_of(PENDING) if JobStatus(state).is_finished]
    if not _move({"_id": job_id}, PENDING, change, sources=ended):
        raise _refused(job_id, PENDING, ended)


def mark_downloaded(job_id: ObjectId, *, by: ObjectId | None = None) -> bool:
    """Count a download; the first one makes ready -> downloaded. False when the job has no file any more."""
    counted = {"downloadCount": {"$add": [{"$ifNull": ["$downloadCount", 0]}, 1]}, "downloadedAt": "$$NOW"}
    first = transition(JobStatus.DOWNLOADED, why="downloaded", user_id=by, sets=counted)
    if _move({"_id": job_id}, JobStatus.DOWNLOADED, first):
        return True
    again = {"_id": job_id, "status": JobStatus.DOWNLOADED.value}
    return _jobs().update_one(again, [{"$set": counted}], hint="_id_").matched_count == 1


def expire(job_id: ObjectId) -> bool:
    """ready, downloaded -> expired, before its file is deleted. False when the job has no file any more."""
    change = transition(JobStatus.EXPIRED, why="the file has been kept for its time", unsets=["output.storage"])
    return _move({"_id": job_id}, JobStatus.EXPIRED, change)


def remove(job_id: ObjectId) -> None:
    """Delete a job that is not running. Raises ConflictError for a running one, JobNotFoundError for none."""
    states = [state.value for state in JobStatus if not state.is_running]
    if not _jobs().delete_one({"_id": job_id, "status": {"$in": states}}, hint="_id_").deleted_count:
        if _jobs().find_one({"_id": job_id}, {"_id": 1}) is None:
            raise JobNotFoundError(str(job_id))
        raise ConflictError(
            Message("Report job %(id)s is being worked on.", id=str(job_id)), hint=Message("Cancel it first.")
        )
