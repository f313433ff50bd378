"""What a person may do with a report that was asked for: name it, share it, stop it, make it again, delete it.

Every function starts from what the actor may see: what they may not is JobNotFoundError.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from webapp import clock, storage
from webapp.documents import JobStatus, LookupCategory, ReportJob, User
from webapp.documents.job_status import WAITING
from webapp.documents.lookup_value import active_lookups
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, ReportdeskError
from webapp.messages import Message, from_document
from webapp.services import audit, permissions
from webapp.services.audit import ReportAct
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lifecycle
from webapp.services.jobs import parts as parts_of
from webapp.services.jobs.changes import Failure
from webapp.services.permissions import Permission
from webapp.services.questions import as_query, ways
from webapp.services.questions.request import CONTROL
from webapp.services.queue import promotion
from webapp.services.requests import everyone, waiting, with_parts
from webapp.services.requests import rules as request_rules
from webapp.services.rights import data_scope, parts, standing, visibility
from webapp.services.rights.standing import RequesterGoneError, RightLostError
from webapp.settings import get_settings

log = logging.getLogger(__name__)


def update(
    actor: User, job_id: str | ObjectId, *, name: str | None = None, description: str | None = None
) -> ReportJob:
    """Change the name, the description, or both; None leaves one as it is. Raises InvalidRequestError."""
    job = _editable(actor, job_id)
    errors: dict[str, str] = {}
    changes: dict[str, Any] = {}
    named: dict[str, Any] = {}
    if name is not None:
        changes["name"] = request_rules.clean_name(name, errors)
        if not changes["name"]:
            errors.setdefault("name", Message("A report needs a name."))
        if changes["name"] != job.name:
            named = {"namedByQuestion": False}
    if description is not None:
        changes["description"] = request_rules.clean_description(description, errors)
    if errors:
        raise InvalidRequestError(errors)
    before = {name: getattr(job, name) or "" for name in changes}
    changed = _changed(job, changes | named)
    if told := {name: (old, changes[name]) for name, old in before.items() if old != (changes[name] or "")}:
        audit.record_on_report(actor, ReportAct.RENAMED, job, changes=told)
    return changed


def share(actor: User, job_id: str | ObjectId, visibility_key: str, *, agreed: bool = False) -> ReportJob:
    """Say who may see the report.

    Raises InvalidRequestError for an unknown visibility, and for one that the report may not have; NotAgreedError for
    everyone, unless `agreed`, or it is so already.
    """
    job = _editable(actor, job_id)
    errors: dict[str, str] = {}
    request_rules.check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, visibility_key)
    if errors:
        raise InvalidRequestError(errors)
    everyone.require_shareable(job, visibility_key)
    everyone.require_agreed(visibility_key, agreed or job.visibility == visibility_key)
    changed = _changed(job, {"visibility": visibility_key})
    if changed.visibility != job.visibility:
        requester = actor if job.requested_by == actor.id else User.objects(id=job.requested_by).first()
        reached, _ = visibility.audience(requester or actor, visibility_key, job.department_id)
        told = {"visibility": (job.visibility, visibility_key), "people": ("", reached)}
        audit.record_on_report(actor, ReportAct.SHARED, job, changes=told)
    return changed


def cancel(actor: User, job_id: str | ObjectId, reason: str | None = None) -> ReportJob:
    """Stop a waiting report at once, a running one within seconds; of one that is made in parts, all that has not
    ended.

    Raises ForbiddenError, and IllegalTransitionError for one that has ended.
    """
    job = _manageable(actor, job_id)
    reason = (CONTROL.sub("", reason).strip()[:500] or None) if reason else None
    if not with_parts.cancel(actor, job, reason):
        lifecycle.cancel(job.id, by=actor.id, reason=reason)
    job_events.copy([job.id])
    audit.record_on_report(actor, ReportAct.CANCELLED, job, changes={"reason": ("", reason)} if reason else None)
    return _fresh(job)


def retry(actor: User, job_id: str | ObjectId) -> ReportJob:
    """Make a failed, cancelled or expired report again, with the rows its requester may read today; of one that is made
    in parts and is ready, those of its parts that are not."""
    job = _editable(actor, job_id)
    if with_parts.are_to_be_made_again(job):
        return _parts_again(actor, job)
    try:
        requester = standing.standing_requester(job)
    except (RequesterGoneError, RightLostError) as error:
        raise ConflictError(str(error), hint=str(error.hint)) from error
    if job.parent_id is None:
        waiting.require_room(requester.id)
    request = ways.from_job(job)
    scope = parts.narrowed(data_scope.data_scope(requester), request.part)
    lifecycle.retry(
        job.id,
        by=actor.id,
        fills={
            "provenance": {"scope": scope.to_document()},
            "questionHash": as_query.question_hash(request, scope),
            **with_parts.found_anew(job),
        },
    )
    promotion.promote(job.id)
    job_events.copy([job.id])
    audit.record_on_report(actor, ReportAct.RETRIED, job)
    return _fresh(job)


def _parts_again(actor: User, whole: ReportJob) -> ReportJob:
    for part in parts_of.of(whole.id):
        if part.state.is_finished and not part.state.has_file:
            retry(actor, part.id)
    with_parts.make_those_missing(whole)
    audit.record_on_report(actor, ReportAct.RETRIED, whole)
    return _fresh(whole)


def take_back_cancel(actor: User, job_id: str | ObjectId) -> ReportJob:
    """Undo the cancelling that `actor` has just asked for. Raises ConflictError where it was somebody else."""
    job = _manageable(actor, job_id)
    for cancelled in with_parts.cancelled_now(actor, job):
        lifecycle.take_back_cancel(cancelled, by=actor.id)
        promotion.promote(cancelled)
        job_events.copy([cancelled])
    with_parts.make_those_missing(job)
    job_events.copy([job.id])
    audit.record_on_report(actor, ReportAct.CANCEL_UNDONE, job)
    return _fresh(job)


def take_back_retry(actor: User, job_id: str | ObjectId, before: Mapping[str, Any]) -> ReportJob:
    """Undo “make it again”: what had failed has failed as before, everything else is stopped. `before` is the job's
    `status` and `error` of then."""
    job = _editable(actor, job_id)
    error = before.get("error")
    if job.burst is not None and job.state.has_file:
        with_parts.cancel(actor, job, None)
    elif before.get("status") == JobStatus.FAILED and error and job.state.is_waiting:
        said = from_document(error.get("said")) or error.get("message") or ""
        lifecycle.refuse(job.id, Failure(error.get("code") or "", said, error.get("stack")))
    else:
        lifecycle.cancel(job.id, by=actor.id)
    job_events.copy([job.id])
    audit.record_on_report(actor, ReportAct.RETRY_UNDONE, job)
    return _fresh(job)


def reprioritise(actor: User, job_id: str | ObjectId, priority: str) -> ReportJob:
    """Move a waiting report forward or back. Raises ConflictError once it runs or has ended."""
    job = _manageable(actor, job_id)
    errors: dict[str, str] = {}
    request_rules.check_priority(actor, priority, job.department_id, errors)
    if errors:
        raise InvalidRequestError(errors)
    rank = int(active_lookups(LookupCategory.REPORT_PRIORITY)[priority].metadata.get("rank", 0))
    waiting = {"_id": job.id, "status": {"$in": [state.value for state in WAITING]}}
    now = clock.utcnow()
    moved = {"priority": priority, "priorityRank": rank, "updatedAt": now}
    if job.priority != priority:
        moved |= {"priorityChangedBy": actor.id, "priorityChangedAt": now}
    change = {"$set": moved}
    count = ReportJob._get_collection().update_one(waiting, change, hint="_id_").matched_count
    if job.burst is not None:
        count += with_parts.move(job, moved)
    if not count:
        raise ConflictError(
            Message("“%(name)s” does not wait any more, so its priority no longer matters.", name=job.name)
        )
    if job.priority != priority:
        audit.record_on_report(actor, ReportAct.MOVED, job, changes={"priority": (job.priority, priority)})
    return _fresh(job)


def delete(actor: User, job_id: str | ObjectId) -> None:
    """Delete a report that is not running, and its file; one that is made in parts with all of them. Raises
    ConflictError for a running one."""
    job = _editable(actor, job_id)
    found = parts_of.of(job.id) if job.burst is not None else []
    if any(part.state.is_running for part in found):
        raise ConflictError(
            Message("Parts of “%(name)s” are being made.", name=job.name),
            hint=Message("Cancel it first, then delete it."),
        )
    if not job.state.is_running:
        with_parts.make_no_more(job)
        for part in found:
            _delete(actor, part)
    _delete(actor, job)


def _delete(actor: User, job: ReportJob) -> None:
    if job.state.is_running:
        raise ConflictError(
            Message("“%(name)s” is being made.", name=job.name), hint=Message("Cancel it first, then delete it.")
        )
    job_events.copy([job.id])
    lifecycle.remove(job.id)
    job_events.record_deletion(job, by=actor.id)
    audit.record_on_report(actor, ReportAct.DELETED, job)
    try:
        files = storage.open_storage(get_settings().effective_storage_url)
        for key, _, _ in list(files.list(f"reports/{job.id}/")):
            files.delete(key)
    except (OSError, ReportdeskError):
        # The report is gone either way; the sweep deletes files that no job points to.
        log.exception("files of a deleted job stay for the sweep", extra={"job_id": str(job.id)})


def _editable(actor: User, job_id: str | ObjectId) -> ReportJob:
    job = visibility.visible_job(actor, job_id)
    if not visibility.may_edit(actor, job):
        _require_right_to_own(actor, job)
        raise ForbiddenError(Message("Only the person who asked for “%(name)s” may change it.", name=job.name))
    return job


def _manageable(actor: User, job_id: str | ObjectId) -> ReportJob:
    job = visibility.visible_job(actor, job_id)
    if not visibility.may_manage(actor, job):
        _require_right_to_own(actor, job)
        raise ForbiddenError(
            Message(
                "Only the person who asked for “%(name)s”, or a manager of its department, may do this.", name=job.name
            )
        )
    return job


def _require_right_to_own(actor: User, job: ReportJob) -> None:
    """One's own report is one's own to change while one may ask for reports; otherwise says which right is missing."""
    if job.requested_by == actor.id:
        permissions.require_permission(actor, Permission.REQUEST_REPORTS)


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
