"""Writing down what people do; `audit_trail` reads it. There is no way to change or take back what is written here.

Every act is one entry: asked, renamed, shared, moved, cancelled, retried, deleted, each whole download of each person,
each sign-in, each failed one. Only what a browser repeats by itself is written once for each person, report and hour:

- *looked at*: the rows of a result were shown in the page, or its chart was. A page that polls stays one entry.
- *downloaded in parts*: a download taken up again, or a viewer that reads a file piece by piece.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from bson import ObjectId
from mongoengine.errors import NotUniqueError

from webapp import clock
from webapp.documents import AdminArea, AdminEvent, ReportJob, User
from webapp.documents.ids import id_made_of
from webapp.services.permissions import Actor, id_of
from webapp.services.remembered import Remembered
from webapp.settings import get_settings

LONGEST_TEXT = 200
Changes = Mapping[str, tuple[object, object]]


class ReportAct(StrEnum):
    """What people do to a report."""

    ASKED = "asked for"
    RENAMED = "renamed"
    SHARED = "shared"
    MOVED = "priority changed"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    CANCEL_UNDONE = "cancelling undone"
    RETRY_UNDONE = "retry undone"
    DELETED = "deleted"
    DOWNLOADED = "downloaded"
    DOWNLOADED_IN_PARTS = "downloaded in parts"
    LOOKED_AT = "looked at"
    VERIFIED = "file verified"
    SENT = "sent"
    DISCLOSED = "sent outside"


class SessionAct(StrEnum):
    """What happens to a person's sessions and password."""

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "sign-in failed"
    SIGN_IN_SLOWED = "sign-in slowed"
    SIGNED_OUT = "signed out"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    SESSION_ENDED = "session ended"  # one of one's others
    PASSWORD_CHANGED = "password changed"  # noqa: S105  (what happened, not a password)
    PASSWORD_LINK_MADE = "password link made"  # noqa: S105  (what happened, not a password)
    PASSWORD_RESET = "password reset by link"  # noqa: S105  (what happened, not a password)


def record(
    by: Actor,
    area: AdminArea,
    action: str,
    subject: str,
    *,
    subject_id: object = None,
    changes: Changes | None = None,
) -> None:
    """Write down one act. What the terminal did has no person."""
    _event(id_of(by), area, action, subject, subject_id, changes).save()


def record_on_report(by: User, act: ReportAct, job: ReportJob, *, changes: Changes | None = None) -> None:
    """Write down what `by` did to the report."""
    record(by, AdminArea.REPORTS, act.value, job.name or job.report_type, subject_id=job.id, changes=changes)


def record_once(by: User, act: ReportAct, job: ReportJob, *, key: str, changes: Changes | None = None) -> None:
    """As `record_on_report`, for what is tried again until it works: one entry for each `key`."""
    event = _event(by.id, AdminArea.REPORTS, act.value, job.name or job.report_type, job.id, changes)
    _insert_once(event, key)


def record_once_an_hour(by: User, act: ReportAct, job: ReportJob) -> None:
    """As `record_on_report`, for what a browser repeats: one entry for each person, report and hour.

    Costs one write in that hour, and nothing again in a process that remembers it.
    """
    hour = clock.utcnow().replace(minute=0, second=0, microsecond=0)
    _once_an_hour.get((hour, by.id, act, job.id, job.name or job.report_type))


def _write_repeated(key: tuple[datetime, ObjectId, ReportAct, ObjectId, str]) -> None:
    hour, user_id, act, job_id, name = key
    event = _event(user_id, AdminArea.REPORTS, act.value, name, job_id, None)
    _insert_once(event, f"{user_id}:{act.value}:{job_id}:{hour.isoformat()}")


_once_an_hour = Remembered(_write_repeated, seconds=3600)


def record_session(by: Actor | None, act: SessionAct, whose: User) -> None:
    """Write down what `by` did to the sessions or the password of `whose`; None: somebody not signed in, as with a
    link that was handed over."""
    who = None if by is None else id_of(by)
    _event(who, AdminArea.SESSIONS, act.value, whose.name, whose.id, None).save()


def record_sign_in(user: User) -> None:
    """Somebody has signed in."""
    record_session(user, SessionAct.SIGNED_IN, user)


def record_sign_out(user: User) -> None:
    """Somebody has signed out."""
    record_session(user, SessionAct.SIGNED_OUT, user)


def record_failed_sign_in(typed: str) -> None:
    """Somebody failed to sign in as `typed`.

    Nobody knows who that was, so the entry has no person; it is about the account with that address. Where there is
    none, what was typed is not kept, for it may be anything, a password even: only a mark is, the same each time for
    the same text, which cannot be turned back without this installation's key.
    """
    _failed(SessionAct.SIGN_IN_FAILED, typed).save()


def record_slowed_sign_in(typed: str) -> None:
    """Somebody was made to wait before the next attempt as `typed`. One entry for each address and hour, however
    many attempts there are: whoever guesses passwords must not fill the trail."""
    event = _failed(SessionAct.SIGN_IN_SLOWED, typed)
    _insert_once(event, f"{event.action}:{event.subject_id}:{event.at:%Y-%m-%dT%H}")


def _failed(act: SessionAct, typed: str) -> AdminEvent:
    # Only an address of another door than the web's could hold half a character; no database takes one.
    address = typed.strip().lower().encode("utf-8", "replace").decode()
    account = User.objects(email=address).only("id", "name").first() if address else None
    if account is not None:
        return _event(None, AdminArea.SESSIONS, act.value, account.name, account.id, None)
    key = get_settings().session_key.encode()
    mark = hmac.new(key, address.encode(), hashlib.sha256).hexdigest()[:12]
    return _event(None, AdminArea.SESSIONS, act.value, f"unknown address {mark}", f"unknown:{mark}", None)


def _event(
    user_id: ObjectId | None, area: AdminArea, action: str, subject: str, subject_id: object, changes: Changes | None
) -> AdminEvent:
    now = clock.utcnow()
    return AdminEvent(
        at=now,
        user_id=user_id,
        area=area.value,
        action=action,
        subject=subject[:LONGEST_TEXT],
        subject_id=None if subject_id is None else str(subject_id),
        # A field's name is a key of the document: no dots in it.
        changes={name.replace(".", "_"): [_text(old), _text(new)] for name, (old, new) in (changes or {}).items()},
        expires_at=now + timedelta(days=get_settings().audit_retention_days),
    )


def _insert_once(event: AdminEvent, key: str) -> None:
    """Write the event under an id made of `key`, unless it is there already, from this process or another."""
    event.id = id_made_of(key)
    try:
        event.save()
    except NotUniqueError:
        return


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(str(each) for each in value)
    return str(value)[:LONGEST_TEXT]
