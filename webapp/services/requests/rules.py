"""What a request for a report must be, before it becomes a job: whole, valid, and within what its actor may ask.

Every problem stands under the name of its field, all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import ValidationError

from webapp import renderers
from webapp.documents import Department, LookupCategory, Output, Parameters, ReportJob, User
from webapp.documents.lookup_value import active_lookups
from webapp.documents.problems import problems_of
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.renderers.filenames import is_file_name
from webapp.services import permissions
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.services.questions import as_query
from webapp.services.rights import data_scope, visibility
from webapp.settings import get_settings

FURTHEST_AHEAD = timedelta(days=366)
# Also halves of characters (lone surrogates), which no database and no file can hold.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


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


def usable_priorities(actor: User) -> list[str]:
    """The priorities that `actor` may give, the most urgent first."""
    allowed = permissions.permissions_of(actor)
    return [
        key
        for key, value in active_lookups(LookupCategory.REPORT_PRIORITY).items()
        if value.metadata.get("permission", Permission.REQUEST_REPORTS) in allowed or Permission.ADMINISTER in allowed
    ]


def checked_job(actor: User, request: ReportRequest, now: datetime) -> ReportJob:
    """The job of this request, whole and valid but not saved. Raises InvalidRequestError with every field at fault."""
    errors: dict[str, str] = {}
    name = clean_name(request.name, errors) or lookups.label(LookupCategory.REPORT_TYPE, request.report_type)
    description = clean_description(request.description, errors)
    check_lookup(errors, "report_type", LookupCategory.REPORT_TYPE, request.report_type)
    check_lookup(errors, "format", LookupCategory.OUTPUT_FORMAT, request.format)
    check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, request.visibility)
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
    check_priority(actor, request.priority, errors)
    department_id = _department(actor, request.department_id, errors)
    scheduled_for = _due(request.scheduled_for, now, errors)
    scope = data_scope.data_scope(actor)
    if request.parameters.as_of_job_id is not None:
        try:
            visibility.visible_job(actor, request.parameters.as_of_job_id)
        except NotFoundError as error:
            errors["parameters.as_of_job_id"] = str(error)
    if "report_type" not in errors:
        try:
            as_query.to_query(request.report_type, request.parameters, scope)
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
            errors.update(problems_of(error))
    if errors:
        raise InvalidRequestError(errors)
    job.question_hash = as_query.question_hash(request.report_type, request.parameters, scope, request.format)
    return job


def clean_name(name: str, errors: dict[str, str]) -> str:
    name = " ".join(CONTROL.sub("", name).split())
    if len(name) > NAME_LENGTH:
        errors["name"] = Message(
            "The name has %(count)s characters; at most %(most)s are possible.", count=len(name), most=NAME_LENGTH
        )
    return name


def clean_description(description: str | None, errors: dict[str, str]) -> str | None:
    text = CONTROL.sub("", description or "").strip()
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
    found = renderers.FORMATS.get(format)
    if found is not None and name.lower().endswith(f".{found.extension}"):
        name = name[: -len(found.extension) - 1]
    if not name:
        return None
    if len(name) > FILENAME_LENGTH:
        errors["filename"] = Message(
            "The file name has %(count)s characters; at most %(most)s are possible.",
            count=len(name),
            most=FILENAME_LENGTH,
        )
    elif not is_file_name(name):
        errors["filename"] = Message(
            "“%(name)s” is not a file name: use letters, digits, spaces, dashes and dots.", name=name
        )
    return name


def check_lookup(errors: dict[str, str], name: str, category: LookupCategory, key: str | None) -> None:
    allowed = active_lookups(category)
    if key not in allowed:
        errors[name] = Message(
            "“%(value)s” does not exist here. Possible: %(possible)s.", value=str(key)[:100], possible=list(allowed)
        )


def check_priority(actor: User, priority: str, errors: dict[str, str]) -> None:
    check_lookup(errors, "priority", LookupCategory.REPORT_PRIORITY, priority)
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
        and not permissions.is_administrator(actor)
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
