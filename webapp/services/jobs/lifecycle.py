"""The state machine of a report job, and the only writer of `ReportJob.status` (DESIGN §6).

Every change of state is one guarded `update_one` by `_id`: the filter is the guard, the update is a pipeline, so that
every instant comes from the database's clock and the job's `history` gets its line in the same write. Two ways to say
who may write:

- people and promotion guard by the states the job may be in (`TRANSITIONS`);
- a worker guards by its `Hold` too: see `held`, which writes by way of the table here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from webapp.documents import JobStatus, ReportJob
from webapp.documents.job_status import RUNNING, STATES
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services.jobs.changes import Failure, ended_with, error_of, transition
from webapp.services.leases.lease import Document, Leased, Pipeline, after, counted, literal
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


class IllegalTransitionError(ConflictError):
    """A job was asked for a change that its state does not allow."""

    code = "illegal-transition"

    def __init__(self, job_id: ObjectId, previous: str, wanted: str) -> None:
        super().__init__(
            Message(
                "Report job %(id)s is %(state_)s and cannot become %(wanted_)s.",
                id=str(job_id),
                state=STATES[JobStatus(previous)].label,
                wanted=STATES[JobStatus(wanted)].label,
            )
        )
        self.previous = previous
        self.wanted = wanted


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


#: What a worker holds of them, and how: `held`.
JOBS = Leased(_jobs, "status", frozenset(RUNNING), told=("crashCount",))


def move(guard: Document, wanted: JobStatus, change: Pipeline, *, sources: Iterable[str] | None = None) -> bool:
    """Write `change` if the guard and the table allow it; False when no document matched."""
    return JOBS.update(guard, change, states=list(sources) if sources is not None else sources_of(wanted))


def _refused(job_id: ObjectId, wanted: JobStatus, sources: Sequence[str]) -> ConflictError | JobNotFoundError:
    """Why a guarded change matched nothing."""
    found = _jobs().find_one({"_id": job_id}, {"status": 1})
    if found is None:
        return JobNotFoundError(str(job_id))
    if found["status"] in sources:
        return ConflictError(Message("Report job %(id)s has changed in the meantime.", id=str(job_id)))
    return IllegalTransitionError(job_id, found["status"], wanted.value)


#: Of what begins again: who waited for its end waits again. Who was served by that end before is not served twice.
_HAS_WISHES: Document = {"$gt": [{"$size": {"$ifNull": ["$deliverTo", []]}}, 0]}

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
    # No `$lte`, and no `$or`, for which the embedded server would read all jobs (DESIGN §13). Without an instant a job
    # is due; instants have whole milliseconds.
    due = {"$not": {"$gte": before + timedelta(milliseconds=1)}}
    try:
        return move({"_id": job_id, "scheduledFor": due}, QUEUED, change)
    except DuplicateKeyError as error:
        raise SlotTakenError(slot) from error


def hold_back(job_id: ObjectId, *, why: str) -> bool:
    """queued -> pending: for a queued job that promotion must look at first."""
    return move({"_id": job_id}, PENDING, transition(PENDING, why=why, unsets=["slot"]), sources=[QUEUED.value])


def refuse(job_id: ObjectId, failure: Failure) -> bool:
    """waiting -> failed: the job can never run as it stands."""
    change = transition(
        JobStatus.FAILED, why=failure.message, code=failure.code, sets=ended_with(error_of(failure)), unsets=["slot"]
    )
    return move({"_id": job_id}, JobStatus.FAILED, change, sources=[PENDING.value, QUEUED.value])


# --- by people, and after the end -------------------------------------------------------------------------------------


def cancel(job_id: ObjectId, *, by: ObjectId | None, reason: str | None = None) -> JobStatus:
    """Stop a job: a waiting one at once (returns CANCELLED), a running one at its worker's next look (its state).

    Raises IllegalTransitionError for a job that has ended and JobNotFoundError for one that is gone.
    """
    asked = {"cancelRequestedAt": "$$NOW", "cancelRequestedBy": by, "cancelReason": literal(reason)}
    change = transition(
        JobStatus.CANCELLED,
        why=reason or "cancelled while waiting",
        user_id=by,
        sets={**asked, "completedAt": "$$NOW"},
        unsets=["slot"],
    )
    # Twice: between the two writes a worker may claim the job, or hand it back.
    for _ in range(2):
        if move({"_id": job_id}, JobStatus.CANCELLED, change, sources=[PENDING.value, QUEUED.value]):
            return JobStatus.CANCELLED
        if JOBS.update({"_id": job_id}, [{"$set": asked}], states=RUNNING):
            found = _jobs().find_one({"_id": job_id}, {"status": 1})
            return JobStatus(found["status"]) if found else JobStatus.CANCELLED
    raise _refused(job_id, JobStatus.CANCELLED, sources_of(JobStatus.CANCELLED))


def cancel_if_unended(job_id: ObjectId, *, by: ObjectId | None, reason: str | None = None) -> bool:
    """As `cancel`; false for a job that has ended, or is gone."""
    try:
        cancel(job_id, by=by, reason=reason)
    except (IllegalTransitionError, JobNotFoundError):
        return False
    return True


def take_back_cancel(job_id: ObjectId, *, by: ObjectId) -> None:
    """Undo what `by` has asked for: a job that was stopped while it waited waits again, as it did; one that runs goes
    on; one that was stopped while it ran begins anew.

    Raises IllegalTransitionError for a job that was not stopped, ConflictError where somebody else did, and
    JobNotFoundError.
    """
    asked = ["cancelRequestedAt", "cancelRequestedBy", "cancelReason"]
    change = transition(
        PENDING,
        why="cancelling was undone",
        user_id=by,
        sets={
            "progress": {"currentStep": None, "percentage": 0, "recordsProcessed": 0, "totalRecords": 0},
            "deliveriesWanted": _HAS_WISHES,
        },
        unsets=[*asked, "slot", "lease.until", "startedAt", "completedAt"],
    )
    mine = {"_id": job_id, "cancelRequestedBy": by}
    # Twice: between the two writes its worker may have stopped it.
    for _ in range(2):
        if move(mine, PENDING, change, sources=[JobStatus.CANCELLED.value]):
            return
        if JOBS.update(mine, [{"$unset": asked}], states=RUNNING):
            return
    raise _refused(job_id, PENDING, [JobStatus.CANCELLED.value])


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
            "deliveriesWanted": _HAS_WISHES,
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
    if not move({"_id": job_id}, PENDING, change, sources=ended):
        raise _refused(job_id, PENDING, ended)


def mark_downloaded(job_id: ObjectId, *, by: ObjectId | None = None) -> bool:
    """Count a download; the first one makes ready -> downloaded. False when the job has no file any more."""
    counts = {"downloadCount": counted("downloadCount"), "downloadedAt": "$$NOW"}
    first = transition(JobStatus.DOWNLOADED, why="downloaded", user_id=by, sets=counts)
    if move({"_id": job_id}, JobStatus.DOWNLOADED, first):
        return True
    return JOBS.update({"_id": job_id}, [{"$set": counts}], states=[JobStatus.DOWNLOADED])


def expire(job_id: ObjectId) -> bool:
    """ready, downloaded -> expired, before its file is deleted. False when the job has no file any more."""
    change = transition(JobStatus.EXPIRED, why="the file has been kept for its time", unsets=["output.storage"])
    return move({"_id": job_id}, JobStatus.EXPIRED, change)


def remove(job_id: ObjectId) -> None:
    """Delete a job that is not running. Raises ConflictError for a running one, JobNotFoundError for none."""
    states = [state.value for state in JobStatus if not state.is_running]
    if not _jobs().delete_one({"_id": job_id, "status": {"$in": states}}, hint="_id_").deleted_count:
        if _jobs().find_one({"_id": job_id}, {"_id": 1}) is None:
            raise JobNotFoundError(str(job_id))
        raise ConflictError(
            Message("Report job %(id)s is being worked on.", id=str(job_id)), hint=Message("Cancel it first.")
        )
