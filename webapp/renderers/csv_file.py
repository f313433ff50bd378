"""CSV (RFC 4180, UTF-8): one row a line, for any other program.

Ratios are percent (`67.362924%`), recorded times are seconds, instants ISO 8601 with the offset of the report's zone.
Text that a spreadsheet would run as a formula begins with an apostrophe.
"""

from __future__ import annotations

from pathlib import Path

from webapp.engine.result import Column, Result
from webapp.renderers.about import About
from webapp.renderers.instants import in_zone
from webapp.renderers.row_texts import Progress, copy_rows, identifier, literal, number_text

PERCENT_DIGITS = 6
NEW_LINE = "\r\n"
#: The last two separate cells for spreadsheets of some countries.
_NEEDS_QUOTES = '",\r\n;\t'
#: Also behind spaces, and in the wide forms that some spreadsheets accept.
_FORMULA = r"^\s*[=+\-@＝＋－＠]|^[\t\r]"


def write(result: Result, about: About, path: Path, on_progress: Progress, *, bom: bool = False) -> int:
    """Write `path`; returns how many rows."""
    cells = [_cell(column, result.rows_path, about.time_zone) for column in result.columns]
    row = f"concat_ws(',', {', '.join(cells)})" if cells else "''"
    head = ("\ufeff" if bom else "") + ",".join(_quoted(heading(column)) for column in result.columns) + NEW_LINE
    tail = NEW_LINE if result.row_count else ""
    return copy_rows(path, result.rows_path, row, on_progress, result.row_count, head=head, between=NEW_LINE, tail=tail)


def heading(column: Column) -> str:
    """What stands above a column; the unit with it where the numbers alone do not say it."""
    return f"{column.label} (seconds)" if column.unit == "seconds" else column.label


def _quoted(text: str) -> str:
    text = _harmless(text)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in _NEEDS_QUOTES) else text


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip()[:1] in set("=+-@＝＋－＠") - {""} or text[:1] in ("\t", "\r") else text


def _cell(column: Column, rows_path: Path, time_zone: str) -> str:
    name = identifier(column.key)
    if column.type == "string":
        value = _text_cell(f"{name}::VARCHAR")
    elif column.unit == "ratio":
        value = f"({number_text(f'round({name} * 100, {PERCENT_DIGITS})')}) || '%'"
    elif column.type == "number":
        value = number_text(name)
    elif column.type == "integer":
        value = f"{name}::BIGINT::VARCHAR"
    elif column.type == "datetime":
        value = in_zone(rows_path, column.key, time_zone).text
    elif column.type == "boolean":
        value = f"CASE WHEN {name} THEN 'true' ELSE 'false' END"
    else:
        value = f"{name}::VARCHAR"
    return f"CASE WHEN {name} IS NULL THEN '' ELSE coalesce(({value}), '') END"


def _text_cell(text: str) -> str:
    """Most texts begin with a letter or a digit and hold no mark; only the others are worth a regular expression."""
    begins_well = f"({text} >= '0' AND {text} < '=' OR {text} >= 'A' AND {text} < '\uff00')"
    has_mark = " OR ".join(f"contains({text}, {literal(mark)})" for mark in _NEEDS_QUOTES)
    safe = f"CASE WHEN regexp_matches({text}, {literal(_FORMULA)}) THEN '''' || {text} ELSE {text} END"
    quoted = f"'\"' || replace({safe}, '\"', '\"\"') || '\"'"
    return f"CASE WHEN {begins_well} AND NOT ({has_mark}) THEN {text} WHEN {has_mark} THEN {quoted} ELSE {safe} END"
