"""Random imports one after another, beside plain Python that shares nothing with the program."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.record import reference
from tests.record.reference import name_of
from webapp import record

#: Instants are kept in UTC without a zone.
FIRST = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NOW = FIRST + timedelta(days=150)
Import = tuple[str, dict[str, list[dict[str, Any]]], set[str]]
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


def _row(source: str, table: str, key: Any, **columns: Any) -> dict[str, Any]:
    return {"id": name_of(source, table, str(key)), "source": source, "key": str(key), "is_active": True, **columns}


class Maker:
    """Imports about a few people in two classes, so that whatever can meet does. 3 and 4 are mostly nowhere."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def many(self, below: int, most: int) -> list[int]:
        return [self.random.randrange(below) for _ in range(self.random.randrange(most // 2, most + 1))]

    def when(self) -> datetime:
        # Few moments: some fall together.
        return FIRST + timedelta(days=self.random.randrange(12) * 16)

    def person(self) -> str:
        return name_of(self.one("roster", "roster", "xapi"), "persons", str(self.one(0, 0, 0, 0, 1, 2, 3)))

    def class_id(self) -> str:
        return name_of("roster", "classes", str(self.one(0, 0, 0, 0, 0, 1, 4)))

    def score(self) -> float | None:
        return self.one(None, float(self.random.randrange(100)))

    def roster(self) -> Import:
        rows = {
            "persons": [
                _row("roster", "persons", n, name=self.one("a", "b"), email=self.one(f"{n}@x", "0@x", None))
                for n in self.many(4, 8)
            ],
            "courses": [
                _row("roster", "courses", n, name="c", department_id=self.one("d1", "d2", None))
                for n in self.many(2, 3)
            ],
            "classes": [
                _row(
                    "roster", "classes", n, name="k", department_id=self.one("d3", None, None),
                    course_id=name_of("roster", "courses", str(self.random.randrange(2))),
                )
                for n in self.many(2, 4)
            ],
            "teachings": [
                _row(
                    "roster", "teachings", n, person_id=self.person(), class_id=self.class_id(),
                    ends_at=self.one(None, self.when()),
                )
                for n in self.many(4, 4)
            ],
            "rosters": [
                _row(
                    "roster", "rosters", n, learner_id=self.person(), class_id=self.class_id(),
                    status=self.one(None, "not-started", "in-progress", "withdrawn"), score=self.score(),
                    enrolled_at=self.one(None, self.when()), withdrawn_at=self.one(None, self.when()),
                )
                | {"is_active": self.one(True, False)}
                for n in self.many(8, 12)
            ],
            "results": [
                _row("roster", "results", n, learner_id=self.person(), class_id=self.class_id(), score=self.score())
                for n in self.many(5, 4)
            ],
        }  # fmt: skip
        whole = ["persons", "classes", "rosters", "results", "teachings"]
        return "roster", rows, {each for each in whole if self.one(True, False)}

    def statements(self) -> Import:
        rows: dict[str, list[dict[str, Any]]] = {"persons": [], "events": [], "outcomes": []}
        for n in self.many(4, 8):
            email, account = self.one(f"{n}@X", None, None), self.one(str(n), "0", None)
            home = self.one("h", "h", "g")
            person = _row("xapi", "persons", n, name="s", email=email, account_name=account, account_home=home)
            rows["persons"].append(person)
        for n in self.many(30, 20):
            learner, class_id, at = self.person(), self.class_id(), self.when()
            score, is_about_class = self.score(), self.one(True, True, False)
            event = _row("xapi", "events", n, learner_id=learner, timestamp=at, score=score)
            if is_about_class:
                effect = self.one("registered", "started", "completed", "failed", "withdrawn")
                outcome = {"class_id": class_id, "effect": effect, "at": at, "score": score}
                rows["outcomes"].append(_row("xapi", "events", n, learner_id=learner, **outcome))
                rows["events"].append(event | {"class_id": class_id})
            else:
                rows["events"].append(event | self.one({"class_id": class_id}, {"course_id": "own", "class_id": None}))
        rows["voids"] = [_row("xapi", "events", n, at=self.when()) for n in self.many(30, 15)]
        return "xapi", rows, set()

    def aliases(self) -> Import:
        found = [
            _row("xapi", "persons", n)
            | {"source": "desk", "is_active": self.one(True, True, False)}
            | {"person_id": name_of("roster", "persons", str(self.random.randrange(4)))}
            for n in self.many(4, 2)
        ]
        return "desk", {"aliases": found}, set()


KINDS = st.sampled_from(["roster", "statements", "statements", "aliases"])
SEQUENCES = st.lists(
    st.tuples(KINDS, st.integers(0, 10**9), st.sampled_from(["apply", "apply", "apply", "look", "undo"])),
    min_size=1,
    max_size=3,
)


def rows_of(version: record.RecordVersion, table: str) -> dict[str, dict[str, Any]]:
    """Straight from the version's files."""
    columns = ["id", *COMPARED[table]]
    found: list[dict[str, Any]] = []
    for path in version.files([table])[table]:
        found += pyarrow.parquet.ParquetFile(path).read(columns).to_pylist()
    assert len({each["id"] for each in found}) == len(found), f"{table} has a row twice"
    return {each["id"]: each for each in found}


def assert_same(version: record.RecordVersion, given_rows: reference.Given) -> None:
    wanted = reference.worked_out(given_rows, NOW)
    for table, columns in COMPARED.items():
        expected = {
            key: {"id": key} | {column: row.get(column) for column in columns} for key, row in wanted[table].items()
        }
        assert rows_of(version, table) == expected, table


@pytest.mark.long
@pytest.mark.usefixtures("settings")
@settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), more=SEQUENCES)
def test_any_imports_in_any_order_give_what_plain_python_gives(home: Path, seed: int, more: list[Any]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    states: dict[int, reference.Given] = {0: {table: {} for table in reference.ORDER}}
    first = ["roster", "statements"] if seed % 2 else ["statements", "roster"]
    sequence = [(kind, seed + number, "apply") for number, kind in enumerate(first)] + more
    for number, (kind, sown, what) in enumerate(sequence):
        source, rows, whole = getattr(Maker(sown), kind)()
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
