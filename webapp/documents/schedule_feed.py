"""The secret link by which a person's calendar program reads when their schedules run."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class ScheduleFeed(Stored):
    """One for each person. The secret itself is kept nowhere: whoever reads the database cannot follow the link."""

    meta = {
        "collection": "schedulefeeds",
        "indexes": [{"name": "secret", "fields": ["secret_hash"], "unique": True}],
    }

    user_id = me.ObjectIdField(primary_key=True)
    secret_hash = me.StringField(db_field="secretHash", required=True)
    created_at = me.DateTimeField(db_field="createdAt", required=True)
