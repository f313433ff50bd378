"""Calendars: on which days an organisation does not work. Schedules skip them, or move to a day beside them."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stamped

CALENDAR_NAME_LENGTH = 100
DAY_NAME_LENGTH = 200
#: Ten years of a country with many holidays.
MOST_DAYS = 2_000


class ClosedDay(me.EmbeddedDocument):
    """One day, as midnight UTC of that day; it is a day in whatever zone a schedule has."""

    meta = {"strict": False}

    day = me.DateTimeField(required=True)
    name = me.StringField(max_length=DAY_NAME_LENGTH, default="")


class Calendar(Stamped):
    """Days of the week, and single days, that are no working days. `revision` grows with every change."""

    meta = {"collection": "calendars", "indexes": [{"name": "name", "fields": ["name"], "unique": True}]}

    name = me.StringField(required=True, max_length=CALENDAR_NAME_LENGTH)
    weekend = me.ListField(me.IntField(min_value=0, max_value=6))  # 0 is Sunday
    days = me.EmbeddedDocumentListField(ClosedDay)
    is_active = me.BooleanField(db_field="isActive", default=True)
    revision = me.IntField(default=1)
