"""What stands side by side on the pages of a PDF, and how large."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pdfplumber
import pytest

from tests.renderers.results import make_about, make_result
from tests.renderers.test_chart_data import enrolled
from webapp import renderers
from webapp.engine.result import Column
from webapp.renderers import pdf_pages
from webapp.renderers.pdf_pages import Drawing
from webapp.settings import Settings


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Where catalogues of languages are compiled to is a setting."""


def groups(folder: Path, columns: list[Column], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    result = make_result(folder, rows, columns)
    shown = [tuple(row[column.key] for column in columns) for row in rows]
    found: list[dict[str, Any]] = pdf_pages.document(result, make_about(), shown, [])["sheets"][0]["sections"][0]["groups"]  # fmt: skip
    return found


def texts(number: int, text: str) -> tuple[list[Column], list[dict[str, Any]]]:
    columns = [Column(f"t{n}", f"T{n}", "string", "text", "field") for n in range(number)]
    return columns, [{column.key: text for column in columns}]


def test_a_table_that_is_a_little_too_wide_stays_in_one_piece_and_breaks_no_word(tmp_path: Path) -> None:
    columns, rows = texts(6, "Reading of manuscripts")
    columns.append(Column("email", "E-mail", "string", "text", "field"))
    rows[0]["email"] = "somebody@school.example"
    found = groups(tmp_path, columns, rows)
    assert [len(group["widths"]) for group in found] == [7]
    assert sum(found[0]["widths"]) <= pdf_pages.LANDSCAPE_WIDTH
    assert found[0]["widths"][-1] == len("somebody@school.example") + 2
    # Words that fill their columns are not squeezed into one another.
    columns, rows = texts(7, "Somebody@school.example")
    assert len(groups(tmp_path, columns, rows)) == 2


def test_of_many_columns_none_is_left_over_for_a_table_of_its_own(tmp_path: Path) -> None:
    course = Column("course", "Course", "string", "text", "dimension")
    weeks = [
        Column(f"count[{n}]", "Count", "integer", "count", "measure", over=(f"Week {n}",), heading="Count")
        for n in range(31)
    ]
    rows = [{"course": "Reading of manuscripts"} | {column.key: 12_345 for column in weeks}]
    found = groups(tmp_path, [course, *weeks], rows)
    assert sum(len(group["widths"]) - 1 for group in found) == 31
    assert max(len(group["widths"]) for group in found) - min(len(group["widths"]) for group in found) <= 1


#: The margin at the end of a page, in points.
FOOT = 48


@pytest.mark.parametrize(("ratio", "width"), [(0.65, 438), (0.3, 600), (0.9, 400), (2.0, 200)])
def test_a_chart_fits_under_the_key_figures_of_a_flipped_page_where_it_can_still_be_read(
    tmp_path: Path, ratio: float, width: int
) -> None:
    columns, rows = texts(6, "Reading of manuscripts")
    result = make_result(tmp_path, rows, columns)
    shown = [tuple(rows[0].values())]
    document = pdf_pages.document(result, make_about(), shown, [], [Drawing("chart.svg", "A chart.", ratio)])
    assert document["landscape"]
    assert round(document["drawings"][0]["width"]) == width


@pytest.mark.parametrize(
    ("departments", "slicers", "pieces"), [(24, (), 1), (8, ("course",), 1), (9, ("course",), 2), (25, ("course",), 4)]
)
def test_however_many_bars_a_chart_has_all_of_it_is_on_the_paper(
    tmp_path: Path, departments: int, slicers: tuple[str, ...], pieces: int
) -> None:
    """Its title, each bar's name and all ticks of the numbers, between the heading and the foot of a page."""
    places = [
        (f"Department {number:02}#1", f"Course {course}#1", "Class#1")
        for number in range(departments)
        for course in range(6)
    ]
    asked: dict[str, Any] = {"dimensions": ("department",), "slicers": slicers, "measures": ("completion-rate",)}
    result = enrolled(tmp_path / "rows", *places, **asked)
    path = renderers.render("pdf", result, make_about(), tmp_path / "file", filename_stem="f").path
    seen: Counter[str] = Counter()
    with pdfplumber.open(path) as document:
        for page in document.pages:
            drawn = [word for word in page.extract_words(extra_attrs=["fontname"]) if "DejaVu" in word["fontname"]]
            headings = [word for word in page.extract_words() if word["text"] == "Chart"]
            for word in drawn:
                assert word["bottom"] <= page.height - FOOT, word
                assert all(word["top"] >= heading["bottom"] for heading in headings), word
            seen += Counter(word["text"] for word in drawn)
    assert seen["Completion"] == 2 * pieces  # in the title and on the axis
    assert {f"{number:02}" for number in range(departments)} <= set(seen)
    assert seen["100.0"] == seen["0.0"] == pieces
