"""The facts of a job that lists go through and polls compare: small, read-only, made without a document class."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from webapp.documents import JobEvent, JobStatus, ReportJob
from webapp.services.collection_facts import CollectionFacts
from webapp.services.plain_text import folded
from webapp.services.remembered import caching_factor

#: A poll tells of a change so much later at most; however many watch, a process asks no more often.
SHARED_SECONDS = 0.25
RECENT_KEPT = 20_000
_FIELDS = (
    *("name", "reportType", "status", "priorityRank", "requestedBy", "departmentId", "visibility", "createdAt"),
    *("scheduledFor", "completedAt", "updatedAt", "expiresAt", "eventCount", "downloadCount", "output.format"),
    *("error.code", "searchWords", "parameters.filters.learnerIds", "templateId"),
    *("parentId", "burst.by", "partsState", "readerIds"),
)
#: A question about more learners than this is about none of them in particular.
_LEARNERS_KNOWN = 50


@dataclass(frozen=True, slots=True)
class JobFacts:
    """`name` is folded, for searching and sorting; so is what is asked and by whom, `words`."""

    id: ObjectId
    name: str
    words: str
    report_type: str
    status: str
    format: str
    error_code: str
    priority_rank: int
    requested_by: ObjectId | None
    department_id: ObjectId | None
    visibility: str
    created_at: datetime
    scheduled_for: datetime | None
    completed_at: datetime | None
    updated_at: datetime | None
    expires_at: datetime | None
    event_count: int
    download_count: int
    learner_ids: tuple[ObjectId, ...]
    template_id: ObjectId | None = None
    parent_id: ObjectId | None = None
    has_parts: bool = False
    parts_state: str = ""  # what is still to be done about them
    reader_ids: tuple[ObjectId, ...] = ()

    @property
    def state(self) -> JobStatus:
        return JobStatus(self.status)


def read(job_ids: Iterable[ObjectId]) -> dict[ObjectId, JobFacts]:
    """The facts of these jobs: one read by `_id`."""
    found = ReportJob._get_collection().find({"_id": {"$in": list(job_ids)}}, dict.fromkeys(_FIELDS, 1))
    return {document["_id"]: _facts(document) for document in found}


def read_shared(job_ids: Sequence[ObjectId]) -> dict[ObjectId, JobFacts]:
    """As `read`, or as read within `SHARED_SECONDS` for somebody else: many people watch the same jobs."""
    now, shared = time.monotonic(), SHARED_SECONDS * caching_factor()
    known = {each: recent[1] for each in job_ids if (recent := _recently_read.get(each)) and now - recent[0] < shared}
    if missing := [each for each in job_ids if each not in known]:
        found = read(missing)
        known |= {each: found.get(each) for each in missing}
        if len(_recently_read) > RECENT_KEPT:
            _recently_read.clear()
        _recently_read.update((each, (now, known[each])) for each in missing)
    return {each: facts for each, facts in known.items() if facts is not None}


def every(max_age: float = 0.0) -> list[JobFacts]:
    """All jobs, the oldest first, as they are or were `max_age` seconds ago."""
    return _jobs.everything(max_age)


def read_ahead() -> None:
    """Begin to read all, for those who ask later."""
    _jobs.read_ahead()


def forget() -> None:
    """Read all anew: another database, in tests."""
    _jobs.forget()
    _recently_read.clear()


def _facts(document: dict[str, Any]) -> JobFacts:
    # Another client may have left anything out.
    return JobFacts(
        id=document["_id"],
        name=folded(document.get("name") or ""),
        words=document.get("searchWords") or "",
        report_type=document.get("reportType") or "",
        status=document.get("status") or JobStatus.PENDING.value,
        format=(document.get("output") or {}).get("format") or "",
        error_code=(document.get("error") or {}).get("code") or "",
        priority_rank=document.get("priorityRank") or 0,
        requested_by=document.get("requestedBy"),
        department_id=document.get("departmentId"),
        visibility=document.get("visibility") or "private",
        created_at=document.get("createdAt") or document["_id"].generation_time,
        scheduled_for=document.get("scheduledFor"),
        completed_at=document.get("completedAt"),
        updated_at=document.get("updatedAt"),
        expires_at=document.get("expiresAt"),
        event_count=document.get("eventCount") or 0,
        download_count=document.get("downloadCount") or 0,
        learner_ids=_learners_of(document),
        template_id=document.get("templateId"),
        parent_id=document.get("parentId"),
        has_parts=bool(document.get("burst")),
        parts_state=document.get("partsState") or "",
        reader_ids=tuple(document.get("readerIds") or ()),
    )


def _learners_of(document: dict[str, Any]) -> tuple[ObjectId, ...]:
    """Whom the question is about."""
    filters = (document.get("parameters") or {}).get("filters") or {}
    return tuple(filters.get("learnerIds") or ())[:_LEARNERS_KNOWN]


def _deleted(since: datetime) -> list[ObjectId]:
    deletions = JobEvent._get_collection().find({"to": None, "at": {"$gt": since}}, {"jobId": 1})
    return [event["jobId"] for event in deletions]


#: When a job was read for a poll, and what it was then; None for one that there is not.
_recently_read: dict[ObjectId, tuple[float, JobFacts | None]] = {}
_jobs: CollectionFacts[JobFacts] = CollectionFacts(
    "reportjobs", _FIELDS, _facts, lambda job: (job.created_at, job.id), _deleted
)
