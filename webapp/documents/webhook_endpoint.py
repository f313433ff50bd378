"""Where reports that have ended are told to another program."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stamped

NAME_LENGTH = 200
URL_LENGTH = 2000


class WebhookEndpoint(Stamped):
    """An address of the web that is told. Its secret is not kept: it is made of the installation's key, the id and the
    `generation` (`services.deliveries.webhooks.signing`)."""

    meta = {"collection": "webhookendpoints", "indexes": [{"name": "name", "fields": ["name"]}]}

    name = me.StringField(required=True, max_length=NAME_LENGTH)
    url = me.StringField(required=True, max_length=URL_LENGTH)
    is_active = me.BooleanField(db_field="isActive", default=True)
    ended_why = me.DynamicField(db_field="endedWhy")  # why it was ended by itself
    generation = me.IntField(required=True, default=1)  # of its secret; one more with each rotation
    former_until = me.DateTimeField(db_field="formerUntil")  # the secret before signs as well until then
    created_by = me.ObjectIdField(db_field="createdBy")
