"""What is done to a report that is made in parts, and with it to them. Who may is asked before: `changing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import PartsState, ReportJob, User
from webapp.documents.job_status import WAITING
from webapp.services import database_clock
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lifecycle, parts

#: What was stopped together with the whole was stopped within so long; 200 parts take a few seconds.
TOGETHER = timedelta(seconds=30)


def cancel(actor: User, whole: ReportJob, reason: str | None) -> bool:
    """Stop it and its parts, as far as they have not ended, and make no more; false for what has no parts, or where
    nothing was left to stop."""
    if whole.burst is None:
        return False
    # First, so that whoever makes them sees it.
    stopped = whole.state.has_file and make_no_more(whole)
    stopped = lifecycle.cancel_if_unended(whole.id, by=actor.id, reason=reason) or stopped
    for part in parts.of(whole.id, "id", "status"):
        if not part.is_finished and lifecycle.cancel_if_unended(part.id, by=actor.id, reason=reason):
            job_events.copy([part.id])
            stopped = True
    return stopped


def cancelled_now(actor: User, job: ReportJob) -> list[ObjectId]:
    """What `actor` has just stopped with it, and can take back: the job itself, and of a whole its parts."""
    if job.burst is None:
        return [job.id]
    since = database_clock.now() - TOGETHER
    fields = ("id", "cancel_requested_at", "cancel_requested_by")
    there = parts.of(job.id, *fields)
    found = [
        each.id
        for each in there
        if each.cancel_requested_by == actor.id and each.cancel_requested_at and each.cancel_requested_at >= since
    ]
    was_stopped = job.cancel_requested_at is not None or not (found or _are_missing(job, there))
    return [job.id, *found] if was_stopped else found


def make_no_more(whole: ReportJob) -> bool:
    """No part is made from now on; false where none was to be."""
    return parts.move_on(whole.id, PartsState.TO_MAKE, None)


def make_those_missing(whole: ReportJob) -> None:
    """Have the parts made that are not there, and the end of the others told."""
    if whole.burst is not None:
        change = {"$set": {"partsState": PartsState.TO_MAKE.value, "updatedAt": database_clock.now()}}
        ReportJob._get_collection().update_one({"_id": whole.id}, change, hint="_id_")


def are_to_be_made_again(whole: ReportJob) -> bool:
    """Is it ready, and some of its parts are not, nor on their way?"""
    if whole.burst is None or not whole.state.has_file:
        return False
    there = parts.of(whole.id, "status")
    return _are_missing(whole, there) or any(each.state.is_finished and not each.state.has_file for each in there)


def _are_missing(whole: ReportJob, there: Iterable[ReportJob]) -> bool:
    """Are there others to be made than `there` are, and nobody is to make them yet?"""
    if whole.parts_state == PartsState.TO_MAKE:
        return False
    wanted = {each.job_id for each in whole.burst.parts if each.job_id is not None}
    return whole.burst.found_at is None or not wanted <= {each.id for each in there}


def found_anew(job: ReportJob) -> dict[str, Any]:
    """What a whole that is made again has to forget, by the names in MongoDB: its parts may be others then."""
    if job.burst is None:
        return {}
    return {"burst.foundAt": None, "burst.said": None, "partsState": PartsState.TO_MAKE.value}


def move(whole: ReportJob, moved: Mapping[str, Any]) -> int:
    """Give its waiting parts another priority, and those that are still to be made; returns how many."""
    if whole.parts_state == PartsState.TO_MAKE:
        ReportJob._get_collection().update_one({"_id": whole.id}, {"$set": dict(moved)}, hint="_id_")
    waiting = {"parentId": whole.id, "status": {"$in": [state.value for state in WAITING]}}
    return ReportJob._get_collection().update_many(waiting, {"$set": dict(moved)}).matched_count
