"""Who is signed in with which browser, and links that let one choose a new password."""

from __future__ import annotations

import mongoengine as me

from webapp.clock import utcnow
from webapp.documents.base import Stored


class Session(Stored):
    """One browser that has signed in. Its cookie names this record and carries a token; here is only its hash."""

    meta = {
        "collection": "sessions",
        "indexes": [
            {"name": "user", "fields": ["user_id"]},
            {"name": "session_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    user_id = me.ObjectIdField(db_field="userId", required=True)
    token_hash = me.StringField(db_field="tokenHash", required=True)
    epoch = me.IntField(required=True)  # the person's `session_epoch` when it began
    created_at = me.DateTimeField(db_field="createdAt", default=utcnow)
    last_seen_at = me.DateTimeField(db_field="lastSeenAt", default=utcnow)
    expires_at = me.DateTimeField(db_field="expiresAt", required=True)
    browser = me.StringField(max_length=100)  # in words for its owner: “Firefox · Linux”
    network = me.StringField(max_length=60)  # the address without its last part


class PasswordReset(Stored):
    """A link that lets one choose a new password, once. The key is a hash of what the link carries."""

    meta = {
        "collection": "passwordresets",
        "indexes": [{"name": "reset_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0}],
    }

    token_hash = me.StringField(primary_key=True)
    user_id = me.ObjectIdField(db_field="userId", required=True)
    epoch = me.IntField(required=True)  # the person's `session_epoch` when it was made: a new password ends it
    created_at = me.DateTimeField(db_field="createdAt", default=utcnow)
    expires_at = me.DateTimeField(db_field="expiresAt", required=True)
