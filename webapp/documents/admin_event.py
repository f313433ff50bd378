"""The trail of what people did: who asked for, shared, downloaded, changed or signed in to what, and when.

What the desk itself does to a report, state by state, is told by `JobEvent`; the audit page shows either, or both.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NoReturn

import mongoengine as me

from webapp.documents.base import Stored


class AdminArea(StrEnum):
    """What an act was about."""

    REPORTS = "reports"
    TEMPLATES = "templates"
    SESSIONS = "sessions"
    SCHEDULES = "schedules"
    CALENDARS = "calendars"
    QUEUE = "queue"
    LOOKUPS = "lookups"
    PEOPLE = "people"
    DEPARTMENTS = "departments"
    IMPORTS = "imports"
    STORAGE = "storage"
    DELIVERIES = "deliveries"
    AUDIT = "audit"


class AppendOnlyQuerySet(me.QuerySet):
    """Reads only. What was written down stays as it was until its time is over."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is only ever added to")

    update = update_one = upsert_one = modify = delete = _refuse


class AdminEvent(Stored):
    """One act of a person. `changes` holds [before, after] as text by the name of what changed; never a password."""

    meta = {
        "collection": "adminevents",
        "queryset_class": AppendOnlyQuerySet,
        "indexes": [
            {"name": "at", "fields": ["at"]},
            {"name": "user_at", "fields": ["user_id", "at"]},
            {"name": "area_at", "fields": ["area", "at"]},
            {"name": "subject_at", "fields": ["subject_id", "at"]},
            {"name": "event_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    at = me.DateTimeField(required=True)
    user_id = me.ObjectIdField(db_field="userId")  # None: from the terminal, or by somebody not signed in
    area = me.StringField(required=True)
    action = me.StringField(required=True)  # added, changed, shared, downloaded, signed in, …
    subject = me.StringField(required=True)  # what people call the thing
    subject_id = me.StringField(db_field="subjectId")
    changes = me.DictField()
    expires_at = me.DateTimeField(db_field="expiresAt")

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Write it down, once."""
        return super().save(*args, **{**kwargs, "force_insert": True})

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is only ever added to")

    update = modify = delete = _refuse
