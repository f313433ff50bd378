"""The filters whose values are chosen from lists, and what the states of records are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webapp.documents import (
    AssessmentResult,
    Class,
    Content,
    Course,
    Department,
    Enrollment,
    ScormAttempt,
    User,
)
from webapp.messages import Message

#: What the states of enrollments, results, attempts and certificates are called.
STATUS_WORDS: dict[str, str] = {
    "not-started": Message("Not started"),
    "in-progress": Message("In progress"),
    "completed": Message("Completed"),
    "not-completed": Message("Not completed"),
    "incomplete": Message("Incomplete"),
    "failed": Message("Did not pass"),
    "passed": Message("Passed"),
    "withdrawn": Message("Withdrawn"),
    "submitted": Message("Submitted"),
    "graded": Message("Graded"),
    "exempt": Message("Exempt"),
    "not-submitted": Message("Not submitted"),
    "not-attempted": Message("Not attempted"),
    "valid": Message("Valid"),
    "expiring": Message("Expiring"),
    "expired": Message("Expired"),
    "revoked": Message("Revoked"),
}


STATUSES: dict[str, tuple[str, ...]] = {
    "enrollments": Enrollment.STATUSES,
    "assessments": AssessmentResult.STATUSES,
    "scorm-attempts": ScormAttempt.STATUSES,
    "certificates": ("valid", "expiring", "expired", "revoked"),
}


@dataclass(frozen=True)
class ChosenFilter:
    """One of the seed's filters: its list in `ReportFilters`, the dimension it narrows, and how to name its values."""

    name: str
    dimension: str
    label: str
    document: Any = None
    text: str = "name"


CHOSEN_FILTERS = (
    ChosenFilter("department_ids", "department-tree", Message("Departments"), Department),
    ChosenFilter("course_ids", "course", Message("Courses"), Course),
    ChosenFilter("class_ids", "class", Message("Classes"), Class, "code"),
    ChosenFilter("learner_ids", "learner", Message("Learners"), User),
    ChosenFilter("content_ids", "content", Message("Contents"), Content),
    ChosenFilter("event_types", "event-type", Message("Events")),
    ChosenFilter("statuses", "status", Message("Statuses")),
)
