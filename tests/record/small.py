"""Three small imports, one after another, that between them write every kind of table in every way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from webapp import record
from webapp.record.ids import id_of

AT = datetime(2024, 3, 20, 12, tzinfo=UTC)
SHOWN = {
    "persons": ["key", "name", "is_active"],
    "classes": ["key", "name", "instructor_ids"],
    "rosters": ["key", "status", "is_active"],
    "enrollments": ["key", "status", "completed_at", "score", "is_active"],
    "events": ["key", "learner_id", "enrollment_id", "is_active", "timestamp"],
}


def roster(table: str, key: str) -> str:
    return id_of("roster", table, key)


def statement(number: int) -> str:
    return id_of("xapi", "events", str(number))


def run(which: int) -> record.RecordVersion:
    source = ["roster", "xapi", "roster"][which]
    with record.importing(source=source, what=f"import {which}", import_id=f"i{which}", by="me", now=AT) as staging:
        fill(which, staging)
        return staging.publish()


def fill(which: int, staging: record.Staging) -> None:
    if which == 0:
        staging.add("courses", [{"key": "k", "name": "K"}])
        staging.add("persons", [{"key": f"p{n}", "name": f"P{n}", "email": f"p{n}@x"} for n in range(4)])
        staging.add("classes", [{"key": "c", "name": "C", "course_id": roster("courses", "k")}])
        staging.add(
            "teachings", [{"key": "t", "person_id": roster("persons", "p3"), "class_id": roster("classes", "c")}]
        )
        staging.add("rosters", _rosters(range(2)))
        staging.add("events", _events(range(3), roster("persons", "p0")))
    elif which == 1:
        staging.add("persons", [{"key": "mailto:p1@x", "email": "p1@x"}])
        learner = id_of("xapi", "persons", "mailto:p1@x")
        staging.add("events", _events(range(3, 7), learner))
        staging.add("voids", [{"id": statement(0), "key": "0", "at": AT}])
        done = {"id": statement(4), "key": "4", "effect": "completed", "at": AT, "score": 80.0}
        staging.add("outcomes", [done | {"learner_id": learner, "class_id": roster("classes", "c")}])
    else:
        staging.add("persons", [{"key": f"p{n}", "name": f"Q{n}", "email": f"p{n}@x"} for n in range(4)])
        staging.add("rosters", _rosters(range(1)))
        staging.whole("rosters")


def _rosters(numbers: range) -> list[dict[str, Any]]:
    return [
        {"key": f"r{n}", "learner_id": roster("persons", f"p{n}"), "class_id": roster("classes", "c"), "status": "not-started"}
        for n in numbers
    ]  # fmt: skip


def _events(numbers: range, learner_id: str) -> list[dict[str, Any]]:
    return [
        {
            "id": statement(n), "key": str(n), "learner_id": learner_id, "class_id": roster("classes", "c"),
            "timestamp": AT + timedelta(days=20 * n), "event_type": "content-opened", "data": {"clicks": n, f"x{n // 3}": n},
        }
        for n in numbers
    ]  # fmt: skip


def shown(version: record.RecordVersion) -> dict[str, list[dict[str, Any]]]:
    """Every table's rows."""
    found = {table: record.select(version, table, ["id", *columns]).to_pylist() for table, columns in SHOWN.items()}
    return {table: sorted(rows, key=lambda row: row["id"]) for table, rows in found.items()}
