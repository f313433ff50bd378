"""What stands at the top of files: the organisation's name and its logo."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stored

LETTERHEAD = "desk"  # the id that installations have
MOST_NAME = 200


class Letterhead(Stored):
    """One document, `_id` "desk"; none where nobody has set anything. `logo_key` is the logo's in the storage."""

    meta = {"collection": "letterheads"}

    id = me.StringField(primary_key=True, default=LETTERHEAD)
    name = me.StringField(max_length=MOST_NAME, default="")
    logo_key = me.StringField(db_field="logoKey", default="")
