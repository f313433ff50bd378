"""What the record's tables, columns and kinds of change are called on the pages."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

from flask_babel import format_datetime
from flask_babel import gettext as _

from webapp import statuses
from webapp.documents import LookupCategory
from webapp.record import Change, Counts, Summary
from webapp.services.orders.told import Told, ids_in
from webapp.sources.registry import SOURCES
from webapp.web.formatting import label
from webapp.web.languages import in_readers_language

#: Given and hidden: what people look for is the enrollments that come of them.
_FIRST = ("enrollments", "rosters", "persons", "classes", "courses", "departments", "events", "results")


def tables() -> dict[str, str]:
    """By the record's table, or the kind that a source counts by."""
    return {
        "enrollments": _("Enrollments, worked out of it all"),
        "rosters": _("Enrollments as the source gives them"),
        "persons": _("Persons"),
        "departments": _("Departments"),
        "programs": _("Programs"),
        "courses": _("Courses"),
        "terms": _("Terms"),
        "classes": _("Classes"),
        "contents": _("Contents"),
        "teachings": _("Teachers of classes"),
        "outcomes": _("Outcomes told by statements"),
        "voids": _("Voided statements"),
        "aliases": _("Persons known under two names"),
        "events": _("Events"),
        "results": _("Results"),
        "attempts": _("SCORM attempts"),
        "certificates": _("Certificates"),
        "statements": _("Statements"),
    }


def changes() -> dict[str, str]:
    """What becomes of rows."""
    return {
        Change.ADDED.value: _("Added"),
        Change.CHANGED.value: _("Changed"),
        Change.ENDED.value: _("Ended"),
        Change.DERIVED.value: _("Worked out anew"),
    }


def doings() -> dict[str, str]:
    """What an order is at."""
    return {
        "rows": _("Rows and statements read"),
        "waits": _("Another import is running; waiting for its end"),
        "listing": _("Listing all changes"),
        "deriving": _("Working out anew"),
    }


def sources() -> dict[str, str]:
    """Where rows come from: sources of files by what they call themselves, then what is asked for its rows."""
    return {each.name: in_readers_language(each.label) for each in SOURCES} | {
        "lms": _("LMS database"),
        "lms_mongodb": _("LMS database"),
        "lrs": _("Learning record store (xAPI)"),
        "oneroster-rest": _("OneRoster service (REST)"),
    }


def forms_taken() -> str:
    """In which files rows may be sent."""
    return "; ".join(in_readers_language(each.takes) for each in SOURCES)


def kinds_in_order(told: Told) -> list[str]:
    """The kinds that were counted, those that people look at first before the others."""
    counted = list(told.summary.counts)
    return [each for each in _FIRST if each in counted] + [each for each in counted if each not in _FIRST]


def others_that_end(told: Told) -> list[tuple[str, int]]:
    """(what, how many) would end beside enrollments, which are told by themselves."""
    words = tables()
    return [(words.get(what, what), count) for what, count in told.endings if what != "enrollments"]


def columns() -> dict[str, str]:
    """By the record's column."""
    return {
        "name": _("Name"),
        "code": _("Code"),
        "number": _("Number"),
        "kind": _("Kind"),
        "roles": _("Roles"),
        "email": _("E-mail address"),
        "email_sha1": _("Hash of the e-mail address"),
        "account_home": _("Account's home page"),
        "account_name": _("Account's name"),
        "source": _("Source"),
        "key": _("Key"),
        "is_active": _("Active"),
        "parent_id": _("Belongs to"),
        "department_id": _("Department"),
        "department_ids": _("Departments"),
        "program_id": _("Program"),
        "course_id": _("Course"),
        "class_id": _("Class"),
        "term_id": _("Term"),
        "term": _("Term"),
        "content_id": _("Content"),
        "content_type": _("Type of content"),
        "person_id": _("Person"),
        "learner_id": _("Learner"),
        "enrollment_id": _("Belongs to an enrollment"),
        "instructor_ids": _("Instructors"),
        "status": _("Status"),
        "effect": _("Outcome"),
        "score": _("Score"),
        "passed": _("Passed"),
        "attempt": _("Attempt"),
        "duration": _("Duration in seconds"),
        "lowest": _("Lowest score"),
        "highest": _("Highest score"),
        "event_type": _("Event type"),
        "verb": _("Verb"),
        "timestamp": _("When"),
        "at": _("When"),
        "due_at": _("Due"),
        "starts_at": _("Starts"),
        "ends_at": _("Ends"),
        "enrolled_at": _("Enrolled"),
        "started_at": _("Started"),
        "completed_at": _("Completed"),
        "withdrawn_at": _("Withdrawn"),
        "outcome_at": _("Outcome on"),
        "submitted_at": _("Submitted"),
        "graded_at": _("Graded"),
        "issued_at": _("Issued"),
        "expires_at": _("Expires"),
        "revoked_at": _("Revoked"),
    }


def value(column: str, text: str) -> str:
    """A cell of the record, kept as text, as people read it."""
    if text in ("true", "false"):
        return _("yes") if text == "true" else _("no")
    if column in ("status", "effect"):
        return in_readers_language(statuses.WORDS.get(text, text))
    if column == "source":
        return sources().get(text, text)
    if column == "event_type":
        return label(LookupCategory.ACTIVITY_EVENT, text)
    if column == "roles":
        return ", ".join(label(LookupCategory.ROLE, each) for each in ids_in(text))
    if column == "timestamp" or column == "at" or column.endswith("_at"):
        return _moment(text)
    return text


def _moment(text: str) -> str:
    """In the reader's zone."""
    try:
        return format_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC), "medium")
    except ValueError:  # cut, or nothing
        return text


def given(summary: Summary) -> Counts:
    """Of all kinds together. Enrollments are worked out of other rows, and each would count twice."""
    kinds = [counts for what, counts in summary.counts.items() if what != "enrollments"]
    return Counts(**{each.name: sum(getattr(counts, each.name) for counts in kinds) for each in fields(Counts)})
