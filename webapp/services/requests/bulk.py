"""What a person does to one report or to many at once, and how it is undone while they can still see what it did.

Each report goes through `changing`, which asks for its permission; what may not be done to one is told and stops no
other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import Act, ReportJob, User
from webapp.documents.ids import id_or_nobody
from webapp.errors import ConflictError, NotFoundError, ReportdeskError
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.requests import changing

#: So long a page offers to undo; whoever presses at the last moment is still heard.
UNDO_OFFERED, UNDO_TAKEN = timedelta(seconds=10), timedelta(seconds=15)
_KEPT = timedelta(minutes=5)


class TooLateToUndoError(ConflictError):
    """What was done stands."""

    code = "too-late-to-undo"
    hint = Message("Do the opposite, one by one or by the list.")


@dataclass(frozen=True)
class Wish:
    """What is to be done: cancel, priority, retry or delete, with a reason or a priority where it needs one."""

    action: str
    reason: str | None = None
    priority: str = ""


@dataclass(frozen=True)
class Done:
    """`names` of the reports that were changed; what the others said; how it can be undone, where it can."""

    names: tuple[str, ...]
    refused: tuple[str, ...]
    act_id: ObjectId | None = None


_ACTIONS: dict[str, Callable[[User, ObjectId, Wish], Any]] = {
    "cancel": lambda actor, job_id, wish: changing.cancel(actor, job_id, reason=wish.reason),
    "priority": lambda actor, job_id, wish: changing.reprioritise(actor, job_id, wish.priority),
    "retry": lambda actor, job_id, _wish: changing.retry(actor, job_id),
    "delete": lambda actor, job_id, _wish: changing.delete(actor, job_id),
}
_UNDONE: dict[str, Callable[[User, ObjectId, dict[str, Any]], Any]] = {
    "cancel": lambda actor, job_id, _before: changing.take_back_cancel(actor, job_id),
    "priority": lambda actor, job_id, before: changing.reprioritise(actor, job_id, before["priority"]),
    "retry": lambda actor, job_id, before: changing.take_back_retry(actor, job_id, before),
}
ACTIONS = tuple(_ACTIONS)


def act(actor: User, job_ids: Sequence[ObjectId], wish: Wish) -> Done:
    """Do it to each of these reports. Raises the error of a single one; NotFoundError for an unknown action."""
    if wish.action not in _ACTIONS:
        raise NotFoundError(Message("There is no action “%(action)s”.", action=wish.action[:40]))
    before = {
        job.id: job for job in ReportJob.objects(id__in=list(job_ids)).only("name", "priority", "status", "error")
    }
    done: list[ReportJob] = []
    refused: list[str] = []
    for job_id in job_ids:
        try:
            _ACTIONS[wish.action](actor, job_id, wish)
        except ReportdeskError as error:
            if len(job_ids) == 1:
                raise
            refused.append(str(error))
        else:
            done.append(before[job_id])
    act_id = _remember(actor, wish.action, done) if done and wish.action in _UNDONE else None
    return Done(tuple(job.name for job in done), tuple(refused), act_id)


def undo(actor: User, act_id: str) -> Done:
    """Take back what `actor` did a moment ago. Raises NotFoundError for what they did not do, TooLateToUndoError."""
    found = Act.objects(id=id_or_nobody(act_id), by=actor.id).first()
    if found is None:
        raise NotFoundError(Message("There is nothing to undo."))
    if database_clock.now() - found.at > UNDO_TAKEN:
        raise TooLateToUndoError(
            Message("It can be undone for %(seconds)s seconds only.", seconds=int(UNDO_OFFERED.total_seconds()))
        )
    names: list[str] = []
    refused: list[str] = []
    for each in found.reports:
        try:
            _UNDONE[found.action](actor, each["job"], each["before"])
            names.append(each["before"]["name"])
        except ReportdeskError as error:
            refused.append(str(error))
    Act.objects(id=found.id).delete()
    return Done(tuple(names), tuple(refused))


def _remember(actor: User, action: str, done: Sequence[ReportJob]) -> ObjectId:
    now = database_clock.now()
    reports = [
        {
            "job": job.id,
            "before": {
                "name": job.name,
                "priority": job.priority,
                "status": job.status,
                "error": job.error.to_mongo().to_dict() if job.error else None,
            },
        }
        for job in done
    ]
    made = Act(by=actor.id, action=action, at=now, reports=reports, expires_at=now + _KEPT)
    made.save(force_insert=True)
    return made.id
