"""A result as a file: one row set, every format. Nothing is cut without saying so."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.engine.result import Result
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.renderers import chart_svg, csv_file, json_file, page_result, parquet_file, pdf_file, xlsx_file
from webapp.renderers.about import About
from webapp.renderers.filenames import file_name

Progress = Callable[[int, int], None]
#: What may be asked of a file: a byte order mark (CSV), a zip, a `.meta.json` beside it (both then come in a zip).
OPTIONS = ("bom", "zip", "meta")
ANY_SIZE = Message("Ask for it as CSV, JSON or Parquet, which take any number.")
ALL_ROWS = Message("Excel, CSV, JSON and Parquet have all.")


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


@dataclass(frozen=True)
class Format:
    """`write(result, about, path, on_progress, options)` returns the rows written, and notes."""

    extension: str
    mime_type: str
    write: Callable[[Result, About, Path, Progress, Mapping[str, Any]], tuple[int, list[str]]]
    most_rows: int | None = None


def _csv(
    result: Result, about: About, path: Path, on_progress: Progress, options: Mapping[str, Any]
) -> tuple[int, list[str]]:
    return csv_file.write(result, about, path, on_progress, bom=bool(options.get("bom"))), []


FORMATS: dict[str, Format] = {
    "csv": Format("csv", "text/csv", _csv),
    "json": Format("json", "application/json", lambda r, a, p, t, _: (json_file.write(r, a, p, t), [])),
    "parquet": Format(
        "parquet", "application/vnd.apache.parquet", lambda r, a, p, t, _: (parquet_file.write(r, a, p, t), [])
    ),
    "excel": Format(
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        lambda r, a, p, t, _: xlsx_file.write(r, a, p, t),
        most_rows=xlsx_file.SHEET_ROWS * xlsx_file.MOST_SHEETS,
    ),
    "pdf": Format("pdf", "application/pdf", lambda r, a, p, t, _: pdf_file.write(r, a, p, t)),
}


def check_fits(format_key: str, row_count: int, options: Mapping[str, Any]) -> None:
    """Raises TooLargeForFormatError, before any work is done, when the rows cannot fit; UnknownFormatError."""
    found = _format(format_key)
    if found.most_rows is not None and row_count > found.most_rows:
        raise TooLargeForFormatError(
            Message(
                "The report has %(rows)s rows; %(format)s takes at most %(most)s.",
                rows=row_count,
                format=format_key,
                most=found.most_rows,
            ),
            hint=ANY_SIZE,
        )


def limits_in_words(format_key: str, row_count: int, columns: int) -> str | None:
    """What this format would leave out of so many rows and columns, or None; told before anything is asked for."""
    found = FORMATS.get(format_key)
    if found is None:
        return None
    if found.most_rows is not None and row_count > found.most_rows:
        return Message(
            "%(rows)s rows do not fit into %(format)s (at most %(most)s). %(advice)s",
            rows=row_count,
            format=format_key,
            most=found.most_rows,
            advice=ANY_SIZE,
        )
    if format_key == "pdf" and row_count > (limit := pdf_file.row_limit(columns)):
        return Message(
            "A PDF shows the first %(shown)s of %(rows)s rows. %(advice)s",
            shown=limit,
            rows=row_count,
            advice=ALL_ROWS,
        )
    return None


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
    "FORMATS", "OPTIONS", "About", "RenderedFile", "TooLargeForFormatError", "UnknownFormatError", "chart_svg",
    "check_fits", "limits_in_words", "page_result", "render",
]  # fmt: skip
