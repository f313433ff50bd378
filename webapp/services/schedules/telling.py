"""What a schedule's people are told, in their inbox: what happened to it, and what they can do."""

from __future__ import annotations

from bson import ObjectId

from webapp.documents import ReportSchedule, User
from webapp.documents.notice import SubjectKind
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.deliveries import telling
from webapp.services.deliveries.telling import Subject
from webapp.services.permissions import Actor, Permission
from webapp.services.record import reading
from webapp.services.rights import organisation


def tell_people(schedule: ReportSchedule, text: Message, *, once: str = "", besides: ObjectId | None = None) -> None:
    """Tell its owner and co-owners; where none of them is left, the managers of its department.

    `once` names the occasion, so that of several who notice it one tells it.
    """
    told = [each for each in (schedule.owner_id, *schedule.co_owner_ids) if each != besides]
    active = User.objects(id__in=told, is_active=True).scalar("id")
    about = Subject(SubjectKind.SCHEDULE, schedule.id)
    for each in list(active) or _managers(schedule, besides):
        telling.tell(each, text, about=about, once=once and f"{once}:{schedule.id}")


def _managers(schedule: ReportSchedule, besides: ObjectId | None) -> list[ObjectId]:
    """Who manages the department of the schedule, or one above it."""
    if schedule.department_id is None or besides is not None:
        return []
    known, place, above = organisation.departments(), schedule.department_id, list[ObjectId]()
    while place is not None and place not in above:  # a cycle does no harm
        above.append(place)
        place = known[place].parent_id if place in known else None
    people = User.objects(memberships__department_id__in=above, is_active=True)
    return [each.id for each in people if _manages(each, above)]


def _manages(person: User, places: list[ObjectId]) -> bool:
    held = permissions.held(person)
    return any(each.department_id in places and Permission.MANAGE_DEPARTMENT in each.permissions for each in held)


def paused_by(actor: Actor, schedule: ReportSchedule, reason: str) -> Message:
    who = reading.name_of(actor)
    if reason:
        return Message("%(who)s paused “%(name)s”: %(reason)s", who=who, name=schedule.name, reason=reason)
    return Message("%(who)s paused “%(name)s”.", who=who, name=schedule.name)


def handed_over(actor: Actor, schedule: ReportSchedule) -> Message:
    return Message(
        "%(who)s handed “%(name)s” over. It would run with its new owner's rights, so it waits until they resume it.",
        who=reading.name_of(actor),
        name=schedule.name,
    )


def taken_over(schedule: ReportSchedule, name: str) -> Message:
    return Message(
        "The owner of “%(schedule)s” has left. It belongs to its co-owner %(name)s now, and runs with their rights.",
        schedule=schedule.name,
        name=name,
    )


def paused_by_the_desk(schedule: ReportSchedule, reason: str) -> Message:
    return Message("“%(name)s” is paused: %(reason)s", name=schedule.name, reason=reason)


def failed(schedule: ReportSchedule, reason: str) -> Message:
    return Message("“%(name)s” could not be made: %(reason)s", name=schedule.name, reason=reason)


def not_delivered(schedule: ReportSchedule, reason: str) -> Message:
    return Message(
        "“%(name)s” is made, but cannot go to everybody whom it should reach: %(reason)s",
        name=schedule.name,
        reason=reason,
    )


def skipped(schedule: ReportSchedule, count: int) -> Message:
    return Message.counted(
        "“%(name)s” was not made %(num)s time, because no worker was running.",
        "“%(name)s” was not made %(num)s times, because no worker was running.",
        count,
        name=schedule.name,
    )
