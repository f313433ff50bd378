"""The rows of Excel sheets as XML, made by DuckDB, in place of a sample that XlsxWriter wrote.

XlsxWriter takes six microseconds for a cell, and a million rows have millions of them. So it writes the book with every
sheet's heading, totals and one sample row that carries the formats; here the rows take the sample's place, streamed
from the result into the book's archive. Only the file format and XlsxWriter's public face are relied on.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xlsxwriter.utility import xl_col_to_name

from webapp.engine.result import Column, Result
from webapp.engine.sql import literal
from webapp.renderers.instants import in_zone
from webapp.renderers.reader import Reader
from webapp.renderers.row_texts import Progress, database, number_text, write_rows

LONGEST_TEXT = 32_767
#: Of Excel's calendar.
FIRST_YEAR = 1900
SHORTENED = "… [shortened]"
#: Sheets are XML that repeats itself: more effort than this costs seconds and saves a few percent.
COMPRESSION = 3
#: An archive's entry beyond 2 GB must say so before it is written; no cell is longer on average.
_BYTES_OF_A_CELL = 120
_DAY_SECONDS, _DAY_MICROSECONDS = 86_400.0, 86_400_000_000.0
#: Excel's day 0 is 30 December 1899.
_EPOCH = 25_569
#: The last day of year 9999, whose last microsecond would round to a day that Excel does not know.
_LAST_MOMENT = 2_958_465.99999
_ROW = re.compile(r'<row r="(\d+)"[^>]*?(?:/>|>.*?</row>)', re.DOTALL)
#: What needs more than to be copied: controls, marks of XML, `_x0041_` (a code of Excel's own), spaces at the ends.
_SPECIAL = r"[\x00-\x1f&<>\x{FFFE}\x{FFFF}]|_x[0-9A-Fa-f]{4}_|^ | $"
_NOT_IN_XML = r"[\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]"


@dataclass(frozen=True)
class DataSheet:
    """Rows `first` up to but without `first + count` of the result, in the archive's entry `entry`, under `heads` rows
    of headings."""

    entry: str
    first: int
    count: int
    heads: int


def fill(
    book: Path, target: Path, sheets: Iterable[DataSheet], result: Result, reader: Reader, on_progress: Progress
) -> None:
    """Write `book` to `target` with the rows of `sheets` in place of the sample between headings and totals."""
    by_entry = {sheet.entry: sheet for sheet in sheets}
    days = _days(result, reader.time_zone)
    with (
        zipfile.ZipFile(book) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive,
    ):
        for info in source.infolist():
            sheet = by_entry.get(info.filename)
            if sheet is None or sheet.count == 0:
                archive.writestr(info, source.read(info))
                continue
            before, styles, after = _taken_apart(source.read(info).decode(), sheet)
            is_large = sheet.count * len(result.columns) * _BYTES_OF_A_CELL > 2**31
            with archive.open(info.filename, "w", force_zip64=is_large) as file:
                file.write(before.encode())
                write_rows(
                    file,
                    result.rows_path,
                    _row(result, sheet, styles, reader),
                    on_progress,
                    result.row_count,
                    first=sheet.first,
                    count=sheet.count,
                    worked_out=days,
                )
                file.write(after.encode())


def texts_to_shorten(result: Result) -> int:
    """How many cells have more text than Excel takes."""
    names = [name for name, column in result.named if column.type == "string"]
    if not names:
        return 0
    counts = " + ".join(f"count(*) FILTER ({_is_too_long(name)})" for name in names)
    with database() as connection:
        query = f"SELECT {counts} FROM read_parquet($1)"  # noqa: S608
        found = connection.execute(query, [str(result.rows_path)]).fetchone()
    return int(found[0]) if found else 0


def _taken_apart(xml: str, sheet: DataSheet) -> tuple[str, dict[str, str], str]:
    """The sheet before its data rows, the style of each column by its letters, and the sheet after them."""
    rows = list(_ROW.finditer(xml))
    sample = rows[sheet.heads]
    styles = dict(re.findall(rf'<c r="([A-Z]+){sheet.heads + 1}" s="(\d+)"', sample[0]))
    last = [row for row in rows if int(row[1]) <= sheet.count + sheet.heads][-1]
    return xml[: rows[sheet.heads - 1].end()], styles, xml[last.end() :]


def _row(result: Result, sheet: DataSheet, styles: dict[str, str], reader: Reader) -> str:
    """SQL for a row of a sheet."""
    number = f"(file_row_number - {sheet.first} + {sheet.heads + 1})::VARCHAR"
    cells = []
    for place, (name, column) in enumerate(result.named):
        letters = xl_col_to_name(place)
        style = f' s="{styles[letters]}"' if column.type not in ("string", "boolean") and letters in styles else ""
        begin = literal(f'<c r="{letters}') + f", {number}"
        cells.append(_cell(column, name, begin, style, reader))
    return f"concat('<row r=\"', {number}, '\">', {', '.join(cells)}, '</row>')"


def _cell(column: Column, name: str, begin: str, style: str, reader: Reader) -> str:
    if column.type == "string":
        text = reader.words_in_sql(name, column)
        as_it_is = _text_cell(begin, text)
        made_fit = _text_cell(begin, _fitting(text), ' xml:space="preserve"')
        is_special = f"strlen({text}) > {LONGEST_TEXT} OR regexp_matches({text}, {literal(_SPECIAL)})"
        return f"CASE WHEN {name} IS NULL OR {text} = '' THEN '' WHEN {is_special} THEN {made_fit} ELSE {as_it_is} END"
    if column.type == "boolean":
        value, open_ = f"CASE WHEN {name} THEN '1' ELSE '0' END", '" t="b"><v>'
    else:
        value, open_ = _number(column, name), f'"{style}><v>'
    cell = f"concat({begin}, {literal(open_)}, {value}, '</v></c>')"
    if column.type in ("date", "datetime"):
        # Excel's calendar begins in 1900: an earlier day is a text.
        day = _day(name)
        text = f"(DATE '1899-12-30' + floor({day})::INTEGER)::DATE::VARCHAR"
        cell = f"CASE WHEN {day} < 2 THEN {_text_cell(begin, text)} ELSE {cell} END"
    return f"CASE WHEN {name} IS NULL OR ({value}) IS NULL THEN '' ELSE {cell} END"


def _text_cell(begin: str, text: str, attribute: str = "") -> str:
    open_ = literal(f'" t="inlineStr"><is><t{attribute}>')
    return f"concat({begin}, {open_}, {text}, '</t></is></c>')"


def _number(column: Column, name: str) -> str:
    """SQL for a number as text: times as days."""
    if column.type == "datetime":
        return number_text(_in_calendar(_day(name)))
    if column.type == "date":
        return f"{_in_calendar(_day(name))}::VARCHAR"
    if column.unit == "seconds":
        return number_text(f"({name} / {_DAY_SECONDS})")
    return number_text(name) if column.type == "number" else f"{name}::BIGINT::VARCHAR"


def _days(result: Result, time_zone: str) -> dict[str, str]:
    """SQL, by name, for the days since Excel's day 0 of dates, and of instants by the clocks of the report's zone
    (Excel knows none)."""
    found: dict[str, str] = {}
    for name, column in result.named:
        if column.type == "date":
            found[_day(name)] = f"({name}::DATE - DATE '1899-12-30')"
        elif column.type == "datetime":
            microseconds = in_zone(result.rows_path, name, time_zone).microseconds
            found[_day(name)] = f"least({microseconds} / {_DAY_MICROSECONDS} + {_EPOCH}, {_LAST_MOMENT})"
    return found


def _day(name: str) -> str:
    """The column of days of a column."""
    return f"{name}_day"


def _in_calendar(day: str) -> str:
    """Excel counts a 29 February 1900 that never was: days before it are one less."""
    return f"(CASE WHEN {day} < 61 THEN {day} - 1 ELSE {day} END)"


def _units(text: str) -> str:
    """Excel counts UTF-16 units: two for what lies beyond the first 65,536 characters."""
    beyond = r"[^\x{10000}-\x{10FFFF}]"
    return f"length({text}) + length(regexp_replace({text}, {literal(beyond)}, '', 'g'))"


def _is_too_long(text: str) -> str:
    return f"CASE WHEN strlen({text}) <= {LONGEST_TEXT} THEN false ELSE {_units(text)} > {LONGEST_TEXT} END"


def _fitting(text: str) -> str:
    """SQL for a text that Excel takes, as XML: what XML cannot hold is left out."""
    room = LONGEST_TEXT - len(SHORTENED)
    # Half the room is enough for any mixture of short and long characters.
    kept = f"left({text}, CASE WHEN {_units(text)} = length({text}) THEN {room} ELSE {room // 2} END)"
    short = f"CASE WHEN {_is_too_long(text)} THEN {kept} || {literal(SHORTENED)} ELSE {text} END"
    tidy = f"regexp_replace(replace({short}, chr(9), ' '), {literal(_NOT_IN_XML)}, '', 'g')"
    plain = f"regexp_replace({tidy}, '_(x[0-9A-Fa-f]{{4}}_)', '_x005F_\\1', 'g')"
    return f"replace(replace(replace({plain}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"


__all__ = ["FIRST_YEAR", "LONGEST_TEXT", "SHORTENED", "DataSheet", "fill", "texts_to_shorten"]
