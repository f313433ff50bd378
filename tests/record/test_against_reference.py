"""Random imports one after another, beside plain Python that shares nothing with the program."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.record import reference
from tests.record.reference import name_of
from webapp import record

#: Instants are kept in UTC without a zone.
FIRST = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NOW = FIRST + timedelta(days=150)
WHEN = st.integers(0, 200).map(lambda day: FIRST + timedelta(days=day, hours=day % 24))
COMPARED = {
    "persons": ["source", "key", "is_active", "name", "email", "account_name"],
    "classes": ["key", "is_active", "course_id", "department_id", "instructor_ids"],
    "enrollments": [
        "source", "key", "is_active", "learner_id", "class_id", "course_id", "department_id", "status", "score",
        "enrolled_at", "started_at", "completed_at", "withdrawn_at", "outcome_at", "passed",
    ],
    "events": [
        "key", "is_active", "learner_id", "class_id", "course_id", "department_id", "enrollment_id", "timestamp", "score",
    ],
    "results": ["key", "is_active", "learner_id", "class_id", "course_id", "enrollment_id", "score"],
}  # fmt: skip

few = st.integers(0, 3)
maybe_score = st.none() | st.integers(0, 100).map(float)


def _row(source: str, table: str, key: Any, **columns: Any) -> dict[str, Any]:
    return {
        "id": name_of(source, table, str(key)), "source": source, "key": str(key), "is_active": True, **columns,
    }  # fmt: skip


def _person(draw: st.DrawFn) -> str:
    # One that is nowhere now and then.
    source = draw(st.sampled_from(["roster", "xapi"]))
    return name_of(source, "persons", str(draw(st.integers(0, 4))))


def _class(draw: st.DrawFn) -> str:
    return name_of("roster", "classes", str(draw(st.integers(0, 2))))


@st.composite
def roster_import(draw: st.DrawFn) -> tuple[str, dict[str, list[dict[str, Any]]], set[str]]:
    active = st.booleans() | st.just(True)
    rows: dict[str, list[dict[str, Any]]] = {
        "persons": [
            _row("roster", "persons", n, name=draw(st.sampled_from("ab")), email=draw(st.sampled_from(["0@x", "1@x", None])))
            for n in draw(st.lists(few, max_size=4))
        ],
        "courses": [
            _row("roster", "courses", n, name="c", department_id=draw(st.sampled_from(["d1", "d2", None])))
            for n in draw(st.lists(st.integers(0, 1), max_size=2))
        ],
        "classes": [
            _row(
                "roster", "classes", n, is_active=True, name="k",
                course_id=name_of("roster", "courses", str(draw(st.integers(0, 1)))),
                department_id=draw(st.sampled_from(["d3", None, None])),
            )
            for n in draw(st.lists(st.integers(0, 2), max_size=3))
        ],
        "teachings": [
            _row("roster", "teachings", n, person_id=_person(draw), class_id=_class(draw), ends_at=draw(st.none() | WHEN))
            for n in draw(st.lists(few, max_size=2))
        ],
        "rosters": [
            _row(
                "roster", "rosters", n, learner_id=_person(draw), class_id=_class(draw),
                status=draw(st.sampled_from([None, "not-started", "in-progress", "withdrawn"])),
                enrolled_at=draw(st.none() | WHEN), withdrawn_at=draw(st.none() | WHEN), score=draw(maybe_score),
            )
            | {"is_active": draw(active)}
            for n in draw(st.lists(st.integers(0, 5), max_size=5))
        ],
        "results": [
            _row("roster", "results", n, learner_id=_person(draw), class_id=_class(draw), score=draw(maybe_score))
            for n in draw(st.lists(few, max_size=3))
        ],
    }  # fmt: skip
    whole = set(draw(st.lists(st.sampled_from(["persons", "classes", "rosters", "results", "teachings"]))))
    return "roster", rows, whole


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, dict[str, list[dict[str, Any]]], set[str]]:
    rows: dict[str, list[dict[str, Any]]] = {
        "persons": [
            _row(
                "xapi", "persons", n, name="s", email=draw(st.sampled_from(["0@X", None])),
                account_name=draw(st.sampled_from(["0", "1", None])), account_home=draw(st.sampled_from(["h", "g"])),
            )
            for n in draw(st.lists(few, max_size=4))
        ],
        "events": [],
        "outcomes": [],
        "voids": [
            _row("xapi", "events", n, at=draw(WHEN)) for n in draw(st.lists(st.integers(0, 9), max_size=2))
        ],
    }  # fmt: skip
    for n in draw(st.lists(st.integers(0, 9), max_size=8)):
        at, learner, of_class = draw(WHEN), _person(draw), draw(st.booleans())
        class_id = _class(draw) if of_class or draw(st.booleans()) else None
        score = draw(maybe_score)
        rows["events"].append(
            _row("xapi", "events", n, learner_id=learner, class_id=class_id, timestamp=at, score=score)
            | ({} if class_id else {"course_id": draw(st.sampled_from(["own", None]))})
        )
        if of_class:
            effect = draw(st.sampled_from(["registered", "started", "completed", "failed", "withdrawn"]))
            rows["outcomes"].append(
                _row("xapi", "events", n, learner_id=learner, class_id=class_id, effect=effect, at=at, score=score)
            )
    return "xapi", rows, set()


@st.composite
def aliases(draw: st.DrawFn) -> tuple[str, dict[str, list[dict[str, Any]]], set[str]]:
    row = _row("xapi", "persons", draw(few)) | {
        "source": "desk",
        "person_id": name_of("roster", "persons", str(draw(few))),
    }
    return "desk", {"aliases": [row | {"is_active": draw(st.booleans())}]}, set()


IMPORTS = st.lists(
    st.tuples(
        st.one_of(roster_import(), statements(), aliases()),
        st.sampled_from(["apply", "apply", "apply", "look", "undo"]),
    ),
    min_size=1,
    max_size=5,
)


def rows_of(version: record.RecordVersion, table: str) -> dict[str, dict[str, Any]]:
    found = record.select(version, table, ["id", *COMPARED[table]]).to_pylist()
    assert len({each["id"] for each in found}) == len(found), f"{table} has a row twice"
    return {each["id"]: each for each in found}


def assert_same(version: record.RecordVersion, given_rows: reference.Given) -> None:
    wanted = reference.worked_out(given_rows, NOW)
    for table, columns in COMPARED.items():
        expected = {
            key: {"id": key} | {column: row.get(column) for column in columns} for key, row in wanted[table].items()
        }
        assert rows_of(version, table) == expected, table


@pytest.mark.usefixtures("settings")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=IMPORTS)
def test_any_imports_in_any_order_give_what_plain_python_gives(home: Path, sequence: list[Any]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    empty: reference.Given = {table: {} for table in reference.ORDER}
    states: dict[int, reference.Given] = {0: empty}
    for number, ((source, rows, whole), what) in enumerate(sequence):
        before = record.current()
        if what == "undo":
            back = number % (before.number + 1)
            version = record.undo(back, by="me")
            states[version.number] = states[back]
        else:
            after, refused = reference.take(states[before.number], rows, whole, source)
            with record.importing(source=source, what="x", import_id=str(number), by="me", now=NOW) as staging:
                for table, given_rows in rows.items():
                    staging.add(table, given_rows)
                for table in whole:
                    staging.whole(table)
                summary = staging.compare().summary
                assert summary.unbalanced == []
                assert {t: c for t, c in refused.items() if c} == {
                    t: c.refused for t, c in summary.counts.items() if c.refused
                }
                if what == "apply":
                    states[staging.publish().number] = after
            if what == "look":
                assert record.current() == before
        assert_same(record.current(), states[record.current().number])
    for number, state in states.items():
        assert_same(record.at(number), state)
