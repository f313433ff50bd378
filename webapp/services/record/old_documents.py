"""The learning record as versions before the lake kept it, in MongoDB: each old document as a row of the record.

Ids stay what they were, so that a report asked for with a class of before finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from bson.decimal128 import Decimal128

from webapp.documents.connection import current_database

Document = dict[str, Any]
Row = dict[str, Any]
SOURCE, STATEMENTS, ROSTERS = "reportdesk", "xapi", "oneroster"
#: How somebody is called whom only statements named.
_BY_STATEMENTS = ("account:", "mbox:", "sha1:", "openid:")
LEARNER, INSTRUCTOR = "learner", "instructor"
#: column <- field, of every collection whose documents become rows one to one.
_FIELDS = {
    "departments": "name code parent_id<-parentId",
    "programs": "name code department_id<-departmentId",
    "courses": "name code department_id<-departmentId program_id<-programId",
    "classes": "name code term course_id<-courseId department_id<-departmentId program_id<-programId "
    "starts_at<-startsAt ends_at<-endsAt",
    "contents": "name content_type<-contentType course_id<-courseId class_id<-classId department_id<-departmentId",
    "learningevents": "learner_id<-learnerId class_id<-classId content_id<-contentId course_id<-courseId "
    "department_id<-departmentId program_id<-programId event_type<-eventType verb timestamp duration score passed",
    "assessmentresults": "learner_id<-learnerId class_id<-classId content_id<-contentId course_id<-courseId "
    "department_id<-departmentId program_id<-programId status attempt score duration submitted_at<-submittedAt "
    "graded_at<-gradedAt passed",
    "scormattempts": "learner_id<-learnerId class_id<-classId content_id<-contentId course_id<-courseId "
    "department_id<-departmentId program_id<-programId status attempt score duration started_at<-startedAt "
    "completed_at<-completedAt passed",
    "certificates": "learner_id<-learnerId class_id<-classId course_id<-courseId department_id<-departmentId "
    "program_id<-programId name issued_at<-issuedAt expires_at<-expiresAt revoked_at<-revokedAt",
    "enrollments": "learner_id<-learnerId class_id<-classId enrolled_at<-enrolledAt",
}
_COLUMNS = {
    name: [each.split("<-") if "<-" in each else [each, each] for each in fields.split()]
    for name, fields in _FIELDS.items()
}
#: Where each collection's documents go.
TABLES = {
    "departments": "departments",
    "users": "persons",
    "programs": "programs",
    "courses": "courses",
    "classes": "classes",
    "contents": "contents",
    "enrollments": "enrollments",
    "learningevents": "events",
    "assessmentresults": "results",
    "scormattempts": "attempts",
    "certificates": "certificates",
    "voidedstatements": "voids",
}
#: Collections that nothing reads any more once they are carried over.
OLD = tuple(name for name in TABLES if name not in ("departments", "users"))


def rows() -> Iterator[tuple[str, str, Row]]:
    """(collection, table, row) of every document, what others refer to first."""
    for name in ("departments", "programs", "courses", "classes"):
        for document in _find(name):
            yield name, TABLES[name], _plain(name, document)
    for document in people():
        yield "users", "persons", _person(document)
    for document in _find("classes", {"instructorIds.0": {"$exists": True}}):
        yield from _teachings(document)
    for document in _find("contents"):
        yield "contents", "contents", _plain("contents", document) | _range(document)
    for document in _find("enrollments"):
        yield from _enrollment(document)
    for document in _find("voidedstatements"):
        yield "voidedstatements", "voids", {**_identity(document), "at": document.get("at")}
    for name in ("assessmentresults", "scormattempts", "certificates"):
        for document in _find(name):
            yield name, TABLES[name], _plain(name, document)
    for document in _find("learningevents"):
        data = document.get("data")
        yield "learningevents", "events", _plain("learningevents", document) | {"data": _numbers(data)}


def people() -> Iterator[Document]:
    """Learners, and accounts that a source knew or that teach."""
    teach = current_database()["classes"].distinct("instructorIds")
    known = {"$or": [{"roles": LEARNER}, {"externalId": {"$exists": True}}, {"_id": {"$in": teach}}]}
    return _find("users", known)


def is_only_a_person(user: Document) -> bool:
    """A learner without a password: no account, only a name among the accounts."""
    return not user.get("passwordHash") and set(user.get("roles") or ()) == {LEARNER} and not user.get("memberships")


def _find(name: str, matching: Document | None = None) -> Iterator[Document]:
    yield from current_database()[name].find(matching or {}, batch_size=2_000)


def _source_of(external_id: str | None) -> str:
    """Whose name for the thing it is: the same files, imported again, must find it."""
    if not external_id:
        return SOURCE
    return STATEMENTS if external_id.startswith(_BY_STATEMENTS) or "://" in external_id else ROSTERS


def _identity(document: Document) -> Row:
    key = str(document["_id"])
    return {
        "id": key,
        "source": _source_of(document.get("externalId")),
        "key": document.get("externalId") or key,
        "is_active": document.get("isActive") is not False,
    }


def _plain(name: str, document: Document) -> Row:
    return _identity(document) | {column: _value(document.get(field)) for column, field in _COLUMNS[name]}


def _value(value: Any) -> Any:
    return float(value.to_decimal()) if isinstance(value, Decimal128) else value


def _range(document: Document) -> Row:
    given = document.get("resultRange") or ()
    return dict(zip(("lowest", "highest"), map(str, given), strict=True)) if len(given) == 2 else {}


def _person(document: Document) -> Row:
    places = document.get("departmentIds") or [each["departmentId"] for each in document.get("memberships") or ()]
    held = {*(document.get("roles") or ()), *_roles_held(document)}
    return _identity(document) | {
        "name": document.get("name"),
        "number": document.get("externalId"),
        "email": document.get("email"),
        "roles": [role for role in (LEARNER, INSTRUCTOR) if role in held],
        "department_ids": [str(each) for each in places],
        # Whether an account is closed says nothing about the person.
        "is_active": document.get("isActive") is not False or not is_only_a_person(document),
    }


def _roles_held(document: Document) -> list[str]:
    return [role for each in document.get("memberships") or () for role in each.get("roles") or ()]


def _teachings(document: Document) -> Iterator[tuple[str, str, Row]]:
    class_id = str(document["_id"])
    for person_id in document.get("instructorIds") or ():
        key = f"{class_id} {person_id}"
        # The next whole roster ends those whom it does not name.
        source = _source_of(document.get("externalId"))
        yield "classes", "teachings", {"source": source, "key": key, "person_id": str(person_id), "class_id": class_id}


def _enrollment(document: Document) -> Iterator[tuple[str, str, Row]]:
    """The roster's row, unless only statements told of it, and an outcome for each thing that statements said."""
    said = document.get("outcomes") or []
    if document.get("source") != STATEMENTS:
        row = _plain("enrollments", document)
        if said:
            given = {"status": document.get("givenStatus"), "withdrawn_at": document.get("givenWithdrawnAt")}
        else:
            given = {
                "status": document.get("status"),
                "started_at": document.get("startedAt"),
                "completed_at": document.get("completedAt"),
                "withdrawn_at": document.get("withdrawnAt"),
                "score": _value(document.get("score")),
                "passed": document.get("passed"),
            }
        yield "enrollments", "rosters", row | given
    for each in said:
        if each.get("event") is not None:
            yield (
                "enrollments",
                "outcomes",
                _outcome(document, each["event"], each["effect"], each["at"], each.get("score")),
            )
    if document.get("source") == STATEMENTS and not said and document.get("outcomeAt"):
        # Decided before enrollments kept what was said about them.
        effect = {"completed": "completed", "failed": "failed", "withdrawn": "withdrawn"}.get(
            document.get("status", "")
        )
        if effect:
            yield (
                "enrollments", "outcomes",
                _outcome(document, document["_id"], effect, document["outcomeAt"], document.get("score")),
            )  # fmt: skip


def _outcome(document: Document, event: Any, effect: str, at: datetime, score: Any) -> Row:
    return {
        "id": str(event),
        "source": STATEMENTS,
        "key": str(event),
        "learner_id": _text(document.get("learnerId")),
        "class_id": _text(document.get("classId")),
        "effect": effect,
        "at": at,
        "score": _value(score),
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _numbers(data: Any) -> dict[str, Any]:
    return {str(name): _value(value) for name, value in data.items()} if isinstance(data, dict) else {}


Progress = Callable[[str, int], None]
