"""A question that is kept to be asked again (DESIGN §14).

The document whose `is_latest` is true is the template itself: its id stays, whatever is saved over it. What it was
before is kept beside it, one document for each version, which nobody changes any more. Those have no `updatedAt`, so
that whoever reads what has changed lately does not read them.
"""

from __future__ import annotations

import mongoengine as me
from mongoengine.errors import ValidationError

from webapp.documents.base import LooseEmbedded, Stamped
from webapp.documents.lookup_value import LookupCategory, active_lookups
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH, Parameters

TAG_LENGTH = 40
MOST_TAGS = 10


class SharedWith(LooseEmbedded):
    """Whom it is shared with by name, beside its visibility."""

    users = me.ListField(me.ObjectIdField())
    departments = me.ListField(me.ObjectIdField())
    roles = me.ListField(me.StringField(max_length=100))


class DefaultOutput(LooseEmbedded):
    """How its reports are written, unless somebody asks for another way."""

    format = me.StringField(required=True, max_length=100)
    filename_template = me.StringField(db_field="filenameTemplate", max_length=FILENAME_LENGTH)
    chart = me.StringField(max_length=20)
    options = me.DictField()


class ReportDefaults(LooseEmbedded):
    """What its reports are called, who may see them, and what else a request says beside question and file."""

    name = me.StringField(max_length=NAME_LENGTH)
    description = me.StringField(max_length=DESCRIPTION_LENGTH)
    visibility = me.StringField(max_length=100)
    priority = me.StringField(max_length=100)
    department_id = me.ObjectIdField(db_field="departmentId")


class ReportTemplate(Stamped):
    """A saved question, or one of its earlier versions."""

    meta = {
        "collection": "reporttemplates",
        # All of it is read once and then kept in each process (`services.templates.facts`), where it is searched
        # without case and accents, and inside words, as no text index does; a version is found by its id.
        "indexes": [{"name": "updated", "fields": ["updated_at"]}],
    }

    name = me.StringField(required=True, max_length=NAME_LENGTH)
    description = me.StringField(max_length=DESCRIPTION_LENGTH)
    tags = me.ListField(me.StringField(max_length=TAG_LENGTH), max_length=MOST_TAGS)
    report_type = me.StringField(db_field="reportType", required=True, max_length=100)
    parameters = me.EmbeddedDocumentField(Parameters, default=Parameters)
    default_output = me.EmbeddedDocumentField(DefaultOutput, db_field="defaultOutput", required=True)
    created_by = me.ObjectIdField(db_field="createdBy")  # None: the desk's own
    department_id = me.ObjectIdField(db_field="departmentId")
    visibility = me.StringField(default="private", required=True)
    shared_with = me.EmbeddedDocumentField(SharedWith, db_field="sharedWith", default=SharedWith)
    usage_count = me.IntField(db_field="usageCount", default=0)
    last_used_at = me.DateTimeField(db_field="lastUsedAt")
    last_used_by = me.ObjectIdField(db_field="lastUsedBy")
    is_active = me.BooleanField(db_field="isActive", default=True)
    version = me.IntField(default=1, min_value=1)
    previous_version_id = me.ObjectIdField(db_field="previousVersionId")
    is_latest = me.BooleanField(db_field="isLatest", default=True)

    # Ours beside the design's.
    report = me.EmbeddedDocumentField(ReportDefaults, default=ReportDefaults)
    template_id = me.ObjectIdField(db_field="templateId")  # of an earlier version: whose
    saved_at = me.DateTimeField(db_field="savedAt")  # this version, and by whom; None: by the program
    saved_by = me.ObjectIdField(db_field="savedBy")
    retired_at = me.DateTimeField(db_field="retiredAt")
    retired_by = me.ObjectIdField(db_field="retiredBy")
    last_job_id = me.ObjectIdField(db_field="lastJobId")  # a report is counted once, however often its form is sent
    search_words = me.StringField(db_field="searchWords")  # the question and its author, folded
    system_key = me.StringField(db_field="systemKey", max_length=100)  # of the desk's own: the report type
    seeded = me.DictField()  # what the program wrote here, so that a later one can tell what nobody has changed

    def clean(self) -> None:
        """Check the values that are lookups; all errors at once, under their fields."""
        checked = {
            "report_type": (LookupCategory.REPORT_TYPE, self.report_type),
            "visibility": (LookupCategory.REPORT_VISIBILITY, self.visibility),
            "default_output.format": (
                LookupCategory.OUTPUT_FORMAT,
                self.default_output.format if self.default_output else None,
            ),
        }
        errors = {
            field: ValidationError(f"“{value}” is not an active {category} value.", field_name=field)
            for field, (category, value) in checked.items()
            if value and value not in active_lookups(category)
        }
        if errors:
            raise ValidationError("The template is not valid.", errors=errors)
