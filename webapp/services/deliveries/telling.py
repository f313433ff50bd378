"""Telling somebody who signs in that something happened: one notice in their inbox, made once however often it is told.

Any service may tell; what it tells is the business of the person who is told (their report, their schedule).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from mongoengine.errors import NotUniqueError

from webapp.documents.ids import id_made_of
from webapp.documents.notice import Notice, SubjectKind
from webapp.messages import Message, to_document
from webapp.services import database_clock
from webapp.settings import get_settings


@dataclass(frozen=True)
class Subject:
    """What a notice is about, and leads to."""

    kind: SubjectKind
    id: ObjectId


def tell(user_id: ObjectId, text: Message, *, about: Subject | None = None, once: str = "") -> bool:
    """Put `text` into the inbox of this person; False when they were told already.

    `once` names the occasion (`"paused:<schedule>:<at>"`): told again for the same person and occasion, nothing is
    added, whichever process was faster. Without it every call is a notice of its own.
    """
    now = database_clock.now()
    notice = Notice(
        id=id_made_of(f"{user_id}:{once}") if once else ObjectId(),
        user_id=user_id,
        said=to_document(text),
        about_kind=about.kind.value if about else None,
        about_id=about.id if about else None,
        at=now,
        expires_at=now + timedelta(days=get_settings().notice_retention_days),
    )
    try:
        notice.save(force_insert=True)
    except NotUniqueError:
        return False
    return True
