"""Who works: one document for each running worker process, written by itself at every beat."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored


class WorkerRecord(Stored):
    """`_id` is the worker's boot id: a worker that starts again is another worker."""

    meta = {
        "collection": "workers",
        "indexes": [{"name": "worker_ttl", "fields": ["last_beat_at"], "expireAfterSeconds": 86_400}],
    }

    id = me.StringField(primary_key=True)
    host = me.StringField(required=True)
    pid = me.IntField(required=True)
    version = me.StringField()
    concurrency = me.IntField()
    started_at = me.DateTimeField(db_field="startedAt")  # all instants here by the database's clock
    last_beat_at = me.DateTimeField(db_field="lastBeatAt")
    stopped_at = me.DateTimeField(db_field="stoppedAt")  # set by a clean exit
    job_ids = me.ListField(me.ObjectIdField(), db_field="jobIds")  # what it works on now
    jobs_done = me.LongField(db_field="jobsDone", default=0)
    bell_port = me.IntField(db_field="bellPort")  # on loopback of its host, where it hears that a job was queued
    is_paused = me.BooleanField(db_field="isPaused", default=False)  # wished: take no new jobs until resumed
    is_draining = me.BooleanField(db_field="isDraining", default=False)  # wished: finish what runs, then exit
