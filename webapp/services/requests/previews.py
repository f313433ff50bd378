"""What asking would give, before anything is asked: the first rows, and what the report will take and weigh."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet

from webapp.documents import LookupCategory, ReportJob
from webapp.documents.job_status import WITH_FILE
from webapp.documents.lookup_value import active_lookups
from webapp.engine import runner
from webapp.engine.backends import Limits
from webapp.engine.gaps import gaps
from webapp.engine.result import Result
from webapp.renderers.chart_data import ChartData, chart_data
from webapp.services.questions import as_query
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import status as queue_status
from webapp.services.record import reading
from webapp.services.requests import rules as request_rules
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings

PREVIEW_ROWS = 50
PREVIEW_SECONDS = 4.0
PREVIEW_MEMORY_MB = 512
#: Sizes of so many finished files are what an estimate is made from.
FILES_MEASURED = 50


@dataclass(frozen=True)
class Preview:
    """The first rows of an answer, from the record as it is. `published_at` None: nothing was imported yet.

    `gaps`: how many of the matching records name no class, no learner, no event type (`engine.gaps`).
    """

    result: Result
    rows: list[dict[str, Any]]
    published_at: datetime | None
    chart: ChartData | None = None
    gaps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """What asking would give. None where nothing has been measured yet."""

    rows_matched: int
    seconds: float | None
    bytes: dict[str, int | None]  # by format


def preview(request: ReportRequest, scope: DataScope) -> Preview:
    """The first rows of the answer, without queueing anything.

    Raises InvalidRequestError, and QuestionTooSlowError after `PREVIEW_SECONDS`.
    """
    request_rules.check_sizes(request)
    query = as_query.to_query(request, scope)
    version = reading.current()
    files = version.files(as_query.tables_for(query))
    folder = get_settings().scratch_folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="preview-", dir=folder) as scratch:
        limits = Limits(memory_mb=PREVIEW_MEMORY_MB, threads=2, seconds=PREVIEW_SECONDS)
        result = runner.run(query, files, Path(scratch) / "rows.parquet", limits=limits)
        rows = first_rows(result.rows_path, PREVIEW_ROWS)
        chart = chart_data(result)
        lacking = gaps(query, files, Path(scratch) / "spill", limits)
    return Preview(result, rows, version.published_at if version.number else None, chart, lacking)


def first_rows(path: Path, limit: int) -> list[dict[str, Any]]:
    """The first `limit` rows of a result's Parquet file."""
    file = pyarrow.parquet.ParquetFile(path)
    for batch in file.iter_batches(batch_size=limit):
        rows: list[dict[str, Any]] = batch.slice(0, limit).to_pylist()
        return rows
    return []


def estimate(report_type: str, result: Result) -> Estimate:
    """What the report whose preview gave `result` has, takes and weighs: seconds and bytes as earlier reports had."""
    per_row: dict[str, list[float]] = {}
    finished = ReportJob.objects(status__in=[state.value for state in WITH_FILE]).only("output", "provenance")
    for job in finished.limit(FILES_MEASURED):
        written = (job.provenance or {}).get("rowsWritten")
        size = job.output.storage.size_bytes if job.output.storage else None
        if written and size:
            per_row.setdefault(job.output.format, []).append(size / written)
    sizes: dict[str, int | None] = {}
    for key in active_lookups(LookupCategory.OUTPUT_FORMAT):
        measured = sorted(per_row.get(key, ()))
        sizes[key] = round(measured[len(measured) // 2] * result.row_count) if measured else None
    return Estimate(result.rows_matched, queue_status.typical_seconds(report_type), sizes)


__all__ = ["Estimate", "Preview", "estimate", "first_rows", "preview"]
