"""What a schedule asks, as the one value that is asked everywhere, and who owns one with whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId

from webapp.documents import DeliveryWish, ReportSchedule, ReportTemplate, User
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.services.deliveries import wishes
from webapp.services.questions import ways
from webapp.services.questions.period import today_in
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.services.templates import kept as template_kept
from webapp.services.templates import seeing, using
from webapp.services.templates.standing import TemplateRetiredError

#: Of the request, what a schedule does not keep: it has a name of its own, and times.
_NOT_KEPT = ("name", "description", "scheduled_for")


def question_of(schedule: ReportSchedule) -> ReportRequest:
    """What it asks by itself, under its own name; the period is still a phrase. Raises InvalidRequestError for what no
    request can be."""
    return ways.from_document(
        {
            "reportType": schedule.report_type,
            "name": schedule.name,
            "description": schedule.description,
            "parameters": schedule.parameters.to_mongo().to_dict() if schedule.parameters else {},
            "output": schedule.output.to_mongo().to_dict() if schedule.output else {},
            "priority": schedule.priority,
            "visibility": schedule.visibility,
            "departmentId": schedule.department_id,
        }
    )


def asked_now(owner: User, schedule: ReportSchedule) -> tuple[ReportRequest, int | None]:
    """What it would ask now on behalf of its owner, the period still a phrase: its own question, or that of the
    template that it follows, and of which version.

    Raises InvalidRequestError, TemplateNotFoundError (also where the owner may not use it any more),
    VersionNotFoundError, TemplateRetiredError, TemplateOutdatedError.
    """
    own = question_of(schedule)
    if schedule.template_id is None:
        return own, None
    return of_template(owner, schedule.template_id, schedule.template_version, own)


def meant_at(owner: User, schedule: ReportSchedule, moment: datetime) -> tuple[ReportRequest, int | None]:
    """As `asked_now`, as it is meant on the day of `moment`. Raises InvalidRequestError where it means nothing then."""
    request, version = asked_now(owner, schedule)
    return request.meant_on(today_in(request.time_zone, moment)), version


def of_template(
    owner: User, template_id: ObjectId, version: int | None, own: ReportRequest
) -> tuple[ReportRequest, int]:
    """What a template asks in its newest version or a pinned one, as `owner` may ask it; `own` says what the reports
    are called, who sees them, and whose days are meant where the template leaves that open. Raises as `asked_now`."""
    template = seeing.visible_template(owner, template_id)
    chosen = seeing.version_of(template, version)
    request = asking.as_far_as_allowed(owner, using.question_of(template.id, chosen.version))
    kept_here = ("name", "description", "visibility", "priority", "department_id")
    changes: dict[str, Any] = {name: getattr(own, name) for name in kept_here}
    if not template_kept.names_a_zone(chosen):
        changes["time_zone"] = own.time_zone
    return request.model_copy(update=changes), chosen.version


def wanted_of_template(owner: User, template_id: ObjectId, version: int | None, own: ReportRequest) -> ReportRequest:
    """As `of_template`, for a form. Raises InvalidRequestError, under `template`."""
    try:
        return of_template(owner, template_id, version, own)[0]
    except (NotFoundError, ConflictError) as error:
        raise InvalidRequestError({"template": error.args[0]}) from error


def require_template(schedule: ReportSchedule) -> None:
    """Raises TemplateRetiredError where it follows a template that is not used any more."""
    template = template_of(schedule)
    if template is not None and not template.is_active:
        raise TemplateRetiredError(template)


def template_of(schedule: ReportSchedule) -> ReportTemplate | None:
    """What it follows, whoever asks: of a schedule that one may see, its template's name may be told."""
    return ReportTemplate.objects(id=schedule.template_id).first() if schedule.template_id else None


def kept_fields(request: ReportRequest) -> dict[str, Any]:
    """The fields of a `ReportSchedule` that keep this request. The data of an earlier report is not asked again."""
    fields = ways.job_fields(request.model_copy(update={"as_of_job_id": None}))
    return {name: value for name, value in fields.items() if name not in _NOT_KEPT}


def wishes_of(delivery: Iterable[dict[str, Any]]) -> tuple[DeliveryWish, ...]:
    """Who is to hear of its reports, as a job keeps it."""
    return tuple(DeliveryWish._from_son(dict(each)) for each in delivery)


def possible_wishes(owner: User, schedule: ReportSchedule) -> tuple[tuple[DeliveryWish, ...], list[str]]:
    """Those that can be fulfilled today, and what is wrong with the others."""
    possible, problems = wishes.possible(owner, wishes_of(schedule.delivery))
    return possible, [text for _, text in problems]


def people_of(schedule: ReportSchedule) -> set[ObjectId]:
    """Its owner and co-owners, and whoever made or paused it."""
    return {schedule.owner_id, *schedule.co_owner_ids, schedule.paused_by, schedule.created_by} - {None}
