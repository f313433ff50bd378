"""A report that is made again and again: when, for whom, and what became of it (DESIGN §6).

The names in MongoDB are camelCase, as those of jobs are. Only `services.schedules` writes them, each change by one
guarded update. `nextRunAt` is there exactly while the schedule is to run at a time; `dataVersion` while new data makes
it run. A scheduler looks for nothing else.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import mongoengine as me
from mongoengine.errors import ValidationError

from webapp.documents.base import LooseEmbedded, Stamped, Stored
from webapp.documents.burst import Burst
from webapp.documents.report_job import DESCRIPTION_LENGTH, NAME_LENGTH, Output, Parameters
from webapp.messages import text_of

CRON_LENGTH = 100
REASON_LENGTH = 500


class Frequency(StrEnum):
    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    CRON = "cron"
    RELATIVE = "relative"  # ours: so many days before or after a class or a term ends


class OnClosed(StrEnum):
    """What becomes of a run on a day on which the calendar is closed."""

    RUN = "run"
    SKIP = "skip"
    BEFORE = "before"
    AFTER = "after"


class Trigger(StrEnum):
    TIME = "time"
    FRESH_DATA = "fresh-data"
    BOTH = "both"  # at its times, and whenever new data came


class CatchUp(StrEnum):
    """What becomes of runs that were missed because no worker ran."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class OnEmpty(StrEnum):
    SEND = "send"
    SAY = "say"
    SKIP = "skip"


class OnUnchanged(StrEnum):
    SEND = "send"
    SKIP = "skip"


class End(StrEnum):
    """What a relative schedule counts from."""

    CLASS = "class"
    TERM = "term"


class FireOutcome(StrEnum):
    """What became of one fire: of its job, once that has ended."""

    OPEN = "open"
    MADE = "made"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


def _values(kind: type[StrEnum]) -> list[str]:
    return [each.value for each in kind]


class Relative(LooseEmbedded):
    """`days` before (or, below zero, after) the last day of each class of `class_ids`, or of each term."""

    end = me.StringField(choices=_values(End), default=End.CLASS.value)
    days = me.IntField(min_value=-400, max_value=400, default=5)
    working_days = me.BooleanField(db_field="workingDays", default=True)
    class_ids = me.ListField(me.ObjectIdField(), db_field="classIds")


class Timing(LooseEmbedded):
    """Wall-clock fields, read in `timezone`. `start_date` and `end_date` are days, both included, as midnight UTC."""

    frequency = me.StringField(required=True, choices=_values(Frequency))
    timezone = me.StringField(required=True, max_length=100)
    run_at = me.DateTimeField(db_field="runAt")  # once
    time_of_day = me.StringField(db_field="timeOfDay", regex=r"^([01]\d|2[0-3]):[0-5]\d$", default="06:00")
    day_of_week = me.ListField(me.IntField(min_value=0, max_value=6), db_field="dayOfWeek")  # 0 is Sunday
    day_of_month = me.IntField(db_field="dayOfMonth", min_value=1, max_value=31)  # of a shorter month: its last
    quarter_months = me.ListField(me.IntField(min_value=1, max_value=12), db_field="quarterMonths")
    month = me.IntField(min_value=1, max_value=12)  # yearly
    cron = me.StringField(max_length=CRON_LENGTH)
    relative = me.EmbeddedDocumentField(Relative)
    start_date = me.DateTimeField(db_field="startDate")  # biweekly: the week of this day is the first
    end_date = me.DateTimeField(db_field="endDate")


class LastRun(LooseEmbedded):
    """How the last run that has ended did end."""

    outcome = me.StringField(choices=_values(FireOutcome))
    job_id = me.ObjectIdField(db_field="jobId")
    fired_for = me.DateTimeField(db_field="firedFor")
    ended_at = me.DateTimeField(db_field="endedAt")
    said = me.DynamicField()  # why it failed

    @property
    def text(self) -> str:
        return text_of(self.said)


class LastMade(LooseEmbedded):
    """The last report that was made, for when it is deleted itself: what the next one is compared with.

    `asked`: what it asked and whose rows it could count, as a job keeps them. `checksum_before`: of the rows of the
    report before it.
    """

    job_id = me.ObjectIdField(db_field="jobId")
    fired_for = me.DateTimeField(db_field="firedFor")
    rows_checksum = me.StringField(db_field="rowsChecksum")
    checksum_before = me.StringField(db_field="checksumBefore")
    record_version = me.IntField(db_field="recordVersion")
    as_of = me.DateTimeField(db_field="asOf")
    asked = me.DictField()


class ReportSchedule(Stamped):
    """What is asked (as a report job keeps it), when, and for whom.

    It runs on behalf of `owner_id`, with the rows that they may read at that moment. `template_id` names the template
    that it follows: it asks what that asks at each run, in its newest version unless `template_version` pins one. What
    is kept here beside it is what was asked when it was last saved.
    """

    meta = {
        "collection": "reportschedules",
        "indexes": [
            # Sparse, so that what is paused or over is not in them: a scheduler reads only what may be due.
            {"name": "next_run", "fields": ["next_run_at"], "sparse": True},
            {"name": "data_version", "fields": ["data_version"], "sparse": True},
            {"name": "owner", "fields": ["owner_id", "name"]},
            {"name": "co_owners", "fields": ["co_owner_ids"]},
            {"name": "department", "fields": ["department_id", "name"]},
            {"name": "calendar", "fields": ["calendar_id"], "sparse": True},
            {"name": "template", "fields": ["template_id"], "sparse": True},
            {"name": "relative", "fields": ["schedule.relative.end"], "sparse": True},
            {"name": "last_made", "fields": ["last_made.record_version"], "sparse": True},
            {"name": "updated", "fields": ["updated_at"]},
        ],
    }

    name = me.StringField(required=True, max_length=NAME_LENGTH)
    description = me.StringField(max_length=DESCRIPTION_LENGTH)

    template_id = me.ObjectIdField(db_field="templateId")
    template_version = me.IntField(db_field="templateVersion", min_value=1)
    report_type = me.StringField(db_field="reportType", required=True, max_length=100)
    parameters = me.EmbeddedDocumentField(Parameters, default=Parameters)
    output = me.EmbeddedDocumentField(Output, required=True)
    priority = me.StringField(default="normal", required=True)
    visibility = me.StringField(default="private", required=True)
    overrides = me.DictField()  # what differs from the template

    schedule = me.EmbeddedDocumentField(Timing, required=True)
    calendar_id = me.ObjectIdField(db_field="calendarId")
    on_closed = me.StringField(db_field="onClosed", choices=_values(OnClosed), default=OnClosed.RUN.value)
    trigger = me.StringField(choices=_values(Trigger), default=Trigger.TIME.value)
    catch_up = me.StringField(db_field="catchUp", choices=_values(CatchUp), default=CatchUp.ONCE.value)
    most_caught_up = me.IntField(db_field="mostCaughtUp", min_value=1, max_value=50, default=5)
    on_empty = me.StringField(db_field="onEmpty", choices=_values(OnEmpty), default=OnEmpty.SEND.value)
    on_unchanged = me.StringField(db_field="onUnchanged", choices=_values(OnUnchanged), default=OnUnchanged.SEND.value)
    burst = me.EmbeddedDocumentField(Burst)  # one report for each department, class or instructor beside the whole
    tell_changes = me.BooleanField(db_field="tellChanges", default=True)  # what changed since the report before
    delivery = me.ListField(me.DictField())  # {channel, recipient, …}, as `services.deliveries` reads them

    owner_id = me.ObjectIdField(db_field="ownerId", required=True)
    co_owner_ids = me.ListField(me.ObjectIdField(), db_field="coOwnerIds")
    department_id = me.ObjectIdField(db_field="departmentId")

    is_active = me.BooleanField(db_field="isActive", default=True)  # False: deleted, or over
    is_paused = me.BooleanField(db_field="isPaused", default=False)
    paused_said = me.DynamicField(db_field="pausedReason")
    paused_at = me.DateTimeField(db_field="pausedAt")
    paused_by = me.ObjectIdField(db_field="pausedBy")  # none: the desk itself
    paused_for_template = me.ObjectIdField(db_field="pausedForTemplate")  # which was retired
    must_be_resumed_by = me.ObjectIdField(db_field="mustBeResumedBy")  # handed over: nobody else may

    next_run_at = me.DateTimeField(db_field="nextRunAt")
    data_version = me.IntField(db_field="dataVersion")  # of the record, at the last fire
    last_fired_at = me.DateTimeField(db_field="lastFiredAt")
    last_run = me.EmbeddedDocumentField(LastRun, db_field="lastRun")
    last_made = me.EmbeddedDocumentField(LastMade, db_field="lastMade")
    fire_count = me.IntField(db_field="fireCount", default=0)
    success_count = me.IntField(db_field="successCount", default=0)
    failure_count = me.IntField(db_field="failureCount", default=0)
    failures_in_a_row = me.IntField(db_field="failuresInARow", default=0)
    counted_fires = me.ListField(me.ObjectIdField(), db_field="countedFires")  # the last: none is counted twice
    revision = me.IntField(default=1)  # grows with every change of a person
    created_by = me.ObjectIdField(db_field="createdBy")

    @property
    def pause_text(self) -> str:
        """Why it is paused, to be said in whatever language it is read."""
        return text_of(self.paused_said)

    @property
    def is_running(self) -> bool:
        """Does it fire at all, now?"""
        return bool(self.is_active and not self.is_paused)

    def clean(self) -> None:
        """What must be there for a frequency; all at once, under their fields."""
        timing = self.schedule
        if timing is None:
            return
        needed: dict[str, Any] = {
            Frequency.ONCE: ("run_at", timing.run_at),
            Frequency.WEEKLY: ("day_of_week", timing.day_of_week),
            Frequency.BIWEEKLY: ("day_of_week", timing.day_of_week),
            Frequency.MONTHLY: ("day_of_month", timing.day_of_month),
            Frequency.QUARTERLY: ("day_of_month", timing.day_of_month),
            Frequency.YEARLY: ("day_of_month", timing.day_of_month),
            Frequency.CRON: ("cron", timing.cron),
            Frequency.RELATIVE: ("relative", timing.relative),
        }
        field, value = needed.get(timing.frequency, ("", True))
        errors = {} if value else {field: f"A schedule that runs {timing.frequency} needs it."}
        wrong = self.burst.problems() if self.burst is not None else {}
        if timing.frequency == Frequency.QUARTERLY and not timing.quarter_months:
            errors["quarter_months"] = "A schedule that runs quarterly needs its months."
        if timing.frequency == Frequency.YEARLY and not timing.month:
            errors["month"] = "A schedule that runs yearly needs its month."
        if timing.start_date and timing.end_date and timing.end_date < timing.start_date:
            errors["end_date"] = "The last day is before the first."
        if errors or wrong:
            told = {name: ValidationError(text) for name, text in errors.items()}
            raise ValidationError("", errors=told | wrong)


class ScheduleFire(Stored):
    """One fire of a schedule: its history. The id is that of its job, derived from schedule and time, so that of
    several schedulers one makes it. `open_since` is there until its end has been counted."""

    meta = {
        "collection": "schedulefires",
        "indexes": [
            {"name": "schedule_fired", "fields": ["schedule_id", "fired_for"]},
            {"name": "open", "fields": ["open_since"], "sparse": True},
            {"name": "fire_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }

    schedule_id = me.ObjectIdField(db_field="scheduleId", required=True)
    fired_for = me.DateTimeField(db_field="firedFor", required=True)  # the moment that was meant
    fired_at = me.DateTimeField(db_field="firedAt", required=True)
    why = me.StringField(required=True)  # time, caught-up, fresh-data, by-hand
    by = me.ObjectIdField()  # who ran it by hand
    runs_as = me.ObjectIdField(db_field="runsAs")
    data_version = me.IntField(db_field="dataVersion")
    job_id = me.ObjectIdField(db_field="jobId")  # none: no job could be made
    outcome = me.StringField(required=True, choices=_values(FireOutcome))
    open_since = me.DateTimeField(db_field="openSince")
    ended_at = me.DateTimeField(db_field="endedAt")
    records = me.LongField()
    rows_checksum = me.StringField(db_field="rowsChecksum")  # of the rows that were made, without dates of the file
    skipped = me.IntField()  # how many runs this line stands for
    said = me.DynamicField()  # why it failed or was skipped
    expires_at = me.DateTimeField(db_field="expiresAt")

    @property
    def text(self) -> str:
        return text_of(self.said)


def as_day(moment: datetime | None) -> Any:
    """The calendar day that a field keeps as midnight UTC; None for none."""
    return moment.date() if moment else None
