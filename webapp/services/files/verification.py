"""Is this file, byte for byte, one that the desk made; and which report is it?

A file is known by its SHA-256. A report that has its file says it itself; one whose file has expired, was made anew, or
that has been deleted is known by the line that its audit trail has of the file, as long as that is kept. Files of equal
rows can be equal (CSV says nothing about itself), so one file may be several reports'.

Whoever may not see a report learns nothing of its file. A report that is gone counts as a private one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from bson import ObjectId

from webapp.documents import AdminArea, JobEvent, ReportJob, User
from webapp.services import audit
from webapp.services.audit import ReportAct
from webapp.services.rights import visibility

#: Equal files of more reports than this are told by the newest ones.
MOST_TOLD = 20
#: Reports whose files are gone, looked at for those that the person may see.
MOST_READ = 200
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Origin:
    """One report that a file belongs to. `name` is None for a report that has been deleted; `has_file` says whether the
    file can still be downloaded."""

    job_id: ObjectId
    name: str | None
    report_type: str
    requested_by: ObjectId
    made_at: datetime
    has_file: bool


def sha256_of(stream: IO[bytes]) -> str:
    """Of everything that is left in `stream`, read in pieces."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def origins(actor: User, sha256: str) -> list[Origin]:
    """The reports with this file that `actor` may know about, the newest first; empty when the desk made no such file,
    or none that `actor` may know about. The audit trail says that they asked."""
    with_file = visibility.visible_jobs(actor).filter(output__storage__sha256=sha256)
    found = [
        Origin(job.id, job.name, job.report_type, job.requested_by, job.completed_at or job.created_at, True)
        for job in with_file.order_by("-created_at")[:MOST_TOLD]
    ]
    found += _without_file(actor, sha256, besides={origin.job_id for origin in found})
    found = sorted(found, key=lambda origin: origin.made_at, reverse=True)[:MOST_TOLD]
    for origin in found:
        name = origin.name or origin.report_type
        audit.record(actor, AdminArea.REPORTS, ReportAct.VERIFIED.value, name, subject_id=origin.job_id)
    return found


def _without_file(actor: User, sha256: str, besides: set[ObjectId]) -> list[Origin]:
    """Reports that had this file once, by the audit trail."""
    events = {
        event.job_id: event
        for event in JobEvent.objects(sha256=sha256).order_by("-at")[:MOST_READ]
        if event.job_id not in besides
    }
    jobs = ReportJob.objects(id__in=list(events)).in_bulk(list(events))
    may_see: dict[tuple[object, ...], bool] = {}
    found = []
    for job_id, event in events.items():
        # What was deleted is known to those who would have seen it had it been private.
        job = jobs.get(job_id) or ReportJob(
            requested_by=event.requested_by, department_id=event.department_id, visibility="private"
        )
        key = (job.requested_by, job.department_id, job.visibility)
        if key not in may_see:
            may_see[key] = visibility.may_see(actor, job)
        if may_see[key]:
            found.append(Origin(job_id, job.name, event.report_type, event.requested_by, event.at, False))
    return found


def requesters(found: Iterable[Origin]) -> dict[ObjectId, str]:
    """Names of the people who asked, by id; who has left is missing."""
    return dict(User.objects(id__in=list({origin.requested_by for origin in found})).scalar("id", "name"))


__all__ = ["Origin", "origins", "requesters", "sha256_of"]
