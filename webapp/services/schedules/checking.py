"""What a schedule must be before it is kept: every problem under the name of its field, all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import available_timezones

from bson import ObjectId

from webapp.documents import Burst, Calendar, ReportSchedule, User
from webapp.documents.report_schedule import End, Frequency, OnClosed, Timing, Trigger
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.bursting import checking as bursting
from webapp.services.deliveries import wishes
from webapp.services.questions.period import today_in
from webapp.services.questions.request import ReportRequest
from webapp.services.record import reading
from webapp.services.requests import rules as request_rules
from webapp.services.requests.rules import BY_ITSELF
from webapp.services.rights import data_scope, organisation
from webapp.services.schedules import asked, planning
from webapp.services.timing.local_time import cron_of
from webapp.services.timing.runs import runs_after

#: More often nobody reads a report.
LEAST_APART = timedelta(minutes=5)
#: So many runs are looked at to tell how far apart they are.
LOOKED_AT = 60
MOST_CO_OWNERS = 20
MOST_CLASSES = 200


@dataclass(frozen=True)
class Wish:
    """What somebody wants a schedule to be. `request` is what is asked; its name and times do not count."""

    name: str
    request: ReportRequest
    timing: Timing
    description: str = ""
    calendar_id: ObjectId | None = None
    on_closed: str = OnClosed.RUN.value
    trigger: str = Trigger.TIME.value
    catch_up: str = "once"
    most_caught_up: int = 5
    on_empty: str = "send"
    on_unchanged: str = "send"
    tell_changes: bool = True
    co_owner_ids: tuple[ObjectId, ...] = ()
    delivery: Sequence[dict[str, Any]] = ()
    burst: Burst | None = None
    template_id: ObjectId | None = None
    template_version: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)


def check(owner: User, wish: Wish, schedule: ReportSchedule, now: datetime) -> None:
    """Judge what `schedule` has become by `wish`, before it is stored: the question as its owner may ask it, the times,
    the people. Raises InvalidRequestError with every field at fault."""
    errors: dict[str, str] = {}
    schedule.name = request_rules.clean_name(wish.name, errors)
    if not schedule.name:
        errors.setdefault("name", Message("A schedule needs a name."))
    schedule.description = request_rules.clean_description(wish.description, errors)
    errors |= timing_problems(schedule.schedule)
    _check_calendar(schedule, errors)
    _check_classes(owner, schedule.schedule, errors)
    _check_people(owner, schedule.co_owner_ids, errors)
    _check_delivery(owner, wish.delivery, errors)
    errors |= bursting.problems(owner, wish.burst, wish.request)
    if not errors.keys() & _OF_TIMES:
        _check_runs(schedule, now, errors)
    try:
        request = wish.request.model_copy(update={"name": schedule.name, "description": "", "scheduled_for": None})
        meant = request.meant_on(today_in(request.time_zone, now))
        request_rules.checked_job(owner, meant, now, BY_ITSELF)
    except InvalidRequestError as error:
        errors |= {f"question.{name}": text for name, text in error.fields.items()}
    if errors:
        raise InvalidRequestError(errors)


_OF_TIMES = frozenset(
    {"timezone", "run_at", "day_of_week", "day_of_month", "quarter_months", "month", "cron", "end_date", "class_ids"}
)


def timing_problems(timing: Timing) -> dict[str, str]:
    """What the times lack, by their fields."""
    errors: dict[str, str] = {}
    if timing.timezone not in available_timezones():
        errors["timezone"] = Message("“%(zone)s” is not a time zone.", zone=(timing.timezone or "")[:60])
    if timing.frequency == Frequency.ONCE and timing.run_at is None:
        errors["run_at"] = Message("Say when.")
    if timing.frequency in (Frequency.WEEKLY, Frequency.BIWEEKLY) and not timing.day_of_week:
        errors["day_of_week"] = Message("Choose a day of the week.")
    if timing.frequency in (Frequency.MONTHLY, Frequency.QUARTERLY, Frequency.YEARLY) and not timing.day_of_month:
        errors["day_of_month"] = Message("Choose a day of the month.")
    if timing.frequency == Frequency.QUARTERLY and not timing.quarter_months:
        errors["quarter_months"] = Message("Choose the months.")
    if timing.frequency == Frequency.YEARLY and not timing.month:
        errors["month"] = Message("Choose the month.")
    if timing.frequency == Frequency.CRON:
        errors |= _cron_problem(timing.cron or "")
    if timing.start_date and timing.end_date and timing.end_date < timing.start_date:
        errors["end_date"] = Message(
            "The last day %(last)s is before the first, %(first)s.",
            last=timing.end_date.date(),
            first=timing.start_date.date(),
        )
    return errors


def _cron_problem(expression: str) -> dict[str, str]:
    try:
        cron_of(expression)
    except ValueError as error:
        text = Message(
            "“%(text)s” is not a cron expression of five fields, such as “30 6 * * 1-5” (%(reason)s).",
            text=expression[:60],
            reason=str(error),
        )
        return {"cron": text}
    return {}


def _check_runs(schedule: ReportSchedule, now: datetime, errors: dict[str, str]) -> None:
    if schedule.trigger == Trigger.FRESH_DATA:
        return
    runs = list(islice(runs_after(planning.rule_of(schedule), now), LOOKED_AT))
    if not runs and schedule.schedule.frequency != Frequency.RELATIVE:
        name = "run_at" if schedule.schedule.frequency == Frequency.ONCE else "frequency"
        errors[name] = Message("It would never run: no day is left on which it could.")
    if any(later - earlier < LEAST_APART for earlier, later in pairwise(runs)):
        errors["cron"] = Message(
            "It would run more often than every %(minutes)s minutes.", minutes=int(LEAST_APART.total_seconds() // 60)
        )


def _check_calendar(schedule: ReportSchedule, errors: dict[str, str]) -> None:
    if schedule.calendar_id is not None and not Calendar.objects(id=schedule.calendar_id, is_active=True).first():
        errors["calendar_id"] = Message("There is no such calendar any more.")
    elif schedule.calendar_id is None and schedule.on_closed != OnClosed.RUN:
        errors["calendar_id"] = Message("Choose the calendar whose closed days are meant.")


def _check_classes(owner: User, timing: Timing, errors: dict[str, str]) -> None:
    """Classes that the owner may read, each with a day on which it ends."""
    relative = timing.relative
    if timing.frequency != Frequency.RELATIVE or relative is None or relative.end != End.CLASS:
        return
    if not relative.class_ids:
        errors["class_ids"] = Message("Choose the classes whose end is meant.")
    elif len(relative.class_ids) > MOST_CLASSES:
        errors["class_ids"] = Message("At most %(most)s classes can be chosen.", most=MOST_CLASSES)
    else:
        found = reading.rows_of("classes", relative.class_ids, ["id", "name", "department_id", "ends_at"])
        scope = data_scope.data_scope(owner)
        readable = [each for each in found if scope.has_class(each["id"], each["department_id"])]
        if len(readable) < len(set(relative.class_ids)):
            errors["class_ids"] = Message("One of the classes does not exist, or is not yours to read.")
        elif endless := [each["name"] for each in readable if not each["ends_at"]]:
            errors["class_ids"] = Message("The record has no day on which %(classes)s would end.", classes=endless)


def _check_people(owner: User, co_owner_ids: Iterable[ObjectId], errors: dict[str, str]) -> None:
    wanted = list(co_owner_ids)
    if len(wanted) > MOST_CO_OWNERS:
        errors["co_owners"] = Message("At most %(most)s people can own it together.", most=MOST_CO_OWNERS)
        return
    found = {each.id: each for each in User.objects(id__in=wanted)}
    unable = [each for each in wanted if each not in found or not permissions.may_ask(found[each])]
    if unable:
        names = [found[each].name for each in unable if each in found]
        errors["co_owners"] = Message(
            "Whoever owns it must be somebody who may ask for reports: %(names)s may not.",
            names=names or Message("somebody who has left"),
        )
    elif owner.id in wanted:
        errors["co_owners"] = Message("It has this owner already.")


def _check_delivery(owner: User, delivery: Iterable[dict[str, Any]], errors: dict[str, str]) -> None:
    """What is wrong with the recipients, under `deliver_to.` and their channel."""
    found = asked.wishes_of(delivery)
    for channel in dict.fromkeys(each.channel for each in found):
        try:
            wishes.check(owner, [each for each in found if each.channel == channel])
        except InvalidRequestError as error:
            errors[f"{wishes.FIELD}.{channel}"] = error.fields[wishes.FIELD]
    if len(found) > wishes.MOST:
        errors[f"{wishes.FIELD}.{found[0].channel}"] = Message(
            "A report goes to at most %(most)s recipients.", most=wishes.MOST
        )


def colleagues(person: User) -> dict[ObjectId, str]:
    """Whom a schedule of this person could be handed to: active people of their departments who may ask for reports, by
    name."""
    places = organisation.departments_of(person)
    found = User.objects(memberships__department_id__in=places, is_active=True) if places else []
    named = {each.id: each.name for each in found if each.id != person.id and permissions.may_ask(each)}
    return dict(sorted(named.items(), key=lambda each: each[1]))


def as_document(wish: Wish) -> dict[str, Any]:
    """The fields that keep the wish, beside the question's."""
    return {
        "schedule": wish.timing,
        "calendar_id": wish.calendar_id,
        "on_closed": wish.on_closed,
        "trigger": wish.trigger,
        "catch_up": wish.catch_up,
        "most_caught_up": wish.most_caught_up,
        "on_empty": wish.on_empty,
        "on_unchanged": wish.on_unchanged,
        "tell_changes": wish.tell_changes,
        "co_owner_ids": list(dict.fromkeys(wish.co_owner_ids)),
        "delivery": [dict(each) for each in wish.delivery],
        "burst": wish.burst,
        "template_id": wish.template_id,
        "template_version": wish.template_version,
        "overrides": wish.overrides,
    }
