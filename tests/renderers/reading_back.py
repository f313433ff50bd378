"""Files read back by other programs' readers, and held against the row set they were made from.

Each reader gives `{column key: [value of every row]}` in the units of the row set; what a format cannot tell (a PDF shows
one digit of a percentage, Excel knows no zones) is compared as far as it tells it.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pdfplumber
import pikepdf
import pyarrow.parquet
from python_calamine import CalamineWorkbook

from tests.renderers.pdf_table import placed, spans
from webapp.engine.result import Column, Result

Columns = dict[str, list[Any]]
#: How far a value may be from the row set's, by format: the digits that the format shows.
PERCENT_OF_CSV, MILLISECOND = 5.1e-9, timedelta(milliseconds=1)
LONGEST_IN_PDF = 300
_FORMULA = tuple("=+-@＝＋－＠\t\r")


def rows_of(result: Result) -> Columns:
    """The row set itself."""
    table = pyarrow.parquet.read_table(result.rows_path)
    return {column.key: table.column(name).to_pylist() for name, column in result.named}


def check_same(result: Result, files: dict[str, Path], time_zone: str, *, rows_in_pdf: int) -> int:
    """Every cell of every file is that of the row set. Returns how many cells were compared."""
    rows, zone = rows_of(result), ZoneInfo(time_zone)
    compared = 0
    for key, path in files.items():
        found = READERS[key].read(path, result, zone)
        expected = min(result.row_count, rows_in_pdf) if key == "pdf" else result.row_count
        for column in result.columns:
            got, wanted = found[column.key], rows[column.key][:expected]
            if key == "pdf" and result.pages:
                wanted = [wanted[number] for number in _page_by_page(result, rows, expected)]
            assert len(got) == len(wanted), f"{key}, {column.key}: {len(got)} rows, not {len(wanted)}"
            for number, (one, other) in enumerate(zip(got, wanted, strict=True)):
                assert READERS[key].same(one, other, column, zone), (
                    f"{key}, {column.key}, row {number}: {one!r}, not {other!r}"
                )
            compared += len(got)
    return compared


def _page_by_page(result: Result, rows: Columns, count: int) -> list[int]:
    """The rows in the order of pages and of sections on them, each as it came first."""
    pages: dict[Any, dict[Any, list[int]]] = {}
    for number in range(count):
        sections = pages.setdefault(tuple(rows[key][number] for key in result.pages), {})
        sections.setdefault(rows[result.section][number] if result.section else None, []).append(number)
    return [number for sections in pages.values() for members in sections.values() for number in members]


# --- CSV, JSON, Parquet -----------------------------------------------------------------------------------------------


def _read_csv(path: Path, result: Result, zone: ZoneInfo) -> Columns:
    csv.field_size_limit(10_000_000)
    with path.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return _by_key(rows, result)


def _same_in_csv(got: str, wanted: Any, column: Column, zone: ZoneInfo) -> bool:
    if wanted is None:
        return got == ""
    if column.type == "string":
        return got == wanted or (got == f"'{wanted}" and wanted.lstrip().startswith(_FORMULA))
    if column.unit == "ratio":
        return got.endswith("%") and abs(float(got[:-1]) / 100 - wanted) <= PERCENT_OF_CSV
    if column.type == "datetime":
        moment = datetime.fromisoformat(got)
        return moment == _aware(wanted) and moment.utcoffset() == _aware(wanted).astimezone(zone).utcoffset()
    told: dict[str, Callable[[str], Any]] = {
        "number": float,
        "integer": int,
        "date": date.fromisoformat,
        "boolean": {"true": True, "false": False}.__getitem__,
    }
    return told[column.type](got) == wanted


def _read_json(path: Path, result: Result, zone: ZoneInfo) -> Columns:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    told: dict[str, Callable[[str], Any]] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat}
    return {
        column.key: [
            told[column.type](row[column.key]) if column.type in told and row[column.key] else row[column.key]
            for row in rows
        ]
        for column in result.columns
    }


def _read_parquet(path: Path, result: Result, zone: ZoneInfo) -> Columns:
    table = pyarrow.parquet.read_table(path)
    assert table.column_names == [column.key for column in result.columns]
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _same_exactly(got: Any, wanted: Any, column: Column, zone: ZoneInfo) -> bool:
    return bool(got == (_aware(wanted) if isinstance(wanted, datetime) else wanted))


# --- Excel ------------------------------------------------------------------------------------------------------------


def _read_excel(path: Path, result: Result, zone: ZoneInfo) -> Columns:
    book = CalamineWorkbook.from_path(str(path))
    rows: list[list[Any]] = []
    for name in book.sheet_names:
        if name.startswith("Data"):
            found = book.get_sheet_by_name(name).to_python()
            heads = 1 + max((len(column.over) for column in result.columns), default=0)
            for column, *told in zip(result.columns, *found[:heads], strict=True):
                # Of merged cells the first has the text.
                assert _squeezed(told[-1] or told[0]) in _above(column, result), (column, told)
            rows += found[heads:]
    return _by_key(rows[: result.row_count], result)


def _same_in_excel(got: Any, wanted: Any, column: Column, zone: ZoneInfo) -> bool:
    if wanted is None or wanted == "":
        return bool(got == "")
    if column.type == "datetime":
        if not isinstance(got, datetime):  # calamine gives a midnight as a day
            got = datetime(got.year, got.month, got.day)  # noqa: DTZ001 - Excel knows no zones
        return abs(got - _aware(wanted).astimezone(zone).replace(tzinfo=None)) <= MILLISECOND
    if column.unit == "seconds":
        return abs(_as_time(got) - timedelta(seconds=wanted)) <= MILLISECOND
    if column.type == "number":
        return abs(got - wanted) <= 1e-12 * max(abs(wanted), 1)
    return bool(got == (in_words(wanted, column) if column.type == "string" else wanted))


def in_words(value: str, column: Column) -> str:
    """A text as the formats for people show it, in English."""
    if column.time == "month":
        return f"{date.fromisoformat(value + '-01'):%b %Y}"
    if column.time == "quarter":
        return f"{value[5:]} {value[:4]}"
    if column.time == "week":
        return f"Week {int(value[6:])}, {value[:4]}"
    if column.time == "hour":
        moment = datetime.fromisoformat(value)
        return f"{moment.day} {moment:%b %Y, %H:%M}"
    return str(column.words.get(value, value))


def _as_time(got: Any) -> timedelta:
    """Calamine gives a time as a duration; a whole number of days as a number."""
    return got if isinstance(got, timedelta) else timedelta(days=got)


# --- PDF --------------------------------------------------------------------------------------------------------------


def _read_pdf(path: Path, result: Result, zone: ZoneInfo) -> Columns:
    """As a screen reader hears it: the cells of the tagged tables under all that stands above them, and where rows have
    pages of their own the headings of those. Columns that stand in groups are put together."""
    with pdfplumber.open(path) as pdf:
        texts: dict[tuple[int, int], str] = {}
        for page in pdf.pages:
            for letter in page.chars:
                if letter.get("mcid") is not None:
                    at = (page.page_number, letter["mcid"])
                    texts[at] = texts.get(at, "") + letter["text"]
        told = [
            (node["type"], _table(node, texts) if node["type"] == "Table" else _squeezed(_text(node, texts)))
            for node in nodes(pdf.structure_tree)
            if node["type"] in ("H2", "H3", "P", "Table")
        ]
    above = [_above(column, result) for column in result.columns]
    found: Columns = {}
    headings: dict[str, str] = {}
    for kind, what in told:
        if kind == "Table":
            heading, rows = what
            for place, label in enumerate(heading):
                assert label in above, f"the PDF's columns are {heading}, not {above}"
                keys = [result.columns[n].key for n, each in enumerate(above) if each == label]
                assert heading.count(label) <= len(keys)
                found.setdefault(keys[_nth(heading, place, found, keys, len(rows))], []).extend(
                    row[place] for row in rows
                )
            for column in result.columns:
                if column.key in (*result.pages, result.section):
                    found.setdefault(column.key, []).extend([headings[column.key]] * len(rows))
        elif result.pages and kind == "H2":
            headings[result.pages[0]] = str(what)
        elif result.pages and kind == "H3" and result.section:
            headings[result.section] = str(what)
        elif result.pages and ":" in str(what) and str(what).startswith("Learnernumber"):
            headings[result.pages[1]] = str(what).partition(":")[2]
    # A key column stands in each group: all its copies are the same.
    rows_shown = min(len(values) for values in found.values()) if found else 0
    for values in found.values():
        copies = [values[begin : begin + rows_shown] for begin in range(0, len(values), rows_shown or 1)]
        assert all(copy == copies[0] for copy in copies)
    return {column.key: found.get(column.key, [])[:rows_shown] for column in result.columns}


def _nth(heading: list[Any], place: int, found: Columns, keys: list[str], rows: int) -> int:
    """Which of the columns with equal headings: in one table they stand in their order; those that a table before had
    are over, unless it is another part of the same rows."""
    before = heading[:place].count(heading[place])
    if heading.count(heading[place]) == len(keys):
        return before
    return before + sum(len(found.get(key, [])) >= rows for key in keys)


def _above(column: Column, result: Result) -> frozenset[str]:
    """All that stands above the cells of a column, in whatever tier."""
    units = {"seconds": "(days)" if column.is_long else "(h:mm:ss)", "score": "(of100)"}
    label = _squeezed(f"{column.heading or column.label} {units.get(column.unit, '')}")
    is_pivot = any(each.over for each in result.columns) and column.role == "measure"
    over = column.over or (["All"] if is_pivot else [])
    return frozenset([label, *map(_squeezed, over)])


def _table(table: dict[str, Any], texts: dict[tuple[int, int], str]) -> tuple[list[frozenset[str]], list[list[str]]]:
    """What stands above each column, and the rows without the totals."""
    rows: dict[str, list[list[tuple[str, int, int]]]] = {"THead": [], "TBody": [], "TFoot": []}
    for part in table["children"]:
        for row in nodes([part]):
            if row["type"] == "TR":
                cells = [cell for cell in nodes([row]) if cell["type"] in ("TH", "TD")]
                assert part["type"] != "THead" or all(cell["type"] == "TH" for cell in cells), "a heading not tagged so"
                found = [(_squeezed(_text(cell, texts)), *spans(cell.get("attributes"))) for cell in cells]
                rows[part["type"]].append(found)
    grid = placed(rows["THead"])
    width = 1 + max(x for _, x in grid)
    heading = [frozenset(text for (_, x), text in grid.items() if x == place) for place in range(width)]
    return heading, [[text for text, _, _ in row] for row in rows["TBody"]]


def nodes(tree: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for node in tree for found in (node, *nodes(node.get("children", [])))]


def _text(node: dict[str, Any], texts: dict[tuple[int, int], str]) -> str:
    return "".join(
        texts.get((each["page_number"], mcid), "") for each in nodes([node]) for mcid in each.get("mcids", ())
    )


def _squeezed(text: str) -> str:
    """Without spaces: a line's end may have swallowed one."""
    return "".join(unicodedata.normalize("NFC", text).split())


def _same_in_pdf(got: str, wanted: Any, column: Column, zone: ZoneInfo) -> bool:
    if wanted is None or wanted == "":
        return got == "–"
    if column.type == "string":
        return _same_text(got, in_words(wanted, column))
    if column.unit == "ratio":
        return got.endswith("%") and abs(_number(got[:-1]) / 100 - wanted) <= 0.00051
    if column.unit == "seconds" and column.is_long:
        return abs(_number(got) - wanted / 86_400) <= 0.051
    if column.unit == "seconds":
        hours, minutes, seconds = got.removeprefix("−").split(":")
        told = (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * (-1 if got.startswith("−") else 1)
        return abs(told - wanted) <= 0.51
    if column.type in ("integer", "number"):
        return abs(_number(got) - wanted) <= 0.0051
    if column.type == "boolean":
        return got == ("yes" if wanted else "no")
    if column.type == "datetime":
        local = _aware(wanted).astimezone(zone)
        return got == f"{local.day}{local:%b%Y,%H:%M}"
    return got == f"{wanted.day}{wanted:%b%Y}"


def _same_text(got: str, wanted: str) -> bool:
    if len(wanted) > LONGEST_IN_PDF:
        return got.endswith("…") and _squeezed(wanted).startswith(got.removesuffix("…"))
    return got == _squeezed(wanted)


def _number(text: str) -> float:
    return float(re.sub("[,\u2212]", lambda found: {",": "", "\u2212": "-"}[found[0]], text))


# --- both -------------------------------------------------------------------------------------------------------------


def _by_key(rows: list[list[Any]], result: Result) -> Columns:
    assert all(len(row) == len(result.columns) for row in rows)
    return {column.key: [row[place] for row in rows] for place, column in enumerate(result.columns)}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- every format -----------------------------------------------------------------------------------------------------


def _open_csv(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("Class,")


def _open_json(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8"))["report"]["title"]


def _open_parquet(path: Path) -> None:
    assert json.loads(pyarrow.parquet.read_metadata(path).metadata[b"reportdesk"])["report"]["title"]


def _open_excel(path: Path) -> None:
    assert openpyxl.load_workbook(path).sheetnames == ["Summary", "Data", "About"]


def _open_pdf(path: Path) -> None:
    with pikepdf.open(path) as pdf:
        assert str(pdf.docinfo["/Title"])


@dataclass(frozen=True)
class Reader:
    """How a format is read back: `opens` raises for a file that its program would not open (of classes, with a title);
    `read` gives the cells; `same(cell, the row set's, column, zone)` compares as far as the format tells them."""

    opens: Callable[[Path], None]
    read: Callable[[Path, Result, ZoneInfo], Columns]
    same: Callable[[Any, Any, Column, ZoneInfo], bool]


READERS: dict[str, Reader] = {
    "csv": Reader(_open_csv, _read_csv, _same_in_csv),
    "json": Reader(_open_json, _read_json, _same_exactly),
    "parquet": Reader(_open_parquet, _read_parquet, _same_exactly),
    "excel": Reader(_open_excel, _read_excel, _same_in_excel),
    "pdf": Reader(_open_pdf, _read_pdf, _same_in_pdf),
}
