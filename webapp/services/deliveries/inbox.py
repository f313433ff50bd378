"""A person's own inbox: what they were told, how much of it is unread, and reading it. Nobody reads another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import User
from webapp.documents.ids import id_or_nobody
from webapp.documents.notice import Notice
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services.remembered import Remembered

PAGE_SIZE = 30
#: Nobody counts further: “99+”.
COUNTED = 100
#: Every page shows the number. Another process may have changed it so long ago at most.
SECONDS = 10.0


@dataclass(frozen=True)
class NoticePage:
    """`number` counts from 1; `has_older`: there is another page."""

    notices: list[Notice]
    number: int
    has_older: bool


def unread(actor: User) -> int:
    """How many notices the person has not read, at most `COUNTED`; one count by an index, remembered for a moment."""
    return _unread.get(actor.id)


def page(actor: User, number: int = 1) -> NoticePage:
    """The person's notices, the newest first."""
    # Whoever looks sees the number that belongs to what they see.
    _unread.forget(actor.id)
    number = max(number, 1)
    found = Notice.objects(user_id=actor.id).order_by("-at")
    shown = list(found.skip((number - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1))
    return NoticePage(shown[:PAGE_SIZE], number, len(shown) > PAGE_SIZE)


def find(actor: User, notice_id: str) -> Notice:
    """The person's own notice. Raises NotFoundError."""
    found = Notice.objects(id=id_or_nobody(notice_id), user_id=actor.id).first()
    if found is None:
        raise NotFoundError(Message("There is no such notice."))
    return found


def mark_read(actor: User, notice_ids: Iterable[ObjectId]) -> int:
    """Those of these notices that are the person's own are read; returns how many were not before."""
    wanted = list(notice_ids)
    changed = Notice.objects(id__in=wanted, user_id=actor.id, is_unread=True).update(set__is_unread=False)
    _unread.forget(actor.id)
    return int(changed)


def mark_all_read(actor: User) -> int:
    """As `mark_read`, of all there are."""
    changed = Notice.objects(user_id=actor.id, is_unread=True).update(set__is_unread=False)
    _unread.forget(actor.id)
    return int(changed)


def _count(user_id: ObjectId) -> int:
    return int(Notice._get_collection().count_documents({"userId": user_id, "isUnread": True}, limit=COUNTED))


_unread = Remembered(_count, SECONDS)
