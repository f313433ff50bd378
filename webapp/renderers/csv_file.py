"""CSV (RFC 4180, UTF-8): one row a line, for any other program.

Ratios are percent (`67.362924%`), recorded times are seconds, instants ISO 8601 with the offset of the report's zone.
Text that a spreadsheet would run as a formula begins with an apostrophe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webapp.engine.result import Column, Result
from webapp.engine.sql import literal
from webapp.messages import Message
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.instants import Instants, in_zone
from webapp.renderers.list_columns import WORDS, listed
from webapp.renderers.reader import Reader
from webapp.renderers.row_texts import Progress, copy_rows, database, number_text

PERCENT_DIGITS = 6
NEW_LINE = "\r\n"
_SECONDS = Message("seconds")
#: Spreadsheets of some countries take these to separate cells, too.
_ALSO_SEPARATE = ";\t"
_NEEDS_QUOTES = '",\r\n' + _ALSO_SEPARATE
#: Also behind spaces, and in the wide forms that some spreadsheets accept.
FORMULA = r"^\s*[=+\-@＝＋－＠]|^[\t\r]"


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows. With the option `bom` the file begins with a byte order mark."""
    mark = "\ufeff" if options.get("bom") else ""
    columns = listed(result, about.reader, options)
    head = mark + ",".join(harmless_cell(heading(column, about.reader)) for _, column in columns) + NEW_LINE
    instants = {
        name: in_zone(result.rows_path, name, about.time_zone) for name, column in columns if column.type == "datetime"
    }
    cells = [f"{_cell(column, name, instants)} AS o{place}" for place, (name, column) in enumerate(columns)]
    quoted = ", ".join(_to_quote(result, columns))
    rows = copy_rows(
        path,
        result.rows_path,
        ", ".join(cells),
        on_progress,
        result.row_count,
        form="QUOTE '\"', ESCAPE '\"', DELIMITER ','" + (f", FORCE_QUOTE ({quoted})" if quoted else ""),
        head=head,
        between=NEW_LINE,
        tail=NEW_LINE if result.row_count else "",
        worked_out={_there(name): each.microseconds for name, each in instants.items()},
    )
    return rows, []


def _to_quote(result: Result, columns: list[tuple[str, Column]]) -> list[str]:
    """Columns of text with marks that are nothing to CSV itself: all their cells are quoted."""
    texts = {f"o{place}": name for place, (name, column) in enumerate(columns) if column.type == "string"}
    if not texts or not result.row_count:
        return []
    marked = [
        " OR ".join(f"contains({name}::VARCHAR, {literal(mark)})" for mark in _ALSO_SEPARATE) for name in texts.values()
    ]
    with database() as connection:
        found = connection.execute(
            f"SELECT {', '.join(f'bool_or({each})' for each in marked)} FROM read_parquet($1)",  # noqa: S608
            [str(result.rows_path)],
        ).fetchone()
    return [name for name, is_marked in zip(texts, found or (), strict=True) if is_marked]


def heading(column: Column, reader: Reader) -> str:
    """What stands above a column; the unit with it where the numbers alone do not say it."""
    label = reader.text(column.label)
    return f"{label} ({reader.text(_SECONDS)})" if column.unit == "seconds" else reader.with_unit(label, column)


def harmless_cell(text: str) -> str:
    """A text as a cell: no spreadsheet runs it, and what separates cells stays inside."""
    text = _harmless(text)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in _NEEDS_QUOTES) else text


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip()[:1] in set("=+-@＝＋－＠") - {""} or text[:1] in ("\t", "\r") else text


def _there(name: str) -> str:
    """The column of what clocks show at the instants of another."""
    return f"{name}_there"


def _cell(column: Column, name: str, instants: Mapping[str, Instants]) -> str:
    if column.type == "string":
        return _text_cell(f"{name}::VARCHAR")
    if column.unit == "ratio":
        return f"({number_text(f'round({name} * 100, {PERCENT_DIGITS})')}) || '%'"
    if column.type == "number":
        return number_text(name)
    if column.type == "integer":
        return f"{name}::BIGINT::VARCHAR"
    if column.type == "datetime":
        return f"CASE WHEN {name} IS NOT NULL THEN {instants[name].named(_there(name)).text} END"
    if column.type == "boolean":
        return f"CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END"
    return f"{name}::VARCHAR"


def _text_cell(text: str) -> str:
    """Most texts begin with a letter or a digit; only the others are worth a regular expression."""
    begins_well = f"({text} >= '0' AND {text} < '=' OR {text} >= 'A' AND {text} < '\uff00')"
    is_formula = f"regexp_matches({text}, {literal(FORMULA)})"
    return f"CASE WHEN {begins_well} THEN {text} WHEN {is_formula} THEN '''' || {text} ELSE nullif({text}, '') END"


FORMAT = Format(
    key="csv",
    label=Message("CSV"),
    description=Message("For any other program: plain text, one row a line."),
    extension="csv",
    mime_type="text/csv",
    write=write,
    options=("bom", WORDS),
)
