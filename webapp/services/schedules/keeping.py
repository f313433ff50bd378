"""What people do to schedules: make, change, pause, resume, hand over, delete.

Each is one guarded write: whoever changes what somebody else has changed meanwhile is told so. Only `firing` and
`outcomes` write what runs make of a schedule.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from mongoengine.errors import ValidationError

from webapp.documents import AdminArea, ReportSchedule, User
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError
from webapp.messages import Message, to_document
from webapp.services import audit, database_clock, permissions
from webapp.services.bursting.in_words import burst_in_words
from webapp.services.permissions import TERMINAL, Actor, Permission, id_of
from webapp.services.questions.request import CONTROL
from webapp.services.requests import everyone
from webapp.services.requests import rules as request_rules
from webapp.services.schedules import asked, checking, planning, telling
from webapp.services.schedules.checking import Wish
from webapp.services.schedules.in_words import rule_in_words
from webapp.services.schedules.rights import Reach, editable, steerable

log = logging.getLogger(__name__)

#: So many a person may own: what they ask for waits for no room.
MOST_SCHEDULES = 200


class TooManySchedulesError(InvalidRequestError):
    """The person owns so many that one more would help nobody."""

    code = "too-many-schedules"
    hint = Message("Delete those that are no longer needed.")

    def __init__(self) -> None:
        super().__init__({"name": Message("You have %(most)s schedules already.", most=MOST_SCHEDULES)})


class ChangedMeanwhileError(ConflictError):
    """Somebody else, or the desk itself, has changed it since it was shown."""

    code = "schedule-changed"

    def __init__(self, schedule: ReportSchedule) -> None:
        super().__init__(Message("“%(name)s” has changed since you opened it.", name=schedule.name))


def create(actor: User, wish: Wish, *, agreed: bool = False) -> ReportSchedule:
    """Make a schedule that `actor` owns, and that begins at once.

    Raises InvalidRequestError (all fields at fault), TooManySchedulesError, ForbiddenError, and unless `agreed`
    NotAgreedError for reports that everyone would see.
    """
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    mine = {"ownerId": actor.id, "isActive": True}
    if ReportSchedule._get_collection().count_documents(mine, limit=MOST_SCHEDULES) >= MOST_SCHEDULES:
        raise TooManySchedulesError
    now = database_clock.now()
    found = ReportSchedule(owner_id=actor.id, created_by=actor.id, created_at=now)
    _fill(found, wish, actor, now)
    everyone.require_agreed(found.visibility, agreed)
    found.next_run_at = planning.next_run(found, now)
    found.data_version = planning.watched_version(found)
    found.save(force_insert=True)
    told: dict[str, tuple[object, object]] = {"when": ("", rule_in_words(found))}
    if found.burst is not None:
        told["parts"] = ("", burst_in_words(found.burst))
    _written_down(actor, "added", found, told)
    return found


def _told_of(schedule: ReportSchedule) -> dict[str, object]:
    """Of what the audit trail tells when it is changed."""
    parts = burst_in_words(schedule.burst) if schedule.burst is not None else ""
    when = rule_in_words(schedule)
    return {"name": schedule.name, "when": when, "visibility": schedule.visibility, "parts": parts}


def change(
    actor: Actor, schedule_id: str | ObjectId, wish: Wish, *, revision: int, agreed: bool = False
) -> ReportSchedule:
    """Make of it what `wish` says, as it was when it had this `revision`. Its next run is planned from now.

    Raises InvalidRequestError, ForbiddenError, NotAgreedError and ChangedMeanwhileError.
    """
    found = editable(actor, schedule_id)
    now = database_clock.now()
    before = _told_of(found)
    people = set(found.co_owner_ids)
    was_for_everyone = found.visibility == "organization"
    owner = _owner_of(found)
    _fill(found, wish, owner, now)
    if set(found.co_owner_ids) != people and not Reach(actor).owns(found):
        raise ForbiddenError(Message("Only its owner says who owns “%(name)s” with them.", name=found.name))
    everyone.require_agreed(found.visibility, agreed or was_for_everyone)
    found.next_run_at = planning.next_run(found, now)
    found.data_version = planning.watched_version(found)
    _replace(found, revision, now)
    after = _told_of(found)
    told: dict[str, tuple[object, object]] = {
        name: (old, after[name]) for name, old in before.items() if old != after[name]
    }
    _written_down(actor, "changed", found, told)
    return found


def pause(actor: Actor, schedule_id: str | ObjectId, reason: str = "") -> ReportSchedule:
    """Stop it until somebody resumes it. Raises ForbiddenError and ConflictError."""
    found = steerable(actor, schedule_id)
    reason = CONTROL.sub("", reason).strip()[:500]
    by = {"pausedBy": id_of(actor), "pausedReason": reason or None}
    if not set_paused(found.id, {**by, "pausedAt": database_clock.now()}):
        raise ConflictError(Message("“%(name)s” is paused already.", name=found.name))
    _written_down(actor, "paused", found, {"reason": ("", reason)} if reason else {})
    if found.owner_id != id_of(actor):
        telling.tell_people(found, telling.paused_by(actor, found, reason), besides=id_of(actor))
    return _fresh(found.id)


def set_paused(schedule_id: ObjectId, fields: dict[str, Any]) -> bool:
    """Pause it, if it is not; a scheduler finds it no more. False when it was paused, or deleted, before."""
    running = {"_id": schedule_id, "isPaused": False, "isActive": True}
    change = {
        "$set": {"isPaused": True, "updatedAt": fields["pausedAt"], **fields},
        "$unset": {"nextRunAt": "", "dataVersion": ""},
    }
    return ReportSchedule._get_collection().update_one(running, change, hint="_id_").matched_count == 1


def pause_by_itself(schedule: ReportSchedule, now: datetime, reason: Message, *, once: str = "", **fields: Any) -> None:
    """The desk pauses it, and tells its people; once, however many notice it."""
    because = {"pausedReason": to_document(reason), "pausedAt": now, "pausedBy": None, **fields}
    # Told first: whoever is killed in between is followed by somebody who finds it running still.
    occasion = once or f"paused:{schedule.updated_at.isoformat()}"
    telling.tell_people(schedule, telling.paused_by_the_desk(schedule, reason), once=occasion)
    if set_paused(schedule.id, because):
        _written_down(TERMINAL, "paused", schedule, {})


def resume(actor: Actor, schedule_id: str | ObjectId, *, revision: int | None = None) -> ReportSchedule:
    """Let it go on from now; failures are counted anew. What was handed over waits for its new owner. `revision`: as
    which they have looked at it.

    Raises ForbiddenError, ConflictError (TemplateRetiredError among them), ChangedMeanwhileError.
    """
    found = steerable(actor, schedule_id)
    if not found.is_paused:
        raise ConflictError(Message("“%(name)s” is not paused.", name=found.name))
    if found.must_be_resumed_by is not None and id_of(actor) != found.must_be_resumed_by:
        raise ForbiddenError(
            Message("“%(name)s” was handed over: its new owner looks at it and resumes it.", name=found.name)
        )
    if revision is not None and revision != found.revision:
        raise ChangedMeanwhileError(found)
    _require_owner(found)
    asked.require_template(found)
    now = database_clock.now()
    found.is_paused = False
    paused = {"_id": found.id, "isPaused": True, "isActive": True, "revision": found.revision}
    fields: dict[str, Any] = {
        "isPaused": False,
        "failuresInARow": 0,
        "updatedAt": now,
        "nextRunAt": planning.next_run(found, now),
        "dataVersion": planning.watched_version(found),
    }
    gone = [
        "pausedReason",
        "pausedAt",
        "pausedBy",
        "pausedForTemplate",
        "mustBeResumedBy",
        *(n for n, v in fields.items() if v is None),
    ]
    update = {
        "$set": {name: value for name, value in fields.items() if value is not None},
        "$unset": dict.fromkeys(gone, ""),
    }
    if not ReportSchedule._get_collection().update_one(paused, update, hint="_id_").matched_count:
        raise ChangedMeanwhileError(found)
    _written_down(actor, "resumed", found, {})
    return _fresh(found.id)


def hand_over(actor: Actor, schedule_id: str | ObjectId, new_owner_id: ObjectId) -> ReportSchedule:
    """Make somebody else its owner: a co-owner, or a colleague of the owner. It would run with their rights, so it
    waits, paused, until they have looked at it and resume it.

    Raises ForbiddenError, InvalidRequestError (under `new_owner`), ChangedMeanwhileError.
    """
    found = steerable(actor, schedule_id)
    if new_owner_id not in candidates(found):
        text = Message("Choose a co-owner, or a colleague who may ask for reports.")
        raise InvalidRequestError({"new_owner": text})
    names = dict(User.objects(id__in=[found.owner_id, new_owner_id]).scalar("id", "name"))
    now = database_clock.now()
    is_taken = new_owner_id == id_of(actor)
    same = {"_id": found.id, "isActive": True, "revision": found.revision}
    change: dict[str, Any] = {
        "$set": {
            "ownerId": new_owner_id,
            "coOwnerIds": [each for each in found.co_owner_ids if each != new_owner_id],
            "isPaused": True,
            "pausedAt": now,
            "pausedBy": id_of(actor),
            "pausedReason": to_document(Message("It was handed over; its new owner looks at it first.")),
            "mustBeResumedBy": new_owner_id,
            "revision": found.revision + 1,
            "updatedAt": now,
        },
        "$unset": {"nextRunAt": "", "dataVersion": ""},
    }
    if not ReportSchedule._get_collection().update_one(same, change, hint="_id_").matched_count:
        raise ChangedMeanwhileError(found)
    _written_down(actor, "handed over", found, {"owner": (names.get(found.owner_id, ""), names.get(new_owner_id, ""))})
    handed = _fresh(found.id)
    if not is_taken:
        telling.tell_people(handed, telling.handed_over(actor, handed), besides=id_of(actor))
    return handed


def candidates(schedule: ReportSchedule) -> dict[ObjectId, str]:
    """Who could own it: its co-owners and the owner's colleagues, those who may ask for reports, by name."""
    owner = User.objects(id=schedule.owner_id).first()
    found = checking.colleagues(owner) if owner is not None else {}
    if owner is None or not owner.is_active:
        found |= _of_department(schedule)
    for each in User.objects(id__in=list(schedule.co_owner_ids), is_active=True):
        if permissions.may_ask(each):
            found[each.id] = each.name
    found.pop(schedule.owner_id, None)
    return dict(sorted(found.items(), key=lambda each: each[1]))


def _of_department(schedule: ReportSchedule) -> dict[ObjectId, str]:
    people = User.objects(memberships__department_id=schedule.department_id, is_active=True)
    return {each.id: each.name for each in people if permissions.may_ask(each)} if schedule.department_id else {}


def delete(actor: Actor, schedule_id: str | ObjectId) -> ReportSchedule:
    """End it; the reports that it has made, and its history, stay. Raises ForbiddenError."""
    found = editable(actor, schedule_id)
    change = {
        "$set": {"isActive": False, "updatedAt": database_clock.now()},
        "$unset": {"nextRunAt": "", "dataVersion": "", "lastMade": ""},
    }
    ReportSchedule._get_collection().update_one({"_id": found.id}, change, hint="_id_")
    _written_down(actor, "deleted", found, {})
    return found


# --- parts ------------------------------------------------------------------------------------------------------------


def _fill(schedule: ReportSchedule, wish: Wish, owner: User, now: datetime) -> None:
    """Give it what the wish says, judged. Raises InvalidRequestError."""
    if wish.template_id is not None:
        asks = asked.wanted_of_template(owner, wish.template_id, wish.template_version, wish.request)
        wish = replace(wish, request=asks)
    for name, value in {**asked.kept_fields(wish.request), **checking.as_document(wish)}.items():
        setattr(schedule, name, value)
    checking.check(owner, wish, schedule, now)
    if schedule.department_id is None:
        schedule.department_id = request_rules.usual_department(owner)
    try:
        schedule.validate()
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error


def _replace(schedule: ReportSchedule, revision: int, now: datetime) -> None:
    """Write what people say of it, unless it has another revision by now. What runs have counted stays."""
    document = schedule.to_mongo().to_dict()
    kept = {name: value for name, value in document.items() if name not in _OF_RUNS}
    kept |= {"revision": revision + 1, "updatedAt": now}
    gone = [name for name in _MAY_BE_MISSING if name not in kept]
    same = {"_id": schedule.id, "isActive": True, "revision": revision, "isPaused": schedule.is_paused}
    change = {"$set": kept} | ({"$unset": dict.fromkeys(gone, "")} if gone else {})
    if not ReportSchedule._get_collection().update_one(same, change, hint="_id_").matched_count:
        raise ChangedMeanwhileError(schedule)
    schedule.revision = revision + 1


_MAY_BE_MISSING = (
    *("nextRunAt", "dataVersion", "calendarId", "description", "departmentId", "burst"),
    *("templateId", "templateVersion"),
)
#: What firing and pausing write; a change of the rest leaves them as they are.
_OF_RUNS = frozenset(
    {
        *("_id", "isActive", "isPaused", "pausedReason", "pausedAt", "pausedBy", "mustBeResumedBy", "lastFiredAt"),
        *("pausedForTemplate", "lastRun", "fireCount", "successCount", "failureCount", "failuresInARow", "ownerId"),
        *("countedFires", "lastMade", "createdAt", "createdBy"),
    }
)


def _owner_of(schedule: ReportSchedule) -> User:
    """Raises ConflictError where there is nobody on whose behalf it could ask."""
    owner = User.objects(id=schedule.owner_id, is_active=True).first()
    if owner is None:
        raise ConflictError(
            Message("The owner of “%(name)s” has left.", name=schedule.name),
            hint=Message("Hand it over to somebody first."),
        )
    return owner


def _require_owner(schedule: ReportSchedule) -> None:
    """Raises ConflictError where nobody could run it."""
    if not permissions.may_ask(_owner_of(schedule)):
        raise ConflictError(
            Message("The owner of “%(name)s” may not ask for reports any more.", name=schedule.name),
            hint=Message("Hand it over to somebody who may."),
        )


def _fresh(schedule_id: ObjectId) -> ReportSchedule:
    return ReportSchedule.objects.get(id=schedule_id)


def _written_down(actor: Actor, what: str, schedule: ReportSchedule, changes: dict[str, tuple[object, object]]) -> None:
    audit.record(actor, AdminArea.SCHEDULES, what, schedule.name, subject_id=schedule.id, changes=changes or None)
    log.info(f"schedule {what}", extra={"schedule_id": str(schedule.id)})
