"""What a form offers to filter by: departments, courses, classes, learners and contents, found as one types.

Names are kept in each process (`collection_facts`), because a search inside names has no index anywhere, and
people type fast. What a person may not count (their data scope) they are not offered, and it has no name for them:
a record outside of the scope is treated as one that does not exist, wherever its id came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from webapp.documents import Class, Enrollment
from webapp.documents.connection import current_database
from webapp.documents.ids import ids_of
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services.collection_facts import CollectionFacts
from webapp.services.plain_text import folded
from webapp.services.remembered import RIGHTS_SECONDS, Remembered
from webapp.services.rights.data_scope import DataScope

MOST = 30
#: More ids than this nobody is told the names of at once.
MOST_NAMED = 500
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


def named(kind: str, ids: Iterable[ObjectId], scope: DataScope) -> list[Choice]:
    """The choices of these ids, in their order, `MOST_NAMED` at most. What does not exist, and what this scope does not
    reach, is left out alike."""
    wanted = list(dict.fromkeys(ids))[:MOST_NAMED]
    by_id = {choice.id: choice for choice in _reached(kind, wanted, scope)}
    return [by_id[each] for each in wanted if each in by_id]


def reached(kind: str, ids: Iterable[ObjectId], scope: DataScope) -> frozenset[ObjectId]:
    """Those of these ids that exist and that this scope reaches."""
    return frozenset(choice.id for choice in _reached(kind, list(dict.fromkeys(ids)), scope))


def find(kind: str, text: str, scope: DataScope) -> ObjectId:
    """The one that a person means by its id, its code, a learner's number or e-mail address.

    Raises NotFoundError, in the same words for what does not exist and for what this scope does not reach.
    """
    if found := named(kind, ids_of([text]), scope):
        return found[0].id
    collection = current_database()[_KINDS[kind].collection]
    for field in ("code", "externalId", "email"):
        typed = text.lower() if field == "email" else text
        ids = [each["_id"] for each in collection.find({field: typed}, {"_id": 1}).limit(MOST)]
        if found := named(kind, ids, scope):
            return found[0].id
    raise NotFoundError(Message("There is no %(kind)s with the code “%(code)s”.", kind=kind, code=text[:100]))


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
    _around_classes.forget()


def _choices(kind: str) -> list[Choice]:
    if kind not in _KINDS:
        raise ValueError(f"nobody filters by {kind}")
    return _KINDS[kind].everything(max_age=RIGHTS_SECONDS)


def _reached(kind: str, ids: Sequence[ObjectId], scope: DataScope) -> list[Choice]:
    """Read by their ids alone: a form that names three learners must not wait until fifty thousand have been read."""
    if kind not in _KINDS:
        raise ValueError(f"nobody filters by {kind}")
    if kind == "learner":
        if not scope.is_everything:
            ids = [each for each in ids if _learns_within(each, scope)]
        return [_person(document) for document in _KINDS[kind].documents(ids)]
    may = _rule(kind, scope)
    built = map(_BUILDERS[kind], _KINDS[kind].documents(ids))
    return [choice for choice in built if may(choice)]


def _learns_within(learner_id: ObjectId, scope: DataScope) -> bool:
    """Asked of the enrollments, before anybody's name is read."""
    found = list(Enrollment._get_collection().find({"learnerId": learner_id}, {"classId": 1, "departmentId": 1}))
    departments, classes = _ids(scope.department_ids), _ids(scope.class_ids)
    if any(each.get("departmentId") in departments or each.get("classId") in classes for each in found):
        return True
    # Of a class that has moved to another department, the enrollments may not know it yet.
    places = Class.objects(id__in=[each["classId"] for each in found if each.get("classId")]).scalar("department_id")
    return bool(found) and not departments.isdisjoint(places)


def _ids(texts: Iterable[str] | None) -> frozenset[ObjectId]:
    return frozenset(ObjectId(each) for each in texts or ())


def _rule(kind: str, scope: DataScope) -> Callable[[Choice], bool]:
    """Which choices a person of this scope may be offered, and told the names of."""
    if scope.is_everything:
        return lambda choice: True
    if kind == "learner":
        learners = _learners_of.get(scope)
        return lambda choice: choice.id in learners
    departments, classes = _ids(scope.department_ids), _ids(scope.class_ids)
    if kind == "class":
        return lambda choice: choice.id in classes or choice.department_id in departments
    # Whoever teaches a class knows of which course and department it is.
    around = _around_classes.get(scope) if classes else frozenset()
    if kind == "department":
        return lambda choice: choice.id in departments or choice.id in around
    if kind == "course":
        return lambda choice: choice.department_id in departments or choice.id in around
    # A content of no class is nobody's in particular.
    return lambda choice: (
        choice.department_id in departments
        or choice.class_id in classes
        or (choice.department_id is None and choice.class_id is None)
    )


def _read_around_classes(scope: DataScope) -> frozenset[ObjectId]:
    """The departments and courses of the classes that the scope names."""
    places = Class.objects(id__in=list(_ids(scope.class_ids))).scalar("department_id", "course_id")
    return frozenset(each for place in places for each in place if each is not None)


_around_classes: Remembered[DataScope, frozenset[ObjectId]] = Remembered(_read_around_classes, RIGHTS_SECONDS)


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


_BUILDERS: dict[str, Callable[[dict[str, Any]], Choice]] = {
    "department": _by_name,
    "course": _by_name,
    "class": _by_code,
    "content": _by_name,
}
_KINDS: dict[str, CollectionFacts[Choice]] = {
    "department": _facts_of("departments", _by_name, "name", "code"),
    "course": _facts_of("courses", _by_name, "name", "code", "departmentId"),
    "class": _facts_of("classes", _by_code, "name", "code", "departmentId"),
    "learner": _facts_of("users", _learner, *_PERSON),
    "content": _facts_of("contents", _by_name, "name", "contentType", "departmentId", "classId"),
}
KINDS = tuple(_KINDS)
