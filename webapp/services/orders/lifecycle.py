"""The state machine of an order, and the only writer of `Order.state`; a worker holds it under a lease (`leases`).

One runs at a time on the whole desk (`slot` is unique). When its worker dies, the lease runs out and the next worker
begins it again; every order bears that: nothing it did is done twice. Orders may build on each other (statements on a
roster), so one that waits for its next try keeps its place, and those behind it wait too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from webapp.documents import Order, OrderState
from webapp.documents.order import ONLY_ONE
from webapp.services import database_clock
from webapp.services.leases import retry
from webapp.services.leases.lease import (
    Document,
    Hold,
    HoldState,
    Leased,
    Pipeline,
    after,
    counted,
    expired_guard,
    literal,
)
from webapp.settings import get_settings

WAITING, RUNNING, DONE, FAILED = OrderState.WAITING, OrderState.RUNNING, OrderState.DONE, OrderState.FAILED
ERROR_LENGTH = 1_000
DOING_LENGTH = 100


def _orders() -> Collection[Document]:
    return Order._get_collection()


ORDERS = Leased(_orders, "state", frozenset({RUNNING}), told=("crashCount",))


def claim(worker_id: str) -> Hold | None:
    """The oldest order, now this worker's; None when there is none, it is not due yet, or another one runs.

    Raises UnsureClaimError.
    """
    if _orders().find_one({"state": {"$in": [WAITING.value, RUNNING.value]}}, {"_id": 1}) is None:
        return None  # almost always: one cheap read
    reap()
    seen = {"lease.fence": 1, "notBefore": 1}
    waiting = _orders().find_one({"state": WAITING.value}, seen, sort=[("askedAt", 1)])
    if waiting is None or (waiting.get("notBefore") and waiting["notBefore"] > database_clock.now()):
        return None

    def change(lease: Document) -> Pipeline:
        sets = {"slot": ONLY_ONE, "lease": lease, "startedAt": "$$NOW", "attempts": counted("attempts")}
        return ORDERS.to(RUNNING, sets=sets, unsets=["notBefore"])

    try:
        return ORDERS.claim(waiting, worker_id, change, states=[WAITING])
    except DuplicateKeyError:  # of `slot`
        return None


def find_claim(order_id: ObjectId, worker_id: str, claim_id: str) -> Hold | None:
    """The hold that this claim gave, if it was written and still stands."""
    return ORDERS.find_claim(order_id, worker_id, claim_id)


def beat(hold: Hold) -> HoldState:
    """Renew the lease, and look whether it stands."""
    return ORDERS.beat([hold])[hold.id]


def held(hold: Hold) -> Order | None:
    """The order, as long as it is held by `hold`."""
    return Order.objects(id=hold.id).first() if ORDERS.look_at([hold])[hold.id].is_held else None


def report(hold: Hold, *, share: float, doing: str, count: int) -> bool:
    """Say how far it is. False when the order is not held any more."""
    sets = {"share": min(max(share, 0.0), 1.0), "doing": literal(doing[:DOING_LENGTH]), "doneCount": count}
    return ORDERS.write(hold, [{"$set": sets}])


def finish(hold: Hold, summary: Mapping[str, Any]) -> bool:
    """running -> done. False when the order is not held any more."""
    ended = _ended(DONE, {"summary": literal(dict(summary)), "share": 1.0}, unsets=["error"])
    return ORDERS.end(hold, ended, wanted=DONE)


def fail(hold: Hold, error: str) -> bool:
    """running -> failed; `error` says why, for people. False when the order is not held any more."""
    return ORDERS.end(hold, _failed(error), wanted=FAILED)


def hand_back(hold: Hold) -> bool:
    """running -> waiting: its worker goes, the order lost nothing. False when the order is not held any more."""
    change = ORDERS.to(WAITING, sets={"attempts": counted("attempts", -1)}, unsets=_HELD)
    return ORDERS.end(hold, change, wanted=WAITING)


def postpone(hold: Hold, error: str) -> bool:
    """running -> waiting: it ended in a way that may pass; failed with `error` if that has happened too often.

    False when the order is not held any more.
    """
    found = _orders().find_one({"_id": hold.id}, {"retryCount": 1}) or {}
    retries = int(found.get("retryCount") or 0)
    delay = retry.failure_delay(is_permanent=False, retries=retries, max_attempts=get_settings().max_attempts)
    if delay is None:
        return fail(hold, error)
    sets = {"retryCount": counted("retryCount"), "notBefore": after(delay)}
    return ORDERS.end(hold, ORDERS.to(WAITING, sets=sets, unsets=_HELD), wanted=WAITING)


def crashed_held(hold: Hold) -> bool:
    """The child of this worker ended without a word: see `_crash`. False when the order is not held any more."""
    found = _orders().find_one({"_id": hold.id}, {"crashCount": 1}) or {}
    crashes = int(found.get("crashCount") or 0) + 1
    return _crash(hold.filter, crashes, retry.crash_delay(crashes, waited_out_lease=False))


def reap() -> list[ObjectId]:
    """Take orders over from workers that have died; returns those changed here."""
    asked_at, expired = ORDERS.expired()
    taken: list[ObjectId] = []
    for order in expired:
        crashes = int(order.get("crashCount") or 0) + 1
        delay = retry.crash_delay(crashes, waited_out_lease=True)
        if _crash(expired_guard(order["_id"], order["lease"]["fence"], asked_at), crashes, delay):
            taken.append(order["_id"])
    return taken


def again(order_id: ObjectId, *, by: ObjectId, same_as: str | None) -> bool:
    """failed -> waiting, with a clean sheet, as `by`'s order. False when it has not failed; raises DuplicateKeyError
    when another order says the same."""
    sets = {"askedAt": "$$NOW", "askedBy": by, "attempts": 0, "crashCount": 0, "retryCount": 0, "share": 0}
    same = {"sameAs": same_as} if same_as else {}
    gone = ["error", "endedAt", "summary", "doing", "doneCount", "notBefore"]
    return ORDERS.update({"_id": order_id}, ORDERS.to(WAITING, sets={**sets, **same}, unsets=gone), states=[FAILED])


#: What an order has only while it is held. `lease` stays: its fence goes on, and a repeated write still finds its own.
_HELD = ("slot", "lease.until")


def _crash(guard: Document, crashes: int, delay: timedelta | None) -> bool:
    """running -> waiting after `delay`, or failed when it is None."""
    count = {"crashCount": counted("crashCount")}
    if delay is None:
        change = _failed(f"The worker that carried it out ended {crashes} times before it was done.", count)
    else:
        change = ORDERS.to(WAITING, sets={**count, "notBefore": after(delay)}, unsets=_HELD)
    return ORDERS.update(guard, change, states=[RUNNING])


def _failed(error: str, sets: Mapping[str, Any] | None = None) -> Pipeline:
    return _ended(FAILED, {"error": literal(error[:ERROR_LENGTH]), **(sets or {})})


def _ended(state: OrderState, sets: Mapping[str, Any], *, unsets: Sequence[str] = ()) -> Pipeline:
    # From now on another order may say the same.
    return ORDERS.to(state, sets={"endedAt": "$$NOW", **sets}, unsets=[*_HELD, "sameAs", *unsets])
