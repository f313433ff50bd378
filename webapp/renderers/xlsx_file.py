"""Excel: Summary (main figures and a native chart), Data (typed cells), About (provenance). Memory stays constant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.worksheet import Worksheet

from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers import sheet_rows
from webapp.renderers.about import About
from webapp.renderers.chart_data import ChartData, chart_data
from webapp.renderers.chart_svg import COLOURS
from webapp.renderers.formats import Format
from webapp.renderers.reader import Reader
from webapp.renderers.row_texts import Progress
from webapp.renderers.sheet_rows import LONGEST_TEXT, SHORTENED, DataSheet

#: Of a sheet, without its heading; more rows go to further sheets.
SHEET_ROWS = 1_048_575
MOST_SHEETS = 20
ROWS_MEASURED = 500
NARROWEST, WIDEST = 9, 48
_ILLEGAL = str.maketrans({**dict.fromkeys(range(32)), 9: " ", 10: "\n", 13: None, 0xFFFE: None, 0xFFFF: None})


class _Formats:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.bold = book.add_format({"bold": True})
        self.quiet = book.add_format({"font_color": "#545f6f"})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.heading = book.add_format(
            {"bold": True, "bg_color": "#e6ebf2", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self._book = book
        self._cells: dict[tuple[str, bool], CellFormat | None] = {}

    def cell(self, column: Column, *, bold: bool = False) -> CellFormat | None:
        """The number format of a column's cells."""
        kind = "ratio" if column.unit == "ratio" else "seconds" if column.unit == "seconds" else column.type
        if (kind, bold) not in self._cells:
            number_format = {
                "ratio": "0.0%",
                "seconds": "[h]:mm:ss",
                "integer": "#,##0",
                "number": "#,##0.00",
                "datetime": "yyyy-mm-dd hh:mm",
                "date": "yyyy-mm-dd",
            }.get(kind)
            wanted: dict[str, Any] = {"num_format": number_format} if number_format else {}
            wanted |= {"bold": True, "top": 1} if bold else {}
            self._cells[kind, bold] = self._book.add_format(wanted) if wanted else None
        return self._cells[kind, bold]


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows, and what people should know of the file."""
    notes: list[str] = []
    if shortened := sheet_rows.texts_to_shorten(result):
        notes.append(
            Message(
                "%(count)s texts were longer than the %(most)s characters that Excel takes; they end with “%(end)s”.",
                count=shortened,
                most=LONGEST_TEXT,
                end=SHORTENED,
            )
        )
    counts = _rows_of_sheets(result.row_count)
    if len(counts) > 1:
        notes.append(
            Message(
                "%(rows)s rows are on %(sheets)s sheets, because a sheet holds %(most)s.",
                rows=result.row_count,
                sheets=len(counts),
                most=SHEET_ROWS,
            )
        )
    if result.totals is not None and counts[-1] == SHEET_ROWS:
        notes.append(Message("The totals are on the sheet Summary alone: the last sheet of rows is full."))
    frame = path.with_suffix(".frame")
    with xlsxwriter.Workbook(str(frame), {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        book.set_properties({"title": _plain(about.title)[:255], "author": _plain(about.organization)[:255]})
        formats = _Formats(book)
        _write_summary(book, book.add_worksheet("Summary"), formats, result, about, notes)
        sheets = _write_frames(book, formats, result, counts, ZoneInfo(about.time_zone))
        _write_about(book.add_worksheet("About"), formats, about, [*result.notes, *notes])
        for sheet in book.worksheets():  # on paper: all columns side by side
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)
            sheet.set_footer("&L&A&RPage &P of &N")
    sheet_rows.fill(frame, path, sheets, result, about.reader, on_progress)
    frame.unlink()
    return result.row_count, notes


def _rows_of_sheets(rows: int) -> list[int]:
    full, rest = divmod(rows, SHEET_ROWS)
    return [SHEET_ROWS] * full + ([rest] if rest or not full else [])


def _write_frames(
    book: xlsxwriter.Workbook, formats: _Formats, result: Result, counts: list[int], zone: ZoneInfo
) -> list[DataSheet]:
    """Sheets with heading, widths, filter and totals; of their rows a sample with the formats, and the last one."""
    columns, widths = result.columns, _widths(result, Reader(time_zone=str(zone)))
    sheets: list[DataSheet] = []
    first = 0
    for number, count in enumerate(counts, start=1):
        sheet = book.add_worksheet("Data" if number == 1 else f"Data {number}")
        sheets.append(DataSheet(f"xl/worksheets/sheet{len(book.worksheets())}.xml", first, count))
        first += count
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, widths[place])
            sheet.write_string(0, place, _plain(column.label), formats.heading)
        for row in sorted({1, count}) if count and columns else ():
            for place, column in enumerate(columns):
                sheet.write_blank(row, place, None, formats.cell(column) or formats.quiet)
        if columns:
            sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
        if number == len(counts) and result.totals is not None and count < SHEET_ROWS:
            _write_totals(sheet, count + 1, formats, result, zone)
    return sheets


def _write_totals(sheet: Worksheet, row: int, formats: _Formats, result: Result, zone: ZoneInfo) -> None:
    totals = result.totals or {}
    for place, column in enumerate(result.columns):
        value = totals.get(column.key)
        if place == 0 and value is None:
            sheet.write_string(row, 0, "Total", formats.cell(column, bold=True))
        elif isinstance(value, datetime):
            local = value.astimezone(zone).replace(tzinfo=None)
            sheet.write_datetime(row, place, local, formats.cell(column, bold=True))
        elif value is not None:
            shown = value / 86_400 if column.unit == "seconds" else value
            sheet.write_number(row, place, shown, formats.cell(column, bold=True))


def _widths(result: Result, reader: Reader) -> list[int]:
    """Of every column, by its first rows."""
    widths = [len(column.label) for column in result.columns]
    for values in islice(result.batches(ROWS_MEASURED), 1):
        for place, column in enumerate(result.columns):
            measured = (_width(value, column, reader) for value in values[place] if value is not None)
            widths[place] = max(widths[place], max(measured, default=0))
    return [min(max(width + 2, NARROWEST), WIDEST) for width in widths]


def _plain(text: str) -> str:
    """Text without what XML cannot hold. (XlsxWriter would write `_x0000_`, which other programs show as it is.)"""
    if text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(_ILLEGAL)


def _width(value: Any, column: Column, reader: Reader) -> int:
    if column.type == "datetime":
        return 16
    if column.type == "string":
        return min(len(value), WIDEST)
    return len(reader.cell(value, column))


def _write_summary(
    book: xlsxwriter.Workbook, sheet: Worksheet, formats: _Formats, result: Result, about: About, notes: list[str]
) -> None:
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 12, 15)
    row = 0
    sheet.write_string(row, 0, _plain(about.title), formats.title)
    for text in (about.description, f"{about.organization} · {result.row_count:,} rows from {result.rows_matched:,}"):
        if text:
            row += 1
            sheet.write_string(row, 0, _plain(text), formats.quiet)
    for text in [*result.notes, *notes]:
        row += 1
        sheet.write_string(row, 0, _plain(text), formats.bold)
    row += 2
    measures = [column for column in result.columns if column.role == "measure" and column.key in (result.totals or {})]
    if measures:
        sheet.write_string(row, 0, "All together", formats.heading)
        sheet.write_string(row, 1, "", formats.heading)
        for column in measures:
            row += 1
            sheet.write_string(row, 0, _plain(column.label))
            value = (result.totals or {})[column.key]
            if isinstance(value, datetime):
                sheet.write_string(row, 1, about.reader.cell(value, column))
            elif value is not None:
                sheet.write_number(row, 1, value / 86_400 if column.unit == "seconds" else value, formats.cell(column))
            else:
                sheet.write_string(row, 1, "–")
        row += 2
    data = chart_data(result, about.reader)
    if data is not None:
        _write_chart(book, sheet, formats, data, row)


def _write_chart(book: xlsxwriter.Workbook, sheet: Worksheet, formats: _Formats, data: ChartData, row: int) -> None:
    """The chart's numbers as a table, and beside it a native chart of them."""
    sheet.write_string(row, 0, _plain(data.x_label), formats.heading)
    for place, name in enumerate(data.series, start=1):
        sheet.write_string(row, place, _plain(name), formats.heading)
    scale = 86_400 if data.y_column.unit == "seconds" else 1
    for number, category in enumerate(data.categories, start=1):
        sheet.write_string(row + number, 0, _plain(category))
        for place, values in enumerate(data.values, start=1):
            value = values[number - 1]
            if value is not None:
                sheet.write_number(row + number, place, value / scale, formats.cell(data.y_column))
    kind: dict[str, Any] = {"line": {"type": "line"}, "stacked-bar": {"type": "bar", "subtype": "stacked"}}.get(
        data.kind, {"type": "bar"}
    )
    chart = book.add_chart(kind)
    last = row + len(data.categories)
    dashes = ("solid", "dash", "square_dot", "long_dash")
    for place, name in enumerate(data.series, start=1):
        colour = COLOURS[(place - 1) % len(COLOURS)]
        chart.add_series(
            {
                "name": ["Summary", row, place] if len(data.series) > 1 else _plain(name),
                "categories": ["Summary", row + 1, 0, last, 0],
                "values": ["Summary", row + 1, place, last, place],
                **(
                    {"line": {"color": colour, "width": 2, "dash_type": dashes[(place - 1) % len(dashes)]}}
                    if data.kind == "line"
                    else {"fill": {"color": colour}, "gap": 40}
                ),
            }
        )
    chart.set_title({"name": _plain(data.title), "name_font": {"size": 12}})
    number_axis: dict[str, Any] = {"num_format": {"ratio": "0%", "seconds": "[h]:mm"}.get(data.y_column.unit, "#,##0")}
    if all(value is None or value >= 0 for values in data.values for value in values):
        number_axis["min"] = 0
    if data.kind == "line":
        chart.set_x_axis({"name": _plain(data.x_label)})
        chart.set_y_axis(number_axis)
    else:
        # The first category on top, as in the table, and the numbers below.
        chart.set_y_axis({"reverse": True, "crossing": "max"})
        chart.set_x_axis(number_axis)
    if len(data.series) == 1:
        chart.set_legend({"none": True})
    chart.set_size({"width": 760, "height": max(320, 24 * len(data.categories) + 100) if data.kind != "line" else 360})
    sheet.insert_chart(row, len(data.series) + 2, chart, {"description": _plain(data.description)[:1000]})


def _write_about(sheet: Worksheet, formats: _Formats, about: About, notes: list[str]) -> None:
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 100)
    row = 0
    sections = [
        ("The question", about.question),
        ("What the numbers mean", about.definitions()),
        ("Where they come from", about.facts()),
        ("Notes", [("", note) for note in notes]),
    ]
    for title, lines in sections:
        if not lines:
            continue
        sheet.write_string(row, 0, title, formats.heading)
        sheet.write_string(row, 1, "", formats.heading)
        for what, said in lines:
            row += 1
            sheet.write_string(row, 0, _plain(what), formats.wrap)
            sheet.write_string(row, 1, _plain(said)[:LONGEST_TEXT], formats.wrap)
        row += 2


FORMAT = Format(
    key="excel",
    label=Message("Excel"),
    description=Message("For working on: typed cells, a chart, and a sheet that says what the numbers mean."),
    extension="xlsx",
    mime_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    write=write,
    most_rows=SHEET_ROWS * MOST_SHEETS,
)
