"""The lookup values that every installation starts with (DESIGN §3). Plain data: `services.lookups.seed` writes them.

Each line is (key, what people read, description, metadata); the order is the sort order.
"""

from __future__ import annotations

from typing import Any

from webapp.documents import LookupCategory
from webapp.services.xapi_verb_seed import XAPI_VERBS

Seed = tuple[str, str, str, dict[str, Any]]

REPORT_TYPES: list[Seed] = [
    ("enrollment-summary", "Enrollment summary", "How many learners enrolled, and where they stand now.", {}),
    ("completion-rates", "Completion rates", "Which share of enrollments was completed, and how long it took.", {}),
    ("performance-analysis", "Performance analysis", "How results spread over grade ranges.", {}),
    ("learner-activity", "Learner activity", "Who was active, when, and with what.", {}),
    ("course-analytics", "Course analytics", "Enrollment, activity and results of each course, side by side.", {}),
    ("instructor-workload", "Instructor workload", "How many classes and learners each instructor has.", {}),
    ("department-overview", "Department overview", "The main figures of each department and those below it.", {}),
    ("program-progress", "Program progress", "How far the learners of each program have come.", {}),
    ("assessment-results", "Assessment results", "Scores and pass rates of each assessment.", {}),
    ("scorm-attempts", "SCORM attempts", "Attempts at SCORM packages: outcome, score and time.", {}),
    ("transcript", "Transcript", "Each learner's course history with grades.", {}),
    ("certification-status", "Certification status", "Certificates earned, soon to expire, and expired.", {}),
]

REPORT_STATUSES: list[Seed] = [
    ("pending", "Waiting", "Not due yet, or held back.", {"color": "secondary"}),
    ("queued", "Queued", "Any free worker may take it now.", {"color": "azure"}),
    ("processing", "Processing", "The numbers are being worked out.", {"color": "blue"}),
    ("rendering", "Rendering", "The file is being written.", {"color": "blue"}),
    ("uploading", "Storing", "The file is being checked and put in its place.", {"color": "blue"}),
    ("ready", "Ready", "The file can be downloaded.", {"color": "green"}),
    ("downloaded", "Downloaded", "The file has been downloaded at least once.", {"color": "teal"}),
    ("failed", "Failed", "It could not be made; the page says why.", {"color": "red"}),
    ("cancelled", "Cancelled", "Somebody stopped it.", {"color": "orange"}),
    ("expired", "Expired", "The file was deleted after its time; the request remains.", {"color": "secondary"}),
]

REPORT_PRIORITIES: list[Seed] = [
    ("critical", "Critical", "Before everything else.", {"rank": 50, "permission": "use-critical-priority"}),
    ("high", "High", "Before ordinary requests.", {"rank": 40, "permission": "use-high-priority"}),
    ("normal", "Normal", "In the order of asking.", {"rank": 30}),
    ("low", "Low", "When nothing ordinary waits.", {"rank": 20}),
    ("scheduled", "Scheduled", "Recurring reports, when the desk is idle.", {"rank": 10}),
]

REPORT_VISIBILITIES: list[Seed] = [
    ("private", "Only me", "The person who asked, and those who manage the department.", {}),
    ("team", "My teams", "Everyone who shares a team with the person who asked.", {}),
    ("department", "The department", "Everyone in the report's department.", {}),
    ("organization", "Everyone", "Everyone who can sign in.", {}),
]

OUTPUT_FORMATS: list[Seed] = [
    (
        "pdf",
        "PDF",
        "For reading and printing: chart, table and definitions on pages.",
        {"mimeType": "application/pdf", "extension": "pdf"},
    ),
    (
        "excel",
        "Excel",
        "For working on: typed cells, a chart, and a sheet that says what the numbers mean.",
        {"mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "extension": "xlsx"},
    ),
    ("csv", "CSV", "For any other program: plain text, one row a line.", {"mimeType": "text/csv", "extension": "csv"}),
    (
        "json",
        "JSON",
        "For machines: the rows with their types, units and provenance.",
        {"mimeType": "application/json", "extension": "json"},
    ),
    (
        "parquet",
        "Parquet",
        "For data tools: typed columns, compressed, any number of rows.",
        {"mimeType": "application/vnd.apache.parquet", "extension": "parquet"},
    ),
]

ALL_DATASETS = ["enrollments", "activity", "assessments", "scorm-attempts", "certificates", "classes"]
SCORED = ["enrollments", "activity", "assessments", "scorm-attempts"]


def _measure(form: str, applicable_to: list[str], *, requires_field: bool = False) -> dict[str, Any]:
    return {"format": form, "requiresField": requires_field, "applicableTo": applicable_to}


MEASURE_TYPES: list[Seed] = [
    ("count", "Count", "Number of rows.", _measure("number", ALL_DATASETS)),
    (
        "count-distinct",
        "Distinct count",
        "Number of different values of a field, empty ones left out.",
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    ("sum", "Sum", "Sum of a field's values.", _measure("number", ALL_DATASETS, requires_field=True)),
    (
        "average",
        "Average",
        "Arithmetic mean of a field's values, empty ones left out.",
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "median",
        "Median",
        "Middle value of a field, or the mean of the two middle ones.",
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    ("min", "Minimum", "Smallest value of a field.", _measure("number", ALL_DATASETS, requires_field=True)),
    ("max", "Maximum", "Largest value of a field.", _measure("number", ALL_DATASETS, requires_field=True)),
    (
        "std-dev",
        "Standard deviation",
        "Sample standard deviation (n - 1) of a field's values; empty below two values.",
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "variance",
        "Variance",
        "Sample variance (n - 1) of a field's values; empty below two values.",
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "completion-rate",
        "Completion rate",
        "Completed out of all, withdrawals included.",
        _measure("percent", ["enrollments", "scorm-attempts"]),
    ),
    (
        "pass-rate",
        "Pass rate",
        "Passed out of those with an outcome.",
        _measure("percent", ["enrollments", "assessments", "scorm-attempts"]),
    ),
    (
        "fail-rate",
        "Fail rate",
        "Failed out of those with an outcome; for enrollments out of all.",
        _measure("percent", ["enrollments", "assessments", "scorm-attempts"]),
    ),
    (
        "engagement-rate",
        "Engagement rate",
        "Learners with activity in the period out of learners enrolled.",
        _measure("percent", ["enrollments"]),
    ),
    (
        "retention-rate",
        "Retention rate",
        "Enrollments not withdrawn out of all.",
        _measure("percent", ["enrollments"]),
    ),
    ("dropout-rate", "Dropout rate", "Withdrawn out of all enrollments.", _measure("percent", ["enrollments"])),
    (
        "avg-time-to-complete",
        "Average time to complete",
        "Mean time from the start (or enrollment) to completion.",
        _measure("duration", ["enrollments", "scorm-attempts"]),
    ),
    (
        "avg-study-time",
        "Average study time",
        "Recorded study time per active learner.",
        _measure("duration", ["activity", "scorm-attempts"]),
    ),
    (
        "avg-score",
        "Average score",
        "Mean of the scores, 0-100; those without a score are left out.",
        _measure("number", SCORED),
    ),
    ("event-count", "Events", "Number of learning events.", _measure("number", ["activity"])),
]

DIMENSION_ENTITIES: list[Seed] = [
    ("learner", "Learner", "The person who learns.", {}),
    ("course", "Course", "What is taught.", {}),
    ("class", "Class", "One presentation of a course.", {}),
    ("program", "Program", "A set of courses that lead to an award.", {}),
    ("department", "Department", "The part of the organisation.", {}),
    ("instructor", "Instructor", "The person who teaches a class.", {}),
    ("enrollment", "Enrollment", "One learner in one class.", {}),
    ("activity", "Activity", "A content item that learners open.", {}),
    ("assessment", "Assessment", "Something that is graded.", {}),
    ("scorm-attempt", "SCORM attempt", "One attempt at a SCORM package.", {}),
]

_ACTIVITY_EVENTS: dict[str, str] = {
    "enrollment": "created started completed withdrawn expired",
    "content": "viewed started completed downloaded",
    "assessment": "started submitted completed graded",
    "module": "started completed",
    "course": "started completed",
    "scorm": "launched initialized completed passed failed suspended exited",
    "video": "played paused seeked completed",
    "session": "started ended",
}


def _activity_events() -> list[Seed]:
    keys = [f"{subject}-{verb}" for subject, verbs in _ACTIVITY_EVENTS.items() for verb in verbs.split()]
    keys += ["login", "logout", "achievement-earned", "certificate-issued"]
    seeds: list[Seed] = []
    for key in keys:
        label = key.replace("scorm", "SCORM").replace("-", " ")
        metadata = {"xapiVerbs": XAPI_VERBS[key]} if key in XAPI_VERBS else {}
        seeds.append((key, label[0].upper() + label[1:], "", metadata))
    return seeds


ROLES: list[Seed] = [
    ("learner", "Learner", "Learns; does not sign in here.", {"permissions": []}),
    (
        "instructor",
        "Instructor",
        "Asks for reports about the classes they teach.",
        {"permissions": ["request-reports"]},
    ),
    ("staff", "Staff", "Asks for reports about their departments.", {"permissions": ["request-reports"]}),
    (
        "department-admin",
        "Department manager",
        "Sees, stops and re-prioritises every report of their departments and those below.",
        {"permissions": ["request-reports", "manage-department", "use-high-priority"]},
    ),
    (
        "content-admin",
        "Content administrator",
        "Keeps courses and imports.",
        {"permissions": ["request-reports", "manage-content"]},
    ),
    ("billing-admin", "Billing administrator", "Reads usage.", {"permissions": ["request-reports", "read-billing"]}),
    (
        "system-admin",
        "System administrator",
        "Sees and does everything.",
        {
            "permissions": [
                "request-reports",
                "manage-department",
                "manage-content",
                "read-billing",
                "use-high-priority",
                "use-critical-priority",
                "administer",
            ]
        },
    ),
]

SEEDS: dict[LookupCategory, list[Seed]] = {
    LookupCategory.REPORT_TYPE: REPORT_TYPES,
    LookupCategory.REPORT_STATUS: REPORT_STATUSES,
    LookupCategory.REPORT_PRIORITY: REPORT_PRIORITIES,
    LookupCategory.REPORT_VISIBILITY: REPORT_VISIBILITIES,
    LookupCategory.OUTPUT_FORMAT: OUTPUT_FORMATS,
    LookupCategory.MEASURE_TYPE: MEASURE_TYPES,
    LookupCategory.DIMENSION_ENTITY: DIMENSION_ENTITIES,
    LookupCategory.ACTIVITY_EVENT: _activity_events(),
    LookupCategory.ROLE: ROLES,
}
