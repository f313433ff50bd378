"""What was seeded before values remembered what they were seeded with, where it has changed since.

Nothing is added here any more: a value keeps what it was seeded with in `seeded`, and `seeding` compares with that.
"""

from __future__ import annotations

from typing import Any

from webapp.documents import LookupCategory

_DESCRIPTIONS: dict[LookupCategory, dict[str, str]] = {
    LookupCategory.REPORT_TYPE: {
        "enrollment-summary": "How many learners enrolled, and where they stand now.",
        "learner-activity": "Who was active, when, and with what.",
        "instructor-workload": "How many classes and learners each instructor has.",
        "department-overview": "The main figures of each department and those below it.",
        "certification-status": "Certificates earned, soon to expire, and expired.",
    },
    LookupCategory.REPORT_VISIBILITY: {"organization": "Everyone who can sign in."},
    LookupCategory.MEASURE_TYPE: {
        "count": "Number of rows.",
        "count-distinct": "Number of different values of a field, empty ones left out.",
        "sum": "Sum of a field's values.",
        "average": "Arithmetic mean of a field's values, empty ones left out.",
        "median": "Middle value of a field, or the mean of the two middle ones.",
        "min": "Smallest value of a field.",
        "max": "Largest value of a field.",
        "std-dev": "Sample standard deviation (n - 1) of a field's values; empty below two values.",
        "variance": "Sample variance (n - 1) of a field's values; empty below two values.",
        "completion-rate": "Completed out of all, withdrawals included.",
        "pass-rate": "Passed out of those with an outcome.",
        "fail-rate": "Failed out of those with an outcome; for enrollments out of all.",
        "engagement-rate": "Learners with activity in the period out of learners enrolled.",
        "retention-rate": "Enrollments not withdrawn out of all.",
        "dropout-rate": "Withdrawn out of all enrollments.",
        "avg-time-to-complete": "Mean time from the start (or enrollment) to completion.",
        "avg-study-time": "Recorded study time per active learner.",
        "avg-score": "Mean of the scores, 0-100; those without a score are left out.",
        "event-count": "Number of learning events.",
    },
}
#: These were said to apply to certificates too, which have no number to take them of.
_OF_NUMBERS = ("sum", "average", "median", "std-dev", "variance")
_EVERY_DATASET = ["enrollments", "activity", "assessments", "scorm-attempts", "certificates", "classes"]


def former(category: LookupCategory, key: str) -> dict[str, Any]:
    """Former values by field, as `seeding` names fields."""
    found: dict[str, Any] = {}
    if key in (descriptions := _DESCRIPTIONS.get(category, {})):
        found["description"] = descriptions[key]
    if category is LookupCategory.MEASURE_TYPE and key in _OF_NUMBERS:
        found["metadata.applicableTo"] = _EVERY_DATASET
    return found
