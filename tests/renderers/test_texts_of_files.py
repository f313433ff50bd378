"""The texts of every report type in every format and chart: words and no keys, days and no database's timestamps, and
nothing in English where the reader's language is Spanish."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pypdfium2
import pytest

from tests import messages
from tests.engine import organisations
from tests.renderers import every_type
from tests.renderers.results import make_about
from webapp import renderers, statuses
from webapp.engine import runner
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.query import Query, Sort
from webapp.engine.result import Result
from webapp.engine.words import EMPTY
from webapp.renderers import chart_svg, list_columns, page_result
from webapp.renderers.json_file import dumps
from webapp.services.lookups.activity_events import ACTIVITY_EVENTS
from webapp.settings import get_settings

pytestmark = pytest.mark.long

EVENTS = {each.key: each.label for each in ACTIVITY_EVENTS}
KEYS = {key for key in (*statuses.WORDS, *EVENTS, *DATASETS, *REPORT_TYPES) if "-" in key} | {"subtotal", "row-type"}
#: 2024-03-31, 2024-03-31T01:30, 2024-03-31 01:30:00, …+00:00; and a bucket as the engine writes it.
TIMESTAMP = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b|\d\d:\d\d:\d\d\.\d|\+00:00|\b\d{4}-(?:W\d\d|Q\d)\b")
TIMES = [key for key, dimension in DIMENSIONS.items() if dimension.time]


@pytest.fixture(autouse=True, scope="module")
def _settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Files need settings; one home for all, since its catalogues are compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTDESK_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return organisations.write(organisations.make(3), tmp_path_factory.mktemp("texts"))


def shapes(key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The questions of one type: as it stands, by month and its states, with subtotals, each time
    as columns, and row by row."""
    declared = REPORT_TYPES[key]
    dataset = DATASETS[declared.dataset]
    yield "", {"dimensions": declared.group_by, "measures": declared.measures, "slicers": declared.slicers, "limit": 12}
    state = next((each for each in ("status", "event-type") if each in dataset.dimensions), None)
    # Few rows: every month brings columns of all states. Once for each dataset, whose states and events they are.
    sliced = {"slicers": (state,) if state else (), "limit": 6}
    if key == next(each for each in REPORT_TYPES if REPORT_TYPES[each].dataset == dataset.key):
        yield "over time", {"dimensions": ("month",), "measures": declared.measures[:2], **sliced}
    if key == "enrollment-summary":
        parts = {"dimensions": ("quarter", "status"), "measures": ("count", "max:completed-at")}
        yield "by parts", {**parts, "subtotals": True}
        for time in TIMES:
            across = {"dimensions": ("status",), "slicers": (time,)}
            yield f"{time} as columns", {**across, "measures": ("count", "average:time-to-complete")}
        across = {"dimensions": ("status",), "slicers": ("quarter",)}
        yield "quarter as columns of one measure", {**across, "measures": ("count",)}
        yield "at the top", {"dimensions": ("week",), "measures": ("average:time-to-complete",), "top": 3}
    if declared.detail:
        sort = tuple(Sort(each.removeprefix("-"), each.startswith("-")) for each in declared.detail_sort)
        yield "row by row", {"fields": declared.detail, "sort": sort, "limit": 12}


CASES = [(key, shape, asked) for key in REPORT_TYPES for shape, asked in shapes(key)]


def answer(files: Any, folder: Path, key: str, asked: dict[str, Any]) -> Result:
    query = Query(key, REPORT_TYPES[key].dataset, **asked, time_zone="Europe/Madrid", event_words=EVENTS)
    return runner.run(query, files, folder / "rows.parquet")


def texts_of(
    result: Result, folder: Path, locale: str, formats: Sequence[str] = (*renderers.FORMATS,)
) -> dict[str, list[str]]:
    """By format, all that somebody reads in its file; and on the page."""
    measures = {
        column.key: {"label": column.label, "definition": column.definition}
        for column in result.columns
        if column.role == "measure" and not column.over
    }
    about = make_about(locale=locale, title="Ñ", description="", provenance={"measures": measures, "question": []})
    found: dict[str, list[str]] = {}
    paths = {
        key: renderers.render(key, result, about, folder / key, filename_stem="f", options={"words": True}).path
        for key in formats
    }
    for key in TEXTS_OF.keys() & paths:
        found[key] = TEXTS_OF[key](paths[key])
    page = page_result.read(dumps(page_result.page_document(result, None, has_all_rows=True)).encode())
    found["page"] = [about.reader.heading(page_result.column_of(column)) for column in page["columns"]]
    chart = chart_svg.draw(result, about.reader)
    if chart is not None:
        found["chart"] = [*re.findall(r">([^<>]+)<", chart.svg), about.reader.text(chart.description)]
        found["chart"] += [about.reader.text(note) for note in chart.notes]
    # Of list files the headings, and the columns of words. What is of a time keeps its key: see the test of that.
    keyed = [any(column.over_times) for _, column in list_columns.listed(result, about.reader, {"words": True})]
    head = next(csv.reader(paths["csv"].read_text(encoding="utf-8").splitlines()))
    found["csv"] = [label for label, is_key in zip(head, keyed, strict=True) if not is_key]
    document = json.loads(paths["json"].read_text())
    labels = [column["label"] for column in document["columns"]]
    found["json"] = [label for label, is_key in zip(labels, keyed, strict=True) if not is_key]
    found["json"] += [str(row[key]) for row in document["rows"] for key in row if key.endswith("-words")]
    table = pyarrow.parquet.read_table(paths["parquet"])
    found["parquet"] = [
        str(each) for name in table.column_names if name.endswith("-words") for each in table.column(name).to_pylist()
    ]
    return found


def _texts_of_pdf(path: Path) -> list[str]:
    with closing(pypdfium2.PdfDocument(path)) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def _texts_of_book(path: Path) -> list[str]:
    book = openpyxl.load_workbook(path)
    rows = (row for sheet in book for row in sheet.iter_rows(values_only=True))
    return [*book.sheetnames, *(value for row in rows for value in row if isinstance(value, str))]


TEXTS_OF = {"pdf": _texts_of_pdf, "excel": _texts_of_book}


@pytest.mark.parametrize(("key", "shape", "asked"), CASES, ids=[f"{key} {shape}".strip() for key, shape, _ in CASES])
def test_files_show_words_and_days_and_in_spanish_no_english(
    organisation: dict[str, list[str]], tmp_path: Path, key: str, shape: str, asked: dict[str, Any]
) -> None:
    result = answer(organisation, tmp_path, key, asked)
    assert result.row_count
    names = {part for row in result.first_rows() for value in row.values() for part in str(value).split(" · ")}
    formats = every_type.formats_by_turns(CASES.index((key, shape, asked)))
    for form, texts in texts_of(result, tmp_path, "es", formats).items():
        said = "\n".join(texts)
        assert [each for each in KEYS if re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", said)] == [], form
        assert "data." not in said, form
        assert TIMESTAMP.findall(said) == [], form
        assert english(texts, names) == set(), form


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("time", TIMES)
def test_a_time_above_columns_is_called_as_beside_rows_and_list_files_keep_its_key(
    organisation: dict[str, list[str]], tmp_path: Path, time: str, locale: str
) -> None:
    rows = answer(organisation, tmp_path, "enrollment-summary", {"dimensions": (time,), "measures": ("count",)})
    across = {"dimensions": ("status",), "slicers": (time,), "measures": ("count",)}
    (tmp_path / "across").mkdir()
    pivot = answer(organisation, tmp_path / "across", "enrollment-summary", across)
    reader = make_about(locale=locale).reader
    dated = [row[time] for row in rows.first_rows() if row[time] is not None]
    none = reader.text(EMPTY)
    assert {above for column in pivot.columns for above in reader.over(column)} - {none} == {
        reader.cell(each, rows.columns[0]) for each in dated
    }
    about = make_about(locale=locale, provenance={"measures": {}, "question": []})
    path = renderers.render("csv", pivot, about, tmp_path / "list", filename_stem="f", options={}).path
    head = next(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert {label.partition(" · ")[2] for label in head} - {"", none} == {str(each) for each in dated}


def english(texts: list[str], names: set[str]) -> set[str]:
    """Lines that are texts of the program's in English, other than names of the organisation's."""
    ours, spanish = _texts_of_program()
    pieces = {piece.strip() for text in texts for line in text.split("\n") for piece in re.split(r" · |: ", line)}
    return (pieces & ours) - spanish - names


@cache
def _texts_of_program() -> tuple[set[str], set[str]]:
    """In English, where they are others in Spanish; and in Spanish."""
    catalogue = [message for message in messages.spanish() if isinstance(message.id, str)]
    ours = {str(each.id) for each in catalogue if each.id and each.string != each.id and "%(" not in each.id}
    return ours, {str(each.string) for each in catalogue}


def test_the_check_itself_sees_english_keys_and_timestamps(organisation: dict[str, list[str]], tmp_path: Path) -> None:
    asked = {"dimensions": ("status",), "measures": ("count", "max:completed-at")}
    result = answer(organisation, tmp_path, "enrollment-summary", asked)
    texts = texts_of(result, tmp_path, "en")
    assert {"Count", "Status"} <= english(texts["excel"], set())
    assert {"Count", "Status"} <= english(texts["pdf"], set())
    assert TIMESTAMP.findall("2024-03-31T01:30:00Z 2024-03 2024-W07 2024-Q1") != []
    assert "Not started" in texts["excel"]
    assert "not-started" in KEYS
