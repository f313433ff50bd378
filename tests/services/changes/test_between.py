"""What came, went and changed, and why, beside a plain comparison of both versions' rows in Python."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.examples import TIMES
from tests.services.changes import plain
from webapp import clock, record
from webapp.engine.query import DateRange, Filter, Query, Scope
from webapp.record.ids import id_of
from webapp.services.changes.between import Asked, between
from webapp.services.changes.changes import Changes

FIRST = datetime(2026, 9, 1, 2, tzinfo=UTC)
DEPARTMENTS = [id_of("lms", "departments", name) for name in ("history", "physics")]
CLASSES = [id_of("lms", "classes", str(n)) for n in range(3)]
LEARNERS = 8
COLUMNS = [
    *("id", "is_active", "learner_id", "class_id", "course_id", "department_id", "program_id", "status", "score"),
    *("enrolled_at", "started_at", "completed_at", "withdrawn_at", "outcome_at", "passed", "import_id"),
]
OVERDUE = (Filter("status", "in", ("not-started", "in-progress")), Filter("days-enrolled", "gt", (60,)))


def is_open(row: plain.Row) -> bool:
    return row["status"] in ("not-started", "in-progress")


def days(row: plain.Row, now: datetime) -> int:
    return (now - row["enrolled_at"]) // timedelta(days=1) if row["enrolled_at"] else -1


@dataclass(frozen=True)
class Kind:
    """A question as the engine has it, and in Python."""

    filters: tuple[Filter, ...]
    fits: Callable[[plain.Row, datetime], bool]
    last_days: int | None = None

    def query(self, moment: datetime, departments: list[str] | None) -> Query:
        period = DateRange() if self.last_days is None else DateRange(moment - timedelta(days=self.last_days), moment)
        scope = Scope() if departments is None else Scope(tuple(departments), ())
        return Query(
            "enrollment-summary", "enrollments", filters=self.filters, moment=moment, scope=scope, date_range=period
        )


KINDS = {
    "all": Kind((), lambda row, now: True),
    "overdue": Kind(OVERDUE, lambda row, now: is_open(row) and days(row, now) > 60),
    "completed": Kind((Filter("status", "eq", ("completed",)),), lambda row, now: row["status"] == "completed"),
    "of a month": Kind(
        (),
        lambda row, now: row["enrolled_at"] is not None and now - timedelta(days=30) <= row["enrolled_at"] < now,
        last_days=30,
    ),
}
NAIVE = FIRST.replace(tzinfo=None)
DAYS = st.sampled_from([None, -70, -59, -40, -20, -2, 0, 1, 3])
ROSTER = st.fixed_dictionaries(
    {
        "status": st.sampled_from(
            ["not-started", "in-progress", "in-progress", "completed", "withdrawn", "failed", "expired"]
        ),
        "class": st.integers(0, 2),
        "enrolled_at": DAYS,
        "completed_at": DAYS,
        "withdrawn_at": DAYS,
        "started_at": DAYS,
        "score": st.sampled_from([None, 50.0, 80.0]),
        "is_active": st.sampled_from([True, True, True, True, False]),
    }
)
#: What one import changes: learner -> what their roster line says (None: nothing is said of them).
IMPORTS = st.dictionaries(st.integers(0, LEARNERS - 1), ROSTER, max_size=LEARNERS)
#: The department of each class, as an import says.
PLACES = st.lists(st.integers(0, 1), min_size=3, max_size=3)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clock."""
    return lambda moment: monkeypatch.setattr(clock, "utcnow", lambda: moment)


def publish(rosters: dict[int, dict[str, Any]], places: list[int], number: int) -> record.RecordVersion:
    with record.importing(source="lms", what="x", import_id=f"import {number}", by="me") as staging:
        staging.add("departments", [{"id": each, "key": each, "name": each} for each in DEPARTMENTS])
        staging.add(
            "classes",
            [
                {"id": each, "key": each, "name": f"C{n}", "department_id": DEPARTMENTS[places[n]]}
                for n, each in enumerate(CLASSES)
            ],
        )
        staging.add("persons", [{"key": str(n), "name": f"Learner {n}"} for n in range(LEARNERS)])
        staging.add("rosters", [_roster(n, each) for n, each in rosters.items()])
        return staging.publish()


def _roster(learner: int, given_row: dict[str, Any]) -> dict[str, Any]:
    dates = {
        name: None if value is None else FIRST + timedelta(days=value)
        for name, value in given_row.items()
        if name.endswith("_at")
    }
    return {
        "key": str(learner),
        "learner_id": id_of("lms", "persons", str(learner)),
        "class_id": CLASSES[given_row["class"]],
        **{name: given_row[name] for name in ("status", "score", "is_active")},
        **dates,
    }


def rows_of(version: record.RecordVersion) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in record.select(version, "enrollments", COLUMNS).to_pylist()}


def counts_of(changes: Changes) -> Counter[plain.Told]:
    found: Counter[plain.Told] = Counter()
    for each in changes.counts:
        # Which of several imports changed something else is not told of each row.
        found[each.kind.value, each.reason.value, each.versions if each.reason == "corrected" else ()] += each.count
    return found


@pytest.mark.usefixtures("settings")
# Imports take too long to have examples made smaller: those of eight learners can be read as they are.
@settings(
    max_examples=2 if TIMES == 1 else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
)
@given(
    first=IMPORTS,
    more=st.lists(st.tuples(IMPORTS, PLACES), min_size=1, max_size=2),
    places=PLACES,
    kind=st.sampled_from([*KINDS]),
    departments=st.sampled_from([None, DEPARTMENTS[:1], DEPARTMENTS]),
)
def test_any_two_versions_differ_as_a_plain_comparison_says(
    home: Path,
    tmp_path: Path,
    at: Callable[[datetime], None],
    first: dict[int, Any],
    more: list[tuple[dict[int, Any], list[int]]],
    places: list[int],
    kind: str,
    departments: list[str] | None,
) -> None:
    shutil.rmtree(home, ignore_errors=True)
    at(FIRST)
    then = publish(first, places, 0)
    states = {then.number: rows_of(then)}
    now = then
    for number, (rosters, moved) in enumerate(more, start=1):
        at(FIRST + timedelta(days=number))
        now = publish(rosters, moved, number)
        states[now.number] = rows_of(now)
    moments = (FIRST + timedelta(hours=6), FIRST + timedelta(days=3))
    sides = [
        Asked(KINDS[kind].query(moment, departments), version)
        for moment, version in zip(moments, (then, now), strict=True)
    ]
    changes = between(*sides, tmp_path / "between")
    allowed = None if departments is None else frozenset(departments)
    wanted = plain.differences(
        plain.Question(KINDS[kind].fits, allowed),
        states,
        (then.number, moments[0].replace(tzinfo=None)),
        (now.number, moments[1].replace(tzinfo=None)),
        known_since=NAIVE.replace(hour=0),
    )
    assert counts_of(changes) == Counter(wanted.values())
    # Who went to where the reader may not read, or whose class did, is counted, and not named.
    of_class = dict(zip(CLASSES, (DEPARTMENTS[each] for each in more[-1][1]), strict=True))

    def is_elsewhere(key: str) -> bool:
        places = {states[now.number][key]["department_id"], of_class[states[then.number][key]["class_id"]]}
        return allowed is not None and not places <= allowed

    named = Counter(
        (what, why, states[now.number][key]["learner_id"])
        for key, (what, why, _) in wanted.items()
        if what != "went" or not is_elsewhere(key)
    )
    assert Counter((row.kind, row.reason, id_of("lms", "persons", row.learner[-1])) for row in changes.rows) == named
    assert (changes.before, changes.after) == tuple(
        sum(
            row["is_active"] and (allowed is None or row["department_id"] in allowed) and KINDS[kind].fits(row, moment)
            for row in states[version.number].values()
        )
        for version, moment in zip((then, now), (each.replace(tzinfo=None) for each in moments), strict=True)
    )
