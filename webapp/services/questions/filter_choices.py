"""What a form offers to filter by: departments, courses, classes, learners and contents, found as one types.

Names are kept in each process (`services.record.names`, `collection_facts`), because a search inside names has no
index anywhere, and people type fast. What a person may not count (their data scope) they are not offered, and it has
no name for them: a record outside of the scope is treated as one that does not exist, wherever its id came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bson import ObjectId

from webapp import statuses
from webapp.documents.connection import current_database
from webapp.documents.ids import ids_of
from webapp.engine.catalogue.dimensions import GRADE_RANGES, grade_range_text
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.services.collection_facts import CollectionFacts
from webapp.services.plain_text import folded
from webapp.services.record import names, reading
from webapp.services.record.kept import KeptOfRecord, State
from webapp.services.record.names import LEARNER, Choice, choice_of
from webapp.services.remembered import RIGHTS_SECONDS, Remembered
from webapp.services.rights.data_scope import DataScope

MOST = 30
#: More ids than this nobody is told the names of at once.
MOST_NAMED = 500
#: Of those that one code may mean.
MOST_TOLD = 10
#: Of more values of a condition nobody picks; one types a part of it.
MOST_VALUES = 300
#: Who learns in the classes of a scope is kept so long, and read anew when other enrollments are published.
LEARNERS_SECONDS = 600.0
DEPARTMENT = "department"
#: What people filter by.
KINDS = (DEPARTMENT, "course", "class", LEARNER, "content")


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

    Raises NotFoundError, in the same words for what does not exist and for what this scope does not reach, and
    InvalidRequestError that names them where several are meant.
    """
    ids = [each for meant in (ids_of([text]), *_meant_by(kind, text)) for each in meant]
    found = named(kind, ids, scope)
    if not found:
        raise NotFoundError(Message("There is no %(kind)s with the code “%(code)s”.", kind=kind, code=text[:100]))
    if len(found) > 1:
        told = ", ".join(f"{each.name}{f' ({each.note})' if each.note else ''} {each.id}" for each in found[:MOST_TOLD])
        raise InvalidRequestError(
            {
                kind: Message(
                    "“%(code)s” may mean %(count)s of the kind %(kind)s: %(found)s. Say by its id which one.",
                    code=text[:100],
                    count=len(found),
                    kind=kind,
                    found=told,
                )
            }
        )
    return found[0].id


def every(kind: str, scope: DataScope) -> list[Choice]:
    """All choices of a kind, by name; for kinds of which there are few."""
    may = _rule(kind, scope)
    return [choice for choice in _choices(kind) if may(choice)]


def read_ahead(scope: DataScope | None = None) -> None:
    """Begin to read what a search among learners needs; with `scope`, what this person's search needs besides."""
    if scope is None:
        names.read_ahead()
    elif not scope.is_everything:
        _learners_of.read_ahead((scope, names.learners_state()))


def forget() -> None:
    """Read everything anew at the next search."""
    names.forget()
    for each in (_departments, _learners_of, _around_classes):
        each.forget()


def _choices(kind: str) -> list[Choice]:
    if kind == DEPARTMENT:
        return _departments.everything(max_age=RIGHTS_SECONDS)
    return names.every(kind)


def _meant_by(kind: str, text: str) -> list[list[ObjectId]]:
    if kind != DEPARTMENT:
        return names.meant_by(kind, text, MOST)
    found = current_database()[_departments.collection].find({"code": text}, {"_id": 1}).limit(MOST)
    by_key = reading.rows("departments", ["id"], "key = ?", [text])
    return [[each["_id"] for each in found], [ObjectId(each["id"]) for each in by_key[:MOST]]]


def _reached(kind: str, ids: Sequence[ObjectId], scope: DataScope) -> list[Choice]:
    """Read by their ids alone: a form that names three learners must not wait until fifty thousand have been read."""
    if scope.within is not None:
        inside = {choice.id for choice in _reached(kind, ids, scope.within)}
        return [choice for choice in _reached(kind, ids, scope.outer) if choice.id in inside]
    if kind == DEPARTMENT:
        found = [_department(document) for document in _departments.documents(ids)]
    elif kind == LEARNER and not scope.is_everything:
        reached = names.learners_among(ids, scope.department_ids or (), scope.class_ids or ()) if ids else ()
        return names.of_ids(kind, [each for each in ids if each in reached])
    else:
        found = names.of_ids(kind, ids)
    may = _rule(kind, scope)
    return [choice for choice in found if may(choice)]


def _ids(texts: Iterable[str] | None) -> frozenset[ObjectId]:
    return frozenset(ObjectId(each) for each in texts or ())


def _rule(kind: str, scope: DataScope) -> Callable[[Choice], bool]:
    """Which choices a person of this scope may be offered, and told the names of."""
    if scope.within is not None:
        outside, inside = _rule(kind, scope.outer), _rule(kind, scope.within)
        return lambda choice: outside(choice) and inside(choice)
    if scope.is_everything:
        return lambda choice: True
    if kind == LEARNER:
        learners = _learners_of.get((scope, names.learners_state()))
        return lambda choice: choice.id in learners
    departments, classes = _ids(scope.department_ids), _ids(scope.class_ids)
    if kind == "class":
        return lambda choice: choice.id in classes or choice.department_id in departments
    # Whoever teaches a class knows of which course and department it is.
    around = _around_classes.get(scope) if classes else frozenset()
    if kind == DEPARTMENT:
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
    places = names.of_ids("class", _ids(scope.class_ids))
    return frozenset(each for place in places for each in (place.department_id, place.course_id) if each is not None)


_around_classes: Remembered[DataScope, frozenset[ObjectId]] = Remembered(_read_around_classes, RIGHTS_SECONDS)


def _read_learners(asked: tuple[DataScope, State]) -> frozenset[ObjectId]:
    scope, _ = asked
    return names.learners_within(scope.department_ids or (), scope.class_ids or ())


_learners_of: Remembered[tuple[DataScope, State], frozenset[ObjectId]] = Remembered(_read_learners, LEARNERS_SECONDS)


def _department(document: dict[str, Any]) -> Choice:
    return choice_of(document["_id"], document.get("name"), document.get("code"))


_departments: CollectionFacts[Choice] = CollectionFacts(
    "departments", ("name", "code"), _department, order=lambda choice: (choice.folded, choice.id)
)


def values_of(key: str) -> list[str]:
    """What the values of a condition can be, for dimensions that have few: as people read them, in their order."""
    if key == "completion-status":
        return list(statuses.COMPLETION.values())
    if key == "grade-range":
        return [grade_range_text(low) for low in (*GRADE_RANGES, 0)]
    return _texts[key].get() if key in _texts else []


def _texts_of(table: str, column: str) -> KeptOfRecord[list[str]]:
    def read(version: RecordVersion) -> list[str]:
        rows = reading.rows(table, [column], f"{column} > '' AND is_active IS NOT FALSE", version=version)
        return sorted({row[column] for row in rows})[:MOST_VALUES]

    return KeptOfRecord((table,), read)


_texts = {
    "program": _texts_of("programs", "name"),
    "content-type": _texts_of("contents", "content_type"),
    "certificate": _texts_of("certificates", "name"),
}

__all__ = [
    "KINDS",
    "MOST",
    "MOST_NAMED",
    "Choice",
    "every",
    "find",
    "forget",
    "named",
    "reached",
    "read_ahead",
    "search",
    "values_of",
]
