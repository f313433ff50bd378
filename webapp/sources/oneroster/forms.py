"""What the files of a bundle are, as the standard lays them down: their columns in order, what each may hold, what it
refers to. Rows are made by these names, and checked by these rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from webapp.sources.oneroster import vocabulary
from webapp.sources.oneroster.vocabulary import MODES, OTHER_ROLES, ROLES, SCORE_STATUSES, VERSIONS


class Holds(StrEnum):
    """What a cell may hold, where it is not empty."""

    TEXT = "text"
    GUID = "guid"
    GUIDS = "guids"
    WORD = "word"
    DAY = "day"
    MOMENT = "moment"
    YEAR = "year"
    NUMBER = "number"
    WHOLE_NUMBER = "whole-number"
    FLAG = "flag"
    SCALE = "scale"
    STATUS = "status"

    @property
    def repeats(self) -> bool:
        """Do the same few values come again and again?"""
        return self not in (Holds.TEXT, Holds.GUID, Holds.GUIDS)


@dataclass(frozen=True)
class Column:
    """`name` as the standard writes it; `words` where it holds one of them; `refers_to` the file whose sourcedId it
    holds; `only_in` the version that has it, empty for both."""

    name: str
    holds: Holds = Holds.TEXT
    is_required: bool = False
    words: tuple[str, ...] = ()
    refers_to: str = ""
    only_in: str = ""

    @property
    def key(self) -> str:
        return self.name.casefold()


@dataclass(frozen=True)
class FileForm:
    """`needed` headings (small letters) are those without which no row says anything; `keyed` rows need a sourcedId.

    `tables` are those of the record that its rows fill; a file without any says nothing that a report is about.
    `other_names`: headings of widespread exports, for what the standard calls otherwise.
    """

    name: str
    columns: tuple[Column, ...]
    needed: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    keyed: bool = True
    other_names: dict[str, str] = field(default_factory=dict)
    only_in: str = ""

    def columns_of(self, version: str) -> tuple[Column, ...]:
        return tuple(each for each in self.columns if each.only_in in ("", version))


def _text(name: str, must: bool = False, only_in: str = "") -> Column:
    return Column(name, Holds.TEXT, must, only_in=only_in)


def _word(name: str, words: tuple[str, ...], must: bool = True, only_in: str = "") -> Column:
    return Column(name, Holds.WORD, must, words, only_in=only_in)


def _to(file: str, name: str, must: bool = True, only_in: str = "") -> Column:
    return Column(name, Holds.GUIDS if name.endswith("Ids") else Holds.GUID, must, (), file, only_in)


def _is(holds: Holds, name: str, must: bool = False, only_in: str = "") -> Column:
    return Column(name, holds, must, only_in=only_in)


_LIFE = (Column("status", Holds.STATUS), Column("dateLastModified", Holds.MOMENT))
_EACH = (Column("sourcedId", Holds.GUID, True), *_LIFE)
_SUBJECTS = (_text("subjects"), _text("subjectCodes"))
_DAY, _FLAG = Holds.DAY, Holds.FLAG

#: The files that are read, in an order in which what is referred to comes first. People come after what names them: who
#: learns or teaches is told by enrollments too.
FORMS: tuple[FileForm, ...] = (
    FileForm(
        "orgs",
        (
            *(*_EACH, _text("name", True), _word("type", vocabulary.ORG_TYPES), _text("identifier")),
            _to("orgs", "parentSourcedId", False),
        ),
        ("sourcedid", "name"),
        ("departments",),
    ),
    FileForm(
        "academicSessions",
        (
            *(*_EACH, _text("title", True), _word("type", vocabulary.SESSION_TYPES)),
            *(_is(_DAY, "startDate", True), _is(_DAY, "endDate", True)),
            *(_to("academicSessions", "parentSourcedId", False), _is(Holds.YEAR, "schoolYear", True)),
        ),
        ("sourcedid", "title"),
        ("terms",),
    ),
    FileForm(
        "courses",
        (
            *(*_EACH, _to("academicSessions", "schoolYearSourcedId", False), _text("title", True), _text("courseCode")),
            *(_text("grades"), _to("orgs", "orgSourcedId"), *_SUBJECTS),
        ),
        ("sourcedid", "title"),
        ("courses",),
        other_names={"code": "coursecode", "schoolyearid": "schoolyearsourcedid"},
    ),
    FileForm(
        "classes",
        (
            *(*_EACH, _text("title", True), _text("grades"), _to("courses", "courseSourcedId"), _text("classCode")),
            *(_word("classType", vocabulary.CLASS_TYPES), _text("location"), _to("orgs", "schoolSourcedId")),
            *(_to("academicSessions", "termSourcedIds"), *_SUBJECTS, _text("periods")),
        ),
        ("sourcedid", "title"),
        ("classes",),
        other_names={
            "orgsourcedid": "schoolsourcedid",
            "sessionsourcedids": "termsourcedids",
            "termsourcedid": "termsourcedids",
            "code": "classcode",
        },
    ),
    FileForm(
        "roles",
        (
            *(*_EACH, _to("users", "userSourcedId"), _word("roleType", vocabulary.ROLE_TYPES)),
            *(_word("role", vocabulary.PERSON_ROLES), _is(_DAY, "beginDate"), _is(_DAY, "endDate")),
            *(_to("orgs", "orgSourcedId"), _to("userProfiles", "userProfileSourcedId", False)),
        ),
        ("usersourcedid", "role"),
        keyed=False,
        other_names={"rolestartdate": "begindate", "roleenddate": "enddate"},
        only_in="1.2",
    ),
    FileForm(
        "enrollments",
        (
            *(*_EACH, _to("classes", "classSourcedId"), _to("orgs", "schoolSourcedId"), _to("users", "userSourcedId")),
            *(_word("role", vocabulary.ENROLLMENT_ROLES), _is(_FLAG, "primary")),
            *(_is(_DAY, "beginDate"), _is(_DAY, "endDate")),
        ),
        ("classsourcedid", "usersourcedid", "role"),
        ("teachings", "rosters"),
        keyed=False,
    ),
    FileForm(
        "lineItems",
        (
            *(*_EACH, _text("title", True), _text("description"), _is(_DAY, "assignDate", True)),
            *(_is(_DAY, "dueDate", True), _to("classes", "classSourcedId"), _to("categories", "categorySourcedId")),
            _to("academicSessions", "gradingPeriodSourcedId", only_in="1.1"),
            _to("academicSessions", "academicSessionSourcedId", only_in="1.2"),
            *(_is(Holds.NUMBER, "resultValueMin"), _is(Holds.NUMBER, "resultValueMax")),
            _to("orgs", "schoolSourcedId", only_in="1.2"),
        ),
        ("sourcedid", "classsourcedid"),
        ("contents",),
    ),
    FileForm(
        "results",
        (
            *(*_EACH, _to("lineItems", "lineItemSourcedId"), _to("users", "studentSourcedId")),
            *(_word("scoreStatus", vocabulary.SCORE_STATUS_WORDS), _is(Holds.NUMBER, "score")),
            *(_is(_DAY, "scoreDate", True), _text("comment"), _text("textScore", only_in="1.2")),
            _to("classes", "classSourcedId", False, "1.2"),
            *(_is(_FLAG, name, only_in="1.2") for name in ("inProgress", "incomplete", "late", "missing")),
        ),
        ("sourcedid", "lineitemsourcedid", "studentsourcedid"),
        ("results",),
    ),
    FileForm(
        "users",
        (
            *(*_EACH, _is(_FLAG, "enabledUser", True), _to("orgs", "orgSourcedIds", True, "1.1")),
            _word("role", vocabulary.PERSON_ROLES, only_in="1.1"),
            *(_text("username", True), _text("userIds"), _text("givenName", True), _text("familyName", True)),
            *(_text(name) for name in ("middleName", "identifier", "email", "sms", "phone")),
            *(_to("users", "agentSourcedIds", False), _text("grades"), _text("password")),
            *(_text(name, only_in="1.2") for name in ("userMasterIdentifier", "preferredGivenName")),
            *(_text(name, only_in="1.2") for name in ("preferredMiddleName", "preferredFamilyName")),
            *(_to("orgs", "primaryOrgSourcedId", False, "1.2"), _text("pronouns", only_in="1.2")),
        ),
        ("sourcedid",),
        ("persons",),
        other_names={"agents": "agentsourcedids", "orgsourcedid": "orgsourcedids"},
    ),
)
_RACES = (
    *("americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican", "nativeHawaiianOrOtherPacificIslander"),
    *("white", "demographicRaceTwoOrMoreRaces", "hispanicOrLatinoEthnicity"),
)
#: Files of the standard that say nothing a report is about: they are checked, counted and set aside.
FORMS_NOT_NEEDED: tuple[FileForm, ...] = (
    FileForm(
        "demographics",
        (
            *(Column("sourcedId", Holds.GUID, True, refers_to="users"), *_LIFE),
            *(_is(_DAY, "birthDate"), _word("sex", vocabulary.SEXES, False)),
            *(_is(_FLAG, name) for name in _RACES),
            *(_text(name) for name in ("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth")),
            _text("publicSchoolResidenceStatus"),
        ),
        other_names={"usersourcedid": "sourcedid"},
    ),
    FileForm(
        "userProfiles",
        (
            *(*_EACH, _to("users", "userSourcedId"), _text("profileType", True), _text("vendorId", True)),
            *(_text("applicationId"), _text("description"), _text("credentialType", True), _text("username", True)),
            _text("password"),
        ),
        only_in="1.2",
    ),
    FileForm("categories", (*_EACH, _text("title", True), _is(Holds.WHOLE_NUMBER, "weight", only_in="1.2"))),
    FileForm(
        "scoreScales",
        (
            *(*_EACH, _text("title", True), _text("type", True), _to("orgs", "orgSourcedId")),
            *(_to("courses", "courseSourcedId"), _to("classes", "classSourcedId")),
            _is(Holds.SCALE, "scoreScaleValue", True),
        ),
        only_in="1.2",
    ),
    FileForm(
        "lineItemScoreScales",
        (*_EACH, _text("title"), _to("lineItems", "lineItemSourcedId"), _to("scoreScales", "scoreScaleSourcedId")),
        only_in="1.2",
    ),
    FileForm(
        "resultScoreScales",
        (*_EACH, _text("title"), _to("results", "resultSourcedId"), _to("scoreScales", "scoreScaleSourcedId")),
        only_in="1.2",
    ),
    FileForm(
        "lineItemLearningObjectiveIds",
        (
            *(*_EACH, _to("lineItems", "lineItemSourcedId"), _word("source", vocabulary.OBJECTIVE_SOURCES)),
            _text("learningObjectiveId", True),
        ),
        only_in="1.2",
    ),
    FileForm(
        "resultLearningObjectiveIds",
        (
            *(*_EACH, _to("results", "resultSourcedId"), _word("source", vocabulary.OBJECTIVE_SOURCES)),
            *(_text("learningObjectiveId", True), _is(Holds.NUMBER, "score"), _text("textScore")),
        ),
        only_in="1.2",
    ),
    FileForm(
        "resources",
        (
            *(*_EACH, _text("vendorResourceId", True), _text("title"), _text("roles")),
            *(_word("importance", vocabulary.IMPORTANCES, False), _text("vendorId"), _text("applicationId")),
        ),
    ),
    FileForm(
        "classResources",
        (*_EACH, _text("title"), _to("classes", "classSourcedId"), _to("resources", "resourceSourcedId")),
    ),
    FileForm(
        "courseResources",
        (*_EACH, _text("title"), _to("courses", "courseSourcedId"), _to("resources", "resourceSourcedId")),
    ),
    FileForm(
        "userResources",
        (
            *(*_EACH, _to("users", "userSourcedId"), _to("orgs", "orgSourcedId", False)),
            *(_to("classes", "classSourcedId", False), _to("resources", "resourceSourcedId")),
        ),
        only_in="1.2",
    ),
)
ALL_FORMS = (*FORMS, *FORMS_NOT_NEEDED)
FILES = tuple(form.name for form in FORMS)
FORM_OF = {form.name.casefold(): form for form in ALL_FORMS}
MANIFEST = "manifest"
#: Properties of a manifest beside the mode of each file.
PROPERTIES = ("manifest.version", "oneroster.version", "source.systemName", "source.systemCode")
#: Headings that 1.2 has and 1.1 has not: a bundle without a manifest is told by them.
ONLY_IN_1_2 = frozenset({"primaryorgsourcedid", "usermasteridentifier"})

__all__ = ["FILES", "FORM_OF", "MODES", "OTHER_ROLES", "ROLES", "SCORE_STATUSES", "VERSIONS", "Column", "FileForm"]
