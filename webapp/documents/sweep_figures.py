"""What the sweep counts, so that no page has to."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored

SWEEP = "desk"  # the id that installations have


class SweepFigures(Stored):
    """One document, `_id` "desk", written anew by every sweep."""

    meta = {"collection": "deskfigures"}

    id = me.StringField(primary_key=True, default=SWEEP)
    swept_at = me.DateTimeField(db_field="sweptAt")
    next_sweep_at = me.DateTimeField(db_field="nextSweepAt")
    # Everything in the storage, as the search for orphans found it.
    file_count = me.LongField(db_field="fileCount", default=0)
    file_bytes = me.LongField(db_field="fileBytes", default=0)
    orphans_removed = me.IntField(db_field="orphansRemoved", default=0)
    files_expired = me.IntField(db_field="filesExpired", default=0)
    # Finished reports with a file: {format, count, bytes}.
    formats = me.ListField(me.DictField())
    # Jobs (people, for roles) by lookup category and key.
    uses = me.DictField()
    # The learning record: {table, version, rows, files, bytes}.
    tables = me.ListField(me.DictField())
