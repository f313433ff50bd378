"""What became of fires: the end of their jobs, never the asking. Five failures in a row pause a schedule.

The line of the history says how a fire has ended; then the schedule counts it, and its people hear of it; last the
line is no longer open (`openSince`). Whoever is killed in between is followed by somebody who does the same again: a
schedule knows which of its last fires it has counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus, ReportJob, ReportSchedule, ScheduleFire
from webapp.documents.report_schedule import FireOutcome
from webapp.messages import Message, from_document, to_document
from webapp.services import database_clock
from webapp.services.changes import kept
from webapp.services.schedules import keeping, telling

MOST_FAILURES = 5
#: So many jobs are looked at in one read.
AT_ONCE = 100
#: A schedule remembers so many that it has counted; only those under way matter.
COUNTED_KEPT = 100
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_OUTCOMES: Mapping[JobStatus, FireOutcome] = {
    JobStatus.READY: FireOutcome.MADE,
    JobStatus.DOWNLOADED: FireOutcome.MADE,
    JobStatus.EXPIRED: FireOutcome.MADE,
    JobStatus.FAILED: FireOutcome.FAILED,
    JobStatus.CANCELLED: FireOutcome.CANCELLED,
}
_OF_JOBS = ("status", "completedAt", "error", "provenance.rowsWritten", "provenance.rowsChecksum")


def settle() -> int:
    """Write down how the jobs of open fires have ended, and count it; returns how many had."""
    # By the sparse index: only fires whose end has not been counted are in it.
    found = list(ScheduleFire._get_collection().find({"openSince": {"$gt": _EVER}}, {"outcome": 1}))
    unended = [each["_id"] for each in found if each["outcome"] == FireOutcome.OPEN]
    settled = 0
    for fire_id in (each["_id"] for each in found if each["outcome"] != FireOutcome.OPEN):
        count(ScheduleFire.objects.get(id=fire_id))
        settled += 1
    for begin in range(0, len(unended), AT_ONCE):
        some = unended[begin : begin + AT_ONCE]
        jobs = {job["_id"]: job for job in ReportJob._get_collection().find({"_id": {"$in": some}}, [*_OF_JOBS])}
        settled += sum(_settle(job_id, jobs.get(job_id)) for job_id in some)
    return settled


def _settle(job_id: ObjectId, job: Mapping[str, Any] | None) -> bool:
    if job is None:
        said: Any = to_document(Message("Its report was deleted before it was made."))
        return _end(job_id, FireOutcome.CANCELLED, database_clock.now(), {"said": said})
    outcome = _OUTCOMES.get(JobStatus(job["status"]))
    if outcome is None:
        return False
    error = job.get("error") or {}
    said = (error.get("said") or error.get("message")) if outcome is FireOutcome.FAILED else None
    made = job.get("provenance") or {}
    facts = {"records": made.get("rowsWritten"), "rowsChecksum": made.get("rowsChecksum"), "said": said}
    return _end(job_id, outcome, job.get("completedAt") or database_clock.now(), facts)


def _end(fire_id: ObjectId, outcome: FireOutcome, ended_at: datetime, facts: Mapping[str, Any]) -> bool:
    """End the fire, once, and count it. `facts`: what its line says of it."""
    change = {"outcome": outcome.value, "endedAt": ended_at, **facts}
    is_open = {"_id": fire_id, "outcome": FireOutcome.OPEN.value}
    update = {"$set": {name: each for name, each in change.items() if each is not None}}
    if not ScheduleFire._get_collection().update_one(is_open, update, hint="_id_").matched_count:
        return False
    count(ScheduleFire.objects.get(id=fire_id))
    return True


def count(line: ScheduleFire) -> None:
    """Bring the schedule up to date with a fire that has ended, and its people; done again, it changes nothing."""
    outcome = FireOutcome(line.outcome)
    last_run = {
        "outcome": outcome.value,
        "jobId": line.job_id,
        "firedFor": line.fired_for,
        "endedAt": line.ended_at,
        "said": line.said,
    }
    change: dict[str, Any] = {
        "$set": {"lastRun": last_run, "updatedAt": database_clock.now()},
        "$push": {"countedFires": {"$each": [line.id], "$slice": -COUNTED_KEPT}},
    }
    if outcome is FireOutcome.MADE:
        change["$inc"] = {"successCount": 1}
        change["$set"]["failuresInARow"] = 0
    elif outcome is FireOutcome.FAILED:
        change["$inc"] = {"failureCount": 1, "failuresInARow": 1}
    uncounted = {"_id": line.schedule_id, "countedFires": {"$ne": line.id}}
    ReportSchedule._get_collection().update_one(uncounted, change, hint="_id_")
    if outcome is FireOutcome.MADE:
        _keep_for_the_next(line)
    elif outcome is FireOutcome.FAILED:
        _after_failure(line)
    ScheduleFire._get_collection().update_one({"_id": line.id}, {"$unset": {"openSince": ""}}, hint="_id_")


def _keep_for_the_next(line: ScheduleFire) -> None:
    """What the next report is compared with, when this one is deleted by then. None but the last is kept."""
    job = ReportJob._get_collection().find_one({"_id": line.job_id}, [*kept.FIELDS])
    while job is not None:
        schedule = ReportSchedule.objects(id=line.schedule_id, is_active=True).only("last_made").first()
        before = schedule.last_made if schedule is not None else None
        if schedule is None or (before is not None and before.fired_for >= line.fired_for):
            return
        # Guarded: meanwhile somebody else may have written another one, or deleted the schedule.
        same = {"_id": line.schedule_id, "isActive": True, "lastMade.jobId": before.job_id if before else None}
        made = {"$set": {"lastMade": kept.last_made(job, line.fired_for, before).to_mongo()}}
        if ReportSchedule._get_collection().update_one(same, made, hint="_id_").matched_count:
            return


def _after_failure(line: ScheduleFire) -> None:
    schedule = ReportSchedule.objects(id=line.schedule_id).first()
    if schedule is None:
        return
    in_a_row = int(schedule.failures_in_a_row or 0)
    reason = from_document(line.said) if line.said else Message("The report could not be made.")
    if in_a_row < MOST_FAILURES or not schedule.is_running:
        telling.tell_people(schedule, telling.failed(schedule, reason), once=f"failed:{line.id}")
        return
    why = Message.counted(
        "It failed %(num)s time in a row. The last time: %(reason)s",
        "It failed %(num)s times in a row. The last time: %(reason)s",
        in_a_row,
        reason=reason,
    )
    keeping.pause_by_itself(schedule, database_clock.now(), why, once=f"failed:{line.id}")
