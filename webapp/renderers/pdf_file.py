"""PDF by Typst: tagged (PDF/UA-1), for reading, printing and a board's table. What is on its pages: `pdf_pages`."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from webapp.engine.result import Result
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.renderers import chart_svg, pdf_pages
from webapp.renderers.about import About
from webapp.renderers.formats import Format
from webapp.renderers.row_texts import Progress
from webapp.settings import get_settings

TEMPLATE = Path(__file__).with_name("report.typ")
#: Typesetting takes some 12 KB of memory for a cell: wide tables show fewer rows.
MOST_CELLS = 100_000
ROUNDS = 12
_NO_FONT = re.compile(r"the text `?(?P<quoted>\"(?:[^\"\\]|\\.)*\")`? could not be displayed")
_REPLACEMENT = "?"
_SIZE = re.compile(r'viewBox="\S+ \S+ (?P<wide>[\d.]+) (?P<high>[\d.]+)"')
#: The first bytes of a PNG; a logo is one, or an SVG.
PNG = b"\x89PNG\r\n\x1a\n"


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
        pieces, chart_notes = chart_svg.pieces(result, about.reader)
        drawings = []
        for number, piece in enumerate(pieces):
            (folder / f"chart-{number}.svg").write_text(piece.svg, encoding="utf-8")
            drawings.append(pdf_pages.Drawing(f"chart-{number}.svg", piece.description, _ratio_of(piece.svg)))
        # Through the file and out of memory: typesetting needs all there is.
        document = pdf_pages.document(result, about, _rows(result, limit), notes, drawings, chart_notes)
        if about.logo:
            document["logo"] = "logo.png" if about.logo.startswith(PNG) else "logo.svg"
            (folder / document["logo"]).write_bytes(about.logo)
        _write_data(folder, document)
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


def _ratio_of(svg: str) -> float:
    """A drawing's height by its width."""
    found = _SIZE.search(svg)
    return float(found["high"]) / float(found["wide"]) if found and float(found["wide"]) else 1.0


def can_print(logo: bytes) -> bool:
    """Whether a picture can stand at the top of a PDF."""
    name = "logo.png" if logo.startswith(PNG) else "logo.svg"
    with TemporaryDirectory(prefix="reportdesk-pdf-") as scratch:
        folder = Path(scratch)
        (folder / name).write_bytes(logo)
        (folder / "logo.typ").write_text(f'#set document(title: "logo")\n#image("{name}", height: 1.3cm, alt: "logo")')
        try:
            typst.compile(str(folder / "logo.typ"), root=str(folder), pdf_standards=["ua-1"])
        except typst.TypstError:
            return False
    return True


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
    for drawing in folder.glob("chart-*.svg"):
        drawn, more = _without(drawing.read_text(encoding="utf-8"), letters)
        drawing.write_text(drawn, encoding="utf-8")
        count += more
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


FORMAT = Format(
    key="pdf",
    label=Message("PDF"),
    description=Message("For reading and printing: chart, table and definitions on pages."),
    extension="pdf",
    mime_type="application/pdf",
    write=write,
    rows_shown=row_limit,
    has_chart=True,
)
