"""Excel: Summary (main figures and a native chart), Data (typed cells), About (provenance). Memory stays constant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers.about import About
from webapp.renderers.cell_texts import cell_text
from webapp.renderers.chart_data import ChartData, chart_data
from webapp.renderers.row_texts import Progress

#: Of a sheet, without its heading; more rows go to further sheets.
SHEET_ROWS = 1_048_575
MOST_SHEETS = 20
LONGEST_TEXT = 32_767
SHORTENED = "… [shortened]"
BATCH = 10_000
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
        self._cells: dict[tuple[str, bool], Format | None] = {}

    def cell(self, column: Column, *, bold: bool = False) -> Format | None:
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


def write(result: Result, about: About, path: Path, on_progress: Progress) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows, and what people should know of the file."""
    notes: list[str] = []
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        book.set_properties({"title": _plain(about.title)[:255], "author": _plain(about.organization)[:255]})
        formats = _Formats(book)
        summary = book.add_worksheet("Summary")
        writer = _DataSheets(book, formats, result, about.time_zone)
        written = writer.write(on_progress)
        if writer.shortened:
            notes.append(
                Message(
                    "%(count)s texts were longer than the %(most)s characters that Excel takes; they end with "
                    "“%(end)s”.",
                    count=writer.shortened,
                    most=LONGEST_TEXT,
                    end=SHORTENED,
                )
            )
        if len(writer.sheets) > 1:
            notes.append(
                Message(
                    "%(rows)s rows are on %(sheets)s sheets, because a sheet holds %(most)s.",
                    rows=written,
                    sheets=len(writer.sheets),
                    most=SHEET_ROWS,
                )
            )
        _write_summary(book, summary, formats, result, about, notes)
        _write_about(book.add_worksheet("About"), formats, about, [*result.notes, *notes])
    return written, notes


class _DataSheets:
    def __init__(self, book: xlsxwriter.Workbook, formats: _Formats, result: Result, time_zone: str) -> None:
        self.book, self.formats, self.result = book, formats, result
        self.zone = ZoneInfo(time_zone)
        self.sheets: list[Worksheet] = []
        self.shortened = 0

    def write(self, on_progress: Progress) -> int:
        rows = self._rows(on_progress)
        written = 0
        while True:
            sheet = self.book.add_worksheet("Data" if not self.sheets else f"Data {len(self.sheets) + 1}")
            self.sheets.append(sheet)
            count = self._write_sheet(sheet, islice(rows, SHEET_ROWS))
            written += count
            if count < SHEET_ROWS or written >= self.result.row_count:
                break
        if self.result.totals is not None and count < SHEET_ROWS:
            self._write_totals(sheet, count + 1)
        return written

    def _rows(self, on_progress: Progress) -> Iterator[tuple[Any, ...]]:
        done = 0
        for batch in pyarrow.parquet.ParquetFile(self.result.rows_path).iter_batches(batch_size=BATCH):
            columns = [self._values(batch.column(column.key), column) for column in self.result.columns]
            yield from zip(*columns, strict=True)
            done += batch.num_rows
            on_progress(done, self.result.row_count)

    def _values(self, array: pa.Array, column: Column) -> list[Any]:
        """The cells of a column as Excel has them: instants by the clocks of the report's zone, times as days."""
        if column.unit == "seconds" and array.type != pa.string():
            array = pc.divide(array.cast(pa.float64()), 86_400.0)
        if column.type == "datetime":
            return [None if each is None else self._local(each) for each in array.to_pylist()]
        return list(array.to_pylist())

    def _local(self, moment: datetime) -> datetime:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(self.zone).replace(tzinfo=None)

    def _write_sheet(self, sheet: Worksheet, rows: Iterator[tuple[Any, ...]]) -> int:
        columns = self.result.columns
        sheet.freeze_panes(1, 0)
        widths = [len(column.label) for column in columns]
        for place, column in enumerate(columns):
            sheet.write_string(0, place, _plain(column.label), self.formats.heading)
        cell_formats = [self.formats.cell(column) for column in columns]
        is_text = [column.type == "string" for column in columns]
        write_string, write_number = sheet.write_string, sheet.write_number
        number = 0
        for number, row in enumerate(rows, start=1):
            for place, value in enumerate(row):
                if value is None:
                    continue
                if is_text[place]:
                    write_string(number, place, self._fitting(value))
                elif isinstance(value, bool):
                    sheet.write_boolean(number, place, value)
                elif isinstance(value, date):
                    sheet.write_datetime(number, place, _for_excel(value), cell_formats[place])
                else:
                    write_number(number, place, value, cell_formats[place])
                if number <= ROWS_MEASURED:
                    widths[place] = max(widths[place], _width(value, columns[place]))
        for place, width in enumerate(widths):
            sheet.set_column(place, place, min(max(width + 2, NARROWEST), WIDEST))
        if columns:
            sheet.autofilter(0, 0, max(number, 1), len(columns) - 1)
        return number

    def _write_totals(self, sheet: Worksheet, row: int) -> None:
        totals = self.result.totals or {}
        for place, column in enumerate(self.result.columns):
            value = totals.get(column.key)
            if place == 0 and value is None:
                sheet.write_string(row, 0, "Total", self.formats.cell(column, bold=True))
            elif isinstance(value, datetime):
                sheet.write_datetime(row, place, self._local(value), self.formats.cell(column, bold=True))
            elif value is not None:
                shown = value / 86_400 if column.unit == "seconds" else value
                sheet.write_number(row, place, shown, self.formats.cell(column, bold=True))

    def _fitting(self, text: str) -> str:
        text = _plain(text)
        # Excel counts UTF-16 units.
        if len(text) * 2 <= LONGEST_TEXT or len(text.encode("utf-16-le")) // 2 <= LONGEST_TEXT:
            return text
        self.shortened += 1
        room = LONGEST_TEXT - len(SHORTENED)
        return text.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore") + SHORTENED


def _plain(text: str) -> str:
    """Text without what XML cannot hold. (XlsxWriter would write `_x0000_`, which other programs show as it is.)"""
    if text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(_ILLEGAL)


def _for_excel(value: date) -> date:
    # Excel's calendar begins in 1900; nothing in a learning record is older.
    return value if value.year >= 1900 else type(value)(1900, 1, 1)


def _width(value: Any, column: Column) -> int:
    if column.type == "datetime":
        return 16
    if column.type == "string":
        return min(len(value), WIDEST)
    return len(cell_text(value, column))


def _write_summary(
    book: xlsxwriter.Workbook, sheet: Worksheet, formats: _Formats, result: Result, about: About, notes: list[str]
) -> None:
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 12, 18)
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
                sheet.write_string(row, 1, cell_text(value, column, time_zone=about.time_zone))
            elif value is not None:
                sheet.write_number(row, 1, value / 86_400 if column.unit == "seconds" else value, formats.cell(column))
            else:
                sheet.write_string(row, 1, "–")
        row += 2
    data = chart_data(result)
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
    for place, name in enumerate(data.series, start=1):
        chart.add_series(
            {
                "name": ["Summary", row, place] if len(data.series) > 1 else _plain(name),
                "categories": ["Summary", row + 1, 0, last, 0],
                "values": ["Summary", row + 1, place, last, place],
            }
        )
    chart.set_title({"name": _plain(data.title), "name_font": {"size": 12}})
    if data.kind == "line":
        chart.set_x_axis({"name": _plain(data.x_label)})
    else:
        chart.set_y_axis({"reverse": True})  # the first category on top, as in the table
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


__all__ = ["MOST_SHEETS", "SHEET_ROWS", "write"]
