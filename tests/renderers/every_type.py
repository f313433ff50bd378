"""Every report type, as it stands and row by row, answered from the record and written in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.examples import rotated
from tests.renderers.reading_back import check_same
from tests.renderers.results import make_about
from webapp import record, renderers
from webapp.engine import runner
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.result import Result
from webapp.services.questions import as_query
from webapp.services.questions.request import ReportRequest
from webapp.services.rights.data_scope import DataScope

#: Not UTC, and with a clock change: an hour that is off would be seen.
ZONE = "Europe/Madrid"


SLOWEST = ("pdf", "excel")


@dataclass(frozen=True)
class Case:
    report_type: str
    detail: bool

    def __str__(self) -> str:
        return f"{self.report_type}{' row by row' if self.detail else ''}"


def cases() -> Iterator[Case]:
    """A summary of every type, and the detail rows of every type that has them."""
    for key, declared in REPORT_TYPES.items():
        yield Case(key, detail=False)
        if declared.detail:
            yield Case(key, detail=True)


def answer(case: Case, folder: Path, limit: int | None) -> Result:
    declared = REPORT_TYPES[case.report_type]
    shape: dict[str, Any] = {"detail": True}
    if not case.detail:
        shape = {name: getattr(declared, name) for name in ("group_by", "measures", "slicers", "sort")}
    request = ReportRequest(report_type=case.report_type, time_zone=ZONE, limit=limit, **shape)
    query = as_query.to_query(request, DataScope())
    files = record.current().files(as_query.tables_for(query))
    return runner.run(query, files, folder / "rows.parquet")


def formats_by_turns(turn: int) -> list[str]:
    """All; in the short run one of the two that take the longest, by turns."""
    return [key for key in renderers.FORMATS if key not in SLOWEST] + rotated(SLOWEST, turn)


def check(
    case: Case,
    folder: Path,
    *,
    limit: int | None,
    rows_in_pdf: int = 5000,
    formats: Sequence[str] = (*renderers.FORMATS,),
) -> tuple[int, int]:
    """Write the files and hold every cell against the rows. Returns (rows, cells compared)."""
    result = answer(case, folder, limit)
    about = make_about(time_zone=ZONE)
    files = {key: renderers.render(key, result, about, folder / key, filename_stem="file").path for key in formats}
    return result.row_count, check_same(result, files, ZONE, rows_in_pdf=rows_in_pdf)
