"""Labels that collide in every way: in case, in length, as namesakes, in their normal forms, with numbers in brackets.
No value is lost or merged, in rows, in columns of slicers, in any file and in the chart."""

from __future__ import annotations

import tempfile
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.renderers.reading_back import check_same
from tests.renderers.results import make_about
from tests.renderers.test_chart_data import enrolled
from webapp import renderers
from webapp.engine.charts import MAX_SERIES
from webapp.engine.result import Result
from webapp.renderers.chart_data import MOST_BARS, chart_data
from webapp.settings import Settings

pytestmark = pytest.mark.long

#: (department, course, class), each `label#number`: equal labels with other numbers are namesakes.
Places = list[tuple[str, str, str]]
_BASES = ["Fall", "Été", "Quiz", "x" * 300, "Diploma in Community Nursing Practice, second year", "a · b", "a", "b"]


def _variations(text: str) -> list[str]:
    both = [text, text.upper(), text.lower(), f"{text} (2)", f"{text} (3)", f"{text} (2) (2)", f" {text}", f"{text}."]
    return [unicodedata.normalize(form, each) for each in both for form in ("NFC", "NFD")]


@st.composite
def places(draw: st.DrawFn) -> Places:
    """Few bases with many variations: most labels collide with another."""
    pool = [
        one for base in draw(st.lists(st.sampled_from(_BASES), min_size=1, max_size=2)) for one in _variations(base)
    ]
    label = st.builds("{}#{}".format, st.sampled_from(pool), st.integers(1, 3))
    departments = draw(st.lists(label, min_size=1, max_size=4))
    courses = draw(st.lists(label, min_size=1, max_size=MAX_SERIES))
    place = st.tuples(st.sampled_from(departments), st.sampled_from(courses), st.just("K"))
    return draw(st.lists(place, min_size=1, max_size=25))


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Files need settings."""


def label(place: str) -> str:
    return place.rpartition("#")[0]


def read(places: set[str]) -> dict[str, str]:
    """What people read for each: where two have one label their ids stand beside it, having nothing else."""
    alike = Counter(map(label, places))
    return {each: label(each) if alike[label(each)] == 1 else f"{label(each)} · {each}" for each in places}


def rows_by_hand(found: Places) -> list[tuple[str, list[tuple[str, int]]]]:
    """Each department with what is in it: its courses as they are read, with their numbers."""
    departments, courses = (read({each[place] for each in found}) for place in (0, 1))
    counted = Counter((department, course) for department, course, _ in found)
    return sorted(
        (told, sorted((name, counted[department, course]) for course, name in courses.items()))
        for department, told in departments.items()
    )


def rows_of(result: Result) -> list[tuple[str, list[tuple[str, int]]]]:
    """The same from a pivot's rows."""
    sliced = [column for column in result.columns if column.over]
    return sorted(
        (row["department"], sorted((column.over[0], row[column.key]) for column in sliced))
        for row in result.first_rows()
    )


@example(found=[("D#1", course, "K") for course in ("Fall#1", "FALL#1", "FALL#1", "fall#1", "fall#1", "fall#1")])
@example(
    found=[("D#1", course, "K") for course in ("Quiz#1", "Quiz#2", "Quiz#2", "Quiz (2)#1", "Quiz (2)#1", "Quiz (2)#1")]
)
@given(found=places())
@hypothesis_settings(max_examples=examples(5), deadline=None, suppress_health_check=list(HealthCheck))
def test_no_value_is_lost_or_merged_whatever_the_labels(found: Places) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pivot = enrolled(folder / "pivot", *found, dimensions=("department",), slicers=("course",))
        assert rows_of(pivot) == rows_by_hand(found)
        keys = [column.key for column in pivot.columns]
        assert len(set(keys)) == len(keys)
        assert (pivot.totals or {})["count"] == len(found)
        files = {key: _rendered(key, pivot, folder) for key in ("csv", "json", "parquet", "excel")}
        check_same(pivot, files, "UTC", rows_in_pdf=0)
        _check_chart(pivot, found)
        _check_chart(enrolled(folder / "both", *found, dimensions=("department", "course")), found)
        _check_chart(enrolled(folder / "three", *found, dimensions=("department", "course", "class")), found)


def test_namesakes_stand_side_by_side_in_a_pdf(tmp_path: Path) -> None:
    found = [
        ("D#1", course, "K") for course in ("Fall#1", "FALL#1", "Quiz#1", "Quiz#2", "Quiz (2)#1", "é#1", "e\u0301#1")
    ]
    pivot = enrolled(tmp_path, *found, *found[3:4], dimensions=("department",), slicers=("course",))
    check_same(pivot, {"pdf": _rendered("pdf", pivot, tmp_path)}, "UTC", rows_in_pdf=100)


def _rendered(key: str, result: Result, folder: Path) -> Path:
    about: Any = make_about(time_zone="UTC")
    return renderers.render(key, result, about, folder / key, filename_stem="file").path


def _check_chart(result: Result, found: Places) -> None:
    """Every number of the rows is drawn, each in a place of its own."""
    chart = chart_data(result)
    assert chart is not None
    counted = Counter((department, course) for department, course, _ in found)
    assert len(chart.categories) == len({department for department, _ in counted}) <= MOST_BARS
    assert len(set(chart.series)) == len(chart.series) == len({course for _, course in counted})
    drawn = Counter(number for numbers in chart.values for number in numbers if number)
    assert drawn == Counter(float(number) for number in counted.values())
    by_department = sorted(
        sum(numbers[place] or 0 for numbers in chart.values) for place in range(len(chart.categories))
    )
    assert by_department == sorted(Counter(department for department, _, _ in found).values())
