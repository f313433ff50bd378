"""Takes jobs over from workers that have died: every worker looks, every few seconds."""

from __future__ import annotations

import logging

from bson import ObjectId

from webapp.messages import Message
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.leases import retry

log = logging.getLogger(__name__)

POISON_CODE = "worker-crashed"


def reap() -> list[ObjectId]:
    """Put jobs whose lease is past back to waiting, or fail them at their last crash; returns those changed here."""
    asked_at, expired = held.expired_leases()
    taken: list[ObjectId] = []
    for job in expired:
        crashes = int(job.get("crashCount") or 0) + 1
        delay = retry.crash_delay(crashes, waited_out_lease=True)
        failure = crash_failure(crashes, is_last=delay is None)
        fence = int(job["lease"]["fence"])
        if held.taken_over(job["_id"], fence, failure, delay=delay, expired_at=asked_at):
            log.info("job taken over", extra={"job_id": str(job["_id"]), "fence": fence, "crashes": crashes})
            taken.append(job["_id"])
    return taken


def crash_failure(crashes: int, *, is_last: bool, how: str = Message("its worker stopped answering")) -> Failure:
    """What to tell after the `crashes`-th crash."""
    if is_last:
        return Failure(
            POISON_CODE,
            Message.counted(
                "Making the report ended abruptly %(num)s time (%(how)s), so it is not tried again. Try a smaller "
                "report, or ask an administrator to look at the worker's log.",
                "Making the report ended abruptly %(num)s times (%(how)s), so it is not tried again. Try a smaller "
                "report, or ask an administrator to look at the worker's log.",
                crashes,
                how=how,
            ),
        )
    return Failure(POISON_CODE, Message("Making the report ended abruptly (%(how)s). It is tried again.", how=how))
