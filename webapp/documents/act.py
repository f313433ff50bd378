"""What somebody has just done to many reports, as long as it can be undone."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class Act(Stored):
    """`reports`: {job, before}: what each was before, by the names of the job document."""

    meta = {
        "collection": "acts",
        "indexes": [{"name": "act_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0}],
    }

    by = me.ObjectIdField(required=True)
    action = me.StringField(required=True)
    at = me.DateTimeField(required=True)  # by the database's clock
    reports = me.ListField(me.DictField())
    expires_at = me.DateTimeField(db_field="expiresAt", required=True)
