"""A result as a file: one row set, every format. Nothing is cut without saying so."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.engine.result import Result
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.renderers import chart_svg, csv_file, json_file, page_result, parquet_file, pdf_file, xlsx_file
from webapp.renderers.about import About
from webapp.renderers.filenames import file_name
from webapp.renderers.formats import Format
from webapp.renderers.row_texts import Progress

#: Every format there is, in the order in which it is offered.
FORMATS: dict[str, Format] = {
    each.FORMAT.key: each.FORMAT for each in (pdf_file, xlsx_file, csv_file, json_file, parquet_file)
}
#: What may be asked of every file: a zip, a `.meta.json` beside it (both then come in a zip).
EVERY_FILE = ("zip", "meta")
#: What may be asked of some file.
OPTIONS = (*dict.fromkeys(option for each in FORMATS.values() for option in each.options), *EVERY_FILE)


@dataclass(frozen=True)
class RenderedFile:
    """`notes` are what people should know of the file (rows left out, texts shortened)."""

    path: Path
    filename: str
    mime_type: str
    extension: str
    rows_written: int
    notes: tuple[str, ...] = ()


class TooLargeForFormatError(ReportdeskError):
    """The rows do not fit into the format."""

    code = "too-large-for-format"


class UnknownFormatError(ReportdeskError):
    """A format that nobody has written yet."""

    code = "unknown-format"
    hint = Message("Choose another format.")


def check_fits(format_key: str, row_count: int, options: Mapping[str, Any]) -> None:
    """Raises TooLargeForFormatError, before any work is done, when the rows cannot fit; UnknownFormatError."""
    found = _format(format_key)
    if found.most_rows is not None and row_count > found.most_rows:
        raise TooLargeForFormatError(
            Message(
                "The report has %(rows)s rows; %(format)s takes at most %(most)s.",
                rows=row_count,
                format=found.label,
                most=found.most_rows,
            ),
            hint=_any_size(),
        )


def rows_in_file(format_key: str, row_count: int, columns: int) -> int | None:
    """How many of so many rows a file of this format has; None where they do not fit at all."""
    found = FORMATS.get(format_key)
    if found is None or (found.most_rows is not None and row_count > found.most_rows):
        return None
    return min(row_count, found.rows_shown(columns)) if found.rows_shown is not None else row_count


def limits_in_words(format_key: str, row_count: int, columns: int) -> str | None:
    """What this format would leave out of so many rows and columns, or None; told before anything is asked for."""
    found = FORMATS.get(format_key)
    if found is None:
        return None
    if found.most_rows is not None and row_count > found.most_rows:
        return Message(
            "%(rows)s rows do not fit into %(format)s (at most %(most)s). %(advice)s",
            rows=row_count,
            format=found.label,
            most=found.most_rows,
            advice=_any_size(),
        )
    if found.rows_shown is not None and row_count > (limit := found.rows_shown(columns)):
        return Message(
            "A %(format)s shows the first %(shown)s of %(rows)s rows. %(advice)s",
            format=found.label,
            shown=limit,
            rows=row_count,
            advice=_all_rows(),
        )
    return None


def _any_size() -> Message:
    *first, last = (each.label for each in FORMATS.values() if each.takes_any_number)
    return Message("Ask for it as %(first)s or %(last)s, which take any number.", first=first, last=last)


def _all_rows() -> Message:
    *first, last = (each.label for each in FORMATS.values() if each.rows_shown is None)
    return Message("%(first)s and %(last)s have all.", first=first, last=last)


def render(
    format_key: str,
    result: Result,
    about: About,
    folder: Path,
    *,
    filename_stem: str,
    options: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> RenderedFile:
    """Write the file into `folder`. Raises ReportdeskError for what people should be told."""
    options = options or {}
    found = _format(format_key)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"file.{found.extension}"
    rows, notes = found.write(result, about, path, on_progress or (lambda done, total: None), options)
    name = file_name(filename_stem, found.extension)
    companions = {}
    if options.get("meta"):
        document = {"report": about.to_json(), "totals": result.totals, "notes": [*result.notes, *notes]}
        companions[f"{name}.meta.json"] = json_file.dumps(document)
    if options.get("zip") or companions:
        return _zipped(path, name, companions, file_name(filename_stem, "zip"), rows, tuple(notes))
    return RenderedFile(path, name, found.mime_type, found.extension, rows, tuple(notes))


def _zipped(
    path: Path, name: str, companions: Mapping[str, str], zip_name: str, rows: int, notes: tuple[str, ...]
) -> RenderedFile:
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, name)
        for companion, text in companions.items():
            archive.writestr(companion, text)
    path.unlink()
    return RenderedFile(target, zip_name, "application/zip", "zip", rows, notes)


def _format(format_key: str) -> Format:
    found = FORMATS.get(format_key)
    if found is None:
        raise UnknownFormatError(Message("No file can be made in the format “%(format)s”.", format=format_key))
    return found


__all__ = [
    "FORMATS", "OPTIONS", "About", "Format", "RenderedFile", "TooLargeForFormatError", "UnknownFormatError",
    "chart_svg", "check_fits", "limits_in_words", "page_result", "render", "rows_in_file",
]  # fmt: skip
