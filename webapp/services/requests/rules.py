"""What a request for a report must be, before it becomes a job: whole, valid, and within what its actor may ask.

Every problem stands under the name of its field, all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import ValidationError

from webapp import renderers
from webapp.documents import Burst, DeliveryWish, LookupCategory, MadeInParts, PartsState, ReportJob, User
from webapp.documents.lookup_value import active_lookups
from webapp.documents.problems import problems_of
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH
from webapp.engine.charts import CHART_KINDS, NO_CHART
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.renderers.filenames import PLACEHOLDERS, bad_placeholder, is_file_name
from webapp.services import permissions
from webapp.services.deliveries import wishes
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.services.questions import as_query, ways
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS
from webapp.services.questions.named_learners import why_not_everyone
from webapp.services.questions.request import CONTROL, ReportRequest
from webapp.services.requests import naming
from webapp.services.rights import data_scope, organisation, parts, visibility
from webapp.settings import get_settings

FURTHEST_AHEAD = timedelta(days=366)
#: So many departments, courses, classes, learners or contents can be chosen one by one.
MOST_CHOSEN = 500


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Of one asking, beside the question. `submission_id` is one per form shown: the same one twice makes one job; and
    so does `job_id`, the id that the job is to have. What a schedule asks for waits for no room: how much that can be
    is bounded by the number of schedules."""

    job_id: ObjectId | None = None
    submission_id: str | None = None
    template_id: ObjectId | None = None
    template_version: int | None = None
    schedule_id: ObjectId | None = None
    sibling_of: ObjectId | None = None
    deliver_to: tuple[DeliveryWish, ...] = ()
    #: How it is made in parts, too.
    burst: Burst | None = None
    #: Of a part: of which whole, whom it is for, and until when it is kept.
    parent_id: ObjectId | None = None
    reader_ids: tuple[ObjectId, ...] = ()
    expires_at: datetime | None = None


BY_ITSELF = Circumstances()


def usable_priorities(actor: User) -> list[str]:
    """The priorities that `actor` may give to reports of some department, the most urgent first."""
    return _priorities(permissions.permissions_of(actor))


def usable_priorities_in(actor: User, department_id: ObjectId | None) -> list[str]:
    """Those that `actor` may give to what is filed there; whoever may ask at all may give the ordinary ones."""
    asks = permissions.permissions_of(actor) & {Permission.REQUEST_REPORTS}
    return _priorities(organisation.permissions_in(actor, department_id) | asks)


def _priorities(allowed: frozenset[str]) -> list[str]:
    return [
        key
        for key, value in active_lookups(LookupCategory.REPORT_PRIORITY).items()
        if value.metadata.get("permission", Permission.REQUEST_REPORTS) in allowed or Permission.ADMINISTER in allowed
    ]


def checked_job(
    actor: User, request: ReportRequest, now: datetime, of: Circumstances, say: Callable[[str], str] = str
) -> ReportJob:
    """The job of this request, whole and valid but not saved; without a name it is called by what it asks, in the
    language of `say`. Raises InvalidRequestError with every field at fault."""
    errors: dict[str, str] = {}
    name = clean_name(request.name, errors)
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
    filename = clean_filename(request.filename, request.format, errors)
    if request.chart and request.chart not in (*CHART_KINDS, NO_CHART):
        errors["output.chart"] = Message(
            "There is no chart “%(kind)s”. Possible: %(possible)s.",
            kind=request.chart[:40],
            possible=[*CHART_KINDS, NO_CHART],
        )
    if unknown := request.options - set(renderers.OPTIONS):
        errors["options"] = Message(
            "A file has no option “%(option)s”. Possible: %(possible)s.",
            option=", ".join(sorted(each[:40] for each in unknown)),
            possible=list(renderers.OPTIONS),
        )
    department_id = _department(actor, request.department_id, errors)
    check_priority(actor, request.priority, department_id, errors)
    scheduled_for = _due(request.scheduled_for, now, errors)
    scope = parts.narrowed(data_scope.data_scope(actor), request.part)
    if request.as_of_job_id is not None:
        try:
            visibility.visible_job(actor, request.as_of_job_id)
        except NotFoundError as error:
            errors["parameters.as_of_job_id"] = str(error)
    if "report_type" not in errors:
        try:
            check_sizes(request)
            query = as_query.to_query(request, scope)
            if "visibility" not in errors and (problem := why_not_everyone(request.visibility, query)):
                errors["visibility"] = problem
        except InvalidRequestError as error:
            errors.update(error.fields)
    job = ReportJob(
        **{
            **ways.job_fields(request),
            "name": name or lookups.label(LookupCategory.REPORT_TYPE, request.report_type),
            "description": description,
            "department_id": department_id,
            "scheduled_for": scheduled_for,
        },
        requested_by=actor.id,
        created_at=now,
        # Kept for its time after it was due, however long it waits.
        expires_at=of.expires_at
        or min(scheduled_for, now + FURTHEST_AHEAD) + timedelta(days=get_settings().job_retention_days),
        provenance={"scope": scope.to_document()},
        **_circumstances(actor, of, errors),
    )
    job.output.filename = filename
    if not errors:
        try:
            job.validate()
        except ValidationError as error:
            errors.update(problems_of(error))
    if errors:
        raise InvalidRequestError(errors)
    job.question_hash = as_query.question_hash(request, scope)
    naming.name(job, actor, request, scope, say)
    return job


def _circumstances(actor: User, of: Circumstances, errors: dict[str, str]) -> dict[str, Any]:
    """As fields of the job."""
    try:
        wishes_of = wishes.check(actor, of.deliver_to)
    except InvalidRequestError as error:
        errors.update(error.fields)
        wishes_of = []
    fields = {name: value for name, value in vars(of).items() if name not in ("job_id", "burst", "expires_at")}
    if of.burst is not None:
        fields |= {"burst": MadeInParts._from_son(of.burst.to_mongo()), "parts_state": PartsState.TO_MAKE.value}
    return {**fields, "deliver_to": wishes_of, "deliveries_wanted": True if wishes_of else None}


def check_sizes(request: ReportRequest) -> None:
    """Raises InvalidRequestError for more chosen records than anybody chooses by hand."""
    errors: dict[str, str] = {}
    for chosen in CHOSEN_FILTERS:
        if (count := len(getattr(request, chosen.name))) > MOST_CHOSEN:
            errors[f"parameters.filters.{chosen.name}"] = Message(
                "%(count)s are chosen; at most %(most)s can be. Choose classes or departments in their place.",
                count=count,
                most=MOST_CHOSEN,
            )
    if errors:
        raise InvalidRequestError(errors)


def usual_department(actor: User) -> ObjectId | None:
    """Where their reports are filed unless they say otherwise."""
    return next(iter(organisation.departments_of(actor)), None)


def may_file_under(actor: User, department_id: ObjectId) -> bool:
    """Is it a department of the actor's, one that they manage, or any one for an administrator?"""
    if department_id not in organisation.departments():
        return False
    return (
        department_id in organisation.departments_of(actor)
        or permissions.is_administrator(actor)
        or department_id in visibility.managed_department_ids(actor)
    )


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


def clean_filename(filename: str | None, format: str, errors: dict[str, str]) -> str | None:
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
    elif found_wrong := bad_placeholder(name):
        errors["filename"] = Message(
            "“%(found)s” is not filled in. What is: %(possible)s.",
            found=found_wrong,
            possible=[f"{{{each}}}" for each in PLACEHOLDERS],
        )
    return name


def check_lookup(errors: dict[str, str], name: str, category: LookupCategory, key: str | None) -> None:
    allowed = active_lookups(category)
    if key not in allowed:
        errors[name] = Message(
            "“%(value)s” does not exist here. Possible: %(possible)s.", value=str(key)[:100], possible=list(allowed)
        )


def check_priority(actor: User, priority: str, department_id: ObjectId | None, errors: dict[str, str]) -> None:
    """Of a report that is filed under this department."""
    check_lookup(errors, "priority", LookupCategory.REPORT_PRIORITY, priority)
    if "priority" not in errors and priority not in (usable := usable_priorities_in(actor, department_id)):
        errors["priority"] = Message(
            "You may not give the priority “%(priority)s”. Possible: %(possible)s.", priority=priority, possible=usable
        )


def _department(actor: User, department_id: ObjectId | None, errors: dict[str, str]) -> ObjectId | None:
    """The department the report is filed under: whose managers follow it, and who sees it when it is shared."""
    if department_id is None:
        return usual_department(actor)
    if not may_file_under(actor, department_id):
        # In the same words for a department that does not exist: its name is not for everybody.
        errors["department_id"] = Message(
            "You belong to no department %(id)s, so nothing can be filed there.", id=str(department_id)
        )
    return department_id


def _due(scheduled_for: datetime | None, now: datetime, errors: dict[str, str]) -> datetime:
    if scheduled_for is None:
        return now
    if scheduled_for.tzinfo is None:
        raise ValueError("scheduled_for must be aware")
    if scheduled_for - now > FURTHEST_AHEAD:
        errors["scheduled_for"] = Message("%(day)s is more than a year ahead.", day=scheduled_for.date())
    return max(scheduled_for, now)
