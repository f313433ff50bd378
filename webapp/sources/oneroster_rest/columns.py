"""OneRoster 1.2: an object of the REST binding as a row of the CSV binding, column by column.

What no report is about and a person would not want copied (password, telephone numbers) is left empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """`name` is that of the REST collection, the key of its answers, and the CSV file; `columns` in the file's order:
    heading -> the value's text."""

    name: str
    service: str
    columns: dict[str, Callable[[Object], str]]

    def row(self, given: Object) -> list[str]:
        return [cell(given) for cell in self.columns.values()]


def text_of(value: Any) -> str:
    """A plain value as a cell; numbers come as they were written."""
    if value is None or isinstance(value, dict | list):
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _plain(name: str) -> Callable[[Object], str]:
    return lambda given: text_of(given.get(name))


def _reference(name: str) -> Callable[[Object], str]:
    return lambda given: id_in(given.get(name))


def id_in(value: Any) -> str:
    """The sourcedId of a reference: an object with its address, or the id itself."""
    return text_of(value.get("sourcedId") if isinstance(value, dict) else value)


def _all(name: str) -> Callable[[Object], str]:
    return lambda given: ",".join(text_of(each) for each in _list(given.get(name)))


def _references(name: str) -> Callable[[Object], str]:
    return lambda given: ",".join(id_in(each) for each in _list(given.get(name)))


def _user_ids(given: Object) -> str:
    pairs = (each for each in _list(given.get("userIds")) if isinstance(each, dict))
    return ",".join(f"{{{text_of(each.get('type'))}:{text_of(each.get('identifier'))}}}" for each in pairs)


def _day(name: str) -> Callable[[Object], str]:
    # REST has an instant where the CSV binding has a day: the day that stands in it.
    return lambda given: text_of(given.get(name)).partition("T")[0]


def _nothing(given: Object) -> str:
    return ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _columns(text: str, **special: Callable[[Object], str]) -> dict[str, Callable[[Object], str]]:
    headings = ("sourcedId", "status", "dateLastModified", *text.split())
    return {each: special.get(each) or _plain(each) for each in headings}


#: In the order in which they are asked for: what is referred to comes first.
COLLECTIONS = (
    Collection(
        "orgs", "rostering", _columns("name type identifier parentSourcedId", parentSourcedId=_reference("parent"))
    ),
    Collection(
        "academicSessions",
        "rostering",
        _columns("title type startDate endDate parentSourcedId schoolYear", parentSourcedId=_reference("parent")),
    ),
    Collection(
        "courses",
        "rostering",
        _columns(
            "schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes",
            schoolYearSourcedId=_reference("schoolYear"),
            grades=_all("grades"),
            orgSourcedId=_reference("org"),
            subjects=_all("subjects"),
            subjectCodes=_all("subjectCodes"),
        ),
    ),
    Collection(
        "classes",
        "rostering",
        _columns(
            "title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects "
            "subjectCodes periods",
            grades=_all("grades"),
            courseSourcedId=_reference("course"),
            schoolSourcedId=_reference("school"),
            termSourcedIds=_references("terms"),
            subjects=_all("subjects"),
            subjectCodes=_all("subjectCodes"),
            periods=_all("periods"),
        ),
    ),
    Collection(
        "users",
        "rostering",
        _columns(
            "enabledUser username userIds givenName familyName middleName identifier email sms phone agentSourcedIds "
            "grades password userMasterIdentifier preferredGivenName preferredMiddleName preferredFamilyName "
            "primaryOrgSourcedId pronouns",
            userIds=_user_ids,
            sms=_nothing,
            phone=_nothing,
            agentSourcedIds=_references("agents"),
            grades=_all("grades"),
            password=_nothing,
            primaryOrgSourcedId=_reference("primaryOrg"),
        ),
    ),
    Collection(
        "enrollments",
        "rostering",
        _columns(
            "classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate",
            classSourcedId=_reference("class"),
            schoolSourcedId=_reference("school"),
            userSourcedId=_reference("user"),
        ),
    ),
    Collection("categories", "gradebook", _columns("title weight")),
    Collection(
        "lineItems",
        "gradebook",
        _columns(
            "title description assignDate dueDate classSourcedId categorySourcedId academicSessionSourcedId "
            "resultValueMin resultValueMax schoolSourcedId",
            assignDate=_day("assignDate"),
            dueDate=_day("dueDate"),
            classSourcedId=_reference("class"),
            categorySourcedId=_reference("category"),
            academicSessionSourcedId=_reference("academicSession"),
            schoolSourcedId=_reference("school"),
        ),
    ),
    Collection(
        "results",
        "gradebook",
        _columns(
            "lineItemSourcedId studentSourcedId scoreStatus score scoreDate comment textScore classSourcedId "
            "inProgress incomplete late missing",
            lineItemSourcedId=_reference("lineItem"),
            studentSourcedId=_reference("student"),
            classSourcedId=_reference("class"),
        ),
    ),
)

ROLE_HEADINGS = (
    *("sourcedId", "status", "dateLastModified", "userSourcedId", "roleType", "role", "beginDate", "endDate"),
    *("orgSourcedId", "userProfileSourcedId"),
)


def role_rows(user: Object) -> Iterator[list[str]]:
    """A user's roles as rows of roles.csv. They have no id there; theirs is made of what they are."""
    for role in _list(user.get("roles")):
        if not isinstance(role, dict):
            continue
        owner, org = text_of(user.get("sourcedId")), id_in(role.get("org"))
        parts = [owner, *(text_of(role.get(each)) for each in ("roleType", "role", "beginDate", "endDate")), org]
        yield [
            hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32],
            text_of(user.get("status")),
            text_of(user.get("dateLastModified")),
            *parts,
            # Profiles hold accounts of other programs; they are not asked for.
            "",
        ]
