"""Measures that administrators make beside an aggregate of a field: a share and a ratio, against plain loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine import organisations, reference
from tests.engine.reference import Question
from tests.engine.test_against_reference import rows_of, same, to_query
from webapp.engine import runner
from webapp.engine.custom_measures import made_measure, problems
from webapp.engine.query import CustomMeasure

SHARE = {"aggregate": "share", "field": "score", "operator": "lt", "value": 50, "datasets": ["enrollments"]}
RATIO = {"aggregate": "ratio", "of": "sum:duration", "over": "count-distinct:learner", "datasets": ["activity"]}


def made(key: str, metadata: dict[str, Any]) -> CustomMeasure:
    found = made_measure(key, key.title(), metadata)
    assert found is not None
    return found


@pytest.mark.parametrize("dimensions", [["class"], ["department-tree"], []])
def test_a_share_counts_the_rows_that_fit_among_all(tmp_path: Path, dimensions: list[str]) -> None:
    tables = organisations.make(2)
    files = organisations.write(tables, tmp_path)
    question = Question("enrollments", dimensions, measures=["weak"])
    query = to_query(question, custom_measures=(made("weak", SHARE),))
    result = runner.run(query, files, tmp_path / "rows.parquet")
    active = [each for each in tables["enrollments"] if each["is_active"] is not False]
    weak = [each for each in active if each["score"] is not None and each["score"] < 50]
    assert 0 < len(weak) < len(active)
    assert same(result.totals["weak"], len(weak) / len(active))  # type: ignore[index]
    all_of, weak_of = (
        reference.answer(Question("enrollments", dimensions, filters=filters), tables).groups
        for filters in ((), [("score", "lt", (50,))])
    )
    expected = sorted((weak_of.get(key, [0])[0]) / values[0] for key, values in all_of.items())
    assert sorted(row["weak"] for row in rows_of(result)) == pytest.approx(expected)


def test_a_ratio_is_of_two_measures_of_the_same_rows(tmp_path: Path) -> None:
    tables = organisations.make(2)
    files = organisations.write(tables, tmp_path)
    question = Question("activity", ["class"], measures=["each", "sum:duration", "count-distinct:learner"])
    result = runner.run(to_query(question, custom_measures=(made("each", RATIO),)), files, tmp_path / "rows.parquet")
    rows = rows_of(result)
    assert len(rows) > 2
    for row in [*rows, result.totals or {}]:
        total, learners = row["sum:duration"], row["count-distinct:learner"]
        assert same(row["each"], total / learners if learners and total is not None else None)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"field": "planet"}, "field", "cannot be taken of “planet”"),
        ({"operator": "near"}, "operator", "compares by one of"),
        ({"value": "many"}, "value", "cannot be compared with “score”"),
        ({"aggregate": "ratio", "of": "sum:planet", "over": "count"}, "of", "cannot be taken of “planet”"),
        ({"aggregate": "ratio", "of": "count", "over": "engagement-rate"}, "over", "two measures"),
        ({"aggregate": "ratio", "of": "count:score", "over": "count"}, "of", "cannot be taken"),
        ({"aggregate": "magic"}, "aggregate", "A measure is one of"),
    ],
)
def test_what_cannot_be_worked_out_is_refused_before_it_is_offered(
    changes: dict[str, Any], name: str, words: str
) -> None:
    assert problems(SHARE) == {}
    assert problems(RATIO) == {}
    found = problems(SHARE | changes)
    assert list(found) == [name]
    assert words in found[name]
