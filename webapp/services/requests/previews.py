"""What asking would give, before anything is asked: the first rows, and what the report will take and weigh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from webapp import renderers
from webapp.documents import LookupCategory, ReportJob
from webapp.documents.job_status import WITH_FILE
from webapp.documents.lookup_value import active_lookups
from webapp.engine import runner
from webapp.engine.backends import Limits
from webapp.engine.gaps import gaps
from webapp.engine.query import Query
from webapp.engine.result import Result
from webapp.record import RecordVersion
from webapp.renderers.chart_data import ChartData, chart_data
from webapp.renderers.reader import Reader
from webapp.scratch import scratch
from webapp.services.questions import as_query, terms
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import status as queue_status
from webapp.services.record import reading
from webapp.services.requests import rules as request_rules
from webapp.services.rights.data_scope import DataScope

PREVIEW_ROWS = 50
PREVIEW_SECONDS = 4.0
PREVIEW_MEMORY_MB = 512
#: Sizes of so many finished files are what an estimate is made from.
FILES_MEASURED = 50
#: The median of so many is told.
FILES_NEAREST = 3
#: A file of ten rows says little about one of a million.
MOST_TIMES_MEASURED = 100
#: Rows and bytes of one file.
Measured = tuple[int, int]


@dataclass(frozen=True)
class Preview:
    """The first rows of an answer, from the record as it is. `published_at` None: nothing was imported yet.

    `gaps`: how many of the matching records name no class, no learner, no event type (`engine.gaps`). `other_terms`:
    where the period is one of days, how many records are of terms that are not on within it.
    """

    result: Result
    rows: list[dict[str, Any]]
    published_at: datetime | None
    chart: ChartData | None = None
    gaps: dict[str, int] = field(default_factory=dict)
    other_terms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """What asking would give. None where nothing has been measured yet."""

    rows_matched: int
    seconds: float | None
    bytes: dict[str, int | None]  # by format; None also where so many rows do not fit


def preview(request: ReportRequest, scope: DataScope, reader: Reader | None = None) -> Preview:
    """The first rows of the answer, without queueing anything; its chart as `reader` reads it.

    Raises InvalidRequestError, and QuestionTooSlowError after `PREVIEW_SECONDS`.
    """
    request_rules.check_sizes(request)
    query = as_query.to_query(request, scope)
    version = reading.current()
    files = version.files(as_query.tables_for(query))
    with scratch("preview-") as folder:
        limits = Limits(memory_mb=PREVIEW_MEMORY_MB, threads=2, seconds=PREVIEW_SECONDS)
        result = runner.run(query, files, folder / "rows.parquet", limits=limits)
        rows = result.first_rows(PREVIEW_ROWS)
        chart = chart_data(result, reader)
        lacking = gaps(query, files, folder / "spill", limits)
        others = _other_terms(request, query, version, folder, limits)
    return Preview(result, rows, version.published_at if version.number else None, chart, lacking, others)


def _other_terms(
    request: ReportRequest, query: Query, version: RecordVersion, folder: Path, limits: Limits
) -> dict[str, int]:
    """Who asks for the days of a term may mean the term; many enroll before it begins."""
    first, last = request.period.first, request.period.last
    if first is None or last is None or request.terms:
        return {}
    on = {each.name: each.starts_on <= last and each.ends_on >= first for each in terms.every()}
    by_term = replace(
        query, dimensions=("term",), measures=("count",), fields=(), slicers=(), results=(), sort=(), top=None,
        limit=None, subtotals=False,
    )  # fmt: skip
    files = version.files(as_query.tables_for(by_term))
    found = runner.run(by_term, files, folder / "terms.parquet", limits=limits)
    counted = {row["term"]: int(row["count"]) for row in found.first_rows()}
    return {name: count for name, count in counted.items() if not on.get(name, True)}


def estimate(report_type: str, result: Result) -> Estimate:
    """What the report whose preview gave `result` has, takes and weighs: seconds and bytes as earlier reports had."""
    measured: dict[str, list[Measured]] = {}
    of_type: dict[str, list[Measured]] = {}
    finished = ReportJob.objects(status__in=[state.value for state in WITH_FILE])
    for job in finished.only("output", "provenance", "report_type").limit(FILES_MEASURED):
        written = (job.provenance or {}).get("rowsWritten")
        size = job.output.storage.size_bytes if job.output.storage else None
        if written and size and not (job.output.options or {}).get("zip"):
            measured.setdefault(job.output.format, []).append((written, size))
            if job.report_type == report_type:
                of_type.setdefault(job.output.format, []).append((written, size))
    sizes: dict[str, int | None] = {}
    for key in active_lookups(LookupCategory.OUTPUT_FORMAT):
        rows = renderers.rows_in_file(key, result.row_count, len(result.columns))
        known = of_type.get(key) or measured.get(key)
        sizes[key] = size_of(rows, known) if known and rows is not None else None
    return Estimate(result.rows_matched, queue_status.typical_seconds(report_type), sizes)


def size_of(rows: int, measured: Sequence[Measured]) -> int | None:
    """Bytes of a file of `rows`, as those of nearly as many rows had. What the smallest file weighs, every file does:
    that part does not grow with the rows. None where no measured file is nearly as long."""
    base_rows, base = min(measured, key=lambda each: each[1])
    if rows <= base_rows:
        return base
    nearest = sorted(measured, key=lambda each: abs(math.log(each[0] / rows)))[:FILES_NEAREST]
    told = sorted(
        base + (size - base) * rows / written
        for written, size in nearest
        if size > base and written * MOST_TIMES_MEASURED >= rows
    )
    return round(told[len(told) // 2]) if told else None


__all__ = ["Estimate", "Preview", "estimate", "preview"]
