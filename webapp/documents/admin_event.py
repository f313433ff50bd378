"""The audit trail of administration: who changed which list, person, department, import or order, and when.

What happens to reports is told by `JobEvent`; the audit page shows the two together.
"""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me

from webapp.documents.base import Stored


class AdminArea(StrEnum):
    QUEUE = "queue"
    LOOKUPS = "lookups"
    PEOPLE = "people"
    DEPARTMENTS = "departments"
    IMPORTS = "imports"
    STORAGE = "storage"


class AdminEvent(Stored):
    """One change. `changes` holds [before, after] as text by the name of what changed; never a password."""

    meta = {
        "collection": "adminevents",
        "indexes": [
            {"name": "at", "fields": ["at"]},
            {"name": "user_at", "fields": ["user_id", "at"]},
            {"name": "area_at", "fields": ["area", "at"]},
            {"name": "event_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    at = me.DateTimeField(required=True)
    user_id = me.ObjectIdField(db_field="userId")  # None: from the terminal
    area = me.StringField(required=True)
    action = me.StringField(required=True)  # added, changed, deactivated, …
    subject = me.StringField(required=True)  # what people call the thing that changed
    subject_id = me.StringField(db_field="subjectId")
    changes = me.DictField()
    expires_at = me.DateTimeField(db_field="expiresAt")
