"""From a report that has ended to the deliveries that its wishes ask for: made once, whoever is killed meanwhile.

A job says `deliveriesWanted` from when somebody wants to hear of its end. Workers look for those that have ended, write
their deliveries under ids made of job, occasion, channel and recipient, and then take the mark away. Killed between the
two, the next worker writes the same again, which changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import ValidationError
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from webapp.documents import (
    Channel,
    Delivery,
    DeliveryState,
    DeliveryWish,
    JobStatus,
    ReportJob,
    ReportSchedule,
    ScheduleFire,
    When,
    indexes,
)
from webapp.documents.ids import id_made_of
from webapp.documents.report_schedule import FireOutcome, LastMade, OnEmpty, OnUnchanged
from webapp.messages import Message, to_document
from webapp.services import database_clock
from webapp.services.deliveries.webhooks import endpoints
from webapp.services.jobs import parts
from webapp.settings import get_settings

log = logging.getLogger(__name__)

ENDED = (JobStatus.READY, JobStatus.DOWNLOADED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED)
AT_ONCE = 100
READY, FAILED, CANCELLED = "ready", "failed", "cancelled"
_DUPLICATE = 11000
#: Of the runs before one, so many are looked through for the last that was made.
LOOKED_BACK = 200
_INDEX = (("deliveriesWanted", 1), ("status", 1))


def make_due() -> int:
    """Write the deliveries of reports that have ended; returns of how many reports."""
    made = 0
    for job in _wanted():
        try:
            made += make(job)
        except (ValidationError, ValueError):
            # One report whose wishes another client has written wrong must not stop all others.
            log.exception("deliveries not made", extra={"job_id": str(job.id)})
    return made


def _wanted() -> list[ReportJob]:
    jobs = ReportJob._get_collection()
    # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's own.
    marked: dict[str, Any] = {"deliveriesWanted": {"$eq": True, "$type": "bool"}}
    by_index = indexes.hint(jobs, _INDEX)
    if jobs.find_one(marked, {"_id": 1}, hint=by_index) is None:
        return []  # almost always: one cheap read
    ids = [
        each["_id"]
        for status in ENDED
        for each in jobs.find({**marked, "status": status.value}, {"_id": 1}, hint=by_index).limit(AT_ONCE)
    ]
    return list(ReportJob.objects(id__in=ids)) if ids else []


def make(job: ReportJob) -> bool:
    """Write the deliveries of this report, and take its mark away unless it has been begun again meanwhile."""
    now = database_clock.now()
    rule = _rule_of(job)
    writes = [
        # On insert alone: what is there has a history.
        UpdateOne({"_id": made.id}, {"$setOnInsert": _fields(made)}, upsert=True)
        for wish in job.deliver_to
        if (made := _delivery(job, wish, rule, now)) is not None
    ]
    if writes:
        try:
            Delivery._get_collection().bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            # Of two workers at once one finds that the other was faster; anything else is a fault.
            if any(each["code"] != _DUPLICATE for each in error.details["writeErrors"]):
                raise
    guard = {"_id": job.id, "deliveriesWanted": True, "eventCount": job.event_count, "status": job.status}
    # One wish may have been added since the job was read: the mark stays, and the next turn writes it.
    guard["deliverTo"] = {"$size": len(job.deliver_to)}
    marked = {"$unset": {"deliveriesWanted": 1}}
    return ReportJob._get_collection().update_one(guard, marked, hint="_id_").matched_count == 1


def id_of(job_id: ObjectId, occasion: str, channel: str, recipient: str) -> ObjectId:
    """The id of the one delivery of all these."""
    return id_made_of(f"{job_id}:{occasion}:{channel}:{recipient}")


def _fields(made: Delivery) -> dict[str, Any]:
    made.validate()
    document: dict[str, Any] = made.to_mongo().to_dict()
    del document["_id"]
    return document


# --- what its schedule says of no rows, or of the same as the last time -----------------------------------------------


@dataclass(frozen=True)
class Rule:
    """`held_back`: why nothing goes out. `only_word`: only that there are no rows."""

    held_back: Message | None = None
    only_word: bool = False


_AS_USUAL = Rule()


def _rule_of(job: ReportJob) -> Rule:
    if job.schedule_id is None or not job.state.has_file:
        return _AS_USUAL
    schedule = ReportSchedule.objects(id=job.schedule_id).only("on_empty", "on_unchanged", "last_made").first()
    if schedule is None:
        return _AS_USUAL
    is_empty = (job.provenance or {}).get("rowsWritten") == 0
    if is_empty and schedule.on_empty == OnEmpty.SKIP:
        return Rule(held_back=Message("It has no rows; its schedule then sends nothing."))
    if schedule.on_unchanged == OnUnchanged.SKIP and _is_as_last_time(job, schedule.last_made):
        return Rule(held_back=Message("It has the same rows as the last time; its schedule then sends nothing."))
    return Rule(only_word=is_empty and schedule.on_empty == OnEmpty.SAY)


def _is_as_last_time(job: ReportJob, kept: LastMade | None) -> bool:
    """Does it have the rows of the run before it: of the last one that was made? `kept`: what the schedule knows of it
    when the history, which is kept as long as the audit trail, does not reach so far."""
    checksum = (job.provenance or {}).get("rowsChecksum")
    this = ScheduleFire.objects(id=job.parent_id or job.id).only("fired_for").first()
    if checksum is None or this is None:
        return False
    before = list(
        ScheduleFire.objects(schedule_id=job.schedule_id, fired_for__lt=this.fired_for)
        .order_by("-fired_for")
        .limit(LOOKED_BACK)
    )
    if job.parent_id is not None:
        return _is_as_last_part(job, [line.id for line in before])
    # What has ended so lately that nobody has written it into the history yet is asked itself.
    fresh = [line.job_id for line in before if line.outcome == FireOutcome.OPEN]
    ended = {each.id: each for each in ReportJob.objects(id__in=fresh)} if fresh else {}
    for line in before:
        if line.outcome == FireOutcome.MADE:
            return bool(line.rows_checksum == checksum)
        made = ended.get(line.job_id)
        if made is not None and made.state.has_file:
            return bool((made.provenance or {}).get("rowsChecksum") == checksum)
    if kept is not None and kept.job_id == job.id:
        return bool(kept.checksum_before == checksum)
    return bool(kept is not None and kept.fired_for < this.fired_for and kept.rows_checksum == checksum)


def _is_as_last_part(job: ReportJob, runs: list[ObjectId]) -> bool:
    """As `_is_as_last_time`, of a part: of `runs`, the newest first, the last that has made the same part."""
    ids = [parts.id_of(run, job.parameters.part or "") for run in runs]
    made = {each.id: each for each in ReportJob.objects(id__in=ids).only("provenance")} if ids else {}
    checksums = ((made[each].provenance or {}).get("rowsChecksum") for each in ids if each in made)
    last = next((each for each in checksums if each is not None), None)
    return last is not None and bool(last == (job.provenance or {}).get("rowsChecksum"))


# --- one delivery -----------------------------------------------------------------------------------------------------


def _delivery(job: ReportJob, wish: DeliveryWish, rule: Rule, now: datetime) -> Delivery | None:
    """What this wish means at this end of the report; None: it asks for nothing."""
    occasion = READY if job.state.has_file or job.status == JobStatus.EXPIRED else job.status
    if not _is_meant(job, wish, occasion):
        return None
    made = Delivery(
        id=id_of(job.id, occasion, wish.channel, wish.recipient),
        job_id=job.id,
        occasion=occasion,
        channel=wish.channel,
        recipient=wish.recipient,
        attach=wish.attach,
        note=wish.note,
        only_word=rule.only_word or None,
        job_name=job.name,
        schedule_id=job.schedule_id,
        sender_id=job.requested_by,
        host=_host(wish),
        made_at=now,
        queued_at=now,
        not_before=now,
    )
    if why := _why_not(job, wish, occasion) or _why_not_now(wish, rule):
        made.state, made.why, made.not_before, made.ended_at = DeliveryState.SKIPPED.value, to_document(why), None, now
        made.expires_at = now + timedelta(days=get_settings().delivery_retention_days)
    return made


def _is_meant(job: ReportJob, wish: DeliveryWish, occasion: str) -> bool:
    """Does the wish ask for anything at this end? Who waits for a file is told in the ledger why there is none."""
    if wish.when == When.ENDED or wish.when == occasion:
        return True
    if wish.channel == Channel.INBOX:
        # Whoever stopped it knows.
        return occasion == CANCELLED and str(job.cancel_requested_by) != wish.recipient
    return wish.when == When.READY and wish.channel != Channel.WEBHOOK


def _why_not(job: ReportJob, wish: DeliveryWish, occasion: str) -> Message | None:
    if wish.channel in (Channel.INBOX, Channel.WEBHOOK):
        return None
    if occasion == CANCELLED:
        return Message("The report was cancelled.")
    if occasion == FAILED and (wish.when == When.READY or wish.channel == Channel.STORAGE):
        return Message("The report could not be made.")
    if job.status == JobStatus.EXPIRED:
        return Message("Its file was deleted before it could be sent.")
    return None


def _why_not_now(wish: DeliveryWish, rule: Rule) -> Message | None:
    if rule.only_word and wish.channel == Channel.STORAGE:
        return Message("It has no rows; its schedule then only says so.")
    return rule.held_back


def _host(wish: DeliveryWish) -> str | None:
    if wish.channel == Channel.EMAIL:
        return f"mail {get_settings().smtp_host}"
    return endpoints.host_of(wish.recipient) if wish.channel == Channel.WEBHOOK else None
