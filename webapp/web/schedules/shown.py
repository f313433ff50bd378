"""How schedules and their runs read on pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from flask_babel import format_datetime, gettext
from flask_babel import lazy_gettext as _l

from webapp.documents import Calendar, Delivery, ReportJob, ReportSchedule, User
from webapp.documents.report_schedule import FireOutcome
from webapp.errors import ConflictError, NotFoundError, ReportdeskError
from webapp.services import database_clock
from webapp.services.bursting.in_words import burst_in_words
from webapp.services.deliveries import overview
from webapp.services.jobs import parts
from webapp.services.questions import in_words, period
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import data_scope, organisation
from webapp.services.schedules import asked, firing, lists, planning
from webapp.services.schedules.in_words import catch_up_in_words, changes_in_words, rule_in_words
from webapp.services.schedules.lists import State
from webapp.services.templates import seeing
from webapp.settings import get_settings
from webapp.web.languages import in_readers_language as said

#: By state: what it is called, and Tabler's colour for it.
STATES: dict[State, tuple[Any, str]] = {
    State.RUNNING: (_l("Running"), "green"),
    State.FAILING: (_l("Failing"), "red"),
    State.PAUSED: (_l("Paused"), "orange"),
    State.OVER: (_l("Over"), "secondary"),
}
OUTCOMES: dict[str, tuple[Any, str]] = {
    FireOutcome.OPEN.value: (_l("Being made"), "blue"),
    FireOutcome.MADE.value: (_l("Made"), "green"),
    FireOutcome.FAILED.value: (_l("Failed"), "red"),
    FireOutcome.CANCELLED.value: (_l("Cancelled"), "secondary"),
    FireOutcome.SKIPPED.value: (_l("Missed"), "orange"),
}
WHY: dict[str, Any] = {
    firing.TIME: _l("at its time"),
    firing.CAUGHT_UP: _l("caught up"),
    firing.FRESH: _l("new data"),
    firing.BY_HAND: _l("by hand"),
    firing.MISSED: _l("no worker ran"),
}


def rules(schedules: Iterable[ReportSchedule]) -> dict[ObjectId, str]:
    """When each runs, in words."""
    found = list(schedules)
    calendars = {each.calendar_id for each in found if each.calendar_id}
    names = dict(Calendar.objects(id__in=list(calendars)).scalar("id", "name")) if calendars else {}
    return {each.id: rule_in_words(each, names.get(each.calendar_id, "")) for each in found}


def zone_of(schedule: ReportSchedule) -> ZoneInfo:
    """By whose clocks it runs."""
    return period.zone_of(schedule.schedule.timezone)


def run_text(moment: datetime, zone: ZoneInfo) -> str:
    """A run, by the clocks of the schedule."""
    return format_datetime(moment.astimezone(zone), "EEEE, d MMMM y, HH:mm", rebase=False)


def next_runs(schedule: ReportSchedule) -> list[tuple[datetime, str]]:
    """The next runs, as the scheduler will find them, with their words."""
    zone = zone_of(schedule)
    return [(run, run_text(run, zone)) for run in planning.next_runs(schedule, database_clock.about_now())]


def asks_now(owner: User | None, schedule: ReportSchedule) -> ReportRequest:
    """What it asks; of a template that cannot be used, what that asked when the schedule was last saved."""
    try:
        return asked.asked_now(owner, schedule)[0] if owner is not None else asked.question_of(schedule)
    except (NotFoundError, ConflictError):
        return asked.question_of(schedule)


def question(actor: User, schedule: ReportSchedule) -> list[tuple[str, str]]:
    """What it asks, in words; names of records that `actor` may not read are not told."""
    owner = User.objects(id=schedule.owner_id).first()
    try:
        return in_words.describe(asks_now(owner, schedule), data_scope.data_scope(actor))
    except ReportdeskError as error:
        return [(gettext("Question"), said(str(error)))]


def _by_job(found: Iterable[Delivery], part_of: Mapping[ObjectId, ObjectId]) -> dict[ObjectId, list[Delivery]]:
    """Of each run, those of its parts among them."""
    by_job: dict[ObjectId, list[Delivery]] = {}
    for each in sorted(found, key=lambda each: (each.channel, each.recipient)):
        by_job.setdefault(part_of.get(each.job_id, each.job_id), []).append(each)
    return by_job


def _wholes_of(wholes: Iterable[ReportJob]) -> dict[ObjectId, ObjectId]:
    """The whole of each part."""
    return {part.job_id: whole.id for whole in wholes for part in whole.burst.parts if part.job_id is not None}


def _sees_template(actor: User, schedule: ReportSchedule) -> bool:
    if schedule.template_id is None:
        return False
    try:
        seeing.visible_template(actor, schedule.template_id)
    except NotFoundError:
        return False
    return True


def context(actor: User, schedule: ReportSchedule) -> dict[str, Any]:
    """What the page of a schedule shows."""
    fires = lists.history(actor, schedule.id)
    people = {each for line in fires for each in (line.by, line.runs_as) if each}
    made = [line.job_id for line in fires if line.job_id]
    wholes = list(ReportJob.objects(id__in=made, burst__exists=True).only("status", "burst", "parts_state"))
    part_of = _wholes_of(wholes)
    gone_out = overview.of_schedule(actor, schedule.id, part_of.keys())
    return {
        "parts": said(burst_in_words(schedule.burst)) if schedule.burst is not None else "",
        "part_counts": parts.counts_of(actor, wholes),
        "sends_mail": get_settings().smtp_host is not None,
        "schedule": schedule,
        "template": asked.template_of(schedule),
        "sees_template": _sees_template(actor, schedule),
        "state": lists.state_of(schedule),
        "states": STATES,
        "when": rules([schedule])[schedule.id],
        "catch_up": catch_up_in_words(schedule),
        "tells_changes": changes_in_words(schedule),
        "runs": next_runs(schedule) if schedule.is_running else [],
        "question": question(actor, schedule),
        "names": organisation.names_of_people(asked.people_of(schedule) | people),
        "fires": fires,
        "outcomes": OUTCOMES,
        "deliveries": _by_job(gone_out.deliveries, part_of),
        "recipients": gone_out.names,
        "has_older_deliveries": gone_out.older is not None,
        "why": WHY,
    }
