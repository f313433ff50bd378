"""A few rows and the answer written out by hand: the days and values on which reports go wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.engine import organisations
from webapp.engine import runner
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.tables import TABLES
from webapp.engine.query import DateRange, Filter, Query, Sort

Rows = list[dict[str, Any]]


def answer(folder: Path, tables: dict[str, Rows], **question: Any) -> tuple[Rows, dict[str, Any] | None]:
    """The rows and the totals. Rows of `tables` need an id only where the test is about ids."""
    numbered = {
        table: [{"id": f"{number:024x}", "is_active": True} | row for number, row in enumerate(rows)]
        for table, rows in ({name: [] for name in TABLES} | tables).items()
    }
    query = Query(report_type="learner-activity", **({"dataset": "activity", "measures": ("event-count",)} | question))
    result = runner.run(query, organisations.write(numbered, folder), folder / "rows.parquet")
    return result.first_rows(), result.totals


def events(*moments: str, **more: Any) -> dict[str, Rows]:
    return {"events": [{"timestamp": datetime.fromisoformat(text).replace(tzinfo=UTC), **more} for text in moments]}


def test_a_spring_day_of_23_hours_and_an_autumn_day_of_25(tmp_path: Path) -> None:
    # Madrid: midnight of 31 March 2024 is 23:00 UTC the day before, that of 1 April 22:00 UTC; in October the reverse.
    spring = events("2024-03-30T22:59:59", "2024-03-30T23:00", "2024-03-31T21:59:59", "2024-03-31T22:00")
    rows, _ = answer(tmp_path, spring, dimensions=("day",), time_zone="Europe/Madrid")
    assert [(row["day"], row["event-count"]) for row in rows] == [
        (date(2024, 3, 30), 1), (date(2024, 3, 31), 2), (date(2024, 4, 1), 1),
    ]  # fmt: skip
    autumn = events("2024-10-26T21:59:59", "2024-10-26T22:00", "2024-10-27T22:59:59", "2024-10-27T23:00")
    rows, _ = answer(tmp_path, autumn, dimensions=("day",), time_zone="Europe/Madrid")
    assert [(row["day"], row["event-count"]) for row in rows] == [
        (date(2024, 10, 26), 1), (date(2024, 10, 27), 2), (date(2024, 10, 28), 1),
    ]  # fmt: skip


def test_the_hour_that_comes_twice_holds_both_and_the_one_that_is_skipped_nothing(tmp_path: Path) -> None:
    twice = events("2024-10-27T00:30", "2024-10-27T01:30", "2024-10-27T02:30")
    rows, _ = answer(tmp_path, twice, dimensions=("hour",), time_zone="Europe/Madrid")
    assert [(row["hour"], row["event-count"]) for row in rows] == [("2024-10-27 02:00", 2), ("2024-10-27 03:00", 1)]
    skipped = events("2024-03-31T00:59:59", "2024-03-31T01:00")
    rows, _ = answer(tmp_path, skipped, dimensions=("hour",), time_zone="Europe/Madrid")
    assert [row["hour"] for row in rows] == ["2024-03-31 01:00", "2024-03-31 03:00"]


def test_week_53_and_the_first_days_of_january_that_belong_to_it(tmp_path: Path) -> None:
    moments = events(
        "2020-12-27T12:00", "2020-12-28T00:00", "2021-01-03T23:59:59", "2021-01-04T00:00", "2024-12-30T00:00"
    )
    rows, _ = answer(tmp_path, moments, dimensions=("week",))
    assert [(row["week"], row["event-count"]) for row in rows] == [
        ("2020-W52", 1), ("2020-W53", 2), ("2021-W01", 1), ("2025-W01", 1),
    ]  # fmt: skip


def test_leap_days(tmp_path: Path) -> None:
    moments = events("2023-02-28T23:59:59", "2024-02-29T00:00", "2024-02-29T23:59:59", "2024-03-01T00:00")
    rows, _ = answer(tmp_path, moments, dimensions=("day",))
    assert [(row["day"], row["event-count"]) for row in rows] == [
        (date(2023, 2, 28), 1), (date(2024, 2, 29), 2), (date(2024, 3, 1), 1),
    ]  # fmt: skip
    period = DateRange(datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
    rows, totals = answer(tmp_path, moments, date_range=period)
    assert (rows, totals) == ([{"event-count": 2}], {"event-count": 2})


def test_no_rows_make_no_groups_a_count_of_zero_and_no_average(tmp_path: Path) -> None:
    measures = ("event-count", "sum:score", "average:score", "median:score", "std-dev:score", "count-distinct:learner")
    nothing = {"event-count": 0, "count-distinct:learner": 0} | dict.fromkeys(measures[1:5])
    rows, totals = answer(tmp_path, {}, dimensions=("class",), measures=measures)
    assert (rows, totals) == ([], nothing)
    rows, totals = answer(tmp_path, {}, measures=measures)
    assert (rows, totals) == ([nothing], nothing)


def test_no_rows_count_zero_in_every_dataset_with_slicers_and_without(tmp_path: Path) -> None:
    for key in DATASETS:
        for more in ({}, {"slicers": ("department",)}):
            rows, totals = answer(tmp_path, {}, dataset=key, measures=("count",), **more)
            assert (rows, totals) == ([{"count": 0}], {"count": 0}), key


def test_an_empty_cell_of_a_column_counts_zero_and_averages_nothing(tmp_path: Path) -> None:
    rows, _ = answer(
        tmp_path,
        {
            "events": [
                {"class_id": "a", "event_type": "login", "score": 50.0},
                {"class_id": "b", "event_type": "video-played", "score": 80.0},
            ]
        },
        dimensions=("class",), slicers=("event-type",), measures=("event-count", "average:score"),
    )  # fmt: skip
    assert [list(row.values()) for row in rows] == [
        ["a", 1, 50.0, 1, 50.0, 0, None],
        ["b", 1, 80.0, 0, None, 1, 80.0],
    ]


def test_groups_sort_by_any_column_those_of_slicers_included(tmp_path: Path) -> None:
    kinds = {"a": ["login"], "b": ["login", "login", "video-played"], "c": ["video-played"]}
    rows = [{"class_id": key, "event_type": kind} for key, found in kinds.items() for kind in found]
    for column, order in (("class", "abc"), ("event-count", "acb"), ("event-count[login]", "cab")):
        for descending in (False, True):
            found, _ = answer(
                tmp_path, {"events": rows}, dimensions=("class",), slicers=("event-type",),
                sort=(Sort(column, descending), Sort(column, descending)),
            )  # fmt: skip
            expected = order[::-1] if descending else order
            if descending and column == "event-count":
                expected = "bac"  # equal counts stay in the order of their names
            assert "".join(row["class"] for row in found) == expected, (column, descending)


def test_nulls_are_a_group_of_their_own_at_the_end_and_no_value(tmp_path: Path) -> None:
    rows, totals = answer(
        tmp_path,
        {"events": [{"event_type": None}, {"event_type": "", "score": 40.0}, {"event_type": "login", "score": 60.0}]},
        dimensions=("event-type",), measures=("event-count", "average:score"),
    )  # fmt: skip
    assert [list(row.values()) for row in rows] == [["login", 1, 60.0], [None, 2, 40.0]]
    assert totals == {"event-count": 3, "average:score": 50.0}
    # Neither equal to a value nor different from it by comparison: “is not” keeps what is empty.
    for operator, count in (("eq", 1), ("ne", 2), ("in", 1), ("not-in", 2), ("is-null", 1)):
        values = () if operator == "is-null" else ("login",)
        rows, _ = answer(
            tmp_path, {"events": [{"event_type": None}, {"event_type": "x"}, {"event_type": "login"}]},
            filters=(Filter("event-type", operator, values),),  # type: ignore[arg-type]
        )  # fmt: skip
        assert rows == [{"event-count": count}], operator


def test_events_alike_in_everything_but_their_id_are_two(tmp_path: Path) -> None:
    # The same event given twice is one row of the record (tests/record); two statements are two events.
    alike = {"learner_id": "p", "event_type": "login", "timestamp": datetime(2024, 1, 1, tzinfo=UTC), "duration": 5.0}
    rows, _ = answer(
        tmp_path, {"events": [dict(alike), dict(alike)]},
        measures=("event-count", "sum:duration", "count-distinct:learner", "avg-study-time"),
    )  # fmt: skip
    assert list(rows[0].values()) == [2, 10.0, 1, 10.0]


def test_names_of_every_script_stay_what_they_are_and_namesakes_stay_apart(tmp_path: Path) -> None:
    names = ["Zoë Łuka", "李小龙", "Émile", "émile", "Emile", "O’Brien", "عمر", "Ana", "Ana", "🎓 Grad", "İpek"]
    users = [
        {"id": f"u{n}", "name": name, "key": f"L{n}", "number": "N8" if n == 8 else None}
        for n, name in enumerate(names)
    ]
    learners = [{"learner_id": user["id"]} for user in users] + [{"learner_id": "gone"}]
    rows, _ = answer(tmp_path, {"persons": users, "events": learners}, dimensions=("learner",), sort=(Sort("learner"),))
    assert sorted(row["learner"] for row in rows) == sorted([*names, "gone"])
    assert all(row["event-count"] == 1 for row in rows)
    # Accents and case do not part what belongs together; a person who is gone is told by id.
    order = [row["learner"] for row in rows]
    assert order[:2] == ["Ana", "Ana"]
    assert set(order[2:5]) == {"Émile", "émile", "Emile"}
    assert [row["learner-number"] for row in rows if row["learner"] == "Ana"] == ["L7", "N8"]
    contains = (Filter("learner", "contains", ("émile",)),)
    rows, _ = answer(tmp_path, {"persons": users, "events": learners}, dimensions=("learner",), filters=contains)
    assert {row["learner"] for row in rows} == {"Émile", "émile", "Emile"}
