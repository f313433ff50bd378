"""Names of the record, folded for searches: courses, classes, learners and contents, kept in each process.

A search inside names has no index anywhere, and people type fast; so the names of a record version are read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from webapp import record
from webapp.record import RecordVersion
from webapp.services.plain_text import folded
from webapp.services.record import quick, reading
from webapp.services.record.kept import KeptOfRecord, State, state_of

LEARNER, PERSON = "learner", "person"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """`note` tells namesakes apart: a code, a learner number. `folded` is all that a search looks into."""

    id: ObjectId
    name: str
    note: str
    folded: str
    department_id: ObjectId | None = None
    class_id: ObjectId | None = None
    course_id: ObjectId | None = None


@dataclass(frozen=True)
class Named:
    """One kind: its table, the columns that a choice is made of, and those by which a person may mean one."""

    table: str
    columns: tuple[str, ...]
    build: Callable[[Row], Choice]
    found_by: tuple[str, ...]
    #: Tables beside its own that say who belongs to it.
    more: tuple[str, ...] = ()


def choice_of(row_id: Any, name: str | None, note: str | None, *more: str | None, **places: ObjectId | None) -> Choice:
    """`more` is found by a search, and not shown."""
    name, note = name or "", "" if note == name else note or ""
    text = folded(" ".join(each for each in (name, note, *more) if each)).strip()
    return Choice(ObjectId(row_id), name, note, text, **places)


def _places(row: Row) -> dict[str, ObjectId | None]:
    names = ("department_id", "class_id", "course_id")
    return {name: ObjectId(row[name]) for name in names if row.get(name)}


def _by_name(row: Row) -> Choice:
    return choice_of(row["id"], row["name"], row.get("code") or row.get("content_type"), **_places(row))


def _by_code(row: Row) -> Choice:
    return choice_of(row["id"], row["code"] or row["name"], row["name"], **_places(row))


def _person(row: Row) -> Choice:
    return choice_of(row["id"], row["name"], row["number"] or row["key"], row["email"])


_OF_PERSONS = ("id", "name", "number", "key", "email")
_MEANT = ("number", "key", "email")
KINDS = {
    "course": Named("courses", ("id", "name", "code", "department_id"), _by_name, ("code", "key")),
    "class": Named("classes", ("id", "name", "code", "department_id", "course_id"), _by_code, ("code", "key")),
    LEARNER: Named("persons", _OF_PERSONS, _person, _MEANT, ("enrollments", "aliases")),
    PERSON: Named("persons", _OF_PERSONS, _person, _MEANT, ("aliases",)),  # whoever learns or teaches
    "content": Named("contents", ("id", "name", "content_type", "department_id", "class_id"), _by_name, ("key",)),
}


def every(kind: str) -> list[Choice]:
    """All of a kind, by name. The list is not the caller's to change."""
    return _kept[kind].get()


def of_ids(kind: str, ids: Iterable[ObjectId]) -> list[Choice]:
    """Read by their ids alone: a form that names three learners must not wait until fifty thousand have been read."""
    named = KINDS[kind]
    return [named.build(row) for row in reading.rows_of(named.table, ids, named.columns)]


def meant_by(kind: str, text: str, most: int) -> list[list[ObjectId]]:
    """The ids of those that have `text` as their code, number or e-mail address: a list for each of these."""
    named = KINDS[kind]
    found = []
    for column in named.found_by:
        typed = text.lower() if column == "email" else text
        rows = reading.rows(named.table, ["id"], f"{column} = ?", [typed])
        found.append([ObjectId(row["id"]) for row in rows[:most]])
    return found


def learners_state() -> State:
    """Equal as long as the same enrollments and persons are published."""
    return state_of(reading.current(), ["enrollments", "persons"])


def learners_within(department_ids: Sequence[str], class_ids: Sequence[str]) -> frozenset[ObjectId]:
    """Everyone enrolled in one of these classes, or in a class of these departments; and the learners of these
    departments themselves, enrolled or not."""
    return frozenset(map(ObjectId, _learners_within(reading.current(), department_ids, class_ids)))


def learners_among(
    ids: Sequence[ObjectId], department_ids: Sequence[str], class_ids: Sequence[str]
) -> frozenset[ObjectId]:
    """Those of `ids` who are there as in `learners_within`: asked by ids alone, before anybody's name is read."""
    wanted = [str(each) for each in ids]
    return frozenset(map(ObjectId, _learners_within(reading.current(), department_ids, class_ids, wanted)))


def read_ahead() -> None:
    """Begin to read what a search among learners needs."""
    _kept[LEARNER].read_ahead()


def forget() -> None:
    """Read everything anew at the next search."""
    for each in _kept.values():
        each.forget()


def _learners_within(
    version: RecordVersion, department_ids: Sequence[str], class_ids: Sequence[str], wanted: list[str] | None = None
) -> list[str]:
    where = "(list_contains(?, department_id) OR list_contains(?, class_id))"
    parameters: list[Any] = [list(department_ids), list(class_ids)]
    if wanted is not None:
        where, parameters = f"{where} AND list_contains(?, learner_id)", [*parameters, wanted]
    found = quick.select(version, "enrollments", ["learner_id"], where, parameters)
    enrolled = [each for each in found["learner_id"].unique().to_pylist() if each is not None]
    if not department_ids:
        return enrolled
    where = "list_has_any(department_ids, ?) AND list_contains(roles, ?) AND is_active IS NOT FALSE"
    parameters = [list(department_ids), LEARNER]
    if wanted is not None:
        where, parameters = f"{where} AND list_contains(?, id)", [*parameters, wanted]
    return [*enrolled, *quick.select(version, "persons", ["id"], where, parameters)["id"].to_pylist()]


def _reader(kind: str) -> Callable[[RecordVersion], list[Choice]]:
    def read(version: RecordVersion) -> list[Choice]:
        named = KINDS[kind]
        rows = reading.rows(named.table, named.columns, version=version)
        if kind in (LEARNER, PERSON):
            # One person known by two names is one.
            others = set(record.select(version, "aliases", ["id"], "is_active")["id"].to_pylist())
            learners = _learners(version) if kind == LEARNER else None
            rows = [row for row in rows if row["id"] not in others and (learners is None or row["id"] in learners)]
        return sorted((named.build(row) for row in rows), key=lambda choice: (choice.folded, choice.id))

    return read


def _learners(version: RecordVersion) -> set[str]:
    """The persons whom a source calls learners, and whoever is enrolled."""
    called = record.select(version, "persons", ["id"], where="list_contains(roles, ?)", parameters=[LEARNER])
    enrolled = record.select(version, "enrollments", ["learner_id"])
    found = {*called["id"].to_pylist(), *enrolled["learner_id"].unique().to_pylist()}
    return {each for each in found if each is not None}


_kept: dict[str, KeptOfRecord[list[Choice]]] = {
    kind: KeptOfRecord((named.table, *named.more), _reader(kind)) for kind, named in KINDS.items()
}
