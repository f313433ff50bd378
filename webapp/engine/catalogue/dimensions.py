"""What can be grouped by: entities, attributes of them, values of a row, and time buckets.

An empty or dangling reference groups under an empty key; no row is ever dropped for it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import ibis

from webapp import statuses
from webapp.engine.declarations import Beside, Dimension, Entity, Table, Value
from webapp.messages import Message


def _code_or_name(entity: Table) -> Value:
    return ibis.coalesce(_filled(entity.code), _filled(entity.name), entity.id)


def _name(entity: Table) -> Value:
    return ibis.coalesce(_filled(entity.name), entity.id)


def _filled(text: Value) -> Value:
    return text.nullif("")


def _told(*columns: str, by: Sequence[tuple[str, str]] = ()) -> Beside:
    return Beside(tuple(operator.itemgetter(column) for column in columns), tuple(by))


def _number(person: Table) -> Value:
    return ibis.coalesce(_filled(person.number), person.key)


_DEPARTMENT, _PARENT = ("department_id", "departments"), ("parent_id", "departments")
_COURSE, _CLASS = ("course_id", "courses"), ("class_id", "classes")

ENTITIES: dict[str, Entity] = {
    "department": Entity(
        "departments",
        _name,
        beside=(_told("name", by=[_PARENT]), _told("name", by=[_PARENT, _PARENT]), _told("code")),
    ),
    "program": Entity("programs", _name, beside=(_told("code"), _told("name", by=[_DEPARTMENT]))),
    "course": Entity("courses", _name, beside=(_told("code"), _told("name", by=[_DEPARTMENT]))),
    "class": Entity(
        "classes",
        _code_or_name,
        beside=(_told("name", "term"), _told("name", by=[_DEPARTMENT]), _told("name", by=[_COURSE])),
    ),
    "content": Entity(
        "contents",
        _name,
        beside=(
            _told("code", "name", "term", by=[_CLASS]),
            _told("name", by=[_COURSE]),
            _told("name", by=[_CLASS, _DEPARTMENT]),
        ),
    ),
    "learner": Entity("persons", _name, _number, Message("Learner number"), (Beside((_number,)),)),
    "instructor": Entity("persons", _name, beside=(Beside((_number,)),)),
}

GRADE_RANGES = (90, 80, 70, 60, 50, 40)


def grade_range(score: Value) -> Value:
    """“90–100”, “80–89” … “0–39”; empty without a score. A score between two ranges (89.5) belongs to the lower."""
    cases = [(score >= low, grade_range_text(low)) for low in GRADE_RANGES]
    return ibis.cases(*cases, (score.notnull(), grade_range_text(0)))


def grade_range_text(low: int) -> str:
    if not low:
        return f"0–{GRADE_RANGES[-1] - 1}"
    return f"{low}–{100 if low == GRADE_RANGES[0] else low + 9}"


def _completion_status(enrollment: Table) -> Value:
    """Where an enrollment stands, in four words."""
    return ibis.cases(
        (enrollment.status == "completed", "completed"),
        (enrollment.status.isin(["failed", "withdrawn", "expired"]), "not completed"),
        (enrollment.status == "in-progress", "in progress"),
        (enrollment.status == "not-started", "not started"),
    )


def _own(table: Table) -> Value:
    return ibis.coalesce(_filled(table.key), table.id)


_DIFFERENT = {
    "hour": Message("Different hours"),
    "day": Message("Different days"),
    "week": Message("Different weeks"),
    "month": Message("Different months"),
    "quarter": Message("Different quarters"),
    "year": Message("Different years"),
}


def _bucket(key: str, label: str, definition: str) -> Dimension:
    return Dimension(key, label, definition=definition, time=key, different=_DIFFERENT[key])


_DIMENSIONS = [
    Dimension(
        "learner",
        Message("Learner"),
        Message("The person who learns."),
        entity="learner",
        column="learner_id",
        different=Message("Different learners"),
    ),
    Dimension(
        "course",
        Message("Course"),
        Message("What is taught."),
        entity="course",
        column="course_id",
        different=Message("Different courses"),
    ),
    Dimension(
        "class",
        Message("Class"),
        Message("One presentation of a course."),
        entity="class",
        column="class_id",
        different=Message("Different classes"),
    ),
    Dimension(
        "program",
        Message("Program"),
        Message("A set of courses that lead to an award."),
        Message("The program that the enrollment belongs to."),
        entity="program",
        column="program_id",
        different=Message("Different programs"),
    ),
    Dimension(
        "department",
        Message("Department"),
        Message("The part of the organisation."),
        entity="department",
        column="department_id",
        different=Message("Different departments"),
    ),
    Dimension(
        "department-tree",
        Message("Department and above"),
        definition=Message("A row counts for its department and for every one above it."),
        entity="department",
        column="department_id",
        many="department-tree",
    ),
    Dimension(
        "instructor",
        Message("Instructor"),
        Message("The person who teaches a class."),
        Message("A class of two instructors counts for each of them."),
        entity="instructor",
        column="class_id",
        many="instructor",
    ),
    Dimension(
        "enrollment",
        Message("Enrollment"),
        Message("One learner in one class."),
        value=_own,
        different=Message("Different enrollments"),
    ),
    Dimension(
        "content", Message("Content"), entity="content", column="content_id", different=Message("Different contents")
    ),
    Dimension(
        "activity",
        Message("Activity"),
        Message("A content item that learners open."),
        entity="content",
        column="content_id",
        different=Message("Different activities"),
    ),
    Dimension(
        "assessment",
        Message("Assessment"),
        Message("Something that is graded."),
        entity="content",
        column="content_id",
        different=Message("Different assessments"),
    ),
    Dimension(
        "scorm-attempt",
        Message("SCORM attempt"),
        Message("One attempt at a SCORM package."),
        value=_own,
        different=Message("Different SCORM attempts"),
    ),
    Dimension(
        "content-type",
        Message("Content type"),
        definition=Message("The kind of the content: a page, a video, a SCORM package, an assessment."),
        entity="content",
        column="content_id",
        attribute="content_type",
        words=statuses.CONTENT_TYPES,
    ),
    Dimension(
        "term",
        Message("Term"),
        definition=Message("The term of the row's class."),
        entity="class",
        column="class_id",
        attribute="term",
    ),
    Dimension(
        "certificate",
        Message("Certificate"),
        definition=Message("The certificate by its name."),
        value=lambda table: ibis.coalesce(_filled(table.name), _own(table)),
        different=Message("Different certificates"),
    ),
    Dimension(
        "event-type",
        Message("Event"),
        value=lambda table: table.event_type,
        different=Message("Different kinds of events"),
    ),
    Dimension(
        "status",
        Message("Status"),
        definition=Message("Where the row stands now, in its own words."),
        value=lambda table: table.status,
        different=Message("Different statuses"),
    ),
    Dimension(
        "completion-status",
        Message("Completion"),
        definition=Message("Completed, not completed (failed, withdrawn, expired), in progress, not started."),
        value=_completion_status,
        words=statuses.COMPLETION,
    ),
    Dimension(
        "grade-range",
        Message("Grade range"),
        definition=Message("Ten points each; 89.5 belongs to 80–89; empty without a score."),
        value=lambda table: grade_range(table.score),
        different=Message("Different grade ranges"),
    ),
    _bucket("hour", Message("Hour"), Message("Hours of the report's time zone.")),
    _bucket("day", Message("Day"), Message("Days of the report's time zone.")),
    _bucket(
        "week",
        Message("Week"),
        Message("ISO weeks: they begin on Monday, and week 1 holds the first Thursday of the year."),
    ),
    _bucket("month", Message("Month"), Message("Calendar months of the report's time zone.")),
    _bucket("quarter", Message("Quarter"), Message("Calendar quarters of the report's time zone.")),
    _bucket("year", Message("Year"), Message("Calendar years of the report's time zone.")),
]

DIMENSIONS: dict[str, Dimension] = {dimension.key: dimension for dimension in _DIMENSIONS}
TIME_BUCKETS = tuple(dimension.key for dimension in _DIMENSIONS if dimension.time)
