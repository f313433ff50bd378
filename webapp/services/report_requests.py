"""Asking for a report, and everything a person may do with the request afterwards.

Every function starts from what the actor may see: what they may not is JobNotFoundError. Nothing is saved before it is
whole and valid; every error stands under the name of its field.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp import clock, renderers, storage
from webapp.documents import Department, LookupCategory, Output, Parameters, ReportJob, User
from webapp.documents.lookup_value import active_lookups
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH, RUNNING, WAITING
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, ReportdeskError
from webapp.messages import Message
from webapp.services import database_clock, job_events, job_lifecycle, lookups, promotion, report_questions, visibility
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: A finished report this young answers the same question again.
FRESH = timedelta(hours=1)
FURTHEST_AHEAD = timedelta(days=366)
# What some file system would read as a path, a device or a wildcard, and what no name on a screen should hold.
_NOT_IN_A_FILENAME = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
# Also halves of characters (lone surrogates), which no database and no file can hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


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


@dataclass(frozen=True)
class ReportRequest:
    """What a person asks for, as a form, the API or a template hands it over.

    `submission_id` is one per form shown: the same one twice makes one job. `scheduled_for` None means now.
    """

    report_type: str
    parameters: Parameters
    format: str
    name: str = ""
    description: str | None = None
    filename: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    priority: str = "normal"
    visibility: str = "private"
    department_id: ObjectId | None = None
    scheduled_for: datetime | None = None
    submission_id: str | None = None
    template_id: ObjectId | None = None
    schedule_id: ObjectId | None = None
    sibling_of: ObjectId | None = None


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
    job = _checked(actor, request, now)
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
        raise InvalidRequestError(_told(error)) from error
    promotion.promote(job.id)
    job_events.copy([job.id])
    log.info("job created", extra={"job_id": str(job.id), "report_type": job.report_type})
    return ReportJob.objects.get(id=job.id)


def check(actor: User, request: ReportRequest) -> None:
    """Raises what `create` would raise about the request itself; saves nothing."""
    visibility.require_permission(actor, visibility.REQUEST_REPORTS)
    _checked(actor, request, database_clock.now())


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


def usable_priorities(actor: User) -> list[str]:
    """The priorities that `actor` may give, the most urgent first."""
    permissions = lookups.permissions_of(actor)
    return [
        key
        for key, value in active_lookups(LookupCategory.REPORT_PRIORITY).items()
        if value.metadata.get("permission", visibility.REQUEST_REPORTS) in permissions
        or visibility.ADMINISTER in permissions
    ]


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
        changes["name"] = _clean_name(name, errors)
        if not changes["name"]:
            errors.setdefault("name", Message("A report needs a name."))
    if description is not None:
        changes["description"] = _clean_description(description, errors)
    if errors:
        raise InvalidRequestError(errors)
    return _changed(job, changes)


def share(actor: User, job_id: str | ObjectId, visibility_key: str) -> ReportJob:
    """Say who may see the report. Raises InvalidRequestError for an unknown visibility."""
    job = _editable(actor, job_id)
    errors: dict[str, str] = {}
    _check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, visibility_key)
    if errors:
        raise InvalidRequestError(errors)
    return _changed(job, {"visibility": visibility_key})


def cancel(actor: User, job_id: str | ObjectId, reason: str | None = None) -> ReportJob:
    """Stop a waiting report at once, a running one within seconds.

    Raises ForbiddenError, and IllegalTransitionError for one that has ended.
    """
    job = _manageable(actor, job_id)
    job_lifecycle.cancel(
        job.id, by=actor.id, reason=(_CONTROL.sub("", reason).strip()[:500] or None) if reason else None
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
    _check_priority(actor, priority, errors)
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
    usable = usable_priorities(actor)
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


def _checked(actor: User, request: ReportRequest, now: datetime) -> ReportJob:
    """The job of this request, whole and valid but not saved. Raises InvalidRequestError with every field at fault."""
    errors: dict[str, str] = {}
    name = _clean_name(request.name, errors) or lookups.label(LookupCategory.REPORT_TYPE, request.report_type)
    description = _clean_description(request.description, errors)
    _check_lookup(errors, "report_type", LookupCategory.REPORT_TYPE, request.report_type)
    _check_lookup(errors, "format", LookupCategory.OUTPUT_FORMAT, request.format)
    _check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, request.visibility)
    if "format" not in errors and request.format not in renderers.FORMATS:
        errors["format"] = Message(
            "No file can be made in the format “%(format)s”. Possible: %(possible)s.",
            format=request.format,
            possible=list(renderers.FORMATS),
        )
    filename = _clean_filename(request.filename, request.format, errors)
    if unknown := set(request.options) - set(renderers.OPTIONS):
        told = ", ".join(sorted(str(each)[:40] for each in unknown))
        errors["options"] = f"A file has no option “{told}”. Possible: {', '.join(renderers.OPTIONS)}."
    options = {key: True for key, wanted in request.options.items() if wanted}
    _check_priority(actor, request.priority, errors)
    department_id = _department(actor, request.department_id, errors)
    scheduled_for = _due(request.scheduled_for, now, errors)
    scope = visibility.data_scope(actor)
    if request.parameters.as_of_job_id is not None:
        try:
            visibility.visible_job(actor, request.parameters.as_of_job_id)
        except NotFoundError as error:
            errors["parameters.as_of_job_id"] = str(error)
    if "report_type" not in errors:
        try:
            report_questions.to_query(request.report_type, request.parameters, scope)
        except InvalidRequestError as error:
            errors.update(error.fields)
    job = ReportJob(
        report_type=request.report_type,
        name=name,
        description=description,
        parameters=request.parameters,
        output=Output(
            format=request.format,
            filename=filename,
            options=options,
        ),
        priority=request.priority,
        visibility=request.visibility,
        requested_by=actor.id,
        department_id=department_id,
        created_at=now,
        scheduled_for=scheduled_for,
        # Kept for its time after it was due, however long it waits.
        expires_at=scheduled_for + timedelta(days=get_settings().job_retention_days),
        submission_id=request.submission_id,
        template_id=request.template_id,
        schedule_id=request.schedule_id,
        sibling_of=request.sibling_of,
        provenance={"scope": scope.to_document()},
    )
    if not errors:
        try:
            job.validate()
        except ValidationError as error:
            errors.update(_told(error))
    if errors:
        raise InvalidRequestError(errors)
    job.question_hash = report_questions.question_hash(request.report_type, request.parameters, scope, request.format)
    return job


def _clean_name(name: str, errors: dict[str, str]) -> str:
    name = " ".join(_CONTROL.sub("", name).split())
    if len(name) > NAME_LENGTH:
        errors["name"] = Message(
            "The name has %(count)s characters; at most %(most)s are possible.", count=len(name), most=NAME_LENGTH
        )
    return name


def _clean_description(description: str | None, errors: dict[str, str]) -> str | None:
    text = _CONTROL.sub("", description or "").strip()
    if len(text) > DESCRIPTION_LENGTH:
        errors["description"] = Message(
            "The description has %(count)s characters; at most %(most)s are possible.",
            count=len(text),
            most=DESCRIPTION_LENGTH,
        )
    return text or None


def _clean_filename(filename: str | None, format: str, errors: dict[str, str]) -> str | None:
    """The name without the format's extension, or None. It is what a person's computer will call the file, no path."""
    name = " ".join((filename or "").split())
    found = active_lookups(LookupCategory.OUTPUT_FORMAT).get(format)
    extension = f".{found.metadata.get('extension', format)}" if found else ""
    if extension and name.lower().endswith(extension.lower()):
        name = name[: -len(extension)]
    if not name:
        return None
    if len(name) > FILENAME_LENGTH:
        errors["filename"] = Message(
            "The file name has %(count)s characters; at most %(most)s are possible.",
            count=len(name),
            most=FILENAME_LENGTH,
        )
    elif _NOT_IN_A_FILENAME.search(name) or name.strip(". ") == "" or name.startswith("."):
        errors["filename"] = Message(
            "“%(name)s” is not a file name: use letters, digits, spaces, dashes and dots.", name=name
        )
    return name


def _check_lookup(errors: dict[str, str], name: str, category: LookupCategory, key: str | None) -> None:
    allowed = active_lookups(category)
    if key not in allowed:
        errors[name] = Message(
            "“%(value)s” does not exist here. Possible: %(possible)s.", value=str(key)[:100], possible=list(allowed)
        )


def _check_priority(actor: User, priority: str, errors: dict[str, str]) -> None:
    _check_lookup(errors, "priority", LookupCategory.REPORT_PRIORITY, priority)
    if "priority" not in errors and priority not in (usable := usable_priorities(actor)):
        errors["priority"] = Message(
            "You may not give the priority “%(priority)s”. Possible: %(possible)s.", priority=priority, possible=usable
        )


def _department(actor: User, department_id: ObjectId | None, errors: dict[str, str]) -> ObjectId | None:
    """The department the report is filed under: whose managers follow it, and who sees it when it is shared."""
    if department_id is None:
        return actor.department_ids[0] if actor.department_ids else None
    department = Department.objects(id=department_id).first()
    if department is None:
        errors["department_id"] = Message("There is no department %(id)s.", id=str(department_id))
    elif (
        department_id not in actor.department_ids
        and not visibility.is_administrator(actor)
        and department_id not in visibility.managed_department_ids(actor)
    ):
        errors["department_id"] = Message("You do not belong to the department %(name)s.", name=department.name)
    return department_id


def _due(scheduled_for: datetime | None, now: datetime, errors: dict[str, str]) -> datetime:
    if scheduled_for is None:
        return now
    if scheduled_for.tzinfo is None:
        raise ValueError("scheduled_for must be aware")
    if scheduled_for - now > FURTHEST_AHEAD:
        errors["scheduled_for"] = Message("%(day)s is more than a year ahead.", day=scheduled_for.date())
    return max(scheduled_for, now)


def _submission_key(actor: User, submission_id: str | None) -> ObjectId | None:
    """The job id that this form's submission makes, so that the index on `_id` alone keeps it from making two."""
    if not submission_id:
        return None
    return ObjectId(hashlib.sha256(f"{actor.id}:{submission_id}".encode()).digest()[:12])


def _told(error: ValidationError) -> dict[str, str]:
    return {name: str(problem) for name, problem in error.to_dict().items()} or {"": str(error)}


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
