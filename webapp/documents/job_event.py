"""The audit trail: one event for every change of a job's state.

The job itself carries its last events (`history`), written by the very update that changes its state, so the two can
never disagree. This collection is the lasting copy: `_id` is "<job id>:<seq>", so copying twice writes once.
"""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored

HISTORY_KEPT = 40


class JobEvent(Stored):
    """`previous` is None for the event that made the job; `status` is None for the one that deleted it."""

    meta = {
        "collection": "jobevents",
        "indexes": [
            {"name": "job", "fields": ["job_id", "seq"]},
            {"name": "status_at", "fields": ["status", "at"]},
            {"name": "at", "fields": ["at"]},
            {"name": "user_at", "fields": ["user_id", "at"]},
            {"name": "file_sha256", "fields": ["sha256"], "sparse": True},
            {"name": "event_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    id = me.StringField(primary_key=True)
    job_id = me.ObjectIdField(db_field="jobId", required=True)
    seq = me.IntField(required=True)  # 1, 2, 3 … for each job
    previous = me.StringField(db_field="from")
    status = me.StringField(db_field="to")
    at = me.DateTimeField(required=True)  # by the database's clock
    user_id = me.ObjectIdField(db_field="userId")  # who, when a person did it
    worker_id = me.StringField(db_field="workerId")  # which worker, when one did
    fence = me.LongField()
    why = me.StringField()
    code = me.StringField()  # of the error, for failures and retries
    wait_seconds = me.FloatField(db_field="waitSeconds")  # from due to claimed
    run_seconds = me.FloatField(db_field="runSeconds")  # from claimed to the end of the attempt
    sha256 = me.StringField()  # of the file, in the event that published it
    report_type = me.StringField(db_field="reportType")
    requested_by = me.ObjectIdField(db_field="requestedBy")
    department_id = me.ObjectIdField(db_field="departmentId")
    expires_at = me.DateTimeField(db_field="expiresAt")
