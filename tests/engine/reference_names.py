"""What people read for a key, by plain loops: the part of the independent reference that is about names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

ENTITY_TABLE = {
    "department": "departments",
    "department-tree": "departments",
    "program": "programs",
    "course": "courses",
    "class": "classes",
    "learner": "persons",
    "instructor": "persons",
    "content": "contents",
    "activity": "contents",
    "assessment": "contents",
}


def label(dimension: str, key: Any, tables: Tables) -> Any:
    """What a thing is called, as filters know it."""
    if dimension not in ENTITY_TABLE or key is None:
        return key
    record = _find(tables, ENTITY_TABLE[dimension], key)
    return key if record is None else _called(ENTITY_TABLE[dimension], record)


def labels(dimension: str, keys: Iterable[Any], tables: Tables, *, numbered: bool = False) -> dict[Any, Any]:
    """What people read for each of `keys`, which stand in one result: no two things read the same. `numbered`: learners
    have their number in a column beside them, and may."""
    found = {key: label(dimension, key, tables) for key in keys}
    if dimension not in ENTITY_TABLE or (numbered and dimension == "learner"):
        return found
    table = ENTITY_TABLE[dimension]
    records = {key: _find(tables, table, key) for key in found}
    said = {key: [found[key]] for key, record in records.items() if record is not None}
    more = {key: _more(table, records[key], tables) for key in said}
    for place in range(max(map(len, more.values()), default=0)):
        alike = defaultdict(list)
        for key, parts in said.items():
            alike[" · ".join(parts)].append(key)
        for members in alike.values():
            new = {key: more[key][place] for key in members}
            new = {key: text if text and text not in said[key] else None for key, text in new.items()}
            if len(set(new.values())) > 1:
                for key in members:
                    said[key] += [new[key]] if new[key] else []
    return found | {key: " · ".join(parts) for key, parts in said.items()}


def _find(tables: Tables, table: str, key: Any) -> Row | None:
    return next((row for row in tables[table] if row["id"] == key and key is not None), None)


def _called(table: str, record: Row) -> str:
    code = record["code"] if table == "classes" else None
    return str(code or record["name"] or record["id"])


def _more(table: str, record: Row | None, tables: Tables) -> list[Any]:
    """What may be said beside a name, the best first."""

    def to(column: str, there: str, start: Row | None = record) -> Row:
        return (_find(tables, there, (start or {}).get(column)) if start else None) or {}

    assert record is not None
    own: list[Any] = []
    if table == "departments":
        above = to("parent_id", "departments")
        own = [above.get("name"), to("parent_id", "departments", above).get("name"), record.get("code")]
    if table in ("programs", "courses"):
        own = [record.get("code"), to("department_id", "departments").get("name")]
    if table == "classes":
        own = [record["name"], record.get("term"), to("department_id", "departments").get("name")]
        own.append(to("course_id", "courses").get("name"))
    if table == "contents":
        place = to("class_id", "classes")
        own = [place.get("code"), place.get("name"), place.get("term"), to("course_id", "courses").get("name")]
        own.append(to("department_id", "departments", place).get("name"))
    if table == "persons":
        # An empty number is none; without one there is the source's key.
        own = [record.get("number") or record.get("key")]
    return [*own, record.get("key"), record["id"]]
