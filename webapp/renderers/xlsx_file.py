"""Excel: Summary (for printing: key figures and a native chart), Data (typed cells under headings in tiers), About.

XlsxWriter writes the frame, which has few rows; those of the data are streamed into it (`sheet_rows`).
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from webapp.clock import on_clocks
from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers import headings, sheet_rows
from webapp.renderers.about import About
from webapp.renderers.changes_sheet import CHANGES, write_changes
from webapp.renderers.chart_data import chart_data
from webapp.renderers.formats import Format
from webapp.renderers.reader import Reader
from webapp.renderers.row_texts import Progress
from webapp.renderers.sheet_rows import FIRST_YEAR, LONGEST_TEXT, SHORTENED, DataSheet
from webapp.renderers.summary_sheet import Formats, plain, write_summary

#: Of a sheet, without its heading; more rows go to further sheets.
SHEET_ROWS = 1_048_575
MOST_SHEETS = 20
ROWS_MEASURED = 500
NARROWEST, WIDEST = 9, 48
ABOUT_WIDTHS = (26, 74)
LINE_HEIGHT = 15
#: Of a heading, in letters: what bold letters and the button of a filter take of a column; the most lines.
HEADING_ROOM, MOST_LINES = 3, 8
#: Letters on a flipped page, at the smallest size that is read.
PAPER_WIDTH = 220
#: Labels that stay in view; more of them would leave no room for what they label.
MOST_FROZEN = 3


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows, and what people should know of the file."""
    notes: list[str] = []
    say = about.reader.text
    if shortened := sheet_rows.texts_to_shorten(result):
        notes.append(
            Message(
                "%(count)s texts were longer than the %(most)s characters that Excel takes; they end with “%(end)s”.",
                count=shortened,
                most=LONGEST_TEXT,
                end=SHORTENED,
            )
        )
    cells = headings.tiers(result.columns, about.reader)
    counts = _rows_of_sheets(result.row_count, SHEET_ROWS + 1 - headings.height(cells))
    if len(counts) > 1:
        notes.append(
            Message(
                "%(rows)s rows are on %(sheets)s sheets, because a sheet holds %(most)s.",
                rows=result.row_count,
                sheets=len(counts),
                most=counts[0],
            )
        )
    is_last_full = counts[-1] + headings.height(cells) > SHEET_ROWS
    if result.totals is not None and is_last_full:
        notes.append(Message("The totals are on the first sheet alone: the last sheet of rows is full."))
    frame = path.with_suffix(".frame")
    with xlsxwriter.Workbook(str(frame)) as book:
        book.set_properties({"title": plain(about.title)[:255], "author": plain(about.organization)[:255]})
        formats = Formats(book, about.reader)
        summary = book.add_worksheet(say(Message("Summary")))
        write_summary(book, summary, formats, result, about, notes, chart_data(result, about.reader))
        widths = _widths(result, about.reader)
        sheets = _write_frames(book, formats, result, counts, about.reader, cells, widths, has_totals=not is_last_full)
        data = {sheet.name for sheet in book.worksheets()} - {summary.name}
        if about.changes is not None:
            write_changes(book.add_worksheet(say(Message("Changes"))), formats, about.changes)
        _write_about(book.add_worksheet(say(Message("About"))), formats, about, [*result.notes, *notes])
        # Side by side, so that they can be read.
        beside = max(-(-sum(widths) // PAPER_WIDTH), 1)
        for sheet in book.worksheets():
            sheet.set_paper(9)
            sheet.fit_to_pages(beside if sheet.name in data else 1, 0)
            page, of = say(Message("Page")), say(Message("of"))
            sheet.set_footer(f"&L&A&R{page} &P {of} &N")
    sheet_rows.fill(frame, path, sheets, result, about.reader, on_progress)
    frame.unlink()
    return result.row_count, notes


def _rows_of_sheets(rows: int, most: int) -> list[int]:
    full, rest = divmod(rows, most)
    return [most] * full + ([rest] if rest or not full else [])


def _write_frames(
    book: xlsxwriter.Workbook,
    formats: Formats,
    result: Result,
    counts: list[int],
    reader: Reader,
    cells: list[headings.Cell],
    widths: list[int],
    *,
    has_totals: bool,
) -> list[DataSheet]:
    """Sheets with heading, widths, filter and totals; of their rows a sample with the formats, and the last one."""
    columns, heads = result.columns, headings.height(cells)
    labels = _labels(columns)
    sheets: list[DataSheet] = []
    first = 0
    data = reader.text(Message("Data"))
    for number, count in enumerate(counts, start=1):
        sheet = book.add_worksheet(data if number == 1 else f"{data} {number}")
        sheets.append(DataSheet(f"xl/worksheets/sheet{len(book.worksheets())}.xml", first, count, heads))
        first += count
        sheet.set_landscape()
        sheet.freeze_panes(heads, labels)
        sheet.repeat_rows(0, heads - 1)
        for place in range(len(columns)):
            sheet.set_column(place, place, widths[place])
        if labels > 0:
            sheet.repeat_columns(0, labels - 1)
        _write_headings(sheet, formats, cells, columns, widths)
        for row in sorted({heads, count + heads - 1}) if count and columns else ():
            for place, column in enumerate(columns):
                sheet.write_blank(row, place, None, formats.cell(column) or formats.quiet)
        if columns:
            sheet.autofilter(heads - 1, 0, max(count, 1) + heads - 1, len(columns) - 1)
        if number == len(counts) and result.totals is not None and has_totals:
            _write_totals(sheet, count + heads, formats, result, reader)
    return sheets


def _labels(columns: tuple[Column, ...]) -> int:
    """How many columns say what a row is."""
    labels = next((n for n, column in enumerate(columns) if column.role != "dimension"), len(columns))
    return min(max(labels, 1), MOST_FROZEN, len(columns) - 1)


def _write_headings(
    sheet: Worksheet, formats: Formats, cells: list[headings.Cell], columns: tuple[Column, ...], widths: list[int]
) -> None:
    for row, high in enumerate(_heading_lines(cells, widths)):
        sheet.set_row(row, LINE_HEIGHT * min(high, MOST_LINES))
    for cell in cells:
        form = formats.spanning if cell.columns > 1 else formats.heading_of(columns[cell.column])
        if cell.rows == cell.columns == 1:
            sheet.write_string(cell.row, cell.column, plain(cell.text), form)
        else:
            last = (cell.row + cell.rows - 1, cell.column + cell.columns - 1)
            sheet.merge_range(cell.row, cell.column, *last, "", form)
            sheet.write_string(cell.row, cell.column, plain(cell.text), form)


def _heading_lines(cells: list[headings.Cell], widths: list[int]) -> list[int]:
    """Of each row of the heading: what is merged grows by itself in no program, and what breaks in some only."""
    lines = [1] * headings.height(cells)
    for cell in cells:
        last = cell.row + cell.rows - 1
        room = sum(widths[cell.column : cell.column + cell.columns]) - HEADING_ROOM
        needed = len(textwrap.wrap(plain(cell.text), max(room, 1), break_long_words=False))
        lines[last] = max(lines[last], needed - (cell.rows - 1))
    return lines


def _write_totals(sheet: Worksheet, row: int, formats: Formats, result: Result, reader: Reader) -> None:
    totals, zone = result.totals or {}, ZoneInfo(reader.time_zone)
    for place, column in enumerate(result.columns):
        value = totals.get(column.key)
        if place == 0 and value is None:
            sheet.write_string(row, 0, reader.text(Message("Total")), formats.cell(column, bold=True))
        elif isinstance(value, datetime):
            local = on_clocks(value, zone).replace(microsecond=0, tzinfo=None)
            if local.year < FIRST_YEAR:
                sheet.write_string(row, place, local.date().isoformat(), formats.cell(column, bold=True))
            else:
                sheet.write_datetime(row, place, local, formats.cell(column, bold=True))
        elif value is not None:
            shown = value / 86_400 if column.unit == "seconds" else value
            sheet.write_number(row, place, shown, formats.cell(column, bold=True))


def _widths(result: Result, reader: Reader) -> list[int]:
    """Of every column, by its first rows and its totals; headings may break between words."""
    is_one = headings.one_measure(result.columns)
    widths = [
        max((len(word) + 3 for word in headings.leaf(column, reader, is_one_measure=is_one).split(" ")), default=0)
        for column in result.columns
    ]
    for values in islice(result.batches(ROWS_MEASURED), 1):
        for place, column in enumerate(result.columns):
            known = [value for value in [*values[place], (result.totals or {}).get(column.key)] if value is not None]
            widths[place] = max([widths[place], *(len(reader.cell(value, column)) + 2 for value in known)])
    return [min(max(width, NARROWEST), WIDEST) for width in widths]


def _write_about(sheet: Worksheet, formats: Formats, about: About, notes: list[str]) -> None:
    say = about.reader.text
    for place, width in enumerate(ABOUT_WIDTHS):
        sheet.set_column(place, place, width)
    row = 0
    sections = [
        (Message("The question"), about.question),
        (Message("What the numbers mean"), about.definitions()),
        (Message("Where they come from"), about.facts()),
        (Message("Notes"), [("", say(note)) for note in notes]),
    ]
    for title, lines in sections:
        if not lines:
            continue
        sheet.write_string(row, 0, say(title), formats.heading)
        sheet.write_blank(row, 1, None, formats.heading)
        for what, said in lines:
            row += 1
            texts = (plain(what), plain(said)[:LONGEST_TEXT])
            for place, text in enumerate(texts):
                sheet.write_string(row, place, text, formats.wrap)
            # Said here: not every program makes a row as high as its longest text.
            most = max(_lines(text, width) for text, width in zip(texts, ABOUT_WIDTHS, strict=True))
            sheet.set_row(row, LINE_HEIGHT * min(most, 27))
        row += 2


def _lines(text: str, width: int) -> int:
    """About how many lines a text takes in a column."""
    return sum(max(math.ceil(len(line) / (width * 0.95)), 1) for line in text.split("\n"))


FORMAT = Format(
    key="excel",
    label=Message("Excel"),
    description=Message("For working on: typed cells, a chart, and a sheet that says what the numbers mean."),
    extension="xlsx",
    mime_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    write=write,
    options=(CHANGES,),
    most_rows=SHEET_ROWS * MOST_SHEETS,
    has_chart=True,
)
