"""Making the jobs of schedules that are due, by times or by new data (DESIGN §6).

However many schedulers look at once, each fire makes one job: its id is derived from the schedule and the moment that
was meant, and the line of the history has the same. The job comes first, then the line, last the guarded advance of
`nextRunAt`: whoever dies in between is followed by somebody who does the same again, and finds it done.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError

from webapp.clock import aware
from webapp.documents import AdminArea, ReportJob, ReportSchedule, ScheduleFire, User
from webapp.documents.ids import id_made_of
from webapp.documents.report_schedule import FireOutcome, as_day
from webapp.errors import ConflictError, ForbiddenError, ReportdeskError
from webapp.messages import Message, to_document
from webapp.services import audit, database_clock, permissions
from webapp.services.permissions import TERMINAL, Actor, id_of
from webapp.services.requests import asking
from webapp.services.requests.rules import Circumstances
from webapp.services.schedules import asked, following, keeping, outcomes, planning, telling
from webapp.services.schedules.rights import editable
from webapp.services.timing.runs import LATE, missed, next_run_after
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: So many due schedules are read at once.
BATCH = 200
#: However often new data comes, nobody reads a report more often.
FRESH_EVERY = timedelta(hours=1)
_INSTANT = timedelta(milliseconds=1)
TIME, CAUGHT_UP, FRESH, BY_HAND, MISSED = "time", "caught-up", "fresh-data", "by-hand", "missed"


@dataclass(frozen=True)
class Occasion:
    """Why a schedule fires: the moment that is meant, and what tells this fire from every other one of it."""

    moment: datetime
    why: str
    key: str
    by: ObjectId | None = None
    data_version: int | None = None

    @classmethod
    def at(cls, moment: datetime, now: datetime) -> Occasion:
        return cls(moment, TIME if now - moment <= LATE else CAUGHT_UP, moment.astimezone(UTC).isoformat())


def fire_id(schedule_id: ObjectId, key: str) -> ObjectId:
    """Of a fire and of its job."""
    return id_made_of(f"{schedule_id}:{key}")


# --- by time ----------------------------------------------------------------------------------------------------------


def due(now: datetime, *, most: int = BATCH) -> list[tuple[ObjectId, datetime]]:
    """Schedules that are due and when they were, in no order: several schedulers do not all begin with the same."""
    # No `$lte`; the index has only those that run at a time.
    wanted = {"nextRunAt": {"$lt": now + _INSTANT}}
    found = ReportSchedule._get_collection().find(wanted, {"nextRunAt": 1}).limit(most)
    listed = [(each["_id"], each["nextRunAt"]) for each in found]
    random.shuffle(listed)
    return listed


def fire(schedule_id: ObjectId, due_at: datetime, now: datetime) -> list[ObjectId]:
    """Make what the schedule owes since `due_at`, as it wants to catch up, and plan its next run; returns the fires.

    Nothing happens when another scheduler has done it.
    """
    found = ReportSchedule.objects(id=schedule_id, next_run_at=due_at, is_paused=False, is_active=True).first()
    if found is None or (runner := _runner(found, now)) is None:
        return []
    rule = planning.rule_of(found)
    plan = missed(rule, aware(due_at), now)
    made = [_make(found, runner, Occasion.at(moment, now), now) for moment in plan.made]
    if plan.skipped:
        _skipped(found, aware(due_at), plan.skipped, now)
    next_run = next_run_after(rule, now)
    change = planning.next_run_change(next_run)
    if plan.made:
        change.setdefault("$set", {})["lastFiredAt"] = plan.made[-1]
        change["$inc"] = {"fireCount": len(plan.made)}
    change.setdefault("$set", {})["updatedAt"] = now
    owed = {"_id": found.id, "nextRunAt": due_at}
    ReportSchedule._get_collection().update_one(owed, change, hint="_id_")
    return made


# --- by new data ------------------------------------------------------------------------------------------------------


def behind_the_data(now: datetime, version: int, *, most: int = BATCH) -> list[tuple[ObjectId, int]]:
    """Schedules that wait for new data, which has come, and the version that they know; those that fired within the
    hour wait."""
    found = ReportSchedule._get_collection().find(
        {"dataVersion": {"$lt": version}}, {"dataVersion": 1, "lastFiredAt": 1}
    )
    ready = (each for each in found if not each.get("lastFiredAt") or now - each["lastFiredAt"] >= FRESH_EVERY)
    return [(each["_id"], each["dataVersion"]) for each, _ in zip(ready, range(most), strict=False)]


def fire_fresh(schedule_id: ObjectId, known: int, version: int, now: datetime) -> ObjectId | None:
    """Fire for version `version` of the record; None when another scheduler has done it, and outside its days."""
    found = ReportSchedule.objects(id=schedule_id, data_version=known, is_paused=False, is_active=True).first()
    if found is None:
        return None
    today = now.astimezone(planning.rule_of(found).zone).date()
    first, last = as_day(found.schedule.start_date), as_day(found.schedule.end_date)
    is_over = last is not None and today > last
    made = None
    if not is_over and (first is None or today >= first):
        if (runner := _runner(found, now)) is None:
            return None
        made = _make(found, runner, Occasion(now, FRESH, f"data:{version}", data_version=version), now)
    change: dict[str, Any] = {"$unset": {"dataVersion": ""}} if is_over else {"$set": {"dataVersion": version}}
    if made is not None:
        change["$set"] |= {"lastFiredAt": now, "updatedAt": now}
        change["$inc"] = {"fireCount": 1}
    ReportSchedule._get_collection().update_one({"_id": found.id, "dataVersion": known}, change, hint="_id_")
    return made


# --- by hand ----------------------------------------------------------------------------------------------------------


def run_now(actor: Actor, schedule_id: str | ObjectId, *, submission_id: str = "") -> ReportJob:
    """Make its report now, on behalf of its owner; its times stay as they are. The same submission makes no second one.

    Raises ForbiddenError, InvalidRequestError for a question that cannot be asked any more, ConflictError where nobody
    could ask it.
    """
    found = editable(actor, schedule_id)
    if found.must_be_resumed_by is not None and id_of(actor) != found.must_be_resumed_by:
        raise ForbiddenError(
            Message("“%(name)s” was handed over: its new owner looks at it and resumes it.", name=found.name)
        )
    owner = User.objects(id=found.owner_id, is_active=True).first()
    if owner is None or not permissions.may_ask(owner):
        raise ConflictError(
            Message("The owner of “%(name)s” has left, or may not ask for reports any more.", name=found.name),
            hint=Message("Hand it over to somebody who may."),
        )
    now = database_clock.now()
    key = f"hand:{submission_id or ObjectId()}"
    occasion = Occasion(now, BY_HAND, key, by=id_of(actor))
    job = _ask(found, owner, occasion)
    if _write_line(found, owner, occasion, now, job_id=job.id, outcome=FireOutcome.OPEN) is not None:
        ReportSchedule._get_collection().update_one({"_id": found.id}, {"$inc": {"fireCount": 1}}, hint="_id_")
    audit.record(actor, AdminArea.SCHEDULES, "run by hand", found.name, subject_id=found.id)
    return job


# --- one fire ---------------------------------------------------------------------------------------------------------


def _make(schedule: ReportSchedule, runner: User, occasion: Occasion, now: datetime) -> ObjectId:
    """Make the job and the line of this fire, unless they are there. What cannot be asked any more is a failure, and
    told; anything that may pass by itself is raised, and tried again."""
    made_id = fire_id(schedule.id, occasion.key)
    if ScheduleFire.objects(id=made_id).only("id").first() is not None:
        return made_id
    try:
        job = _ask(schedule, runner, occasion)
    except ReportdeskError as error:
        if not error.is_permanent:
            raise
        said = to_document(error.args[0])
        line = _write_line(schedule, runner, occasion, now, outcome=FireOutcome.FAILED, said=said)
        if line is not None:
            outcomes.count(line)
    else:
        line = _write_line(schedule, runner, occasion, now, job_id=job.id, outcome=FireOutcome.OPEN)
    if line is not None:  # else another scheduler was faster
        log.info("schedule fired", extra={"schedule_id": str(schedule.id), "job_id": str(made_id), "why": occasion.why})
    return made_id


def _ask(schedule: ReportSchedule, owner: User, occasion: Occasion) -> ReportJob:
    """The job: the question as it is meant on the day of the occasion, with the rows that its owner may read now."""
    request, version = asked.meant_at(owner, schedule, occasion.moment)
    deliver_to, problems = asked.possible_wishes(owner, schedule)
    circumstances = Circumstances(
        job_id=fire_id(schedule.id, occasion.key),
        template_id=schedule.template_id,
        template_version=version,
        schedule_id=schedule.id,
        deliver_to=deliver_to,
        burst=schedule.burst,
    )
    # Whoever made the schedule was told how many people would see its reports, and agreed.
    job = asking.create(owner, request, insist=True, agreed=True, of=circumstances)
    if problems:
        reason = Message.joined(problems)
        telling.tell_people(schedule, telling.not_delivered(schedule, reason), once=f"not-delivered:{job.id}")
    return job


def _write_line(
    schedule: ReportSchedule, runner: User, occasion: Occasion, now: datetime, *, outcome: FireOutcome, **more: Any
) -> ScheduleFire | None:
    """The line of the history; None where it is there already."""
    line = ScheduleFire(
        id=fire_id(schedule.id, occasion.key),
        schedule_id=schedule.id,
        fired_for=occasion.moment,
        fired_at=now,
        why=occasion.why,
        by=occasion.by,
        runs_as=runner.id,
        data_version=occasion.data_version,
        outcome=outcome.value,
        open_since=now,
        ended_at=None if outcome is FireOutcome.OPEN else now,
        expires_at=_kept_until(now),
        **more,
    )
    try:
        return line.save(force_insert=True)
    except NotUniqueError:
        return None


def _skipped(schedule: ReportSchedule, since: datetime, count: int, now: datetime) -> None:
    """Write down, and tell, that runs were missed for good; done again, it changes nothing."""
    ScheduleFire(
        id=fire_id(schedule.id, f"missed:{since.isoformat()}"),
        schedule_id=schedule.id,
        fired_for=since,
        fired_at=now,
        why=MISSED,
        outcome=FireOutcome.SKIPPED.value,
        skipped=count,
        ended_at=now,
        expires_at=_kept_until(now),
    ).save()
    telling.tell_people(schedule, telling.skipped(schedule, count), once=f"missed:{since.isoformat()}:{count}")


def _kept_until(now: datetime) -> datetime:
    return now + timedelta(days=get_settings().audit_retention_days)


# --- on whose behalf --------------------------------------------------------------------------------------------------


def _runner(schedule: ReportSchedule, now: datetime) -> User | None:
    """Its owner; where they have left, the first co-owner who may ask, who owns it from now on. None: it is paused, and
    its people are told; so where its template is retired."""
    if following.paused_with_its_template(schedule):
        return None
    owner = User.objects(id=schedule.owner_id, is_active=True).first() or _taken_over(schedule, now)
    if owner is None:
        keeping.pause_by_itself(
            schedule, now, Message("Its owner has left, and nobody owns it with them. Hand it over to somebody.")
        )
    elif not permissions.may_ask(owner):
        keeping.pause_by_itself(
            schedule, now, Message("Its owner may not ask for reports any more. Hand it over to somebody who may.")
        )
    else:
        return owner
    return None


def _taken_over(schedule: ReportSchedule, now: datetime) -> User | None:
    people = {each.id: each for each in User.objects(id__in=list(schedule.co_owner_ids), is_active=True)}
    able = [each for each in schedule.co_owner_ids if each in people and permissions.may_ask(people[each])]
    if not able:
        return None
    heir: User = people[able[0]]
    others = [each for each in schedule.co_owner_ids if each != heir.id]
    same = {"_id": schedule.id, "ownerId": schedule.owner_id}
    change = {"$set": {"ownerId": heir.id, "coOwnerIds": others, "updatedAt": now}, "$inc": {"revision": 1}}
    if ReportSchedule._get_collection().update_one(same, change, hint="_id_").matched_count:
        told = {"owner": (str(schedule.owner_id), heir.name)}
        audit.record(TERMINAL, AdminArea.SCHEDULES, "taken over", schedule.name, subject_id=schedule.id, changes=told)
        schedule.owner_id, schedule.co_owner_ids = heir.id, others
        telling.tell_people(schedule, telling.taken_over(schedule, heir.name))
    return heir
