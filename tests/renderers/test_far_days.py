"""Days at the ends of the calendar: “never” is written 9999-12-31 by many a system, and a date that was never set is
read as one of year 1. No clock ends a report with them, and no chart is drawn for what lies between."""

from __future__ import annotations

import csv
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest

from tests.engine import organisations
from tests.renderers.results import make_about
from webapp import renderers
from webapp.engine import runner
from webapp.engine.query import Query
from webapp.engine.result import Result
from webapp.renderers.chart_data import chart_data

NEVER, NOT_SET = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
EAST, WEST = "Asia/Kathmandu", "America/New_York"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    tables = organisations.make(2)
    usual = [
        dict(each, id=f"{n:024x}", is_active=True, status="completed") for n, each in enumerate(tables["enrollments"])
    ]
    for number, each in enumerate(usual):
        each["enrolled_at"] = datetime(2024, 1 + number % 3, 10, tzinfo=UTC)
        each["completed_at"] = [datetime(2024, 6, 3, 10, tzinfo=UTC), NEVER, NOT_SET][min(number % 20, 2)]
    tables["enrollments"] = usual
    return organisations.write(tables, tmp_path_factory.mktemp("far"))


def answer(files: dict[str, list[str]], folder: Path, zone: str, **asked: Any) -> Result:
    query = Query("enrollment-summary", "enrollments", time_zone=zone, **asked)
    return runner.run(query, files, folder / "rows.parquet")


@pytest.mark.parametrize("zone", [EAST, WEST])
def test_the_last_and_the_first_day_are_those_days_in_every_zone_and_format(
    files: dict[str, list[str]], tmp_path: Path, zone: str
) -> None:
    result = answer(files, tmp_path, zone, fields=("completed-at",))
    about = make_about(time_zone=zone)
    paths = {
        key: renderers.render(key, result, about, tmp_path / key, filename_stem="f").path for key in renderers.FORMATS
    }
    days = {row[0][:10] for row in list(csv.reader(paths["csv"].read_text(encoding="utf-8").splitlines()))[1:]}
    assert days == {"2024-06-03", "9999-12-31", "0001-01-01"}
    sheet = openpyxl.load_workbook(paths["excel"])["Data"]
    cells = {cell for (cell,) in sheet.iter_rows(min_row=2, max_col=1, values_only=True)}
    days_in_excel = {cell.date() for cell in cells if isinstance(cell, datetime)}
    assert days_in_excel == {date(2024, 6, 3), NEVER.date()}
    assert {cell for cell in cells if isinstance(cell, str)} == {"0001-01-01"}
    with closing(pypdfium2.PdfDocument(paths["pdf"])) as pdf:
        text = " ".join(page.get_textpage().get_text_range() for page in pdf)
    assert "31 Dec 9999" in text
    assert "3 Jun 2024" in text


@pytest.mark.parametrize("zone", [EAST, WEST])
def test_groups_of_time_and_totals_hold_them(files: dict[str, list[str]], tmp_path: Path, zone: str) -> None:
    measures = ("count", "max:completed-at", "min:completed-at")
    result = answer(files, tmp_path, zone, dimensions=("month",), date_field="completed-at", measures=measures)
    about = make_about(time_zone=zone)
    paths = {
        key: renderers.render(key, result, about, tmp_path / key, filename_stem="f").path for key in renderers.FORMATS
    }
    rows = list(csv.reader(paths["csv"].read_text(encoding="utf-8").splitlines()))[1:]
    assert [row[0] for row in rows] == ["0001-01", "2024-06", "9999-12"]
    assert sum(int(row[1]) for row in rows) == result.rows_matched
    drawn = chart_data(result)
    assert drawn is not None
    assert len(drawn.categories) == 3
    assert drawn.categories[1] == "Jun 2024"
    assert "It is too long from Jan 1 to Dec 9999: only times with rows are drawn." in drawn.notes
