"""What administrators and managers do to many jobs at once: everything that matches a filter, not just a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from mongoengine import QuerySet

from webapp.documents import JobStatus, ReportJob, User
from webapp.errors import ConflictError, ForbiddenError, NotFoundError
from webapp.services.requests import changing
from webapp.services.rights import visibility

#: One order goes so far; what is left matches still, and is told.
AT_ONCE = 10_000


@dataclass(frozen=True)
class Selection:
    """Which jobs are meant. Empty fields do not narrow; all given ones must match."""

    statuses: tuple[str, ...] = ()
    report_types: tuple[str, ...] = ()
    error_codes: tuple[str, ...] = ()
    department_ids: tuple[ObjectId, ...] = ()
    requested_by: ObjectId | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    job_ids: tuple[ObjectId, ...] = ()


@dataclass(frozen=True)
class BulkOutcome:
    """`changed` did as asked; `skipped` matched when the order came but had moved on, or were not the actor's to
    change; `is_partial` when more match than one order handles."""

    changed: int
    skipped: int
    is_partial: bool


def matching(actor: User, selection: Selection) -> QuerySet:
    """The jobs of this selection that `actor` may know about."""
    conditions = {
        "status__in": list(selection.statuses),
        "report_type__in": list(selection.report_types),
        "error__code__in": list(selection.error_codes),
        "department_id__in": list(selection.department_ids),
        "id__in": list(selection.job_ids),
        "requested_by": selection.requested_by,
        "created_at__gte": selection.created_from,
        "created_at__lt": selection.created_before,
    }
    return visibility.visible_jobs(actor).filter(**{name: value for name, value in conditions.items() if value})


def cancel_matching(actor: User, selection: Selection, *, reason: str | None = None) -> BulkOutcome:
    """Cancel every waiting or running job that matches."""
    unfinished = [state.value for state in JobStatus if not state.is_finished]
    return _each(
        matching(actor, selection).filter(status__in=unfinished),
        lambda job_id: changing.cancel(actor, job_id, reason),
    )


def retry_matching(actor: User, selection: Selection) -> BulkOutcome:
    """Make every failed, cancelled or expired job that matches again."""
    ended = [JobStatus.FAILED.value, JobStatus.CANCELLED.value, JobStatus.EXPIRED.value]
    if not selection.statuses:
        ended = [JobStatus.FAILED.value]  # nobody means what was cancelled unless they say so
    return _each(matching(actor, selection).filter(status__in=ended), lambda job_id: changing.retry(actor, job_id))


def _each(found: QuerySet, change: Callable[[ObjectId], ReportJob]) -> BulkOutcome:
    job_ids: list[ObjectId] = list(found.limit(AT_ONCE + 1).scalar("id"))
    changed = skipped = 0
    for job_id in job_ids[:AT_ONCE]:
        try:
            change(job_id)
        except (ConflictError, ForbiddenError, NotFoundError):
            skipped += 1
        else:
            changed += 1
    return BulkOutcome(changed, skipped, len(job_ids) > AT_ONCE)
