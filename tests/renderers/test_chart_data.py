"""What a chart draws of a result's rows, and what it says of the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.engine import organisations
from tests.renderers.results import make_result
from webapp.engine import runner
from webapp.engine.catalogue.tables import TABLES
from webapp.engine.charts import chart_of
from webapp.engine.query import DateRange, Query
from webapp.engine.result import Column, Result
from webapp.renderers import chart_sketch, chart_svg
from webapp.renderers.chart_data import MOST_BARS, ChartData, chart_data
from webapp.renderers.reader import Reader
from webapp.settings import Settings

CLASS = Column("class", "Class", "string", "text", "dimension")
MONTH = Column("month", "Month", "string", "text", "dimension", time="month")
COUNT = Column("event-count", "Events", "integer", "count", "measure")


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Where catalogues of languages are compiled to is a setting."""


def enrolled(folder: Path, *places: tuple[str, str, str], **question: Any) -> Result:
    """The answer about enrollments, one for each (department, course, class) by its id; an id's name is what stands
    before its last `#`."""
    folder.mkdir(exist_ok=True)
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for kind, place in (("departments", 0), ("courses", 1), ("classes", 2)):
        for key in dict.fromkeys(each[place] for each in places):
            name = key.rpartition("#")[0] or key
            tables[kind].append({"id": key, "name": name, "code": None, "is_active": True})
    tables["enrollments"] = [
        {"id": f"{n}", "department_id": d, "course_id": c, "class_id": k, "is_active": True, "status": "completed"}
        | {"enrolled_at": datetime(2025, 3, 5, tzinfo=UTC)}
        for n, (d, c, k) in enumerate(places)
    ]
    query = Query("enrollment-summary", "enrollments", **({"measures": ("count",)} | question))
    return runner.run(query, organisations.write(tables, folder), folder / "rows.parquet")


def drawn(result: Result, **reader: Any) -> ChartData:
    data = chart_data(result, Reader(**reader))
    assert data is not None
    return data


def test_time_goes_from_left_to_right_however_the_rows_are_sorted(tmp_path: Path) -> None:
    rows = [("B", "2024-03", 9), ("A", "2024-02", 7), ("A", "2023-12", 5), ("B", "2024-01", 1)]
    query = Query("learner-activity", "activity", dimensions=("class", "month"), measures=("event-count",))
    columns = (CLASS, MONTH, COUNT)
    named = [dict(zip((column.key for column in columns), row, strict=True)) for row in rows]
    chart = drawn(make_result(tmp_path, named, columns, chart=chart_of(query, columns)))
    assert (chart.kind, chart.x_label, chart.series) == ("line", "Month", ["A", "B"])
    assert chart.categories == ["Dec 2023", "Jan 2024", "Feb 2024", "Mar 2024"]
    assert chart.values == [[5, 0, 7, 0], [0, 1, 0, 9]]


def test_of_three_groupings_the_chart_draws_the_first_two_with_all_that_is_in_them(tmp_path: Path) -> None:
    places = [("North", "Algebra", "A1")] * 7 + [("North", "Algebra", "A2")] * 2 + [("North", "Botany", "B1")] * 4
    result = enrolled(tmp_path, *places, dimensions=("department", "course", "class"))
    chart = drawn(result)
    assert dict(zip(chart.series, chart.values, strict=True)) == {"Algebra": [9], "Botany": [4]}
    assert chart.notes == ["Groups that differ only in Class are drawn as one."]


def test_the_groupings_that_a_chart_draws_need_not_be_the_first(tmp_path: Path) -> None:
    places = [("North", "Algebra", "A1")] * 3 + [("South", "Botany", "B1")] * 2 + [("South", "Algebra", "A1")]
    for measures in (("count",), ("count", "count-distinct:learner")):
        result = enrolled(
            tmp_path / str(len(measures)), *places, dimensions=("class", "department", "month"), measures=measures
        )
        chart = drawn(result)
        assert (chart.categories, dict(zip(chart.series, chart.values, strict=True))) == (
            ["Mar 2025"],
            {"A1": [4], "B1": [2]},
        )
        assert chart.notes == ["Groups that differ only in Department are drawn as one."]


def test_with_columns_of_slicers_groups_of_several_dimensions_are_put_together(tmp_path: Path) -> None:
    places = [("North", "Algebra", "A1")] * 3 + [("North", "Botany", "B1")] * 2 + [("South", "Algebra", "A1")]
    result = enrolled(tmp_path, *places, dimensions=("department", "class"), slicers=("course",))
    chart = drawn(result)
    assert (chart.categories, chart.series, chart.values) == (
        ["North", "South"],
        ["Algebra", "Botany"],
        [[3, 1], [2, 0]],
    )


def test_labels_that_begin_alike_and_namesakes_are_drawn_apart(tmp_path: Path) -> None:
    long = "Certificate of Higher Studies in Applied Horticulture, "
    courses = [long + "Part A", long + "Part B", "Quiz#1", "Quiz#2", "Quiz (2)"]
    places = [("North", course, "K") for number, course in enumerate(courses, start=1) for _ in range(number)]
    for shape in ({"slicers": ("course",), "dimensions": ("department",)}, {"dimensions": ("department", "course")}):
        chart = drawn(enrolled(tmp_path / str(len(shape)), *places, **shape))
        assert sorted(values[0] or 0 for values in chart.values) == [1, 2, 3, 4, 5]
        assert {name[:4] for name in chart.series} == {"Cert", "Quiz"}
        assert len(set(chart.series)) == 5
        assert {name[-6:] for name in chart.series if name[0] == "C"} == {"Part A", "Part B"}
        # Every bar stands in the drawing under its own name.
        svg = chart_svg.drawn(json.dumps(chart_svg._specification(chart, dark=False)))
        assert all(f">{name}</text>" in svg for name in chart.series)


def test_series_and_groups_that_are_not_drawn_are_told(tmp_path: Path) -> None:
    places = [("North", f"Course {number:02}", "K") for number in range(12) for _ in range(number + 1)]
    chart = drawn(enrolled(tmp_path / "series", *places, dimensions=("department", "course")))
    assert len(chart.series) == 8
    assert chart.notes == ["Only the first 8 of 12 series are drawn; the table has all."]
    places = [("North", f"Course {number:02}", "K") for number in range(30)]
    chart = drawn(enrolled(tmp_path / "groups", *places, dimensions=("course",)))
    assert len(chart.categories) == MOST_BARS
    assert chart.notes == ["Only the first 25 of 30 groups are drawn; the table has all."]
    chart = drawn(enrolled(tmp_path / "sliced", *places, dimensions=("department",), slicers=("course",)))
    assert (chart.series, chart.values) == (["Count"], [[30]])
    assert chart.notes == ["The 30 columns are too many for a chart: it draws them together."]


def active(folder: Path, *moments: datetime | None, **question: Any) -> ChartData:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["events"] = [{"id": f"{n}", "timestamp": each, "is_active": True} for n, each in enumerate(moments)]
    query = Query("learner-activity", "activity", **({"measures": ("event-count",)} | question))
    return drawn(runner.run(query, organisations.write(tables, folder), folder / "rows.parquet"))


@pytest.mark.parametrize(
    ("bucket", "between"), [("day", 213), ("week", 30), ("month", 6), ("quarter", 1), ("year", 0), ("hour", 0)]
)
def test_time_without_rows_has_its_place_in_the_chart(tmp_path: Path, bucket: str, between: int) -> None:
    if bucket == "hour":
        moments = [datetime(2025, 2, 8, 10, 5, tzinfo=UTC), datetime(2025, 2, 8, 11, 30, tzinfo=UTC)]
    else:
        moments = [
            datetime(2025, 2, 8, tzinfo=UTC),
            datetime(2025, 9, 10, tzinfo=UTC),
            datetime(2025, 9, 10, tzinfo=UTC),
        ]
    chart = active(tmp_path, *moments, dimensions=(bucket,))
    known = [number for number in chart.values[0] if number]
    assert len(chart.categories) == len(chart.values[0]) == len(known) + between
    assert sum(known) == len(moments)


def test_a_period_that_was_asked_for_has_its_empty_ends_up_to_today(tmp_path: Path) -> None:
    period = DateRange(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    moment = datetime(2025, 11, 20, tzinfo=UTC)
    found = active(tmp_path, datetime(2025, 3, 5, tzinfo=UTC), dimensions=("month",), date_range=period, moment=moment)
    assert (found.categories[0], found.categories[-1], sum(found.values[0])) == ("Jan 2025", "Nov 2025", 1)  # type: ignore[arg-type]
    undated = active(tmp_path, datetime(2025, 3, 5, tzinfo=UTC), None, dimensions=("month",))
    assert (undated.categories, undated.notes) == (["Mar 2025"], ["Rows without a date are not drawn."])


def test_a_mean_of_no_rows_breaks_the_line(tmp_path: Path) -> None:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["events"] = [
        {"id": str(month), "timestamp": datetime(2025, month, 1, tzinfo=UTC), "score": 50.0, "is_active": True}
        for month in (1, 2, 5, 6)
    ]
    query = Query("learner-activity", "activity", measures=("avg-score",), dimensions=("month",))
    result = runner.run(query, organisations.write(tables, tmp_path), tmp_path / "rows.parquet")
    assert drawn(result).values == [[50, 50, None, None, 50, 50]]
    chart = chart_svg.draw(result)
    assert chart is not None
    line = next(part for part in chart.svg.split("<path") if 'stroke-width="2"' in part and "mark-line" not in part)
    assert line.partition(' d="')[2].partition('"')[0].count("M") == 2


def test_the_sketch_of_a_preview_shows_a_number_without_neighbours_as_a_point(tmp_path: Path) -> None:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["events"] = [
        {"id": str(month), "timestamp": datetime(2025, month, 1, tzinfo=UTC), "score": 50.0, "is_active": True}
        for month in (1, 3, 5, 6)
    ]
    query = Query("learner-activity", "activity", measures=("avg-score",), dimensions=("month",))
    result = runner.run(query, organisations.write(tables, tmp_path), tmp_path / "rows.parquet")
    assert chart_sketch.sketch(drawn(result)).count("<circle") == 2


@pytest.mark.parametrize("largest", [1, 2, 3, 4, 5, 7, 10, 700, 43_210])
def test_each_whole_number_stands_on_the_axis_once(tmp_path: Path, largest: int) -> None:
    rows = [{"class": "A", "event-count": largest}]
    query = Query("learner-activity", "activity", dimensions=("class",), measures=("event-count",))
    chart = drawn(make_result(tmp_path, rows, (CLASS, COUNT), chart=chart_of(query, (CLASS, COUNT))))
    ticks = chart_svg.ticks_of(chart)
    texts = chart_svg._tick_texts(chart, ticks)
    assert len(set(texts)) == len(texts) == len(ticks) <= 8
    assert ticks[0] == 0
    assert ticks[-2] < largest <= ticks[-1]
    assert all(tick.is_integer() for tick in ticks)


@pytest.mark.parametrize("unit", ["ratio", "seconds", "score"])
@pytest.mark.parametrize("largest", [0.0, 0.004, 0.03, 0.5, 1.0, 59.0, 4_000.0, 900_000.0])
def test_no_text_stands_on_an_axis_twice(tmp_path: Path, unit: str, largest: float) -> None:
    column = Column("event-count", "Events", "number", unit, "measure")
    query = Query("learner-activity", "activity", dimensions=("class",), measures=("event-count",))
    rows = [{"class": "A", "event-count": largest}]
    chart = drawn(make_result(tmp_path, rows, (CLASS, column), chart=chart_of(query, (CLASS, column))))
    texts = chart_svg._tick_texts(chart, chart_svg.ticks_of(chart))
    assert len(set(texts)) == len(texts) >= 2


def test_the_hour_that_a_zones_clocks_leave_out_is_not_drawn_as_empty(tmp_path: Path) -> None:
    moments = [datetime(2025, 3, 30, 0, 10, tzinfo=UTC), datetime(2025, 3, 30, 3, 10, tzinfo=UTC)]
    chart = active(tmp_path, *moments, dimensions=("hour",), time_zone="Europe/Madrid")
    assert [name[-5:] for name in chart.categories] == ["01:00", "03:00", "04:00", "05:00"]
    assert chart.values == [[1, 0, 0, 1]]
    assert len(active(tmp_path, *moments, dimensions=("hour",)).categories) == 4
