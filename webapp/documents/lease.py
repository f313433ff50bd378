"""Who works on a document that is leased (`services.leases`)."""

from __future__ import annotations

import mongoengine as me


class Lease(me.EmbeddedDocument):
    """`fence` grows with every claim, for the document's whole life; a write by an older fence changes nothing."""

    meta = {"strict": False}

    worker_id = me.StringField(db_field="workerId")
    claim_id = me.StringField(db_field="claimId")
    fence = me.LongField(default=0)
    until = me.DateTimeField()  # by the database's clock


#: Of a collection whose documents are leased: what finds those whose lease is past.
LEASE_INDEX = {
    "name": "lease",
    "fields": ["lease.until"],
    "partialFilterExpression": {"lease.until": {"$type": "date"}},
}
