"""What the files of a bundle are: their names, the headings by which each is told from others, the words it may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileForm:
    """`needed` headings (small letters) are those without which no row says anything; `keyed` rows need a sourcedId."""

    name: str
    needed: tuple[str, ...] = ("sourcedid",)
    keyed: bool = True


#: The files that are read, in an order in which what is referred to comes first.
FORMS: tuple[FileForm, ...] = (
    FileForm("orgs", ("sourcedid", "name")),
    FileForm("academicSessions", ("sourcedid", "title")),
    FileForm("courses", ("sourcedid", "title")),
    FileForm("classes", ("sourcedid", "title")),
    FileForm("users", ("sourcedid",)),
    FileForm("roles", ("usersourcedid", "role"), keyed=False),
    FileForm("enrollments", ("classsourcedid", "usersourcedid", "role"), keyed=False),
    FileForm("lineItems", ("sourcedid", "classsourcedid")),
    FileForm("results", ("sourcedid", "lineitemsourcedid", "studentsourcedid")),
)
FILES = tuple(form.name for form in FORMS)
FORM_OF = {form.name.casefold(): form for form in FORMS}
#: Files of the standard that say nothing a report is about.
NOT_NEEDED = frozenset(
    name.casefold()
    for name in (
        *("categories", "classResources", "courseResources", "demographics", "resources", "userProfiles"),
        *("scoreScales", "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds"),
        *("resultScoreScales", "userResources"),
    )
)
MANIFEST = "manifest"
VERSIONS = ("1.1", "1.2")
MODES = ("bulk", "delta", "absent")
#: Headings that 1.2 has and 1.1 has not: a bundle without a manifest is told by them.
ONLY_IN_1_2 = frozenset({"primaryorgsourcedid", "usermasteridentifier", "usersourcedid"})

ROLES = {"student": "learner", "teacher": "instructor"}
#: Roles of the standard whose people neither learn nor teach.
OTHER_ROLES = frozenset(
    each.casefold()
    for each in (
        *("administrator", "aide", "counselor", "districtAdministrator", "guardian", "parent", "principal", "proctor"),
        *("relative", "siteAdministrator", "systemAdministrator", "user"),
    )
)
ORG_TYPES = ("national", "state", "local", "district", "school", "department")
#: `scoreStatus` (folded: blanks and underscores alike) -> the result's status.
SCORE_STATUSES = {
    "fully graded": "graded",
    "partially graded": "graded",
    "submitted": "submitted",
    "exempt": "exempt",
    "not submitted": "not-submitted",
}
