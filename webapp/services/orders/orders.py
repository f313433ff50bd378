"""Orders that a worker carries out beside reports: asking, claiming, progress and end. Only this module writes `state`.

One runs at a time on the whole desk (`slot` is unique), under a lease like a job's: when its worker dies, the lease
runs out, and the next worker begins it again. Every order bears that: nothing it did is done twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo.errors import DuplicateKeyError

from webapp.documents import AdminArea, Order, OrderKind, OrderState, User
from webapp.documents.order import ONLY_ONE
from webapp.errors import ConflictError, NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock
from webapp.settings import get_settings

LEASE = timedelta(seconds=60)
#: A order that has taken its worker with it so often is not begun again.
MOST_ATTEMPTS = 3
SHOWN = 25
ERROR_LENGTH = 1_000

AREAS = {
    OrderKind.ONEROSTER: AdminArea.IMPORTS,
    OrderKind.XAPI: AdminArea.IMPORTS,
    OrderKind.REBUILD: AdminArea.STORAGE,
    OrderKind.SWEEP: AdminArea.STORAGE,
}


def ask(
    by: User, kind: OrderKind, subject: str, *, files: Sequence[dict[str, Any]] = (), tables: Sequence[str] = ()
) -> Order:
    """Put an order in line, and into the audit trail."""
    now = database_clock.now()
    order = Order(
        kind=kind.value,
        area=AREAS[kind].value,
        asked_by=by.id,
        asked_at=now,
        files=list(files),
        tables=list(tables),
        expires_at=now + timedelta(days=get_settings().audit_retention_days),
    ).save(force_insert=True)
    audit.record(by, AREAS[kind], f"ordered {kind.value}", subject, subject_id=order.id)
    return order


def again(by: User, order: Order) -> None:
    """Carry out a failed order once more. Raises ConflictError for one that has not failed."""
    start = {"state": OrderState.WAITING.value, "askedAt": database_clock.now(), "attempts": 0, "share": 0}
    failed = {"_id": order.id, "state": OrderState.FAILED.value}
    gone = {"error": "", "endedAt": "", "summary": "", "doing": "", "doneCount": ""}
    if not Order._get_collection().update_one(failed, {"$set": start, "$unset": gone}).matched_count:
        raise ConflictError(Message("Only an order that has failed can be carried out again."))
    audit.record(by, AdminArea(order.area), f"ordered {order.kind}", names_of(order), subject_id=order.id)


def find(order_id: str, area: AdminArea) -> Order:
    """Raises NotFoundError."""
    try:
        found = Order.objects(id=ObjectId(order_id), area=area.value).first()
    except (InvalidId, TypeError):
        found = None
    if found is None:
        raise NotFoundError(Message("There is no order %(id)s.", id=order_id[:24]))
    return found


def latest(area: AdminArea, *, bound: int = SHOWN) -> list[Order]:
    """The last orders of a page, the newest first."""
    return list(Order.objects(area=area.value).order_by("-asked_at").limit(bound))


def names_of(order: Order) -> str:
    """What a order is about, in a few words of its own: file names, or tables."""
    return ", ".join([*(str(each.get("name", "")) for each in order.files), *order.tables]) or str(order.kind)


# --- for workers ------------------------------------------------------------------------------------------------------


def claim(worker_id: str) -> Order | None:
    """The oldest order, now this worker's; None when there is none, or another one runs."""
    unfinished = [OrderState.WAITING.value, OrderState.RUNNING.value]
    if Order.objects(state__in=unfinished).only("id").first() is None:
        return None  # almost always: one cheap read
    now = database_clock.now()
    _reap(now)
    waiting = Order.objects(state=OrderState.WAITING.value).order_by("asked_at").first()
    if waiting is None:
        return None
    start = {
        "state": OrderState.RUNNING.value,
        "slot": ONLY_ONE,
        "workerId": worker_id,
        "claimId": uuid.uuid4().hex,
        "leaseUntil": now + LEASE,
        "startedAt": now,
    }
    still_waiting = {"_id": waiting.id, "state": OrderState.WAITING.value}
    change = {"$set": start, "$inc": {"attempts": 1}}
    try:
        taken = Order._get_collection().update_one(still_waiting, change, hint="_id_").matched_count
    except DuplicateKeyError:
        return None
    return Order.objects(id=waiting.id).first() if taken else None


def renew(order: Order) -> bool:
    """Go on for another lease; False when the order is not this worker's any more."""
    return _held(order, {"$set": {"leaseUntil": database_clock.now() + LEASE}})


def report(order: Order, *, share: float, doing: str, count: int) -> bool:
    """Say how far it is; False as `renew`."""
    return _held(order, {"$set": {"share": min(max(share, 0.0), 1.0), "doing": doing[:100], "doneCount": count}})


def finish(order: Order, summary: dict[str, Any]) -> bool:
    """It is done."""
    return _end(order, OrderState.DONE, {"summary": summary, "share": 1.0})


def fail(order: Order, error: str) -> bool:
    """It cannot be done; `error` says why, for people."""
    return _end(order, OrderState.FAILED, {"error": error[:ERROR_LENGTH]})


def hand_back(order: Order) -> bool:
    """Its worker stops: another one begins it again, and no attempt is counted."""
    change = {"$set": {"state": OrderState.WAITING.value}, "$unset": {"slot": ""}, "$inc": {"attempts": -1}}
    return _held(order, change)


def put_off(order: Order, error: str) -> bool:
    """It ended in a way that may pass: begin it again, unless that has happened too often."""
    if order.attempts >= MOST_ATTEMPTS:
        return fail(order, error)
    return _held(order, {"$set": {"state": OrderState.WAITING.value}, "$unset": {"slot": ""}})


def _reap(now: datetime) -> None:
    """Orders whose worker has died: back in line, or failed after too many of its deaths."""
    orders = Order._get_collection()
    dead = {"state": OrderState.RUNNING.value, "leaseUntil": {"$lt": now}}
    error = f"The worker that carried it out ended {MOST_ATTEMPTS} times before it was done."
    failed = {"state": OrderState.FAILED.value, "error": error, "endedAt": now}
    orders.update_many({**dead, "attempts": {"$gte": MOST_ATTEMPTS}}, {"$set": failed, "$unset": {"slot": ""}})
    orders.update_many(dead, {"$set": {"state": OrderState.WAITING.value}, "$unset": {"slot": ""}})


def _end(order: Order, state: OrderState, sets: dict[str, Any]) -> bool:
    ended = {**sets, "state": state.value, "endedAt": database_clock.now()}
    return _held(order, {"$set": ended, "$unset": {"slot": ""}})


def _held(order: Order, change: dict[str, Any]) -> bool:
    mine = {"_id": order.id, "state": OrderState.RUNNING.value, "claimId": order.claim_id}
    return Order._get_collection().update_one(mine, change, hint="_id_").matched_count == 1
