"""The ledger of deliveries: one record for each recipient of a report by each channel, and what became of it."""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me

from webapp.documents.base import Stored
from webapp.documents.lease import LEASE_INDEX, Lease
from webapp.messages import Message, from_document

RECIPIENT_LENGTH = 400


class Channel(StrEnum):
    """By what a report, or word of it, goes out."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    INBOX = "inbox"
    STORAGE = "storage"


class When(StrEnum):
    """At which ends of a report somebody wants to hear of it."""

    READY = "ready"
    FAILED = "failed"
    ENDED = "ended"  # either


class DeliveryState(StrEnum):
    """Where a delivery is. The last three are its end."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class DeliveryWish(me.EmbeddedDocument):
    """What is to go out when the report ends. `recipient` is an address of e-mail, the id of an account (inbox) or of a
    webhook's endpoint, or the pattern of a key (storage)."""

    meta = {"strict": False}

    channel = me.StringField(required=True, choices=[each.value for each in Channel])
    recipient = me.StringField(required=True, max_length=RECIPIENT_LENGTH)
    when = me.StringField(required=True, choices=[each.value for each in When], default=When.READY.value)
    attach = me.BooleanField(default=True)  # e-mail: the file itself while it is small enough, else a link
    note = me.StringField(max_length=2000)  # e-mail: what the sender says to it


class Delivery(Stored):
    """One recipient, one channel, one end of one report. Its id is made of these, so that nobody makes it twice.

    `services.deliveries.ledger` is the only writer of `state`.
    """

    meta = {
        "collection": "deliveries",
        "indexes": [
            {"name": "once", "fields": ["job_id", "occasion", "channel", "recipient"], "unique": True},
            {"name": "due", "fields": ["state", "channel", "not_before"]},
            {"name": "made", "fields": ["made_at"]},
            {"name": "state_made", "fields": ["state", "made_at"]},
            {"name": "recipient_made", "fields": ["recipient", "made_at"]},
            {"name": "schedule_made", "fields": ["schedule_id", "made_at"], "sparse": True},
            dict(LEASE_INDEX),
            {"name": "delivery_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    job_id = me.ObjectIdField(db_field="jobId")
    occasion = me.StringField(required=True)  # ready, failed, cancelled; test-… for a webhook's test
    channel = me.StringField(required=True, choices=[each.value for each in Channel])
    recipient = me.StringField(required=True, max_length=RECIPIENT_LENGTH)
    attach = me.BooleanField(default=True)
    note = me.StringField(max_length=2000)
    only_word = me.BooleanField(db_field="onlyWord")  # that there are no rows, and no file
    job_name = me.StringField(db_field="jobName")  # for lists, and when the report is gone
    schedule_id = me.ObjectIdField(db_field="scheduleId")
    sender_id = me.ObjectIdField(db_field="senderId")  # in whose name it goes out
    host = me.StringField()  # whose pace it keeps to; none for what stays in the house

    state = me.StringField(required=True, default=DeliveryState.QUEUED.value)
    why = me.DynamicField()  # skipped, failed, or waiting for another try: why, in our words
    server_said = me.StringField(db_field="serverSaid")  # the other side's own words
    form = me.StringField()  # of what was sent: file, link, notice
    size = me.LongField()  # bytes that went out
    message_id = me.StringField(db_field="messageId")
    is_outside = me.BooleanField(db_field="isOutside")  # it left the organisation
    attempts = me.IntField(default=0)
    crash_count = me.IntField(db_field="crashCount", default=0)
    # How often it was begun again although the other side may have taken it: its answer was lost.
    unsure_count = me.IntField(db_field="unsureCount", default=0)
    handed_over_at = me.DateTimeField(db_field="handedOverAt")  # of the try under way: from here on it may arrive
    lease = me.EmbeddedDocumentField(Lease)
    # All instants by the database's clock.
    made_at = me.DateTimeField(db_field="madeAt", required=True)
    queued_at = me.DateTimeField(db_field="queuedAt", required=True)  # anew when an administrator has it tried again
    not_before = me.DateTimeField(db_field="notBefore")
    ended_at = me.DateTimeField(db_field="endedAt")
    expires_at = me.DateTimeField(db_field="expiresAt")

    @property
    def why_text(self) -> str:
        """`why`, to be said in whatever language it is read."""
        found = from_document(self.why)
        return found if isinstance(found, Message) else str(found or "")
