"""A chart as another kind: what can be drawn so, and what would say something that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.renderers.results import make_result
from webapp.engine import charts
from webapp.engine.result import ChartSpec, Column, Result
from webapp.renderers import chart_svg

COURSE = Column("course", "Course", "string", "text", "dimension")


def result_of(folder: Path, measure: str, unit: str) -> Result:
    """Two courses, the measure under two states."""
    ys = tuple(f"{measure}[{state}]" for state in ("completed", "failed"))
    columns = (COURSE, *(Column(key, key, "number", unit, "measure") for key in ys))
    rows = [{"course": name, ys[0]: 0.5, ys[1]: 0.25} for name in ("Algebra", "Botany")]
    return make_result(folder, rows, columns, chart=ChartSpec("bar", "course", ys, None, "By course"))


@pytest.mark.parametrize(
    ("measure", "unit", "kinds"),
    [
        ("count", "count", ["bar", "stacked-bar", "line"]),
        ("sum:duration", "seconds", ["bar", "stacked-bar", "line"]),
        ("completion-rate", "ratio", ["bar", "line"]),
        ("count-distinct:learner", "count", ["bar", "line"]),
    ],
)
def test_only_what_is_added_up_is_stacked(tmp_path: Path, measure: str, unit: str, kinds: list[str]) -> None:
    result = result_of(tmp_path, measure, unit)
    assert [kind for kind in charts.CHART_KINDS if chart_svg.sketched(result, kind=kind)] == kinds


def test_the_kind_that_was_chosen_is_drawn_and_none_is_none(tmp_path: Path) -> None:
    result = result_of(tmp_path, "count", "count")
    assert charts.as_asked(result.chart, "none") is None
    assert [charts.as_asked(result.chart, kind).kind for kind in ("line", "", None, "pie")] == [
        "line",
        "bar",
        "bar",
        "bar",
    ]  # type: ignore[union-attr]
    sketch = chart_svg.sketched(result, kind="line")
    assert sketch is not None
    assert '"type": "line"' in sketch.specifications[0]
