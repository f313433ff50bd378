"""The pace of a server that deliveries go to: when the next may go, on whatever machine the worker runs."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class DeliveryHost(Stored):
    """A mail server or a webhook's host. `failures`: how often in a row it could not be reached."""

    meta = {
        "collection": "deliveryhosts",
        "indexes": [{"name": "host_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0}],
    }

    id = me.StringField(primary_key=True)
    next_at = me.DateTimeField(db_field="nextAt")  # by the database's clock
    failures = me.IntField(default=0)
    expires_at = me.DateTimeField(db_field="expiresAt")
