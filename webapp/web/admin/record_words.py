"""What the record's tables, columns and kinds of change are called on the pages."""

from __future__ import annotations

from dataclasses import fields

from flask_babel import gettext as _

from webapp.record import Change, Counts, Summary
from webapp.services.orders.told import Told
from webapp.sources.registry import SOURCES
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
    return [
        (words.get(what, what), told.summary.counts[what].ended)
        for what in kinds_in_order(told)
        if what not in ("enrollments", "rosters") and told.summary.counts[what].ended
    ]


def given(summary: Summary) -> Counts:
    """Of all kinds together. Enrollments are worked out of other rows, and each would count twice."""
    kinds = [counts for what, counts in summary.counts.items() if what != "enrollments"]
    return Counts(**{each.name: sum(getattr(counts, each.name) for counts in kinds) for each in fields(Counts)})
