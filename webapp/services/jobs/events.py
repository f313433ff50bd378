"""The audit trail and the job's timeline.

The update that changes a job's state writes the event into the job itself; `copy` brings it into the audit collection,
where it outlives the job. Copying is idempotent, so whoever is in doubt copies again: a worker in small batches, the
web at once, the reaper for every job it takes over from a dead worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from webapp.documents import JobEvent, ReportJob, User
from webapp.messages import Message
from webapp.services import database_clock
from webapp.settings import get_settings

DUPLICATE_KEY = 11000


@dataclass(frozen=True)
class TimelineEntry:
    """One line of a job's timeline. `actor` is a person's name, or "worker <first eight of its id>", or None."""

    at: datetime
    previous: str | None
    status: str | None
    actor: str | None
    why: str
    code: str | None
    fence: int | None


def copy(job_ids: Iterable[ObjectId]) -> int:
    """Copy what is not yet in the audit collection from the histories of these jobs; returns how many were new."""
    jobs = ReportJob._get_collection().find(
        {"_id": {"$in": list(set(job_ids))}}, {"history": 1, "reportType": 1, "requestedBy": 1, "departmentId": 1}
    )
    return _insert([event for job in jobs for event in _events_of(job)])


def record_deletion(job: ReportJob, *, by: ObjectId) -> None:
    """The last event of a job that a person has deleted."""
    _insert(
        [
            {
                **_about(job.to_mongo()),
                "_id": f"{job.id}:deleted",
                "seq": (job.event_count or 0) + 1,
                "from": job.status,
                "to": None,
                "at": database_clock.now(),
                "userId": by,
                "why": "deleted",
                "expiresAt": database_clock.now() + timedelta(days=get_settings().audit_retention_days),
            }
        ]
    )


def timeline(job: ReportJob) -> list[TimelineEntry]:
    """Everything that has happened to the job, oldest first: its own last lines, before them the audit trail."""
    events = {event["seq"]: event for event in job.history if event.get("seq")}
    if len(events) < (job.event_count or 0):
        earlier = JobEvent._get_collection().find({"jobId": job.id})
        events = {event["seq"]: event for event in earlier if event.get("seq")} | events
    people = {event["userId"] for event in events.values() if event.get("userId")}
    names = dict(User.objects(id__in=list(people)).scalar("id", "name")) if people else {}
    return [
        TimelineEntry(
            at=event["at"],
            previous=event.get("from"),
            status=event.get("to"),
            actor=_actor(event, names),
            why=event.get("why") or "",
            code=event.get("code"),
            fence=event.get("fence"),
        )
        for _, event in sorted(events.items())
    ]


def _actor(event: dict[str, Any], names: dict[ObjectId, str]) -> str | None:
    if event.get("userId"):
        return names.get(event["userId"], Message("someone who has left"))
    return Message("worker %(id)s", id=event["workerId"][:8]) if event.get("workerId") else None


def _about(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "jobId": job["_id"],
        "reportType": job.get("reportType"),
        "requestedBy": job.get("requestedBy"),
        "departmentId": job.get("departmentId"),
    }


def _events_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    keep = timedelta(days=get_settings().audit_retention_days)
    about = _about(job)
    return [
        {**about, **event, "_id": f"{job['_id']}:{event['seq']}", "expiresAt": event["at"] + keep}
        for event in job.get("history") or ()
    ]


def _insert(events: list[dict[str, Any]]) -> int:
    collection = JobEvent._get_collection()
    if not events:
        return 0
    known = {
        found["_id"] for found in collection.find({"_id": {"$in": [event["_id"] for event in events]}}, {"_id": 1})
    }
    new = [event for event in events if event["_id"] not in known]
    if not new:
        return 0
    try:
        return len(collection.insert_many(new, ordered=False).inserted_ids)
    except BulkWriteError as error:
        # Somebody copied the same lines at the same time; anything else is a fault.
        if any(problem["code"] != DUPLICATE_KEY for problem in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])
