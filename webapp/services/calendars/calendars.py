"""What administrators do to calendars: make, change, fill with holidays, retire. What runs by one is planned anew at
once.

Everyone who may ask for reports may use one, and see what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from pymongo.errors import DuplicateKeyError

from webapp import clock
from webapp.documents import AdminArea, Calendar, ClosedDay, ReportSchedule
from webapp.documents.calendar import CALENDAR_NAME_LENGTH, DAY_NAME_LENGTH, MOST_DAYS
from webapp.documents.ids import id_or_nobody
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.questions.request import CONTROL
from webapp.services.schedules import planning

#: The years that a calendar may have days of.
FIRST_YEAR, LAST_YEAR = 2000, 2100
Days = Mapping[date, str]


def every(*, with_retired: bool = False) -> list[Calendar]:
    """All that can be used, by name."""
    found = Calendar.objects if with_retired else Calendar.objects(is_active=True)
    return sorted(found, key=lambda each: each.name.casefold())


def find(calendar_id: str | ObjectId) -> Calendar:
    """Raises NotFoundError."""
    found = Calendar.objects(id=id_or_nobody(calendar_id)).first()
    if found is None:
        raise NotFoundError(Message("There is no calendar %(id)s.", id=str(calendar_id)[:24]))
    return found


def days_of(calendar: Calendar) -> dict[date, str]:
    """Its days with their names, in their order."""
    return dict(sorted((each.day.date(), each.name or "") for each in calendar.days))


def add(by: Actor, *, name: str, weekend: Iterable[int] = (0, 6), days: Days | None = None) -> Calendar:
    """A new calendar. Raises InvalidRequestError."""
    require_permission(by, Permission.ADMINISTER)
    found = Calendar(name=_name(name), weekend=_weekend(weekend), days=_stored(days or {}))
    try:
        found.save(force_insert=True)
    except NotUniqueError as error:
        raise _taken(found.name) from error
    audit.record(by, AdminArea.CALENDARS, "added", found.name, subject_id=found.id)
    return found


def change(
    by: Actor, calendar_id: str | ObjectId, *, revision: int, name: str, weekend: Iterable[int], days: Days
) -> Calendar:
    """Change it, as it was when it had this `revision`; what runs by it is planned anew.

    Raises InvalidRequestError, and ConflictError where somebody else was faster.
    """
    require_permission(by, Permission.ADMINISTER)
    found = find(calendar_id)
    before = days_of(found)
    fields = {
        "name": _name(name),
        "weekend": _weekend(weekend),
        "days": [each.to_mongo() for each in _stored(days)],
        "revision": revision + 1,
        "updatedAt": clock.utcnow(),
    }
    try:
        written = Calendar._get_collection().update_one({"_id": found.id, "revision": revision}, {"$set": fields})
    except DuplicateKeyError as error:
        raise _taken(str(fields["name"])) from error
    if not written.matched_count:
        raise ConflictError(Message("“%(name)s” has changed since you opened it.", name=found.name))
    came, went = len(days.keys() - before.keys()), len(before.keys() - days.keys())
    told = {"days": (len(before), f"{len(days)} (+{came}, −{went})"), "weekend": (found.weekend, fields["weekend"])}
    audit.record(by, AdminArea.CALENDARS, "changed", str(fields["name"]), subject_id=found.id, changes=told)
    plan_anew(found.id)
    return find(found.id)


def set_active(by: Actor, calendar_id: str | ObjectId, is_active: bool) -> Calendar:
    """Retire it, or take it back. What runs by a retired one runs as if no day were closed, so one that is used is not
    retired: raises ConflictError."""
    require_permission(by, Permission.ADMINISTER)
    found = find(calendar_id)
    if not is_active and (users := used_by(found)):
        raise ConflictError(
            Message.counted(
                "%(num)s schedule runs by “%(name)s”.", "%(num)s schedules run by “%(name)s”.", users, name=found.name
            ),
            hint=Message("Give them another calendar first."),
        )
    Calendar.objects(id=found.id).update(set__is_active=is_active, set__updated_at=clock.utcnow())
    what = "activated" if is_active else "deactivated"
    audit.record(by, AdminArea.CALENDARS, what, found.name, subject_id=found.id)
    return find(found.id)


def used_by(calendar: Calendar) -> int:
    """How many schedules run by it."""
    return int(ReportSchedule.objects(calendar_id=calendar.id, is_active=True).count())


def plan_anew(calendar_id: ObjectId) -> int:
    """Plan what runs by the calendar; returns how many schedules run at another time now."""
    return planning.plan_anew(ReportSchedule.objects(calendar_id=calendar_id, is_active=True), database_clock.now())


def _taken(name: str) -> InvalidRequestError:
    return InvalidRequestError({"name": Message("There is already a calendar “%(name)s”.", name=name)})


def _name(name: str) -> str:
    found = " ".join(CONTROL.sub("", name).split())
    if not found or len(found) > CALENDAR_NAME_LENGTH:
        text = Message("A calendar needs a name of at most %(most)s characters.", most=CALENDAR_NAME_LENGTH)
        raise InvalidRequestError({"name": text})
    return found


def _weekend(weekend: Iterable[int]) -> list[int]:
    found = sorted(set(weekend))
    if any(each not in range(7) for each in found) or len(found) == 7:
        raise InvalidRequestError({"weekend": Message("At least one day of the week must be a working day.")})
    return found


def _stored(days: Days) -> list[ClosedDay]:
    if len(days) > MOST_DAYS:
        raise InvalidRequestError({"days": Message("A calendar has at most %(most)s days.", most=MOST_DAYS)})
    if outside := [day for day in days if not FIRST_YEAR <= day.year <= LAST_YEAR]:
        text = Message(
            "%(day)s is not between the years %(first)s and %(last)s.",
            day=outside[0].isoformat(),
            first=str(FIRST_YEAR),
            last=str(LAST_YEAR),
        )
        raise InvalidRequestError({"days": text})
    return [
        ClosedDay(day=datetime.combine(day, time(), tzinfo=UTC), name=CONTROL.sub("", name).strip()[:DAY_NAME_LENGTH])
        for day, name in sorted(days.items())
    ]
