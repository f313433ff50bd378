"""What a schedule asks, as the one value that is asked everywhere, and who owns one with whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId

from webapp.documents import DeliveryWish, ReportSchedule, User
from webapp.errors import InvalidRequestError
from webapp.services.deliveries import wishes
from webapp.services.questions import ways
from webapp.services.questions.period import today_in
from webapp.services.questions.request import ReportRequest

#: Of the request, what a schedule does not keep: it has a name of its own, and times.
_NOT_KEPT = ("name", "description", "scheduled_for")


def question_of(schedule: ReportSchedule) -> ReportRequest:
    """What it asks, under its own name; the period is still a phrase. Raises InvalidRequestError for what no request
    can be."""
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


def meant_at(schedule: ReportSchedule, moment: datetime) -> ReportRequest:
    """The question as it is meant on the day of `moment`. Raises InvalidRequestError where it means nothing then."""
    request = question_of(schedule)
    return request.meant_on(today_in(request.time_zone, moment))


def kept_fields(request: ReportRequest) -> dict[str, Any]:
    """The fields of a `ReportSchedule` that keep this request. The data of an earlier report is not asked again."""
    fields = ways.job_fields(request.model_copy(update={"as_of_job_id": None}))
    return {name: value for name, value in fields.items() if name not in _NOT_KEPT}


def wishes_of(delivery: Iterable[dict[str, Any]]) -> tuple[DeliveryWish, ...]:
    """Who is to hear of its reports, as a job keeps it."""
    return tuple(DeliveryWish._from_son(dict(each)) for each in delivery)


def possible_wishes(owner: User, schedule: ReportSchedule) -> tuple[tuple[DeliveryWish, ...], list[str]]:
    """Those that can be fulfilled today, and what is wrong with the others: no recipient keeps a report from being
    made."""
    possible, problems = list[DeliveryWish](), list[str]()
    for wish in wishes_of(schedule.delivery):
        try:
            possible += wishes.check(owner, [wish])
        except InvalidRequestError as error:
            problems.append(error.args[0])
    return tuple(possible), problems


def names_of_people(schedule: ReportSchedule) -> dict[ObjectId, str]:
    """The names of its owner and co-owners, and of whoever paused it."""
    people = [schedule.owner_id, *schedule.co_owner_ids, schedule.paused_by, schedule.created_by]
    return dict(User.objects(id__in=[each for each in people if each]).scalar("id", "name"))
