"""What a form offers to filter by: departments, courses, classes, learners and contents, found as one types.

Names are kept in each process (`collection_facts`), because a search inside names has no index anywhere, and
people type fast. What a person may not count (their data scope) they are not offered either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from webapp.documents import Enrollment, User
from webapp.services.collection_facts import CollectionFacts
from webapp.services.plain_text import folded
from webapp.services.remembered import RIGHTS_SECONDS, Remembered
from webapp.services.rights.data_scope import DataScope

MOST = 30
#: Who learns in which class is read again after this; a right that is lost counts at once.
LEARNERS_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Choice:
    """`note` tells namesakes apart: a code, a learner number. `folded` is all that a search looks into."""

    id: ObjectId
    name: str
    note: str
    folded: str
    department_id: ObjectId | None = None
    class_id: ObjectId | None = None


def search(kind: str, text: str, scope: DataScope) -> list[Choice]:
    """At most `MOST` choices that contain every word of `text`, those that begin with it first, each by name."""
    typed = folded(text[:100].strip())
    words, may = typed.split(), _rule(kind, scope)
    begin: list[Choice] = []
    contain: list[Choice] = []
    for choice in _choices(kind):
        if not all(word in choice.folded for word in words) or not may(choice):
            continue
        if choice.folded.startswith(typed):
            begin.append(choice)
            if len(begin) == MOST:
                break
        elif len(contain) < MOST:
            contain.append(choice)
    return [*begin, *contain][:MOST]


def named(kind: str, ids: Iterable[ObjectId]) -> list[Choice]:
    """The choices of these ids, in their order; ids that are gone are left out."""
    wanted = list(ids)
    if not wanted:
        return []
    if kind == "learner":
        # Not of all learners there are: a form that names three must not wait until fifty thousand have been read.
        found = User._get_collection().find({"_id": {"$in": wanted}}, dict.fromkeys(_PERSON, 1))
        by_id = {document["_id"]: _person(document) for document in found}
    else:
        by_id = {choice.id: choice for choice in _choices(kind)}
    return [by_id[each] for each in wanted if each in by_id]


def every(kind: str, scope: DataScope) -> list[Choice]:
    """All choices of a kind, by name; for kinds of which there are few."""
    may = _rule(kind, scope)
    return [choice for choice in _choices(kind) if may(choice)]


def read_ahead(scope: DataScope | None = None) -> None:
    """Begin to read what a search among learners needs; with `scope`, what this person's search needs besides."""
    if scope is None:
        _KINDS["learner"].read_ahead()
    elif not scope.is_everything:
        _learners_of.read_ahead(scope)


def forget() -> None:
    """Read everything anew at the next search."""
    for facts in _KINDS.values():
        facts.forget()
    _learners_of.forget()


def _choices(kind: str) -> list[Choice]:
    if kind not in _KINDS:
        raise ValueError(f"nobody filters by {kind}")
    return _KINDS[kind].everything(max_age=RIGHTS_SECONDS)


def _rule(kind: str, scope: DataScope) -> Callable[[Choice], bool]:
    """Which choices a person of this scope may be offered."""
    if scope.is_everything:
        return lambda choice: True
    if kind == "learner":
        learners = _learners_of.get(scope)
        return lambda choice: choice.id in learners
    departments = {ObjectId(each) for each in scope.department_ids or ()}
    classes = {ObjectId(each) for each in scope.class_ids or ()}
    if kind == "department":
        return lambda choice: choice.id in departments
    if kind == "class":
        return lambda choice: choice.id in classes or choice.department_id in departments
    # A content of no class is nobody's in particular.
    is_common = kind == "content"
    return lambda choice: (
        choice.department_id in departments or (is_common and choice.department_id is None and choice.class_id is None)
    )


def _read_learners(scope: DataScope) -> frozenset[ObjectId]:
    """Everyone enrolled in a class of the scope: one read by index for each class."""
    classes = [choice.id for choice in every("class", scope)]
    enrollments = Enrollment._get_collection()
    return frozenset(
        found["learnerId"] for each in classes for found in enrollments.find({"classId": each}, {"learnerId": 1})
    )


_learners_of: Remembered[DataScope, frozenset[ObjectId]] = Remembered(_read_learners, LEARNERS_SECONDS)

_PERSON = ("name", "externalId", "email", "roles")


def _person(document: dict[str, Any]) -> Choice:
    choice = _choice(document, document.get("name"), document.get("externalId"))
    return Choice(choice.id, choice.name, choice.note, f"{choice.folded} {folded(document.get('email') or '')}".strip())


def _learner(document: dict[str, Any]) -> Choice | None:
    return _person(document) if "learner" in (document.get("roles") or ()) else None


def _by_name(document: dict[str, Any]) -> Choice:
    return _choice(document, document.get("name"), document.get("code") or document.get("contentType"))


def _by_code(document: dict[str, Any]) -> Choice:
    return _choice(document, document.get("code") or document.get("name"), document.get("name"))


def _choice(document: dict[str, Any], name: str | None, note: str | None) -> Choice:
    name, note = name or "", "" if note == name else note or ""
    text = folded(f"{name} {note}").strip()
    return Choice(document["_id"], name, note, text, document.get("departmentId"), document.get("classId"))


def _facts_of(
    collection: str, build: Callable[[dict[str, Any]], Choice | None], *fields: str
) -> CollectionFacts[Choice]:
    return CollectionFacts(collection, fields, build, order=lambda choice: (choice.folded, choice.id))


_KINDS: dict[str, CollectionFacts[Choice]] = {
    "department": _facts_of("departments", _by_name, "name", "code"),
    "course": _facts_of("courses", _by_name, "name", "code", "departmentId"),
    "class": _facts_of("classes", _by_code, "name", "code", "departmentId"),
    "learner": _facts_of("users", _learner, *_PERSON),
    "content": _facts_of("contents", _by_name, "name", "contentType", "departmentId", "classId"),
}
KINDS = tuple(_KINDS)
