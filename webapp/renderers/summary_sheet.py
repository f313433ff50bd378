"""Excel's first sheet: what somebody prints. Title, period and scope, the key figures, a native chart, its numbers."""

from __future__ import annotations

import math
import struct
from datetime import datetime
from io import BytesIO
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.worksheet import Worksheet

from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers.about import About
from webapp.renderers.chart_data import ChartData
from webapp.renderers.chart_svg import COLOURS, ticks_of
from webapp.renderers.reader import DAY_SECONDS, Reader

#: Columns of the sheet, and characters of a line across the first of them.
LABELS, NUMBERS, ACROSS, LINE = 34, 14, 6, 96
CHART_WIDTH, LOGO_HEIGHT, ROW_PIXELS, LINE_HEIGHT = 740, 48, 20, 15
#: Excel's numbers of the languages whose names of months a cell shows.
_LANGUAGE_CODES = {"en": "409", "es": "C0A"}
_ILLEGAL = str.maketrans({**dict.fromkeys(range(32)), 9: " ", 10: "\n", 13: None, 0xFFFE: None, 0xFFFF: None})


class Formats:
    """The formats of a book's cells, as its reader reads numbers and days."""

    def __init__(self, book: xlsxwriter.Workbook, reader: Reader) -> None:
        self.title = book.add_format({"bold": True, "font_size": 18, "font_color": "#12436d", "text_wrap": True})
        self.bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self.quiet = book.add_format({"font_color": "#545f6f", "text_wrap": True, "valign": "top"})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        heading = {"bold": True, "bg_color": "#e6ebf2", "bottom": 1, "text_wrap": True, "valign": "bottom"}
        self.heading = book.add_format(heading)
        self._right = book.add_format({**heading, "align": "right"})
        self.spanning = book.add_format({**heading, "align": "center", "left": 1, "right": 1})
        self._book = book
        self._language = f"[$-{_LANGUAGE_CODES.get(reader.language, '409')}]"
        self._cells: dict[tuple[str, bool], CellFormat | None] = {}

    def heading_of(self, column: Column) -> CellFormat:
        return self._right if column.type in ("integer", "number") else self.heading

    def number(self, column: Column) -> str | None:
        """Excel's code for the numbers of a column; None for texts."""
        if column.unit == "seconds":
            return "#,##0.0" if column.is_long else "[h]:mm:ss"
        if column.unit == "ratio":
            return "0.0 %"
        return {
            "integer": "#,##0",
            "number": "#,##0.00",
            "datetime": f"{self._language}d mmm yyyy, hh:mm",
            "date": f"{self._language}d mmm yyyy",
        }.get(column.type)

    def cell(self, column: Column, *, bold: bool = False) -> CellFormat | None:
        """The number format of a column's cells."""
        kind = self.number(column) or ""
        if (kind, bold) not in self._cells:
            wanted: dict[str, Any] = {"num_format": kind} if kind else {}
            wanted |= {"bold": True, "top": 1} if bold else {}
            self._cells[kind, bold] = self._book.add_format(wanted) if wanted else None
        return self._cells[kind, bold]


def plain(text: str) -> str:
    """Text without what XML cannot hold. (XlsxWriter would write `_x0000_`, which other programs show as it is.)"""
    if text.isprintable():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(_ILLEGAL)


def write_summary(
    book: xlsxwriter.Workbook,
    sheet: Worksheet,
    formats: Formats,
    result: Result,
    about: About,
    notes: list[str],
    chart: ChartData | None,
) -> None:
    say = about.reader.text
    sheet.set_column(0, 0, LABELS)
    sheet.set_column(1, 12, NUMBERS)
    sheet.hide_gridlines(2)
    row = _write_logo(sheet, about.logo)
    rows = Message.counted(
        "%(num)s row, made of %(matched)s records",
        "%(num)s rows, made of %(matched)s records",
        result.row_count,
        matched=result.rows_matched,
    )
    lines = [(about.organization, formats.quiet), (about.title, formats.title)]
    lines += [(text, formats.quiet) for text in (say(about.description), *about.subtitle(), say(rows)) if text]
    lines += [(say(text), formats.bold) for text in [*result.notes, *notes, *(chart.notes if chart else ())]]
    for text, form in lines:
        row = _line(sheet, row, plain(text), form)
    row = _write_figures(sheet, formats, result, about.reader, row + 1)
    if chart is not None:
        _write_chart(book, sheet, formats, chart, row)


def _write_logo(sheet: Worksheet, logo: bytes | None) -> int:
    """The logo on top, where it is one that Excel shows; returns the first row below."""
    if logo is None or not logo.startswith(b"\x89PNG"):
        return 0
    wide, high = struct.unpack(">II", logo[16:24])
    scale = min(LOGO_HEIGHT / high, CHART_WIDTH / wide)
    sheet.set_row_pixels(0, LOGO_HEIGHT + 8)
    placed = {"image_data": BytesIO(logo), "x_scale": scale, "y_scale": scale, "decorative": True}
    sheet.insert_image(0, 0, "logo.png", placed)
    return 1


def _line(sheet: Worksheet, row: int, text: str, form: CellFormat) -> int:
    """A text across the sheet, as high as it needs; returns the next row."""
    size = 1.6 if form.font_size > 12 else 1.0
    high = sum(max(math.ceil(len(line) * size / LINE), 1) for line in text.split("\n"))
    sheet.merge_range(row, 0, row, ACROSS - 1, "", form)
    sheet.write_string(row, 0, text, form)
    sheet.set_row(row, LINE_HEIGHT * size * min(high, 15))
    return row + 1


def _write_figures(sheet: Worksheet, formats: Formats, result: Result, reader: Reader, row: int) -> int:
    """The measures of all rows together; returns the row after them."""
    totals = result.totals or {}
    measures = [
        column for column in result.columns if column.role == "measure" and column.key in totals and not column.over
    ]
    if not measures:
        return row
    sheet.write_string(row, 0, reader.text(Message("Key figures")), formats.heading)
    sheet.write_blank(row, 1, None, formats.heading)
    for column in measures:
        row += 1
        sheet.write_string(row, 0, plain(reader.heading(column)))
        value = totals[column.key]
        if isinstance(value, datetime) or value is None:
            sheet.write_string(row, 1, reader.cell(value, column))
        else:
            sheet.write_number(row, 1, value / DAY_SECONDS if column.unit == "seconds" else value, formats.cell(column))
    return row + 2


def _write_chart(book: xlsxwriter.Workbook, sheet: Worksheet, formats: Formats, data: ChartData, row: int) -> None:
    """A native chart, and under it its numbers as a table."""
    height = 360 if data.kind == "line" else max(320, 24 * len(data.categories) + 100)
    begin = row + math.ceil(height / ROW_PIXELS) + 1
    say = data.reader.text
    sheet.write_string(begin, 0, plain(say(data.x_label)), formats.heading)
    # One series is called by what it counts, with its unit; several by what they are of, and the axis tells the unit.
    told = data.reader.with_unit(say(data.y_label), data.y_column)
    for place, name in enumerate(data.series, start=1):
        name = name if len(data.series) > 1 else told
        sheet.write_string(begin, place, plain(name), formats.heading_of(data.y_column))
    scale = DAY_SECONDS if data.y_column.unit == "seconds" else 1
    for number, category in enumerate(data.categories, start=1):
        sheet.write_string(begin + number, 0, plain(category))
        for place, values in enumerate(data.values, start=1):
            value = values[number - 1]
            if value is not None:
                sheet.write_number(begin + number, place, value / scale, formats.cell(data.y_column))
    kind: dict[str, Any] = {"line": {"type": "line"}, "stacked-bar": {"type": "bar", "subtype": "stacked"}}.get(
        data.kind, {"type": "bar"}
    )
    chart = book.add_chart(kind)
    last = begin + len(data.categories)
    dashes = ("solid", "dash", "square_dot", "long_dash")
    for place, name in enumerate(data.series, start=1):
        colour = COLOURS[(place - 1) % len(COLOURS)]
        chart.add_series(
            {
                "name": [sheet.name, begin, place] if len(data.series) > 1 else plain(name),
                "categories": [sheet.name, begin + 1, 0, last, 0],
                "values": [sheet.name, begin + 1, place, last, place],
                **(
                    {"line": {"color": colour, "width": 2, "dash_type": dashes[(place - 1) % len(dashes)]}}
                    if data.kind == "line"
                    else {"fill": {"color": colour}, "gap": 40}
                ),
            }
        )
    chart.set_title({"name": plain(say(data.title)), "name_font": {"size": 12}})
    ticks = [tick / scale for tick in ticks_of(data)]
    axis: dict[str, Any] = {
        "name": plain(told),
        "num_format": (formats.number(data.y_column) or "").replace(".00", "").replace("0.0 %", "0 %"),
        "min": ticks[0],
        "max": ticks[-1],
        "major_unit": ticks[1] - ticks[0],
    }
    if data.kind == "line":
        chart.set_x_axis({"name": plain(say(data.x_label))})
        chart.set_y_axis(axis)
    else:
        # The first category on top, as in the table, and the numbers below.
        chart.set_y_axis({"reverse": True, "crossing": "max"})
        chart.set_x_axis(axis)
    chart.set_legend({"none": True} if len(data.series) == 1 else {"position": "bottom"})
    chart.set_size({"width": CHART_WIDTH, "height": height})
    sheet.insert_chart(row, 0, chart, {"description": plain(say(data.description))[:1000]})
