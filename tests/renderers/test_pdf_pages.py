"""What stands side by side on the pages of a PDF, and how large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.renderers.results import make_about, make_result
from webapp.engine.result import Column
from webapp.renderers import pdf_pages
from webapp.settings import Settings


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """Where catalogues of languages are compiled to is a setting."""


def groups(folder: Path, columns: list[Column], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    result = make_result(folder, rows, columns)
    shown = [tuple(row[column.key] for column in columns) for row in rows]
    found: list[dict[str, Any]] = pdf_pages.document(result, make_about(), shown, [], None)["sheets"][0]["sections"][0]["groups"]  # fmt: skip
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


@pytest.mark.parametrize(("ratio", "width"), [(0.65, 438), (0.3, 600), (2.0, 400)])
def test_a_chart_fits_under_the_key_figures_of_a_flipped_page_where_it_can_still_be_read(
    tmp_path: Path, ratio: float, width: int
) -> None:
    columns, rows = texts(6, "Reading of manuscripts")
    result = make_result(tmp_path, rows, columns)
    shown = [tuple(rows[0].values())]
    chart = {"path": "chart.svg", "alt": "A chart.", "notes": [], "ratio": ratio}
    document = pdf_pages.document(result, make_about(), shown, [], chart)
    assert document["landscape"]
    assert round(document["chart"]["width"]) == width
