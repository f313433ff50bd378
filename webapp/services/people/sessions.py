"""Who is signed in where. A session lives in the database, so that ending it ends it everywhere its cookie was copied.

Beside each record stands the person's epoch: whatever ends all sessions at once raises it, and no record of an older
epoch is worth anything, even one that was restored from a backup.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from webapp import clock
from webapp.documents import Session, User
from webapp.documents.ids import id_or_nobody
from webapp.settings import get_settings

#: How often at most it is written that a session was used.
SEEN_EVERY = timedelta(minutes=1)
#: Of one person, on the page that lists them.
SHOWN = 50


@dataclass(frozen=True)
class OpenSession:
    """A session as a process remembers it for a few seconds."""

    id: ObjectId
    user_id: ObjectId
    token_hash: str
    epoch: int
    created_at: datetime
    last_seen_at: datetime
    browser: str = ""
    network: str = ""

    def is_opened_by(self, token: str) -> bool:
        return hmac.compare_digest(self.token_hash, hash_of(token))

    def has_ended(self, now: datetime) -> bool:
        """By the limits as they are set now, whatever they were when it began."""
        return now >= _end(self.created_at, self.last_seen_at)


def start(user: User, *, browser: str, address: str) -> tuple[OpenSession, str]:
    """A new session of `user`, and the token that opens it, which is kept nowhere else."""
    token, now = secrets.token_urlsafe(32), clock.utcnow()
    session = Session(
        user_id=user.id,
        token_hash=hash_of(token),
        epoch=user.session_epoch or 0,
        created_at=now,
        last_seen_at=now,
        expires_at=_end(now, now),
        browser=browser[:100],
        network=_network(address),
    ).save(force_insert=True)
    return _open(session), token


def find(session_id: str) -> OpenSession | None:
    """The session with this id, open or just ended; None where there is none."""
    found = Session.objects(id=id_or_nobody(session_id)).first()
    return _open(found) if found is not None else None


def seen(session: OpenSession, now: datetime) -> None:
    """Write down that the session was used, unless another process has done so within the minute."""
    Session.objects(id=session.id, last_seen_at__lt=now - SEEN_EVERY).update_one(
        set__last_seen_at=now, set__expires_at=_end(session.created_at, now)
    )


def of_person(user: User) -> list[OpenSession]:
    """The person's open sessions, the last used first."""
    found = [_open(each) for each in Session.objects(user_id=user.id)]
    now = clock.utcnow()
    still = [each for each in found if each.epoch == (user.session_epoch or 0) and not each.has_ended(now)]
    return sorted(still, key=lambda each: (each.last_seen_at, each.id), reverse=True)[:SHOWN]


def end(user: User, session_id: str) -> bool:
    """End one session of `user`; False where the person has no such session."""
    return bool(Session.objects(id=id_or_nobody(session_id), user_id=user.id).delete())


def end_all(user: User) -> None:
    """End every session of the person, links for a new password among them; `user` knows the new epoch."""
    User.objects(id=user.id).update_one(inc__session_epoch=1)
    forget_all(user)


def forget_all(user: User) -> None:
    """Delete the sessions of a person whose epoch has been raised."""
    user.reload("session_epoch")
    Session.objects(user_id=user.id, epoch__lt=user.session_epoch).delete()


def hash_of(token: str) -> str:
    """What is kept of a token: of random ones, a plain hash tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _open(session: Session) -> OpenSession:
    return OpenSession(
        id=session.id,
        user_id=session.user_id,
        token_hash=session.token_hash,
        epoch=session.epoch,
        created_at=clock.aware(session.created_at),
        last_seen_at=clock.aware(session.last_seen_at),
        browser=session.browser or "",
        network=session.network or "",
    )


def _end(created_at: datetime, last_seen_at: datetime) -> datetime:
    settings = get_settings()
    return min(
        last_seen_at + timedelta(minutes=settings.session_idle_minutes),
        created_at + timedelta(days=settings.session_days),
    )


def _network(address: str) -> str:
    """As much of an address as tells a person “that was me, at work”: the last part is left out."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.is_loopback:
        return str(parsed)
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{bits}", strict=False))
