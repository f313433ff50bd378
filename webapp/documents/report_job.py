"""The job document. It is also the queue (DESIGN §2 and §6).

The names in MongoDB are those of the LMS's Mongoose schema, so that its jobs load here and ours load there.
Only `services.jobs.lifecycle` writes `status`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import mongoengine as me
from mongoengine.errors import ValidationError

from webapp.clock import utcnow
from webapp.documents.base import LooseEmbedded, Stamped
from webapp.documents.burst import MadeInParts, PartsState
from webapp.documents.connection import JOBS
from webapp.documents.delivery import DeliveryWish
from webapp.documents.job_status import JobStatus
from webapp.documents.lease import LEASE_INDEX, Lease
from webapp.documents.lookup_value import LookupCategory, active_lookups
from webapp.messages import Message, from_document
from webapp.settings import get_settings

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2000
FILENAME_LENGTH = 150
MAX_ATTEMPTS_KEPT = 20


class DateRange(LooseEmbedded):
    """Calendar days, both included, each as midnight UTC of that day; read in `parameters.timeZone` (to_query does)."""

    start_date = me.DateTimeField(db_field="startDate")
    end_date = me.DateTimeField(db_field="endDate")


class Condition(LooseEmbedded):
    """A filter of the requester's own: `field` is a dimension or field key of the dataset."""

    field = me.StringField(required=True, max_length=200)
    operator = me.StringField(required=True, max_length=20)
    value = me.DynamicField()


class ReportFilters(LooseEmbedded):
    department_ids = me.ListField(me.ObjectIdField(), db_field="departmentIds")
    course_ids = me.ListField(me.ObjectIdField(), db_field="courseIds")
    class_ids = me.ListField(me.ObjectIdField(), db_field="classIds")
    learner_ids = me.ListField(me.ObjectIdField(), db_field="learnerIds")
    content_ids = me.ListField(me.ObjectIdField(), db_field="contentIds")
    terms = me.ListField(me.StringField(max_length=500))
    event_types = me.ListField(me.StringField(max_length=100), db_field="eventTypes")
    statuses = me.ListField(me.StringField(max_length=100))
    conditions = me.EmbeddedDocumentListField(Condition)


class Parameters(LooseEmbedded):
    """What is asked. Measures are keys of `measure-type`, or `key:field` (`sum:data.clicks`)."""

    period = me.StringField(max_length=40)  # the phrase that the days, or the term, were the meaning of
    term = me.StringField(max_length=500)  # the name of the term that the phrase meant
    date_range = me.EmbeddedDocumentField(DateRange, db_field="dateRange")
    date_field = me.StringField(db_field="dateField", max_length=100)  # None: the dataset's own
    filters = me.EmbeddedDocumentField(ReportFilters, default=ReportFilters)
    group_by = me.ListField(me.StringField(max_length=100), db_field="groupBy")
    measures = me.ListField(me.StringField(max_length=200))
    slicers = me.ListField(me.StringField(max_length=100))
    sort = me.ListField(me.StringField(max_length=250))  # column keys; "-key" for descending
    columns = me.ListField(me.StringField(max_length=100))  # of rows one by one; none: the report type's own
    results = me.EmbeddedDocumentListField(Condition)  # groups that fit; `field` is a measure, rates are in percent
    limit = me.IntField(min_value=1)
    top = me.IntField(min_value=1)  # the first so many groups, the rest as "Other"
    totals = me.BooleanField(default=True)
    subtotals = me.BooleanField(default=False)
    detail = me.BooleanField(default=False)  # the report type's detail rows in place of its summary
    include_inactive = me.BooleanField(db_field="includeInactive", default=False)
    time_zone = me.StringField(db_field="timeZone", max_length=100)
    part = me.StringField(max_length=60)  # department:<id>, class:<id> or instructor:<id>; the rows of nothing else
    # Answer from the data that this earlier job saw.
    as_of_job_id = me.ObjectIdField(db_field="asOfJobId")


class StoredFile(LooseEmbedded):
    """Where the finished file is; the seed's fields, and what proves it whole."""

    provider = me.StringField(choices=("local", "s3", "gcs", "azure"))
    path = me.StringField()
    bucket = me.StringField()
    key = me.StringField()
    url = me.StringField()
    expires_at = me.DateTimeField(db_field="expiresAt")
    size_bytes = me.LongField(db_field="sizeBytes")
    sha256 = me.StringField()
    mime_type = me.StringField(db_field="mimeType")


class Output(LooseEmbedded):
    format = me.StringField(required=True, max_length=100)
    filename = me.StringField(max_length=FILENAME_LENGTH)
    chart = me.StringField(max_length=20)  # the kind that was chosen; None: the report's own
    options = me.DictField()  # format options: {"bom": true, "zip": true, "meta": true}
    storage = me.EmbeddedDocumentField(StoredFile)


class Progress(LooseEmbedded):
    current_step = me.StringField(db_field="currentStep")
    percentage = me.FloatField(min_value=0, max_value=100, default=0)
    records_processed = me.LongField(db_field="recordsProcessed", default=0)
    total_records = me.LongField(db_field="totalRecords", default=0)

    @property
    def text(self) -> str:
        """`current_step`, to be said in whatever language it is read."""
        return Message(self.current_step) if self.current_step else ""


class JobError(LooseEmbedded):
    """`message` is for people; `stack` for support, never shown to others than administrators."""

    code = me.StringField()
    message = me.StringField()
    said = me.DynamicField()  # what `message` was made of, so that a page can say it in the reader's language
    stack = me.StringField()
    retry_count = me.IntField(db_field="retryCount", default=0)
    last_retry_at = me.DateTimeField(db_field="lastRetryAt")

    @property
    def text(self) -> str:
        """`message`, to be said in whatever language it is read."""
        if isinstance(self.said, dict):
            return str(from_document(self.said))
        return Message(self.message) if self.message else ""


class Attempt(LooseEmbedded):
    """One run of the job that has ended, however it ended."""

    fence = me.LongField()
    worker_id = me.StringField(db_field="workerId")
    started_at = me.DateTimeField(db_field="startedAt")
    ended_at = me.DateTimeField(db_field="endedAt")
    outcome = me.StringField()  # ready, failed, retried, crashed, handed-back, cancelled
    code = me.StringField()
    message = me.StringField()


class ReportJob(Stamped):
    """One report asked for: the question, its place in the queue, and its file."""

    meta = {
        "collection": "reportjobs",
        "db_alias": JOBS,
        "indexes": [
            {"name": "queue", "fields": ["status", "-priority_rank", "scheduled_for", "_id"]},
            {"name": "requester", "fields": ["requested_by", "status", "-created_at"]},
            {"name": "department", "fields": ["department_id", "status", "-created_at"]},
            {"name": "job_ttl", "fields": ["expires_at"], "expireAfterSeconds": 0},
            dict(LEASE_INDEX),
            {
                "name": "slot",
                "fields": ["slot"],
                "unique": True,
                "partialFilterExpression": {"slot": {"$type": "string"}},
            },
            {"name": "updated", "fields": ["updated_at"]},
            {"name": "requester_recent", "fields": ["requested_by", "-created_at"]},
            # Sparse, where no server would choose a partial index: none can tell that “before now” is a date.
            {"name": "file_expires_at", "fields": ["output.storage.expires_at"], "sparse": True},
            {"name": "file_sha256", "fields": ["output.storage.sha256"], "sparse": True},
            {"name": "question", "fields": ["requested_by", "question_hash", "-created_at"]},
            {"name": "parts", "fields": ["parent_id"], "sparse": True},
            {"name": "parts_state", "fields": ["parts_state"], "sparse": True},
            {
                "name": "deliveries",
                "fields": ["deliveries_wanted", "status"],
                "partialFilterExpression": {"deliveriesWanted": {"$type": "bool"}},
            },
        ],
    }

    report_type = me.StringField(db_field="reportType", required=True, max_length=100)
    name = me.StringField(required=True, max_length=NAME_LENGTH)
    description = me.StringField(max_length=DESCRIPTION_LENGTH)
    parameters = me.EmbeddedDocumentField(Parameters, default=Parameters)
    output = me.EmbeddedDocumentField(Output, required=True)
    status = me.StringField(default=JobStatus.PENDING.value, required=True)
    priority = me.StringField(default="normal", required=True)
    priority_rank = me.IntField(db_field="priorityRank")
    progress = me.EmbeddedDocumentField(Progress, default=Progress)
    scheduled_for = me.DateTimeField(db_field="scheduledFor")
    started_at = me.DateTimeField(db_field="startedAt")
    completed_at = me.DateTimeField(db_field="completedAt")
    expires_at = me.DateTimeField(db_field="expiresAt")
    error = me.EmbeddedDocumentField(JobError)
    requested_by = me.ObjectIdField(db_field="requestedBy", required=True)
    department_id = me.ObjectIdField(db_field="departmentId")
    visibility = me.StringField(default="private", required=True)
    template_id = me.ObjectIdField(db_field="templateId")
    template_version = me.IntField(db_field="templateVersion")
    schedule_id = me.ObjectIdField(db_field="scheduleId")

    # Ours beside the seed's.
    lease = me.EmbeddedDocumentField(Lease)
    slot = me.StringField()  # "<requester>:<n>" while queued or running: at most `requester_cap` exist
    attempts = me.EmbeddedDocumentListField(Attempt)
    crash_count = me.IntField(db_field="crashCount", default=0)
    cancel_requested_at = me.DateTimeField(db_field="cancelRequestedAt")
    cancel_requested_by = me.ObjectIdField(db_field="cancelRequestedBy")
    cancel_reason = me.StringField(db_field="cancelReason", max_length=500)
    priority_changed_by = me.ObjectIdField(db_field="priorityChangedBy")
    priority_changed_at = me.DateTimeField(db_field="priorityChangedAt")
    # The last changes of state, each written by the update that made it; `JobEvent` is the lasting copy.
    history = me.ListField(me.DictField())
    event_count = me.IntField(db_field="eventCount", default=0)
    provenance = me.DictField()
    question_hash = me.StringField(db_field="questionHash")  # equal for equal questions with equal scope and format
    submission_id = me.StringField(db_field="submissionId")  # one per form shown: a double submit makes one job
    sibling_of = me.ObjectIdField(db_field="siblingOf")  # "also as Excel": made from that job's pinned data
    burst = me.EmbeddedDocumentField(MadeInParts)  # made in parts, too: how, and which there are
    parts_state = me.StringField(db_field="partsState", choices=[each.value for each in PartsState])
    parent_id = me.ObjectIdField(db_field="parentId")  # the whole of which it is a part, and whose data it is made of
    reader_ids = me.ListField(me.ObjectIdField(), db_field="readerIds")  # whom it is for, whatever its visibility
    named_by_question = me.BooleanField(db_field="namedByQuestion", default=False)  # nobody has named it
    asked_for = me.ListField(me.DictField(), db_field="askedFor")  # what a list says of the question: chips
    search_words = me.StringField(db_field="searchWords")  # who asks what, folded, for the search of lists
    deliver_to = me.EmbeddedDocumentListField(DeliveryWish, db_field="deliverTo")
    # True from when somebody wants to hear of its end until their deliveries are in the ledger.
    deliveries_wanted = me.BooleanField(db_field="deliveriesWanted")
    download_count = me.IntField(db_field="downloadCount", default=0)
    downloaded_at = me.DateTimeField(db_field="downloadedAt")

    @property
    def state(self) -> JobStatus:
        return JobStatus(self.status)

    @property
    def is_finished(self) -> bool:
        return self.state.is_finished

    def clean(self) -> None:
        """Fill what can be derived and check every value that is a lookup; all errors at once, under their fields."""
        self.fill_defaults()
        errors: dict[str, ValidationError] = {}
        self._check_lookup(errors, "report_type", "reportType", LookupCategory.REPORT_TYPE, self.report_type)
        self._check_lookup(errors, "status", "status", LookupCategory.REPORT_STATUS, self.status)
        self._check_lookup(errors, "priority", "priority", LookupCategory.REPORT_PRIORITY, self.priority)
        self._check_lookup(errors, "visibility", "visibility", LookupCategory.REPORT_VISIBILITY, self.visibility)
        if self.output is not None:
            self._check_lookup(
                errors, "output.format", "output.format", LookupCategory.OUTPUT_FORMAT, self.output.format
            )
        for measure in self.parameters.measures if self.parameters else ():
            key = measure.partition(":")[0]
            self._check_lookup(errors, "parameters.measures", "parameters.measures", LookupCategory.MEASURE_TYPE, key)
        if errors:
            raise ValidationError("The report job is not valid.", errors=errors)

    def fill_defaults(self) -> None:
        """Derived values that another client may have left out. Does not touch the database."""
        now = utcnow()
        rank = active_lookups(LookupCategory.REPORT_PRIORITY).get(self.priority or "")
        if rank is not None:
            self.priority_rank = int(rank.metadata.get("rank", 0))
        self.created_at = self.created_at or now
        self.scheduled_for = self.scheduled_for or self.created_at
        self.expires_at = self.expires_at or now + timedelta(days=get_settings().job_retention_days)

    @staticmethod
    def _check_lookup(
        errors: dict[str, Any], field: str, stored_as: str, category: LookupCategory, value: str | None
    ) -> None:
        if not value:
            return  # `required` says so
        allowed = active_lookups(category)
        if value not in allowed:
            errors[field] = ValidationError(
                f"{stored_as} “{value}” is not an active {category} value. Allowed: {', '.join(allowed) or 'none'}.",
                field_name=field,
            )
