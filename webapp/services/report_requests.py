"""Asking for a report, and everything a person may do with the request afterwards.

Every function starts from what the actor may see: what they may not is JobNotFoundError. Nothing is saved before it is
whole and valid; every error stands under the name of its field.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp import clock, storage
from webapp.documents import LookupCategory, Parameters, ReportJob, User
from webapp.documents.lookup_value import active_lookups
from webapp.documents.report_job import RUNNING, WAITING
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, ReportdeskError
from webapp.messages import Message
from webapp.services import (
    database_clock,
    job_events,
    job_lifecycle,
    lookups,
    promotion,
    report_questions,
    request_rules,
    visibility,
)
from webapp.services.request_rules import ReportRequest
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: A finished report this young answers the same question again.
FRESH = timedelta(hours=1)


class AlreadyAskedError(ConflictError):
    """The same person has asked the same thing, and it waits, runs, or is ready and fresh. `job` is that one."""

    code = "already-asked"
    hint = Message("Open that one, or ask again anyway.")

    def __init__(self, job: ReportJob, *, now: datetime) -> None:
        minutes = max(int((now - job.created_at).total_seconds() // 60), 0)
        ago = Message.counted("%(num)s minute ago", "%(num)s minutes ago", minutes) if minutes else Message("just now")
        label = lookups.label(LookupCategory.REPORT_STATUS, job.status)
        super().__init__(
            Message("You asked for this %(ago)s: “%(name)s” is %(status_)s.", ago=ago, name=job.name, status=label)
        )
        self.job = job


# --- asking -----------------------------------------------------------------------------------------------------------


def create(actor: User, request: ReportRequest, *, insist: bool = False) -> ReportJob:
    """Ask for a report; it is queued at once if it is due and its requester has a slot free.

    Raises InvalidRequestError (all fields at fault), ForbiddenError, and, unless `insist`, AlreadyAskedError.
    """
    visibility.require_permission(actor, visibility.REQUEST_REPORTS)
    job_id = _submission_key(actor, request.submission_id)
    if job_id is not None and (made := ReportJob.objects(id=job_id).first()) is not None:
        return made
    now = database_clock.now()
    job = request_rules.checked_job(actor, request, now)
    if not insist and (same := find_same(actor, job, now=now)) is not None:
        raise AlreadyAskedError(same, now=now)
    if job_id is not None:
        job.id = job_id
    job.history = [job_lifecycle.birth_event(user_id=actor.id, at=now, why="asked for")]
    job.event_count = 1
    try:
        job.save(force_insert=True)
    except NotUniqueError:
        # The other half of a double click was faster; both get the one job.
        return ReportJob.objects.get(id=job_id)
    except ValidationError as error:
        raise InvalidRequestError(request_rules.problems_of(error)) from error
    promotion.promote(job.id)
    job_events.copy([job.id])
    log.info("job created", extra={"job_id": str(job.id), "report_type": job.report_type})
    return ReportJob.objects.get(id=job.id)


def check(actor: User, request: ReportRequest) -> None:
    """Raises what `create` would raise about the request itself; saves nothing."""
    visibility.require_permission(actor, visibility.REQUEST_REPORTS)
    request_rules.checked_job(actor, request, database_clock.now())


def find_same(actor: User, job: ReportJob, *, now: datetime) -> ReportJob | None:
    """The actor's own job that answers the same question already, or soon will."""
    if job.scheduled_for > now:
        return None
    recent = ReportJob.objects(requested_by=actor.id, question_hash=job.question_hash).order_by("-created_at")[:20]
    for other in recent:
        if other.output.options != job.output.options or other.sibling_of != job.sibling_of:
            continue
        if other.state in RUNNING or (other.state in WAITING and other.scheduled_for <= now):
            return other
        if other.state.has_file and other.completed_at is not None and now - other.completed_at < FRESH:
            return other
    return None


# --- reading ----------------------------------------------------------------------------------------------------------


def find(actor: User, job_id: str | ObjectId) -> ReportJob:
    """Raises JobNotFoundError."""
    return visibility.visible_job(actor, job_id)


def list_own(actor: User, *, statuses: Iterable[str] = (), limit: int = 50) -> list[ReportJob]:
    """The actor's own jobs, the newest first."""
    wanted = list(statuses)
    jobs = ReportJob.objects(requested_by=actor.id, **({"status__in": wanted} if wanted else {}))
    return list(jobs.order_by("-created_at")[:limit])


# --- afterwards -------------------------------------------------------------------------------------------------------


def update(
    actor: User, job_id: str | ObjectId, *, name: str | None = None, description: str | None = None
) -> ReportJob:
    """Change the name, the description, or both; None leaves one as it is. Raises InvalidRequestError."""
    job = _editable(actor, job_id)
    errors: dict[str, str] = {}
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = request_rules.clean_name(name, errors)
        if not changes["name"]:
            errors.setdefault("name", Message("A report needs a name."))
    if description is not None:
        changes["description"] = request_rules.clean_description(description, errors)
    if errors:
        raise InvalidRequestError(errors)
    return _changed(job, changes)


def share(actor: User, job_id: str | ObjectId, visibility_key: str) -> ReportJob:
    """Say who may see the report. Raises InvalidRequestError for an unknown visibility."""
    job = _editable(actor, job_id)
    errors: dict[str, str] = {}
    request_rules.check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, visibility_key)
    if errors:
        raise InvalidRequestError(errors)
    return _changed(job, {"visibility": visibility_key})


def cancel(actor: User, job_id: str | ObjectId, reason: str | None = None) -> ReportJob:
    """Stop a waiting report at once, a running one within seconds.

    Raises ForbiddenError, and IllegalTransitionError for one that has ended.
    """
    job = _manageable(actor, job_id)
    job_lifecycle.cancel(
        job.id, by=actor.id, reason=(request_rules.CONTROL.sub("", reason).strip()[:500] or None) if reason else None
    )
    job_events.copy([job.id])
    return _fresh(job)


def retry(actor: User, job_id: str | ObjectId) -> ReportJob:
    """Make a failed, cancelled or expired report again, with the rows its requester may read today."""
    job = _editable(actor, job_id)
    requester = User.objects(id=job.requested_by, is_active=True).first()
    if requester is None:
        raise ConflictError(
            Message("The person who asked for this report has left."), hint=Message("Duplicate it to make it your own.")
        )
    scope = visibility.data_scope(requester)
    job_lifecycle.retry(
        job.id,
        by=actor.id,
        fills={
            "provenance": {"scope": scope.to_document()},
            "questionHash": report_questions.question_hash(job.report_type, job.parameters, scope, job.output.format),
        },
    )
    promotion.promote(job.id)
    job_events.copy([job.id])
    return _fresh(job)


def reprioritise(actor: User, job_id: str | ObjectId, priority: str) -> ReportJob:
    """Move a waiting report forward or back. Raises ConflictError once it runs or has ended."""
    job = _manageable(actor, job_id)
    errors: dict[str, str] = {}
    request_rules.check_priority(actor, priority, errors)
    if errors:
        raise InvalidRequestError(errors)
    rank = int(active_lookups(LookupCategory.REPORT_PRIORITY)[priority].metadata.get("rank", 0))
    waiting = {"_id": job.id, "status": {"$in": [state.value for state in WAITING]}}
    change = {"$set": {"priority": priority, "priorityRank": rank, "updatedAt": clock.utcnow()}}
    if not ReportJob._get_collection().update_one(waiting, change, hint="_id_").matched_count:
        raise ConflictError(
            Message("“%(name)s” does not wait any more, so its priority no longer matters.", name=job.name)
        )
    return _fresh(job)


def request_of(job: ReportJob) -> ReportRequest:
    """The request that would ask for `job` again, now."""
    return ReportRequest(
        report_type=job.report_type,
        parameters=Parameters._from_son(job.parameters.to_mongo()),
        format=job.output.format,
        name=job.name,
        description=job.description,
        filename=job.output.filename,
        options=dict(job.output.options or {}),
        priority=job.priority,
        visibility="private",
    )


def duplicate(actor: User, job_id: str | ObjectId, *, submission_id: str | None = None) -> ReportJob:
    """Ask for the same again, as the actor, with the rows the actor may read; private until they share it.

    The same `submission_id` again makes no second job.
    """
    job = visibility.visible_job(actor, job_id)
    request = request_of(job)
    usable = request_rules.usable_priorities(actor)
    return create(
        actor,
        replace(
            request,
            priority=request.priority if request.priority in usable else "normal",
            submission_id=submission_id or None,
        ),
        insist=True,
    )


def sibling(actor: User, job_id: str | ObjectId, format: str) -> ReportJob:
    """“Also as Excel”: the same question in another format, answered from the data that the first one saw."""
    job = visibility.visible_job(actor, job_id)
    if not job.state.has_file:
        raise ConflictError(
            Message("“%(name)s” is not ready, so there is nothing to make another format of.", name=job.name)
        )
    request = request_of(job)
    parameters = request.parameters
    parameters.as_of_job_id = job.id
    return create(
        actor,
        replace(request, parameters=parameters, format=format, options={}, priority="normal", sibling_of=job.id),
    )


def delete(actor: User, job_id: str | ObjectId) -> None:
    """Delete a report that is not running, and its file. Raises ConflictError for a running one."""
    job = _editable(actor, job_id)
    if job.state.is_running:
        raise ConflictError(
            Message("“%(name)s” is being made.", name=job.name), hint=Message("Cancel it first, then delete it.")
        )
    job_events.copy([job.id])
    job_lifecycle.remove(job.id)
    job_events.record_deletion(job, by=actor.id)
    try:
        files = storage.open_storage(get_settings().effective_storage_url)
        for key, _, _ in list(files.list(f"reports/{job.id}/")):
            files.delete(key)
    except (OSError, ReportdeskError):
        # The report is gone either way; the sweep deletes files that no job points to.
        log.exception("files of a deleted job stay for the sweep", extra={"job_id": str(job.id)})


# --- rules ------------------------------------------------------------------------------------------------------------


def _submission_key(actor: User, submission_id: str | None) -> ObjectId | None:
    """The job id that this form's submission makes, so that the index on `_id` alone keeps it from making two."""
    if not submission_id:
        return None
    return ObjectId(hashlib.sha256(f"{actor.id}:{submission_id}".encode()).digest()[:12])


def _editable(actor: User, job_id: str | ObjectId) -> ReportJob:
    job = visibility.visible_job(actor, job_id)
    if not visibility.may_edit(actor, job):
        raise ForbiddenError(Message("Only the person who asked for “%(name)s” may change it.", name=job.name))
    return job


def _manageable(actor: User, job_id: str | ObjectId) -> ReportJob:
    job = visibility.visible_job(actor, job_id)
    if not visibility.may_manage(actor, job):
        raise ForbiddenError(
            Message(
                "Only the person who asked for “%(name)s”, or a manager of its department, may do this.", name=job.name
            )
        )
    return job


def _changed(job: ReportJob, changes: dict[str, Any]) -> ReportJob:
    """Write these fields alone: saving the document could bring a deleted one back, or undo a worker's write."""
    written = changes | {"updatedAt": clock.utcnow()}
    if not ReportJob._get_collection().update_one({"_id": job.id}, {"$set": written}).matched_count:
        raise visibility.JobNotFoundError(str(job.id))
    return _fresh(job)


def _fresh(job: ReportJob) -> ReportJob:
    found = ReportJob.objects(id=job.id).first()
    if found is None:
        raise visibility.JobNotFoundError(str(job.id))
    return found
