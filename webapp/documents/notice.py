"""What the desk tells somebody who signs in: their inbox."""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me

from webapp.documents.base import Stored
from webapp.messages import Message, from_document


class SubjectKind(StrEnum):
    """What a notice may lead to."""

    REPORT = "report"
    SCHEDULE = "schedule"
    TEMPLATE = "template"


class Notice(Stored):
    """One notice to one person. `said` keeps the text whole, so that it is read in whatever language they read then."""

    meta = {
        "collection": "notices",
        "indexes": [
            {"name": "unread", "fields": ["user_id", "is_unread"]},
            {"name": "person_at", "fields": ["user_id", "at"]},
            {"name": "notice_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    user_id = me.ObjectIdField(db_field="userId", required=True)
    said = me.DynamicField(required=True)
    about_kind = me.StringField(db_field="aboutKind", choices=[kind.value for kind in SubjectKind])
    about_id = me.ObjectIdField(db_field="aboutId")
    at = me.DateTimeField(required=True)
    is_unread = me.BooleanField(db_field="isUnread", default=True)
    expires_at = me.DateTimeField(db_field="expiresAt", required=True)

    @property
    def text(self) -> str:
        """What is told, to be said in whatever language it is read."""
        said = from_document(self.said)
        return said if isinstance(said, Message) else str(said)
