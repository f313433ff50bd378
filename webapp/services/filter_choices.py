"""What a form offers to filter by: departments, courses, classes, learners and contents, found as one types.

Names are kept in each process for a while, because a search inside names has no index anywhere, and people type fast.
What a person may not count (their data scope) they are not offered either.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import Class, Content, Course, Department, Enrollment, User
from webapp.services.visibility import DataScope
from webapp.settings import get_settings

MOST = 30
#: Of learners, so many that match are checked against the scope; more than that is no choice anyone reads.
CHECKED = 200
KEPT_SECONDS = 120.0
KINDS = ("department", "course", "class", "learner", "content")


@dataclass(frozen=True)
class Choice:
    """`note` tells namesakes apart: a code, a learner number, the department."""

    id: ObjectId
    name: str
    note: str
    folded: str
    department_id: ObjectId | None = None
    class_id: ObjectId | None = None


def search(kind: str, text: str, scope: DataScope) -> list[Choice]:
    """At most `MOST` choices that contain every word of `text`, those that begin with it first."""
    words = folded(text[:100]).split()
    found = [choice for choice in _directory(kind) if all(word in choice.folded for word in words)]
    begin = folded(text.strip())
    found.sort(key=lambda choice: (not choice.folded.startswith(begin), choice.folded))
    if kind == "learner":
        return _learners_in_scope(found[:CHECKED], scope)[:MOST]
    return [choice for choice in found if _in_scope(kind, choice, scope)][:MOST]


def named(kind: str, ids: Iterable[ObjectId]) -> list[Choice]:
    """The choices of these ids, in their order; ids that are gone are left out."""
    wanted = list(ids)
    by_id = {choice.id: choice for choice in _read(kind, wanted)}
    return [by_id[each] for each in wanted if each in by_id]


def every(kind: str, scope: DataScope) -> list[Choice]:
    """All choices of a kind, by name; for kinds of which there are few."""
    return [choice for choice in _directory(kind) if _in_scope(kind, choice, scope)]


def folded(text: str) -> str:
    """Without case and accents: “Zoë” is found by “zoe”."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def forget() -> None:
    """Read everything anew at the next search."""
    with _lock:
        _kept.clear()


def _in_scope(kind: str, choice: Choice, scope: DataScope) -> bool:
    if scope.is_everything:
        return True
    if kind == "class" and str(choice.id) in (scope.class_ids or ()):
        return True
    department = choice.id if kind == "department" else choice.department_id
    if department is None:
        return kind == "content" and choice.class_id is None  # content of no class: nobody's in particular
    return str(department) in (scope.department_ids or ())


def _learners_in_scope(found: list[Choice], scope: DataScope) -> list[Choice]:
    if scope.is_everything or not found:
        return found
    departments = {ObjectId(each) for each in scope.department_ids or ()}
    classes = {ObjectId(each) for each in scope.class_ids or ()}
    places = Enrollment.objects(learner_id__in=[choice.id for choice in found])
    allowed = {
        learner_id
        for learner_id, department_id, class_id in places.scalar("learner_id", "department_id", "class_id")
        if department_id in departments or class_id in classes
    }
    return [choice for choice in found if choice.id in allowed]


def _read(kind: str, ids: list[ObjectId] | None) -> list[Choice]:
    narrowed = {} if ids is None else {"id__in": ids}
    if kind == "department":
        rows = Department.objects(**narrowed).scalar("id", "name", "code")
        found = [_choice(each, name, code) for each, name, code in rows]
    elif kind == "course":
        rows = Course.objects(**narrowed).scalar("id", "name", "code", "department_id")
        found = [_choice(each, name, code, department) for each, name, code, department in rows]
    elif kind == "class":
        rows = Class.objects(**narrowed).scalar("id", "name", "code", "department_id")
        found = [_choice(each, code or name, name, department) for each, name, code, department in rows]
    elif kind == "learner":
        people = User.objects(roles="learner", **narrowed) if ids is None else User.objects(**narrowed)
        found = [_choice(each, name, number) for each, name, number in people.scalar("id", "name", "external_id")]
    elif kind == "content":
        rows = Content.objects(**narrowed).scalar("id", "name", "content_type", "department_id", "class_id")
        found = [_choice(each, name, type_, department, of) for each, name, type_, department, of in rows]
    else:
        raise ValueError(f"nobody filters by {kind}")
    return sorted(found, key=lambda choice: choice.folded)


def _choice(
    each: ObjectId,
    name: str,
    note: str | None,
    department_id: ObjectId | None = None,
    class_id: ObjectId | None = None,
) -> Choice:
    note = "" if note == name else note or ""
    return Choice(each, name, note, folded(f"{name} {note}"), department_id, class_id)


_lock = threading.Lock()
_kept: dict[str, tuple[float, list[Choice]]] = {}
_reading: set[str] = set()


def _directory(kind: str) -> list[Choice]:
    """All choices of a kind. Old ones are given at once, and read anew behind the back of whoever types."""
    keep = min(KEPT_SECONDS, get_settings().lookup_cache_seconds * 2)
    with _lock:
        kept = _kept.get(kind) if keep else None
        fresh = kept is not None and time.monotonic() - kept[0] < keep
        read_behind = kept is not None and not fresh and kind not in _reading
        if read_behind:
            _reading.add(kind)
    if kept is None:
        return _refresh(kind)
    if read_behind:
        threading.Thread(target=_refresh, args=(kind,), daemon=True).start()
    return kept[1]


def _refresh(kind: str) -> list[Choice]:
    try:
        found = _read(kind, None)
        with _lock:
            _kept[kind] = (time.monotonic(), found)
        return found
    finally:
        with _lock:
            _reading.discard(kind)
