"""A person's upcoming runs as an iCalendar feed, by a link that only they know: calendar programs sign in nowhere."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import icalendar

from webapp.documents import AdminArea, ScheduleFeed, User
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock, permissions
from webapp.services.permissions import Permission
from webapp.services.schedules import lists
from webapp.services.schedules.lists import Whose
from webapp.settings import get_settings

#: How far ahead the feed tells; programs read it again every few hours.
AHEAD = timedelta(days=60)
#: A run is shown as so long, so that one sees it.
SHOWN_AS = timedelta(minutes=15)


class NoFeedError(NotFoundError):
    """No such link, no more, or its person has left: told alike."""

    def __init__(self) -> None:
        super().__init__(Message("There is no such calendar link, or not any more."))


def renew(actor: User) -> str:
    """A new secret for the person's link, which is told once; the one before it ends. Raises ForbiddenError."""
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    secret = secrets.token_urlsafe(32)
    ScheduleFeed(user_id=actor.id, secret_hash=_hash(secret), created_at=database_clock.now()).save()
    audit.record(actor, AdminArea.SCHEDULES, "calendar link made", actor.name, subject_id=actor.id)
    return secret


def end(actor: User) -> None:
    """End the person's link. Raises ForbiddenError."""
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    if ScheduleFeed.objects(user_id=actor.id).delete():
        audit.record(actor, AdminArea.SCHEDULES, "calendar link ended", actor.name, subject_id=actor.id)


def has_link(actor: User) -> bool:
    return ScheduleFeed.objects(user_id=actor.id).only("user_id").first() is not None


def read(secret: str) -> bytes:
    """The feed of whoever's link it is: names and times of their runs, nothing that the reports say.

    Raises NoFeedError.
    """
    found = ScheduleFeed.objects(secret_hash=_hash(secret)).first()
    person = User.objects(id=found.user_id, is_active=True).first() if found else None
    if person is None or not permissions.may_ask(person):
        raise NoFeedError
    settings = get_settings()
    now = database_clock.now()
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Reportdesk//schedules//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", settings.organization_name)
    for run, schedule in lists.upcoming(person, Whose.OWN, now, AHEAD):
        event = icalendar.Event()
        event.add("uid", f"{schedule.id}-{run:%Y%m%dT%H%M%SZ}@reportdesk")
        event.add("dtstamp", now)
        event.add("dtstart", run)
        event.add("dtend", run + SHOWN_AS)
        event.add("summary", schedule.title)
        event.add("transp", "TRANSPARENT")
        if settings.public_url:
            event.add("url", f"{settings.public_url.rstrip('/')}/schedules/{schedule.id}")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
