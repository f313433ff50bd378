"""The report before, and what is different since: worked out while a report is made, never for a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from webapp import record
from webapp.clock import aware
from webapp.documents import JobStatus, ReportJob, ReportSchedule, indexes
from webapp.documents.job_status import WITH_FILE
from webapp.engine.backends import DUCKDB, Limits
from webapp.engine.keys import dataset_of
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.record import VersionGoneError
from webapp.record.lake import delta
from webapp.services.changes import kept
from webapp.services.changes.between import Asked, between
from webapp.services.changes.changes import Changes
from webapp.services.files import comparison
from webapp.services.questions import as_query, ways
from webapp.services.rights.data_scope import DataScope

#: Of a report for which nobody asked what changed, that is told all the same where its table has no more rows.
MOST_UNASKED = 100_000
_LOOKED_AT = 30
#: What was found out then is known as long as the job is, whether its file is there or not.
_STATES = [state.value for state in (*WITH_FILE, JobStatus.EXPIRED)]


def since_before(
    job: ReportJob,
    now: Asked,
    folder: Path,
    *,
    is_asked: bool,
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Changes | None:
    """What is different in `now`, the question and the data of `job`, from the report before it; None where there is
    none, where its schedule is not to tell, or where nobody asked and it would take long. `folder` is for files in
    between."""
    schedule = _schedule_of(job)
    is_off = schedule is not None and not schedule.tell_changes
    if is_off or (not is_asked and not _is_small(now)):
        return None
    before = report_before(job, now, schedule)
    if before is None:
        return None
    moment = aware(before.provenance["asOf"])
    try:
        scope = DataScope.from_document(before.provenance["scope"])
        query = as_query.to_query(ways.from_job(before), scope, moment=moment, is_record_new=False)
        then = Asked(query, record.at(int(before.provenance["recordVersion"])))
        return between(then, now, folder, engine=engine, limits=limits)
    except (VersionGoneError, NotFoundError):
        return Changes(moment, problem=Message("The data of the report before are not kept any more."))
    except InvalidRequestError:
        return Changes(moment, problem=Message("What the report before asked cannot be asked any more."))


def _schedule_of(job: ReportJob) -> ReportSchedule | None:
    found = ReportSchedule.objects(id=job.schedule_id) if job.schedule_id is not None else None
    return found.only("tell_changes", "last_made").first() if found is not None else None


def report_before(job: ReportJob, now: Asked, schedule: ReportSchedule | None = None) -> ReportJob | None:
    """The newest earlier report of the same person that asked the same: of a schedule's, the one of the same schedule,
    or what `schedule` keeps of it; else one that was of other data or of another period. Those that were made of the
    data of `now` are none."""
    found = ReportJob.objects(
        requested_by=job.requested_by,
        id__ne=job.id,
        created_at__lt=job.created_at,
        report_type=job.report_type,
        status__in=_STATES,
        # Else the forty parts of one run would hide the run before it.
        parameters__part=job.parameters.part,
    )
    if job.schedule_id is not None:
        found = found.filter(schedule_id=job.schedule_id)
    by_index = indexes.hint(ReportJob._get_collection(), (("requestedBy", 1), ("createdAt", -1)))
    asked = _asked(job)
    for other in found.hint(by_index).order_by("-created_at")[:_LOOKED_AT]:
        if _is_before(other, job, now) and _asked(other) == asked:
            return other
    last = kept.report_of(schedule.last_made) if schedule is not None and schedule.last_made else None
    if (
        last is None
        or last.id == job.id
        or last.requested_by != job.requested_by
        or last.report_type != job.report_type
    ):
        return None
    return last if _is_before(last, job, now) and _asked(last) == asked else None


def _is_before(other: ReportJob, job: ReportJob, now: Asked) -> bool:
    then = other.provenance or {}
    number, moment = then.get("recordVersion"), then.get("asOf")
    if number is None or moment is None or "scope" not in then or number > now.version.number:
        return False
    if aware(moment) >= now.query.moment:
        return False
    if job.schedule_id is not None:
        return True
    return bool(number != now.version.number or comparison.period_meant(other) != comparison.period_meant(job))


def _asked(job: ReportJob) -> Any:
    """The question. Whose rows it counts may have changed: told is what both may count."""
    asked = comparison.question_of(job)
    return asked.get("parameters") or asked


def _is_small(now: Asked) -> bool:
    found = now.version.open(dataset_of(now.query).table)
    return found is None or delta.row_count(found) <= MOST_UNASKED


__all__ = ["report_before", "since_before"]
