"""Who may know about a schedule, and what they may do to it: asked first, everywhere.

Its owner, its co-owners, the managers of its department and administrators see it; all others are told that there is
none. Its people and administrators change it; managers may stop it, let it go on, and hand it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from bson import ObjectId

from webapp.documents import ReportSchedule, User
from webapp.documents.ids import id_or_nobody
from webapp.errors import ForbiddenError, NotFoundError
from webapp.messages import Message
from webapp.services.permissions import Actor, Permission, Terminal, permissions_of
from webapp.services.rights import visibility


class ScheduleNotFoundError(NotFoundError):
    """No such schedule, or not for this person: the two are told alike."""

    def __init__(self, schedule_id: str) -> None:
        super().__init__(Message("There is no schedule %(id)s.", id=schedule_id[:24]))


class HasPeople(Protocol):
    """What the rules need to know: the document has it, and so have the facts that lists go through."""

    @property
    def owner_id(self) -> ObjectId | None: ...
    @property
    def co_owner_ids(self) -> Sequence[ObjectId]: ...
    @property
    def department_id(self) -> ObjectId | None: ...


class Reach:
    """What one person may know about and do, for asking of many schedules."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def sees(self, schedule: HasPeople) -> bool:
        return self.is_active and (self.is_of_its_people(schedule) or self.steers(schedule))

    def edits(self, schedule: HasPeople) -> bool:
        """May they change, run and delete it? Its people, while they may ask for reports, and administrators."""
        if self._is_administrator:
            return True
        return self.is_of_its_people(schedule) and Permission.REQUEST_REPORTS in self._permissions

    def steers(self, schedule: HasPeople) -> bool:
        """May they pause, resume and hand it over?"""
        return self.edits(schedule) or (schedule.department_id is not None and schedule.department_id in self._managed)

    def is_of_its_people(self, schedule: HasPeople) -> bool:
        """Do they own it, alone or with others?"""
        if isinstance(self._actor, Terminal):
            return False
        return self._actor.id == schedule.owner_id or self._actor.id in schedule.co_owner_ids

    def owns(self, schedule: HasPeople) -> bool:
        """May they say who owns it with them? Its owner, and administrators."""
        if isinstance(self._actor, Terminal) or self._is_administrator:
            return True
        return self._actor.id == schedule.owner_id and self.edits(schedule)

    @cached_property
    def _permissions(self) -> frozenset[str]:
        return permissions_of(self._actor)

    @cached_property
    def is_active(self) -> bool:
        return isinstance(self._actor, Terminal) or bool(self._actor.is_active)

    @cached_property
    def _is_administrator(self) -> bool:
        return Permission.ADMINISTER in self._permissions

    @cached_property
    def _managed(self) -> frozenset[ObjectId]:
        return visibility.managed_department_ids(self._actor) if isinstance(self._actor, User) else frozenset()


def visible_schedule(actor: Actor, schedule_id: str | ObjectId) -> ReportSchedule:
    """The schedule, if `actor` may know about it. Raises ScheduleNotFoundError otherwise; also for what is no id."""
    found = ReportSchedule.objects(id=id_or_nobody(schedule_id), is_active=True).first()
    if found is None or not Reach(actor).sees(found):
        raise ScheduleNotFoundError(str(schedule_id))
    return found


def editable(actor: Actor, schedule_id: str | ObjectId) -> ReportSchedule:
    """As `visible_schedule`; raises ForbiddenError where `actor` may not change it."""
    found = visible_schedule(actor, schedule_id)
    if not Reach(actor).edits(found):
        raise ForbiddenError(
            Message("“%(name)s” may be changed by its owner, its co-owners and administrators.", name=found.name)
        )
    return found


def steerable(actor: Actor, schedule_id: str | ObjectId) -> ReportSchedule:
    """As `visible_schedule`; raises ForbiddenError where `actor` may not pause or hand it over."""
    found = visible_schedule(actor, schedule_id)
    if not Reach(actor).steers(found):
        raise ForbiddenError(
            Message("“%(name)s” may be paused by its people, managers and administrators.", name=found.name)
        )
    return found
