"""The state machine of a delivery, and the only writer of `Delivery.state`; a worker holds it under a lease (`leases`).

    queued -> sending -> sent | skipped | failed          failed, skipped -> queued when an administrator says so
       ^         |
       +---------+  another try later, handed back, or its worker died

A try has a point from which on the other side may have it (`hand_over`, guarded like every write of a worker): whoever
lost the lease before never passes it. When a worker dies after it, the same is sent once more, under the same
Message-ID or webhook-id, and `unsureCount` counts it: better twice, and known for the same, than never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import collection as mongodb

from webapp.documents import Channel, Delivery, DeliveryState
from webapp.messages import Message, to_document
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

QUEUED, SENDING, SENT = DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.SENT
SKIPPED, FAILED = DeliveryState.SKIPPED, DeliveryState.FAILED
SAID_LENGTH = 500
#: So many of a channel are looked at for one to take.
LOOKED_AT = 20


def _deliveries() -> mongodb.Collection[Document]:
    return Delivery._get_collection()


DELIVERIES = Leased(_deliveries, "state", frozenset({SENDING}), told=("crashCount", "handedOverAt"))


@dataclass(frozen=True)
class Due:
    """A delivery that may be claimed, as it was seen."""

    id: ObjectId
    host: str
    queued_at: datetime
    seen: Document


def due(channel: Channel, now: datetime, *, besides: Iterable[str] = ()) -> list[Due]:
    """The first of this channel that are due, but for those whose host is in `besides`."""
    # No `$lte`, which on a compound index loses what is equal on the embedded server; instants have whole milliseconds.
    wanted: Document = {
        "state": QUEUED.value,
        "channel": channel.value,
        "notBefore": {"$lt": now + timedelta(milliseconds=1)},
    }
    if left_out := list(besides):
        wanted["host"] = {"$nin": left_out}
    found = (
        _deliveries().find(wanted, {"lease.fence": 1, "host": 1, "queuedAt": 1}).sort("notBefore", 1).limit(LOOKED_AT)
    )
    return [Due(each["_id"], each.get("host") or "", each["queuedAt"], each) for each in found]


def claim(found: Due, worker_id: str) -> Hold | None:
    """queued -> sending; None when another worker was first. Raises UnsureClaimError."""

    def change(lease: Document) -> Pipeline:
        sets = {"lease": lease, "attempts": counted("attempts")}
        return DELIVERIES.to(SENDING, sets=sets, unsets=["notBefore", "handedOverAt"])

    return DELIVERIES.claim(found.seen, worker_id, change, states=[QUEUED])


def find_claim(delivery_id: ObjectId, worker_id: str, claim_id: str) -> Hold | None:
    """The hold that this claim gave, if it was written and still stands."""
    return DELIVERIES.find_claim(delivery_id, worker_id, claim_id)


def beat(holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
    """Renew the leases of `holds`, and look at them."""
    return DELIVERIES.beat(holds)


def held(hold: Hold) -> Delivery | None:
    """The delivery, as long as it is held by `hold`."""
    return Delivery.objects(id=hold.id).first() if DELIVERIES.look_at([hold])[hold.id].is_held else None


def hand_over(hold: Hold, sets: Mapping[str, Any]) -> bool:
    """From now on the other side may have it. `sets` is what goes out (form, messageId, …). False, and it must not be
    sent, when it is not held any more."""
    given = {name: literal(value) for name, value in sets.items()}
    return DELIVERIES.write(hold, [{"$set": {**given, "handedOverAt": "$$NOW"}}])


def sent(hold: Hold, *, said: str, size: int) -> bool:
    """sending -> sent. False when it is not held any more."""
    change = _ended(SENT, {"serverSaid": literal(said[:SAID_LENGTH]), "size": size}, unsets=["why"])
    return DELIVERIES.end(hold, change, wanted=SENT)


def skip(hold: Hold, why: Message) -> bool:
    """sending -> skipped, because it must not go to this recipient. False when it is not held any more."""
    return DELIVERIES.end(hold, _ended(SKIPPED, {"why": _kept(why)}), wanted=SKIPPED)


def fail(hold: Hold, why: Message, *, said: str = "") -> bool:
    """sending -> failed, for good. False when it is not held any more."""
    sets = {"why": _kept(why), "serverSaid": literal(said[:SAID_LENGTH])}
    return DELIVERIES.end(hold, _ended(FAILED, sets), wanted=FAILED)


def postpone(hold: Hold, wait: timedelta, why: Message, *, said: str = "", is_unsure: bool = False) -> bool:
    """sending -> queued: the next try is in `wait`. `is_unsure`: this one may have arrived. False when it is not held
    any more."""
    sets: Document = {"unsureCount": counted("unsureCount")} if is_unsure else {}
    sets |= {"notBefore": after(wait), "why": _kept(why), "serverSaid": literal(said[:SAID_LENGTH])}
    return DELIVERIES.end(hold, DELIVERIES.to(QUEUED, sets=sets, unsets=_HELD), wanted=QUEUED)


def hand_back(hold: Hold) -> bool:
    """sending -> queued, before anything was handed over: its worker goes, or the host's turn is not yet."""
    sets = {"notBefore": "$$NOW", "attempts": counted("attempts", -1)}
    return DELIVERIES.end(hold, DELIVERIES.to(QUEUED, sets=sets, unsets=_HELD), wanted=QUEUED)


def reap() -> list[ObjectId]:
    """Take over what workers that have died were sending; returns those changed here.

    What has cost too many of them is due at once, for whoever claims it next to end it and to tell its sender.
    """
    asked_at, expired = DELIVERIES.expired()
    taken: list[ObjectId] = []
    for found in expired:
        crashes = int(found.get("crashCount") or 0) + 1
        delay = retry.crash_delay(crashes, waited_out_lease=True) or timedelta()
        sets: Document = {"crashCount": crashes, "notBefore": after(delay)}
        if found.get("handedOverAt") is not None:
            sets["unsureCount"] = counted("unsureCount")
        change = DELIVERIES.to(QUEUED, sets=sets, unsets=_HELD)
        if DELIVERIES.update(expired_guard(found["_id"], found["lease"]["fence"], asked_at), change, states=[SENDING]):
            taken.append(found["_id"])
    return taken


def again(delivery_id: ObjectId) -> bool:
    """failed, skipped -> queued, due now, with a clean sheet. False in any other state."""
    sets = {"notBefore": "$$NOW", "queuedAt": "$$NOW", "attempts": 0, "crashCount": 0}
    gone = ["why", "serverSaid", "endedAt", "handedOverAt"]
    return DELIVERIES.update(
        {"_id": delivery_id}, DELIVERIES.to(QUEUED, sets=sets, unsets=gone), states=[FAILED, SKIPPED]
    )


def waits_since(delivery: Delivery) -> timedelta:
    """How long it has been waiting to arrive, by the database's clock."""
    return database_clock.about_now() - delivery.queued_at


#: What a delivery has only while it is held. `lease` stays: its fence goes on, and a repeated write finds its own.
_HELD = ("lease.until",)


def _ended(state: DeliveryState, sets: Mapping[str, Any], *, unsets: Sequence[str] = ()) -> Pipeline:
    keep = after(timedelta(days=get_settings().delivery_retention_days))
    return DELIVERIES.to(state, sets={"endedAt": "$$NOW", "expiresAt": keep, **sets}, unsets=[*_HELD, *unsets])


def _kept(why: Message) -> Document:
    return literal(to_document(why))
