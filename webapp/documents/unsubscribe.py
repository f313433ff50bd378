"""Who wants no more letters, and of what."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class Unsubscribe(Stored):
    """`subscription` is what the letters belong to (`schedule:<id>`, `person:<id>`); the id is made of both."""

    meta = {"collection": "unsubscribes", "indexes": [{"name": "subscription", "fields": ["subscription"]}]}

    address = me.StringField(required=True)
    subscription = me.StringField(required=True)
    at = me.DateTimeField(required=True)
