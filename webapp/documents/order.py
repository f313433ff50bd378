"""What administrators order and a worker carries out beside reports: imports, a compacted record, a sweep."""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me

from webapp.documents.base import Stored
from webapp.documents.lease import LEASE_INDEX, Lease


class OrderKind(StrEnum):
    ONEROSTER = "import-oneroster"
    XAPI = "import-xapi"
    COMPACT = "compact-record"
    SWEEP = "sweep"


class OrderState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


#: The value of `slot` while an order runs: it is unique, so that only one runs at a time, on whatever machine.
ONLY_ONE = "running"


class Order(Stored):
    """One order. Every kind may be begun again after a kill: what was done already is not done twice."""

    meta = {
        "collection": "orders",
        "indexes": [
            {"name": "state_asked", "fields": ["state", "asked_at"]},
            {"name": "area_asked", "fields": ["area", "asked_at"]},
            {
                "name": "slot",
                "fields": ["slot"],
                "unique": True,
                "partialFilterExpression": {"slot": {"$type": "string"}},
            },
            {
                "name": "same_as",
                "fields": ["same_as"],
                "unique": True,
                "partialFilterExpression": {"sameAs": {"$type": "string"}},
            },
            dict(LEASE_INDEX),
            {"name": "order_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    kind = me.StringField(required=True)
    area = me.StringField(required=True)  # of the audit trail: on which page it stands
    state = me.StringField(required=True, default=OrderState.WAITING.value)
    asked_by = me.ObjectIdField(db_field="askedBy")
    asked_at = me.DateTimeField(db_field="askedAt", required=True)  # all instants by the database's clock
    started_at = me.DateTimeField(db_field="startedAt")
    ended_at = me.DateTimeField(db_field="endedAt")
    expires_at = me.DateTimeField(db_field="expiresAt")
    files = me.ListField(me.DictField())  # {key, name, size}: where an upload lies, and what it was called
    same_as = me.StringField(db_field="sameAs")  # while it is not finished, no other order may say the same
    slot = me.StringField()
    lease = me.EmbeddedDocumentField(Lease)
    not_before = me.DateTimeField(db_field="notBefore")  # waits for its next try
    attempts = me.IntField(default=0)  # begun; what a worker handed back does not count
    crash_count = me.IntField(db_field="crashCount", default=0)
    retry_count = me.IntField(db_field="retryCount", default=0)
    share = me.FloatField(default=0)  # done, 0-1
    doing = me.StringField()  # the file or table it is at
    done_count = me.LongField(db_field="doneCount", default=0)
    summary = me.DictField()
    error = me.StringField()

    @property
    def is_finished(self) -> bool:
        return self.state in (OrderState.DONE, OrderState.FAILED)
