"""pending -> queued: which job may be taken now.

A person has `requester_cap` slots; a job holds one while it is queued or running, and a unique index keeps two from
holding the same (where an LMS's database lacks it, two workers at once may give one slot to two jobs). So one person's
five hundred jobs never hold back another's one, and the set that workers claim from stays small. A job from another
client (a Mongoose program with the seed's schema) is completed and checked here, once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import ValidationError
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from webapp import clock
from webapp.documents import JobStatus, ReportJob, User, indexes
from webapp.documents.connection import current_database
from webapp.documents.problems import problems_of
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services import database_clock, permissions
from webapp.services.jobs import lifecycle
from webapp.services.jobs.changes import Failure
from webapp.services.jobs.lifecycle import SlotTakenError
from webapp.services.questions import as_query, ways
from webapp.services.questions.named_learners import why_not_everyone
from webapp.services.queue import bell
from webapp.services.rights import data_scope, organisation, parts
from webapp.services.rights.standing import RightLostError
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: A look at all waiting jobs takes milliseconds to a few seconds; whoever needs longer has died in it.
TURN = timedelta(seconds=15)
_TURN_ID = "promotion"
#: How many that waited at the last look are asked about at once: other workers, who looked too, were faster for some.
SEEN = 16
_SLOT_INDEX = (("slot", 1),)
#: What a job must have before a worker may take it, and as what; `asking.create` writes all of them.
_COMPLETE: dict[str, type] = {
    "requestedBy": ObjectId,
    "questionHash": str,
    "priorityRank": int,
    "scheduledFor": datetime,
    "expiresAt": datetime,
    "createdAt": datetime,
}


class UnusableJobError(Exception):
    """A job from another client that can never run as it stands."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def promote(job_id: ObjectId) -> bool:
    """Queue the job if it is pending, due, and its requester has a slot free; fail it if it can never run."""
    found = ReportJob._get_collection().find_one({"_id": job_id, "status": JobStatus.PENDING.value})
    is_queued = found is not None and _queue(found, free_slots(found.get("requestedBy")))
    if is_queued:
        bell.ring()
    return is_queued


def promote_from(waiting: list[ObjectId], requester: ObjectId | None) -> list[ObjectId]:
    """Queue as many of this person's jobs as there are free slots, from the end of `waiting`; returns those queued.

    They are taken off `waiting`, and so is whatever others have queued or stopped meanwhile.
    """
    slots = free_slots(requester)
    promoted: list[ObjectId] = []
    while slots and waiting:
        wanted = {"_id": {"$in": waiting[-SEEN:]}, "status": JobStatus.PENDING.value}
        pending = {job["_id"]: job for job in ReportJob._get_collection().find(wanted)}
        for job_id in waiting[: -SEEN - 1 : -1]:
            if not slots:
                break
            waiting.pop()
            if job_id in pending and _queue(pending[job_id], slots):
                promoted.append(job_id)
    return promoted


def _queue(found: dict[str, Any], slots: list[str]) -> bool:
    """As `promote`, with one of `slots`: whichever is taken now, by this job or another's, is taken off."""
    job_id = found["_id"]
    try:
        fills = {} if _is_complete(found) else _complete(found)
    except UnusableJobError as error:
        log.info("job refused", extra={"job_id": str(job_id), "code": error.failure.code})
        lifecycle.refuse(job_id, error.failure)
        return False
    now = database_clock.now()
    while slots:
        try:
            if not lifecycle.promote(job_id, slot=slots[0], fills=fills, before=now):
                return False
            del slots[0]
            return True
        except SlotTakenError:
            del slots[0]
    return False


def take_turn() -> bool:
    """Whether this process may look through all waiting jobs now: one of all workers at a time, because the embedded
    server reads every waiting job for it. Its time is up when it says so (`end_turn`), or after `TURN` if it dies.
    """
    now, turns = database_clock.now(), _turns()
    last = turns.find_one({"_id": _TURN_ID})
    if last is None:  # the very first look of all: of several that put it there, one is first
        turns.update_one({"_id": _TURN_ID}, {"$setOnInsert": {"nextAt": now}}, upsert=True)
        return False
    if last["nextAt"] >= now:  # as nearly always: to read is cheaper than to try
        return False
    due = {"_id": _TURN_ID, "nextAt": {"$lt": now}}
    return turns.update_one(due, {"$set": {"nextAt": now + TURN}}, hint="_id_").matched_count == 1


def end_turn(*, pause: timedelta) -> None:
    """Let the next process look after `pause`."""
    _turns().update_one({"_id": _TURN_ID}, {"$set": {"nextAt": database_clock.now() + pause}}, hint="_id_")


def _turns() -> Collection[dict[str, Any]]:
    return current_database()["queueturns"]


def slots_of(requester: ObjectId | None) -> list[str]:
    """All the slots this person has."""
    return [f"{requester}:{number}" for number in range(get_settings().requester_cap)]


def free_slots(requester: ObjectId | None) -> list[str]:
    """The slots of this person that no job holds at this moment."""
    slots = slots_of(requester)
    # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's own.
    these = {"slot": {"$in": slots, "$type": "string"}}
    jobs = ReportJob._get_collection()
    taken = {job["slot"] for job in jobs.find(these, {"slot": 1}, hint=indexes.hint(jobs, _SLOT_INDEX))}
    return [slot for slot in slots if slot not in taken]


def _is_complete(found: dict[str, Any]) -> bool:
    has_all = all(isinstance(found.get(name), kind) for name, kind in _COMPLETE.items())
    return has_all and "scope" in (found.get("provenance") or {})


def _complete(found: dict[str, Any]) -> dict[str, Any]:
    """What the other client left out, by the names in MongoDB. Raises UnusableJobError."""
    try:
        return _adopted(found)
    except (UnusableJobError, PyMongoError):
        raise
    except ReportdeskError as error:
        raise UnusableJobError(Failure(error.code, str(error))) from error
    except ValidationError as error:
        text = Message("The job is not valid: %(problems)s", problems=Message.joined(problems_of(error).values()))
        raise UnusableJobError(Failure("invalid-request", text)) from error
    except Exception as error:
        # Whatever another program has written must not stop the queue; the log keeps the reason.
        log.exception("job cannot be read", extra={"job_id": str(found["_id"])})
        raise UnusableJobError(
            Failure("unreadable-job", Message("The job document does not have the shape of a report job."))
        ) from error


def _adopted(found: dict[str, Any]) -> dict[str, Any]:
    job = ReportJob._from_son(found)
    if job.created_at is None:
        job.created_at = found["_id"].generation_time if isinstance(found["_id"], ObjectId) else clock.utcnow()
    job.validate()
    requester = User.objects(id=job.requested_by, is_active=True).first()
    if requester is None:
        text = Message("No active account has the id %(id)s.", id=str(job.requested_by))
        raise UnusableJobError(Failure("unknown-requester", text))
    if not permissions.may_ask(requester):
        raise RightLostError
    request = ways.from_job(job)
    scope = parts.narrowed(data_scope.data_scope(requester), request.part)
    # What the LMS has made a minute ago is in the record when the report is made: it is read anew before.
    query = as_query.to_query(request, scope, is_record_new=get_settings().lms_uri is None)
    if problem := why_not_everyone(job.visibility, query):
        raise UnusableJobError(Failure("invalid-request", problem))
    department_id = job.department_id or next(iter(organisation.departments_of(requester)), None)
    filled = job.to_mongo()
    return {
        **{name: filled[name] for name in ("priority", "priorityRank", "visibility", "createdAt", "expiresAt")},
        "departmentId": department_id,
        "questionHash": as_query.question_hash(request, scope),
        "provenance": {**(found.get("provenance") or {}), "scope": scope.to_document()},
    }
