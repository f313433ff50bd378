"""Orders that a worker carries out beside reports: asking, claiming, progress and end. Only this module writes `state`.

One runs at a time on the whole desk (`slot` is unique), under a lease like a job's: when its worker dies, the lease
runs out, and the next worker begins it again. Every chore bears that: nothing it did is done twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo.errors import DuplicateKeyError

from webapp.documents import AdminArea, Chore, ChoreKind, ChoreState, User
from webapp.documents.chore import ONLY_ONE
from webapp.errors import ConflictError, NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock
from webapp.settings import get_settings

LEASE = timedelta(seconds=60)
#: A chore that has taken its worker with it so often is not begun again.
MOST_ATTEMPTS = 3
SHOWN = 25
ERROR_LENGTH = 1_000

AREAS = {
    ChoreKind.ONEROSTER: AdminArea.IMPORTS,
    ChoreKind.XAPI: AdminArea.IMPORTS,
    ChoreKind.REBUILD: AdminArea.STORAGE,
    ChoreKind.SWEEP: AdminArea.STORAGE,
}


def ask(
    by: User, kind: ChoreKind, subject: str, *, files: Sequence[dict[str, Any]] = (), tables: Sequence[str] = ()
) -> Chore:
    """Put an order in line, and into the audit trail."""
    now = database_clock.now()
    chore = Chore(
        kind=kind.value,
        area=AREAS[kind].value,
        asked_by=by.id,
        asked_at=now,
        files=list(files),
        tables=list(tables),
        expires_at=now + timedelta(days=get_settings().audit_retention_days),
    ).save(force_insert=True)
    audit.record(by, AREAS[kind], f"ordered {kind.value}", subject, subject_id=chore.id)
    return chore


def again(by: User, chore: Chore) -> None:
    """Carry out a failed order once more. Raises ConflictError for one that has not failed."""
    start = {"state": ChoreState.WAITING.value, "askedAt": database_clock.now(), "attempts": 0, "share": 0}
    failed = {"_id": chore.id, "state": ChoreState.FAILED.value}
    gone = {"error": "", "endedAt": "", "summary": "", "doing": "", "doneCount": ""}
    if not Chore._get_collection().update_one(failed, {"$set": start, "$unset": gone}).matched_count:
        raise ConflictError(Message("Only an order that has failed can be carried out again."))
    audit.record(by, AdminArea(chore.area), f"ordered {chore.kind}", names_of(chore), subject_id=chore.id)


def find(chore_id: str, area: AdminArea) -> Chore:
    """Raises NotFoundError."""
    try:
        found = Chore.objects(id=ObjectId(chore_id), area=area.value).first()
    except (InvalidId, TypeError):
        found = None
    if found is None:
        raise NotFoundError(Message("There is no order %(id)s.", id=chore_id[:24]))
    return found


def latest(area: AdminArea, *, bound: int = SHOWN) -> list[Chore]:
    """The last orders of a page, the newest first."""
    return list(Chore.objects(area=area.value).order_by("-asked_at").limit(bound))


def names_of(chore: Chore) -> str:
    """What a chore is about, in a few words of its own: file names, or tables."""
    return ", ".join([*(str(each.get("name", "")) for each in chore.files), *chore.tables]) or str(chore.kind)


# --- for workers ------------------------------------------------------------------------------------------------------


def claim(worker_id: str) -> Chore | None:
    """The oldest order, now this worker's; None when there is none, or another one runs."""
    unfinished = [ChoreState.WAITING.value, ChoreState.RUNNING.value]
    if Chore.objects(state__in=unfinished).only("id").first() is None:
        return None  # almost always: one cheap read
    now = database_clock.now()
    _reap(now)
    waiting = Chore.objects(state=ChoreState.WAITING.value).order_by("asked_at").first()
    if waiting is None:
        return None
    start = {
        "state": ChoreState.RUNNING.value,
        "slot": ONLY_ONE,
        "workerId": worker_id,
        "claimId": uuid.uuid4().hex,
        "leaseUntil": now + LEASE,
        "startedAt": now,
    }
    still_waiting = {"_id": waiting.id, "state": ChoreState.WAITING.value}
    change = {"$set": start, "$inc": {"attempts": 1}}
    try:
        taken = Chore._get_collection().update_one(still_waiting, change, hint="_id_").matched_count
    except DuplicateKeyError:
        return None
    return Chore.objects(id=waiting.id).first() if taken else None


def renew(chore: Chore) -> bool:
    """Go on for another lease; False when the chore is not this worker's any more."""
    return _held(chore, {"$set": {"leaseUntil": database_clock.now() + LEASE}})


def report(chore: Chore, *, share: float, doing: str, count: int) -> bool:
    """Say how far it is; False as `renew`."""
    return _held(chore, {"$set": {"share": min(max(share, 0.0), 1.0), "doing": doing[:100], "doneCount": count}})


def finish(chore: Chore, summary: dict[str, Any]) -> bool:
    """It is done."""
    return _end(chore, ChoreState.DONE, {"summary": summary, "share": 1.0})


def fail(chore: Chore, error: str) -> bool:
    """It cannot be done; `error` says why, for people."""
    return _end(chore, ChoreState.FAILED, {"error": error[:ERROR_LENGTH]})


def hand_back(chore: Chore) -> bool:
    """Its worker stops: another one begins it again, and no attempt is counted."""
    change = {"$set": {"state": ChoreState.WAITING.value}, "$unset": {"slot": ""}, "$inc": {"attempts": -1}}
    return _held(chore, change)


def put_off(chore: Chore, error: str) -> bool:
    """It ended in a way that may pass: begin it again, unless that has happened too often."""
    if chore.attempts >= MOST_ATTEMPTS:
        return fail(chore, error)
    return _held(chore, {"$set": {"state": ChoreState.WAITING.value}, "$unset": {"slot": ""}})


def _reap(now: datetime) -> None:
    """Orders whose worker has died: back in line, or failed after too many of its deaths."""
    chores = Chore._get_collection()
    dead = {"state": ChoreState.RUNNING.value, "leaseUntil": {"$lt": now}}
    error = f"The worker that carried it out ended {MOST_ATTEMPTS} times before it was done."
    failed = {"state": ChoreState.FAILED.value, "error": error, "endedAt": now}
    chores.update_many({**dead, "attempts": {"$gte": MOST_ATTEMPTS}}, {"$set": failed, "$unset": {"slot": ""}})
    chores.update_many(dead, {"$set": {"state": ChoreState.WAITING.value}, "$unset": {"slot": ""}})


def _end(chore: Chore, state: ChoreState, sets: dict[str, Any]) -> bool:
    ended = {**sets, "state": state.value, "endedAt": database_clock.now()}
    return _held(chore, {"$set": ended, "$unset": {"slot": ""}})


def _held(chore: Chore, change: dict[str, Any]) -> bool:
    mine = {"_id": chore.id, "state": ChoreState.RUNNING.value, "claimId": chore.claim_id}
    return Chore._get_collection().update_one(mine, change, hint="_id_").matched_count == 1
