"""What administrators order and a worker carries out beside reports: imports, syncs, the record's upkeep, a sweep."""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me

from webapp.documents.base import Stored
from webapp.documents.lease import LEASE_INDEX, Lease


class OrderKind(StrEnum):
    IMPORT = "import"
    SYNC = "sync"
    REDERIVE = "rederive-record"
    COMPACT = "compact-record"
    SWEEP = "sweep"


class Settled(StrEnum):
    """What became of a dry run."""

    APPLIED = "applied"
    DISCARDED = "discarded"


class OrderState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


#: Of an older version, which told sources apart by the order; one may still wait.
OLD_IMPORTS = {"import-oneroster": "oneroster", "import-xapi": "xapi"}
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
    source = me.StringField()  # whose files they must be; what is synced
    dry_run = me.BooleanField(db_field="dryRun")  # only looks: files and changes are kept until it is settled
    strict = me.BooleanField()  # one refused row refuses all
    of = me.ObjectIdField()  # the dry run that this one applies
    settled = me.StringField()  # of a dry run
    applied_as = me.ObjectIdField(db_field="appliedAs")  # the order that applies this dry run
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

    @property
    def is_import(self) -> bool:
        return self.kind == OrderKind.IMPORT or self.kind in OLD_IMPORTS
