"""The expressions that changes of a job's state are made of: pure functions from facts to update pipelines.

Every instant is the database's own (`$$NOW`); every text of somebody else's making is a `$literal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus
from webapp.documents.job_event import HISTORY_KEPT
from webapp.documents.job_status import RUNNING
from webapp.documents.report_job import MAX_ATTEMPTS_KEPT
from webapp.messages import to_document
from webapp.services.leases.lease import Document, after, counted, literal
from webapp.settings import get_settings


@dataclass(frozen=True)
class Failure:
    """Why an attempt ended badly. `message` is for people, `stack` for administrators."""

    code: str
    message: str
    stack: str | None = None


def _seconds_since(instant: str) -> Document:
    # `$dateDiff`, because the embedded server cannot subtract a stored instant from `$$NOW`.
    elapsed = {"$divide": [{"$dateDiff": {"startDate": instant, "endDate": "$$NOW", "unit": "millisecond"}}, 1000]}
    return {"$cond": [{"$eq": [{"$type": instant}, "date"]}, elapsed, None]}


def _appended(field: str, item: Document, keep: int) -> Document:
    listed = {"$cond": [{"$isArray": f"${field}"}, f"${field}", []]}
    return {"$slice": [{"$concatArrays": [listed, [item]]}, -keep]}


def attempt(outcome: str, failure: Failure | None = None) -> Document:
    """The line that an ended attempt leaves behind."""
    return _appended(
        "attempts",
        {
            "fence": "$lease.fence",
            "workerId": "$lease.workerId",
            "startedAt": "$startedAt",
            "endedAt": "$$NOW",
            "outcome": outcome,
            "code": literal(failure.code if failure else None),
            "message": literal(failure.message if failure else None),
        },
        MAX_ATTEMPTS_KEPT,
    )


def transition(
    wanted: JobStatus,
    *,
    why: str,
    user_id: ObjectId | None = None,
    worker_id: str | None = None,
    code: str | None = None,
    told: Mapping[str, Any] | None = None,
    sets: Mapping[str, Any] | None = None,
    unsets: Sequence[str] = (),
) -> list[Document]:
    """The pipeline of one transition: the state, its line in the history (with `told`), and what else changes."""
    event: Document = {
        "seq": counted("eventCount"),
        "from": "$status",
        "to": wanted.value,
        "at": "$$NOW",
        "userId": user_id,
        "workerId": worker_id,
        "why": literal(why),
        "code": literal(code),
        **{name: literal(value) for name, value in (told or {}).items()},
    }
    if wanted is JobStatus.PROCESSING:
        event["fence"] = counted("lease.fence")
        event["waitSeconds"] = _seconds_since("$scheduledFor")
    else:
        event["fence"] = "$lease.fence"
        event["runSeconds"] = {
            "$cond": [{"$in": ["$status", [state.value for state in RUNNING]]}, _seconds_since("$startedAt"), None]
        }
    pipeline: list[Document] = [
        {
            "$set": {
                "status": wanted.value,
                "updatedAt": "$$NOW",
                "eventCount": event["seq"],
                "history": _appended("history", event, HISTORY_KEPT),
                **(sets or {}),
            }
        }
    ]
    if unsets:
        pipeline.append({"$unset": list(unsets)})
    return pipeline


def error_of(failure: Failure, *, retry: bool = False) -> Document:
    count: Any = {"$ifNull": ["$error.retryCount", 0]}
    return {
        "code": literal(failure.code),
        "message": literal(failure.message),
        "said": {"$literal": to_document(failure.message)},
        "stack": literal(failure.stack),
        "retryCount": {"$add": [count, 1]} if retry else count,
        "lastRetryAt": "$$NOW" if retry else {"$ifNull": ["$error.lastRetryAt", None]},
    }


def ended_with(error: Document) -> Document:
    keep_until = after(timedelta(days=get_settings().job_retention_days))
    return {"error": error, "completedAt": "$$NOW", "expiresAt": {"$max": ["$expiresAt", keep_until]}}
