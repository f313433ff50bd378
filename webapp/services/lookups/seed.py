"""The lookup values that every installation starts with (DESIGN §3). Plain data: `services.lookups.seed` writes them.

Each line is (key, what people read, description, metadata); the order is the sort order.
"""

from __future__ import annotations

from typing import Any

from webapp.documents import LookupCategory
from webapp.messages import Message
from webapp.services.lookups.verb_seed import XAPI_VERBS

Seed = tuple[str, str, str, dict[str, Any]]

REPORT_TYPES: list[Seed] = [
    (
        "enrollment-summary",
        Message("Enrollment summary"),
        Message("How many learners enrolled, and where they stand now."),
        {},
    ),
    (
        "completion-rates",
        Message("Completion rates"),
        Message("Which share of enrollments was completed, and how long it took."),
        {},
    ),
    ("performance-analysis", Message("Performance analysis"), Message("How results spread over grade ranges."), {}),
    ("learner-activity", Message("Learner activity"), Message("Who was active, when, and with what."), {}),
    (
        "course-analytics",
        Message("Course analytics"),
        Message("Enrollment, activity and results of each course, side by side."),
        {},
    ),
    (
        "instructor-workload",
        Message("Instructor workload"),
        Message("How many classes and learners each instructor has."),
        {},
    ),
    (
        "department-overview",
        Message("Department overview"),
        Message("The main figures of each department and those below it."),
        {},
    ),
    ("program-progress", Message("Program progress"), Message("How far the learners of each program have come."), {}),
    ("assessment-results", Message("Assessment results"), Message("Scores and pass rates of each assessment."), {}),
    ("scorm-attempts", Message("SCORM attempts"), Message("Attempts at SCORM packages: outcome, score and time."), {}),
    ("transcript", Message("Transcript"), Message("Each learner's course history with grades."), {}),
    (
        "certification-status",
        Message("Certification status"),
        Message("Certificates earned, soon to expire, and expired."),
        {},
    ),
]

REPORT_STATUSES: list[Seed] = [
    ("pending", Message("Waiting"), Message("Not due yet, or held back."), {"color": "secondary"}),
    ("queued", Message("Queued"), Message("Any free worker may take it now."), {"color": "azure"}),
    ("processing", Message("Processing"), Message("The numbers are being worked out."), {"color": "blue"}),
    ("rendering", Message("Rendering"), Message("The file is being written."), {"color": "blue"}),
    ("uploading", Message("Storing"), Message("The file is being checked and put in its place."), {"color": "blue"}),
    ("ready", Message("Ready"), Message("The file can be downloaded."), {"color": "green"}),
    ("downloaded", Message("Downloaded"), Message("The file has been downloaded at least once."), {"color": "teal"}),
    ("failed", Message("Failed"), Message("It could not be made; the page says why."), {"color": "red"}),
    ("cancelled", Message("Cancelled"), Message("Somebody stopped it."), {"color": "orange"}),
    (
        "expired",
        Message("Expired"),
        Message("The file was deleted after its time; the request remains."),
        {"color": "secondary"},
    ),
]

REPORT_PRIORITIES: list[Seed] = [
    (
        "critical",
        Message("Critical"),
        Message("Before everything else."),
        {"rank": 50, "permission": "use-critical-priority"},
    ),
    ("high", Message("High"), Message("Before ordinary requests."), {"rank": 40, "permission": "use-high-priority"}),
    ("normal", Message("Normal"), Message("In the order of asking."), {"rank": 30}),
    ("low", Message("Low"), Message("When nothing ordinary waits."), {"rank": 20}),
    ("scheduled", Message("Scheduled"), Message("Recurring reports, when the desk is idle."), {"rank": 10}),
]

REPORT_VISIBILITIES: list[Seed] = [
    ("private", Message("Only me"), Message("The person who asked, and those who manage the department."), {}),
    ("team", Message("My teams"), Message("Everyone who shares a team with the person who asked."), {}),
    ("department", Message("The department"), Message("Everyone in the report's department."), {}),
    ("organization", Message("Everyone"), Message("Everyone who can sign in."), {}),
]

OUTPUT_FORMATS: list[Seed] = [
    (
        "pdf",
        Message("PDF"),
        Message("For reading and printing: chart, table and definitions on pages."),
        {"mimeType": "application/pdf", "extension": "pdf"},
    ),
    (
        "excel",
        Message("Excel"),
        Message("For working on: typed cells, a chart, and a sheet that says what the numbers mean."),
        {"mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "extension": "xlsx"},
    ),
    (
        "csv",
        Message("CSV"),
        Message("For any other program: plain text, one row a line."),
        {"mimeType": "text/csv", "extension": "csv"},
    ),
    (
        "json",
        Message("JSON"),
        Message("For machines: the rows with their types, units and provenance."),
        {"mimeType": "application/json", "extension": "json"},
    ),
    (
        "parquet",
        Message("Parquet"),
        Message("For data tools: typed columns, compressed, any number of rows."),
        {"mimeType": "application/vnd.apache.parquet", "extension": "parquet"},
    ),
]

ALL_DATASETS = ["enrollments", "activity", "assessments", "scorm-attempts", "certificates", "classes"]
SCORED = ["enrollments", "activity", "assessments", "scorm-attempts"]


def _measure(form: str, applicable_to: list[str], *, requires_field: bool = False) -> dict[str, Any]:
    return {"format": form, "requiresField": requires_field, "applicableTo": applicable_to}


MEASURE_TYPES: list[Seed] = [
    ("count", Message("Count"), Message("Number of rows."), _measure("number", ALL_DATASETS)),
    (
        "count-distinct",
        Message("Distinct count"),
        Message("Number of different values of a field, empty ones left out."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    ("sum", Message("Sum"), Message("Sum of a field's values."), _measure("number", ALL_DATASETS, requires_field=True)),
    (
        "average",
        Message("Average"),
        Message("Arithmetic mean of a field's values, empty ones left out."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "median",
        Message("Median"),
        Message("Middle value of a field, or the mean of the two middle ones."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "min",
        Message("Minimum"),
        Message("Smallest value of a field."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "max",
        Message("Maximum"),
        Message("Largest value of a field."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "std-dev",
        Message("Standard deviation"),
        Message("Sample standard deviation (n - 1) of a field's values; empty below two values."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "variance",
        Message("Variance"),
        Message("Sample variance (n - 1) of a field's values; empty below two values."),
        _measure("number", ALL_DATASETS, requires_field=True),
    ),
    (
        "completion-rate",
        Message("Completion rate"),
        Message("Completed out of all, withdrawals included."),
        _measure("percent", ["enrollments", "scorm-attempts"]),
    ),
    (
        "pass-rate",
        Message("Pass rate"),
        Message("Passed out of those with an outcome."),
        _measure("percent", ["enrollments", "assessments", "scorm-attempts"]),
    ),
    (
        "fail-rate",
        Message("Fail rate"),
        Message("Failed out of those with an outcome; for enrollments out of all."),
        _measure("percent", ["enrollments", "assessments", "scorm-attempts"]),
    ),
    (
        "engagement-rate",
        Message("Engagement rate"),
        Message("Learners with activity in the period out of learners enrolled."),
        _measure("percent", ["enrollments"]),
    ),
    (
        "retention-rate",
        Message("Retention rate"),
        Message("Enrollments not withdrawn out of all."),
        _measure("percent", ["enrollments"]),
    ),
    (
        "dropout-rate",
        Message("Dropout rate"),
        Message("Withdrawn out of all enrollments."),
        _measure("percent", ["enrollments"]),
    ),
    (
        "avg-time-to-complete",
        Message("Average time to complete"),
        Message("Mean time from the start (or enrollment) to completion."),
        _measure("duration", ["enrollments", "scorm-attempts"]),
    ),
    (
        "avg-study-time",
        Message("Average study time"),
        Message("Recorded study time per active learner."),
        _measure("duration", ["activity", "scorm-attempts"]),
    ),
    (
        "avg-score",
        Message("Average score"),
        Message("Mean of the scores, 0-100; those without a score are left out."),
        _measure("number", SCORED),
    ),
    ("event-count", Message("Events"), Message("Number of learning events."), _measure("number", ["activity"])),
]

DIMENSION_ENTITIES: list[Seed] = [
    ("learner", Message("Learner"), Message("The person who learns."), {}),
    ("course", Message("Course"), Message("What is taught."), {}),
    ("class", Message("Class"), Message("One presentation of a course."), {}),
    ("program", Message("Program"), Message("A set of courses that lead to an award."), {}),
    ("department", Message("Department"), Message("The part of the organisation."), {}),
    ("instructor", Message("Instructor"), Message("The person who teaches a class."), {}),
    ("enrollment", Message("Enrollment"), Message("One learner in one class."), {}),
    ("activity", Message("Activity"), Message("A content item that learners open."), {}),
    ("assessment", Message("Assessment"), Message("Something that is graded."), {}),
    ("scorm-attempt", Message("SCORM attempt"), Message("One attempt at a SCORM package."), {}),
]

_ACTIVITY_EVENTS: dict[str, Message] = {
    "enrollment-created": Message("Enrollment created"),
    "enrollment-started": Message("Enrollment started"),
    "enrollment-completed": Message("Enrollment completed"),
    "enrollment-withdrawn": Message("Enrollment withdrawn"),
    "enrollment-expired": Message("Enrollment expired"),
    "content-viewed": Message("Content viewed"),
    "content-started": Message("Content started"),
    "content-completed": Message("Content completed"),
    "content-downloaded": Message("Content downloaded"),
    "assessment-started": Message("Assessment started"),
    "assessment-submitted": Message("Assessment submitted"),
    "assessment-completed": Message("Assessment completed"),
    "assessment-graded": Message("Assessment graded"),
    "module-started": Message("Module started"),
    "module-completed": Message("Module completed"),
    "course-started": Message("Course started"),
    "course-completed": Message("Course completed"),
    "scorm-launched": Message("SCORM launched"),
    "scorm-initialized": Message("SCORM initialized"),
    "scorm-completed": Message("SCORM completed"),
    "scorm-passed": Message("SCORM passed"),
    "scorm-failed": Message("SCORM failed"),
    "scorm-suspended": Message("SCORM suspended"),
    "scorm-exited": Message("SCORM exited"),
    "video-played": Message("Video played"),
    "video-paused": Message("Video paused"),
    "video-seeked": Message("Video seeked"),
    "video-completed": Message("Video completed"),
    "session-started": Message("Session started"),
    "session-ended": Message("Session ended"),
    "login": Message("Login"),
    "logout": Message("Logout"),
    "achievement-earned": Message("Achievement earned"),
    "certificate-issued": Message("Certificate issued"),
}


def _activity_event(key: str, label: str) -> Seed:
    return key, label, "", {"xapiVerbs": XAPI_VERBS[key]} if key in XAPI_VERBS else {}


ACTIVITY_EVENTS: list[Seed] = [_activity_event(key, label) for key, label in _ACTIVITY_EVENTS.items()]

ROLES: list[Seed] = [
    ("learner", Message("Learner"), Message("Learns; does not sign in here."), {"permissions": []}),
    (
        "instructor",
        Message("Instructor"),
        Message("Asks for reports about the classes they teach."),
        {"permissions": ["request-reports"]},
    ),
    (
        "staff",
        Message("Staff"),
        Message("Asks for reports about their departments."),
        {"permissions": ["request-reports"]},
    ),
    (
        "department-admin",
        Message("Department manager"),
        Message("Sees, stops and re-prioritises every report of their departments and those below."),
        {"permissions": ["request-reports", "manage-department", "use-high-priority"]},
    ),
    (
        "content-admin",
        Message("Content administrator"),
        Message("Keeps courses and imports."),
        {"permissions": ["request-reports", "manage-content"]},
    ),
    (
        "billing-admin",
        Message("Billing administrator"),
        Message("Reads usage."),
        {"permissions": ["request-reports", "read-billing"]},
    ),
    (
        "system-admin",
        Message("System administrator"),
        Message("Sees and does everything."),
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
    LookupCategory.ACTIVITY_EVENT: ACTIVITY_EVENTS,
    LookupCategory.ROLE: ROLES,
}
