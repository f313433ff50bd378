"""The words of OneRoster 1.1 and 1.2, and what those that a report is about mean here."""

from __future__ import annotations

VERSIONS = ("1.1", "1.2")
MODES = ("bulk", "delta", "absent")

SESSION_TYPES = ("gradingPeriod", "semester", "schoolYear", "term")
ORG_TYPES = ("department", "school", "district", "local", "state", "national")
CLASS_TYPES = ("homeroom", "scheduled")
ROLE_TYPES = ("primary", "secondary")
PERSON_ROLES = (
    *("administrator", "aide", "counselor", "districtAdministrator", "guardian", "parent", "principal", "proctor"),
    *("relative", "siteAdministrator", "student", "systemAdministrator", "teacher"),
)
ENROLLMENT_ROLES = ("administrator", "proctor", "student", "teacher")
SEXES = ("male", "female", "unspecified", "other")
IMPORTANCES = ("primary", "secondary")
OBJECTIVE_SOURCES = ("case", "unknown")
SCORE_STATUS_WORDS = ("exempt", "fully graded", "not submitted", "partially graded", "submitted")

#: Who learns and who teaches: the standard's two, and the words of universities in Microsoft's form of it.
ROLES = {
    "student": "learner",
    "teacher": "instructor",
    **dict.fromkeys(("faculty", "instructor", "lecturer", "professor"), "instructor"),
}
#: Roles whose people neither learn nor teach.
OTHER_ROLES = frozenset(
    each.casefold()
    for each in (*PERSON_ROLES, "adjunct", "staff", "studentAssistant", "teacherAssistant", "user")
    if each not in ROLES
)
#: `scoreStatus` (folded) -> the result's status.
SCORE_STATUSES = {
    "fully graded": "graded",
    "partially graded": "graded",
    "submitted": "submitted",
    "exempt": "exempt",
    "not submitted": "not-submitted",
}


def is_of_another_kind(role: str) -> bool:
    """A role (in small letters) that is known, or declared by whoever wrote it, and of people who do neither."""
    return role in OTHER_ROLES or role.startswith("ext:")
