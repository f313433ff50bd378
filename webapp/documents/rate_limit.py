"""How often something was tried lately: the counters of `web.limits`, shared by all processes."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class RateLimit(Stored):
    """One counter of one window, as the library `limits` writes it: here are only its names and its index."""

    meta = {
        "collection": "ratelimits",
        "indexes": [{"name": "rate_limit_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0}],
    }

    key = me.StringField(primary_key=True)
    count = me.IntField()
    expires_at = me.DateTimeField(db_field="expireAt")
