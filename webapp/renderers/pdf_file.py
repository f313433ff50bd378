"""PDF by Typst: tagged (PDF/UA-1), with chart, table, definitions and provenance, for reading and printing."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import unicodedata
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from webapp.engine.result import Column, Result
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.renderers import chart_svg
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.row_texts import Progress
from webapp.settings import get_settings

TEMPLATE = Path(__file__).with_name("report.typ")
#: Characters of a line at this size of type, upright and flipped.
PORTRAIT_WIDTH, LANDSCAPE_WIDTH = 105, 155
NARROWEST, WIDEST = 6, 34
LONGEST_CELL = 300
#: A cell of more lines than this may go over the end of a page.
MOST_LINES = 12
PART_ROWS = 500
#: Typesetting takes some 12 KB of memory for a cell: wide tables show fewer rows.
MOST_CELLS = 100_000
ROWS_MEASURED = 400
ROUNDS = 12
#: No font has them, or they turn the text around: a screen shows nothing where they are.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ud800-\udfff\ue000-\uf8ff]"
)
_NO_FONT = re.compile(r"the text `?(?P<quoted>\"(?:[^\"\\]|\\.)*\")`? could not be displayed")
_REPLACEMENT = "?"


class PdfError(ReportdeskError):
    """The PDF could not be typeset."""

    code = "pdf-failed"
    hint = Message("Ask for the report as Excel or CSV.")


def row_limit(columns: int) -> int:
    """How many rows of so many columns a PDF shows."""
    return min(get_settings().pdf_row_limit, max(MOST_CELLS // max(columns, 1), 1))


def write(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Write `path`; returns how many rows, and what people should know of the file (rows left out, texts replaced)."""
    limit = row_limit(len(result.columns))
    written = min(result.row_count, limit)
    about = dataclasses.replace(about, provenance={**about.provenance, "rowsWritten": written})
    notes: list[str] = []
    if result.row_count > limit:
        notes.append(
            Message(
                "The first %(shown)s of %(rows)s rows are in this PDF. All rows are in the report's other formats: "
                "“Also as” on its page.",
                shown=limit,
                rows=result.row_count,
            )
        )
    with TemporaryDirectory(prefix="reportdesk-pdf-") as scratch:
        folder = Path(scratch)
        shutil.copyfile(TEMPLATE, folder / TEMPLATE.name)
        chart = chart_svg.draw(result, about.reader)
        if chart is not None:
            (folder / "chart.svg").write_text(chart.svg, encoding="utf-8")
        # Through the file and out of memory: typesetting needs all there is.
        _write_data(folder, _document(result, about, _rows(result, limit), notes, chart.description if chart else None))
        replaced = _typeset(folder, path)
    if replaced:
        notes.append(
            Message(
                "%(count)s characters that no font here can show are printed as “%(shown)s”; the other formats have "
                "them.",
                count=replaced,
                shown=_REPLACEMENT,
            )
        )
    on_progress(written, written)
    return written, notes


def _typeset(folder: Path, path: Path) -> int:
    """Compile; where no font has a character, replace it and compile again. Returns how many were replaced."""
    replaced = 0
    for _ in range(ROUNDS):
        try:
            _compile(folder, path)
            return replaced
        except typst.TypstError as error:
            words = " ".join([str(error), *getattr(error, "hints", ())])
            missing = {letter for found in _NO_FONT.finditer(words) for letter in _unquoted(found["quoted"])}
            missing = {letter for letter in missing if ord(letter) > 126}
            if not missing:
                raise PdfError(Message("The PDF could not be typeset: %(reason)s", reason=words[:300])) from error
            replaced += _replace(folder, missing)
    # A script that no font here knows at all: everything beyond Latin goes.
    replaced += _replace(folder, None)
    _compile(folder, path)
    return replaced


def _compile(folder: Path, path: Path) -> None:
    path.write_bytes(typst.compile(str(folder / TEMPLATE.name), root=str(folder), pdf_standards=["ua-1"]))


def _replace(folder: Path, letters: set[str] | None) -> int:
    document, count = _without(json.loads((folder / "data.json").read_text(encoding="ascii")), letters)
    _write_data(folder, document)
    return count


def _write_data(folder: Path, document: dict[str, Any]) -> None:
    (folder / "data.json").write_text(json.dumps(document), encoding="ascii")


def _unquoted(text: str) -> str:
    """What Typst quotes in a message: characters that cannot be seen are escaped (`\\u{fffe}`)."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text[1:-1])


def _without(value: Any, letters: set[str] | None) -> tuple[Any, int]:
    """`value` with `letters` (None: all beyond Latin) replaced in every text, and how many."""
    if isinstance(value, str):
        kept = [
            each
            if (each not in letters if letters is not None else ord(each) < 0x250 or each in "–—’“”…·−")
            else _REPLACEMENT
            for each in value
        ]
        count = sum(a != b for a, b in zip(kept, value, strict=True))
        return "".join(kept), count
    if isinstance(value, dict):
        pairs = {key: _without(each, letters) for key, each in value.items()}
        return {key: each for key, (each, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list | tuple):
        items = [_without(each, letters) for each in value]
        return [each for each, _ in items], sum(count for _, count in items)
    return value, 0


def _rows(result: Result, limit: int) -> list[tuple[Any, ...]]:
    every = (row for columns in result.batches(min(limit, 10_000)) for row in zip(*columns, strict=True))
    return list(islice(every, limit))


def _document(
    result: Result, about: About, rows: list[tuple[Any, ...]], notes: list[str], alt: str | None
) -> dict[str, Any]:
    columns = result.columns
    texts = [
        [_shown(about.reader.cell(value, column)) for value, column in zip(row, columns, strict=True)] for row in rows
    ]
    widths = [_width(place, column, texts) for place, column in enumerate(columns)]
    landscape = sum(widths) > PORTRAIT_WIDTH
    keys = [place for place, column in enumerate(columns) if column.role == "dimension"][:3] or ([0] if columns else [])
    groups = _column_groups(widths, keys, LANDSCAPE_WIDTH if landscape else PORTRAIT_WIDTH)
    totals = _totals(result, about) if result.totals and len(rows) == result.row_count else []
    return {
        # A name of nothing that can be seen would be an empty heading, which PDF/UA refuses.
        "title": _shown(about.title).strip() or f"Report {about.job_id}",
        "description": _shown(about.description),
        "organization": _shown(about.organization),
        "created": _shown(f"{about.provenance.get('software', 'reportdesk')} · {about.created_at:%Y-%m-%d %H:%M} UTC"),
        "lang": about.locale[:2],
        "landscape": landscape,
        "breakable": _most_lines(widths, texts) > MOST_LINES,
        "words": {
            "page": "Page",
            "of": "of",
            "chart": "Chart",
            "result": "Result",
            "question": "The question",
            "definitions": "What the numbers mean",
            "provenance": "Where they come from",
        },
        "notes": [_shown(note) for note in [*result.notes, *notes]],
        "chart": None if alt is None else {"path": "chart.svg", "alt": _shown(alt), "width": 600 if landscape else 480},
        "groups": [
            {
                "title": f"Columns {number} of {len(groups)}",
                "widths": [widths[place] for place in group],
                "align": ["right" if columns[place].type in ("integer", "number") else "left" for place in group],
                "header": [_shown(columns[place].label) for place in group],
                "parts": [
                    [[row[place] for place in group] for row in texts[first : first + PART_ROWS]]
                    for first in range(0, len(texts), PART_ROWS)
                ],
                "totals": [totals[place] for place in group] if totals else [],
            }
            for number, group in enumerate(groups, start=1)
        ]
        if rows
        else [],
        "question": [[_shown(what), _shown(said)] for what, said in about.question],
        "definitions": [[_shown(what), _shown(said)] for what, said in about.definitions()],
        "facts": [[_shown(what), _shown(said)] for what, said in about.facts() if said],
    }


def _totals(result: Result, about: About) -> list[str]:
    totals = result.totals or {}
    texts = [
        _shown(about.reader.cell(totals[column.key], column)) if column.key in totals else ""
        for column in result.columns
    ]
    if texts and not texts[0]:
        texts[0] = "Total"
    return texts


def _column_groups(widths: list[int], keys: list[int], room: int) -> list[list[int]]:
    """Columns that fit side by side; the key columns begin each group, so that its rows can be told apart."""
    if sum(widths) <= room:
        return [list(range(len(widths)))]
    keys = keys if sum(widths[place] for place in keys) <= room // 2 else keys[:1]
    others = [place for place in range(len(widths)) if place not in keys]
    taken = sum(widths[place] for place in keys)
    groups: list[list[int]] = [[]]
    width = taken
    for place in others:
        if groups[-1] and width + widths[place] > room:
            groups.append([])
            width = taken
        groups[-1].append(place)
        width += widths[place]
    return [[*keys, *group] for group in groups]


def _width(place: int, column: Column, texts: list[list[str]]) -> int:
    longest = max((len(row[place]) for row in texts[:ROWS_MEASURED]), default=0)
    heading = max((len(word) for word in column.label.split()), default=0)
    return min(max(longest + 2, heading + 2, NARROWEST), WIDEST)


def _most_lines(widths: list[int], texts: list[list[str]]) -> float:
    """Of a cell, about: lines of its own, and those that its column's width makes."""
    lines = (text.count("\n") + len(text) / width for row in texts for text, width in zip(row, widths, strict=True))
    return max(lines, default=0)


def _shown(text: str) -> str:
    """Text as a printer can show it, cut where a cell would fill pages; long words may break."""
    text = unicodedata.normalize("NFC", _UNSHOWN.sub("", text.replace("\r\n", "\n")))
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… (shortened)"


FORMAT = Format(
    key="pdf",
    label=Message("PDF"),
    description=Message("For reading and printing: chart, table and definitions on pages."),
    extension="pdf",
    mime_type="application/pdf",
    write=write,
    rows_shown=row_limit,
)
