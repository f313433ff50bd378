"""One job, in its child process: question -> fresh data -> answer -> file -> published (DESIGN §6 and §7).

Progress runs over one scale: data to 30 %, query to 60 %, file to 90 %, storing to 99 %; the last step is the
worker's, when it has written that the job is ready.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis.backends.duckdb  # noqa: F401 - the first question would import it: here the fork server does, for all
from bson import ObjectId

from webapp import clock, record, renderers, storage
from webapp.documents import JobStatus, LookupCategory, PartBy, ReportJob, User
from webapp.engine import charts, runner
from webapp.engine.backends import Limits
from webapp.engine.charts import CHART_KINDS
from webapp.engine.result import Result
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.renderers import kept_rows, page_result
from webapp.renderers.about import About
from webapp.renderers.changes_sheet import CHANGES
from webapp.renderers.filenames import content_disposition, fill_template
from webapp.renderers.reader import Reader
from webapp.services import sources
from webapp.services.bursting import counting
from webapp.services.changes import earlier as earlier_reports
from webapp.services.changes import words
from webapp.services.changes.between import Asked
from webapp.services.files import letterhead
from webapp.services.lookups import values as lookups
from webapp.services.plain_text import folded
from webapp.services.questions import as_query, in_words, ways
from webapp.services.rights import data_scope, organisation, standing
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings
from webapp.worker.assignment import Context, Outcome

log = logging.getLogger(__name__)

OPENED, ANSWERED, RENDERED, STORED = 30.0, 60.0, 90.0, 99.0
_CHUNK = 1 << 20


class StoredFileDamagedError(ReportdeskError):
    """What the storage holds is not what was written to it."""

    code = "storage-damaged"
    is_permanent = False


class WorkerDiskFullError(ReportdeskError):
    """The disk that the worker works on is full."""

    code = "worker-disk-full"
    hint = "Tell an administrator. It is tried again later."
    is_permanent = False


class PinnedDataGoneError(ReportdeskError):
    """The data that another report saw cannot be read again."""

    code = "pinned-data-gone"
    hint = Message("Ask for the report anew: it is then made from today's data.")


def execute(context: Context) -> Outcome:
    """Make and publish the file of `context.job`. Raises ReportdeskError for what people should be told."""
    with _full_disk_in_words():
        return _execute(context)


def _execute(context: Context) -> Outcome:
    job = context.job
    scratch = Path(context.assignment.scratch)
    renderers.chart_svg.use_drawer(context.assignment.drawer)
    scope = DataScope.from_document(job.provenance["scope"])
    standing.require_standing(job, scope)

    context.progress(Message("Reading new data"), 1)
    # One record version from beginning to end, whatever is published meanwhile.
    earlier = _earlier(job.parameters.as_of_job_id) or _of_the_whole(job.parent_id)
    if not earlier:
        sources.refresh_if_due()
    # “Now” of the question is the moment of its data, so that the same data give the same answer at any time.
    asked_of = clock.aware(earlier["asOf"]) if earlier.get("asOf") else clock.utcnow()
    query = as_query.to_query(ways.from_job(job), scope, moment=asked_of)
    tables = as_query.tables_for(query)
    version = record.at(int(earlier["recordVersion"])) if earlier else record.current()
    files = version.files(tables)

    context.progress(Message("Working out the numbers"), OPENED)
    rows_path = scratch / "rows.parquet"
    settings = get_settings()
    # The engine spills to disk beyond this; the rest is for the interpreter and the file.
    limits = Limits(memory_mb=max(settings.job_memory_limit_mb // 2, 128))
    result = runner.run(
        query,
        files,
        rows_path,
        engine=settings.engine,
        limits=limits,
        on_progress=_scaled(context, Message("Working out the numbers"), OPENED, ANSWERED),
    )
    answered = result
    result = dataclasses.replace(result, chart=charts.as_asked(result.chart, job.output.chart))
    options = dict(job.output.options or {})
    renderers.check_fits(job.output.format, result.row_count, options)

    context.enter(JobStatus.RENDERING)
    context.progress(Message("Writing the file"), ANSWERED, 0, result.row_count)
    provenance = _provenance(job, query, result, version, tables)
    title = _title(job, result)
    about = _about(job, title, provenance)
    is_asked = CHANGES in options or job.schedule_id is not None
    changes = earlier_reports.since_before(
        job, Asked(query, version), scratch / "changes", is_asked=is_asked, engine=settings.engine, limits=limits
    )
    if changes is not None and is_asked:
        about = dataclasses.replace(about, changes=words.table(changes, about.reader))
    rendered = renderers.render(
        job.output.format,
        result,
        about,
        scratch / "file",
        filename_stem=_file_stem(job, title.replace(": ", " "), query.time_zone, about.reader),
        options=options,
        on_progress=_scaled(context, Message("Writing the file"), ANSWERED, RENDERED),
    )
    page, rows = scratch / "page.json", scratch / "rows.arrow"
    has_all_rows = kept_rows.write(result, rows, folded)
    chart = renderers.chart_svg.draw(result, about.reader)
    # What else the page can draw: any kind but the one that the file has.
    sketches = {
        str(kind): sketch
        for kind in CHART_KINDS
        if (result.chart is None or kind != result.chart.kind)
        and (sketch := renderers.chart_svg.sketched(answered, about.reader, kind)) is not None
    }
    page_result.write(
        result,
        chart,
        page,
        has_all_rows=has_all_rows,
        kinds=sketches,
        changes=changes.to_document() if changes is not None else None,
    )
    provenance |= {"rowsWritten": rendered.rows_written, "notes": [*result.notes, *rendered.notes]}
    if job.schedule_id is not None:
        provenance["rowsChecksum"] = result.checksum()
    if job.burst is not None:
        counted = counting.count(
            PartBy(job.burst.by), query, version, scratch / "places", engine=settings.engine, limits=limits
        )
        provenance["parts"] = counted.to_document()

    context.enter(JobStatus.UPLOADING)
    context.progress(Message("Storing the file"), RENDERED, rendered.rows_written, rendered.rows_written)
    stored = _publish(context, rendered.path, rendered.filename, rendered.mime_type, (page, rows))
    context.progress(Message("Storing the file"), STORED, rendered.rows_written, rendered.rows_written)
    return Outcome(
        storage={**stored, "mimeType": rendered.mime_type},
        provenance=provenance,
        records=rendered.rows_written,
    )


def discard(job_id: ObjectId, fence: int) -> int:
    """Delete what this attempt has left in the storage; returns how many files. Never the file a job points to."""
    job = ReportJob._get_collection().find_one({"_id": job_id}, {"output.storage.key": 1}) or {}
    published = ((job.get("output") or {}).get("storage") or {}).get("key") or ""
    files = storage.open_storage(get_settings().effective_storage_url)
    deleted = 0
    for prefix in (f"incoming/{job_id}/{fence}/", f"reports/{job_id}/{fence}/"):
        if published.startswith(prefix):
            continue
        for key, _, _ in list(files.list(prefix)):
            files.delete(key)
            deleted += 1
    return deleted


def _publish(context: Context, path: Path, filename: str, mime_type: str, beside: tuple[Path, ...]) -> dict[str, Any]:
    """Put the file, and what its page reads `beside` it, under temporary keys, verify them, and, if the job is still
    ours, move them to their place: the file last, because the job points to it."""
    job, assignment = context.job, context.assignment
    files = storage.open_storage(get_settings().effective_storage_url)
    incoming = f"incoming/{job.id}/{assignment.fence}/{assignment.claim_id}"
    final = f"reports/{job.id}/{assignment.fence}"
    moves = {f"{incoming}.{each.name}": f"{final}/{each.name}" for each in beside} | {incoming: f"{final}/{filename}"}
    digest = ""
    headers = {"Content-Disposition": content_disposition(filename), "Content-Type": mime_type}
    for source, temporary in zip((*beside, path), moves, strict=True):
        files.put(source, temporary, attributes=headers if source is path else None)
        digest = _verified(files, source, temporary)
    context.require_hold()
    for temporary, key in moves.items():
        files.move(temporary, key)
    key = moves[incoming]
    return {**files.locate(key), "key": key, "sizeBytes": path.stat().st_size, "sha256": digest}


def _verified(files: storage.Storage, source: Path, key: str) -> str:
    """The SHA-256 of `source`, once the stored bytes are found to have the same. Raises StoredFileDamagedError."""
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if files.stat(key).size != source.stat().st_size or files.sha256(key) != digest.hexdigest():
        raise StoredFileDamagedError(Message("The storage did not keep the file as it was written."))
    return digest.hexdigest()


@contextmanager
def _full_disk_in_words() -> Iterator[None]:
    """Whichever library was writing: each has an error of its own, all quote the system's."""
    try:
        yield
    except ReportdeskError:
        raise
    except Exception as error:
        if any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
            raise WorkerDiskFullError(
                Message("The disk of the worker has no space left for making the report.")
            ) from error
        raise


def _earlier(job_id: ObjectId | None) -> dict[str, Any]:
    """What an earlier report says of the data that it was made from; nothing where today's are asked for."""
    if job_id is None:
        return {}
    found = ReportJob.objects(id=job_id).first()
    provenance: dict[str, Any] = (found.provenance or {}) if found else {}
    if "recordVersion" in provenance:
        return provenance
    if provenance.get("versions"):
        raise PinnedDataGoneError(
            Message(
                "The report whose data was to be used again was made by an older version of Reportdesk, whose data "
                "is no longer kept."
            )
        )
    raise PinnedDataGoneError(Message("The report whose data was to be used again is gone, or has none."))


def _of_the_whole(whole_id: ObjectId | None) -> dict[str, Any]:
    """What the whole says of its data: its parts are made from them, so that they add up. Nothing once it has no file
    any more: whoever has a part made again then has it of today's."""
    whole = ReportJob.objects(id=whole_id).first() if whole_id is not None else None
    has_data = whole is not None and whole.state.has_file and "recordVersion" in (whole.provenance or {})
    return dict(whole.provenance) if whole is not None and has_data else {}


def _file_stem(job: ReportJob, title: str, time_zone: str, reader: Reader) -> str:
    """What was asked for, else the usual name: two months of one report lie side by side in a folder."""
    template = job.output.filename or get_settings().filename_template
    department = organisation.departments().get(job.department_id) if job.department_id else None
    return fill_template(
        template,
        name=title,
        day=clock.utcnow().astimezone(ZoneInfo(time_zone)).date(),
        period=reader.text(ways.from_job(job).period.in_a_name()),
        department=department.name if department else "",
    )


def _provenance(
    job: ReportJob, query: Any, result: Any, version: RecordVersion, tables: Iterable[str]
) -> dict[str, Any]:
    read = [table for table in tables if table in version.tables]
    scope = DataScope.from_document(job.provenance["scope"])
    return {
        "question": [[label, text] for label, text in in_words.describe(ways.from_job(job), scope)],
        "scopeInWords": data_scope.scope_in_words(scope),
        "measures": {
            column.key: {"label": column.label, "unit": column.unit, "definition": column.definition}
            for column in result.columns
            if column.role == "measure" and not column.over
        },
        "recordVersion": version.number,
        "versions": {table: version.tables[table] for table in read},
        "tableIds": {table: version.table_ids[table] for table in read},
        "asOf": query.moment,
        "timeZone": query.time_zone,
        "rowsMatched": result.rows_matched,
        "rowsWritten": result.row_count,
        "software": f"reportdesk {installed('reportdesk')}",
        "jobId": str(job.id),
        "requestedBy": str(job.requested_by),
    }


def _title(job: ReportJob, result: Result) -> str:
    """What the report is called; the transcript of one learner by their name too."""
    who = result.only_page()
    return job.name if who is None or who in job.name else f"{job.name}: {who}"


def _about(job: ReportJob, title: str, provenance: dict[str, Any]) -> About:
    settings = get_settings()
    requester = User.objects(id=job.requested_by).first()
    return About(
        title=title,
        description=job.description or lookups.description(LookupCategory.REPORT_TYPE, job.report_type),
        organization=letterhead.read().name,
        logo=letterhead.logo(),
        requested_by=requester.name if requester else "",
        job_id=str(job.id),
        created_at=job.created_at,
        time_zone=provenance["timeZone"],
        locale=(requester.locale if requester else None) or settings.default_locale,
        provenance=provenance,
    )


def _scaled(context: Context, step: str, begin: float, end: float) -> Callable[[int, int], None]:
    """A callback (done, total) that fills the part of the scale from `begin` to `end`."""

    def tell(done: int, total: int) -> None:
        share = min(done / total, 1.0) if total else 0.0
        context.progress(step, begin + (end - begin) * share, done, total)

    return tell
