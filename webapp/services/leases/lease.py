"""The lease: one process at a time works on a document, whoever dies meanwhile (DESIGN §6).

Report jobs and orders live by it, and whatever else is to be done once by one of many. A document that can be leased
has a field for its state and, in the embedded document `lease`, who works on it: worker, claim, `fence` (it grows with
every claim, for the document's whole life) and `until`, by the database's clock.

- A *claim* is one guarded update by `_id`. When its answer is lost, `find_claim` tells later what became of it.
- Every write after it is guarded by the `Hold` that the claim gave. Zero matched means that the document has been taken
  away: nothing was written, and whoever held it drops what it made.
- A *beat* renews the lease. What is not renewed in time anybody may take over: the test that found the lease expired is
  repeated in the filter of the update that does so.

Which states there are and what else a change writes is the business of whoever leases: changes are update pipelines.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo import collection as mongodb
from pymongo.errors import AutoReconnect, PyMongoError

from webapp.documents import indexes
from webapp.services import database_clock
from webapp.settings import get_settings

Document = dict[str, Any]
Pipeline = list[Document]

#: By its keys: another client may have made the index under another name.
_UNTIL_INDEX = (("lease.until", 1),)


@dataclass(frozen=True)
class Hold:
    """A worker's right to write to one document: good as long as worker, claim and fence are the document's own."""

    id: ObjectId
    worker_id: str
    claim_id: str
    fence: int

    @property
    def filter(self) -> Document:
        return {
            "_id": self.id,
            "lease.workerId": self.worker_id,
            "lease.claimId": self.claim_id,
            "lease.fence": self.fence,
        }

    def is_of(self, found: Document) -> bool:
        """Whether the lease that was `found` in the document is this one."""
        lease = found.get("lease") or {}
        own = (self.worker_id, self.claim_id, self.fence)
        return (lease.get("workerId"), lease.get("claimId"), lease.get("fence")) == own


@dataclass(frozen=True)
class HoldState:
    """What a beat or a look found: whether the document is still held, and whether somebody wants the work stopped."""

    is_held: bool
    cancel_requested: bool


class UnsureClaimError(AutoReconnect):
    """The connection broke while a claim was written: it may or may not have happened. `find_claim` tells later."""

    def __init__(self, document_id: ObjectId, claim_id: str) -> None:
        super().__init__(f"no answer to the claim of {document_id}")
        self.document_id = document_id
        self.claim_id = claim_id


class UnsureClaims:
    """A worker's claims whose answers were lost. Each may have been written, even late: then what it claimed is its
    own. `find` is the `find_claim` of what is claimed."""

    def __init__(self, worker_id: str, find: Callable[[ObjectId, str, str], Hold | None]) -> None:
        self._worker_id = worker_id
        self._find = find
        self._made: dict[ObjectId, tuple[str, float]] = {}  # claim, and when it was made

    def add(self, error: UnsureClaimError) -> None:
        self._made[error.document_id] = (error.claim_id, time.monotonic())

    def found(self) -> Iterator[Hold]:
        """Those that were written, until they are forgotten; one that is not by the end of its lease never will be."""
        for document_id, (claim_id, made_at) in list(self._made.items()):
            hold = self._find(document_id, self._worker_id, claim_id)
            if hold is not None:
                yield hold
            elif time.monotonic() - made_at > get_settings().lease_seconds:
                del self._made[document_id]

    def forget(self, hold: Hold) -> None:
        """It is taken up, or handed back."""
        self._made.pop(hold.id, None)


def after(delay: timedelta) -> Document:
    """The instant `delay` from now, by the database's clock."""
    return {"$add": ["$$NOW", int(delay.total_seconds() * 1000)]}


def literal(value: Any) -> Document:
    """A value of somebody else's making, which must not be read as an expression."""
    return {"$literal": value}


def counted(field: str, by: int = 1) -> Document:
    """A counter that may not be there yet, `by` further."""
    return {"$add": [{"$ifNull": [f"${field}", 0]}, by]}


@dataclass(frozen=True)
class Leased:
    """One kind of document: in which collection, which field is its state, in which states it is held."""

    collection: Callable[[], mongodb.Collection[Document]]
    state: str
    running: frozenset[str]
    told: tuple[str, ...] = ()  # what to read of one whose lease has expired, beside its state and its lease

    def claim(
        self, seen: Document, worker_id: str, change: Callable[[Document], Pipeline], *, states: Collection[str]
    ) -> Hold | None:
        """Take the document if it is in one of `states` and nobody has taken it since it was `seen`.

        `seen` has its `_id` and `lease.fence`: that fence is part of the guard, so that the new one is known without
        asking again. `change` makes the update of the new lease. None when another worker was first; raises
        UnsureClaimError.
        """
        old_fence = (seen.get("lease") or {}).get("fence")
        hold = Hold(seen["_id"], worker_id, uuid.uuid4().hex, int(old_fence or 0) + 1)
        lease = {"workerId": worker_id, "claimId": hold.claim_id, "fence": hold.fence, "until": _until()}
        try:
            is_taken = self.update({"_id": hold.id, "lease.fence": old_fence}, change(lease), states=states)
        except PyMongoError as error:
            if isinstance(error, AutoReconnect) or error.timeout:
                raise UnsureClaimError(hold.id, hold.claim_id) from error
            raise
        return hold if is_taken else None

    def find_claim(self, document_id: ObjectId, worker_id: str, claim_id: str) -> Hold | None:
        """The hold that this claim gave, if it was written and still stands."""
        found = self.collection().find_one({"_id": document_id}, {"lease": 1, self.state: 1})
        if found is None or found.get(self.state) not in self.running:
            return None
        hold = Hold(document_id, worker_id, claim_id, int((found.get("lease") or {}).get("fence") or 0))
        return hold if hold.is_of(found) else None

    def beat(self, holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
        """Renew the leases of `holds` in one write, and look at them in one read."""
        holds = list(holds)
        if not holds:
            return {}
        renewal = [{"$set": {"lease.until": _until()}}]
        writes = [UpdateOne({**hold.filter, **self._in(self.running)}, renewal, hint="_id_") for hold in holds]
        self.collection().bulk_write(writes, ordered=False)
        return self.look_at(holds)

    def look_at(self, holds: Iterable[Hold]) -> dict[ObjectId, HoldState]:
        """Which of `holds` still stand, and which are to be stopped."""
        holds = list(holds)
        if not holds:
            return {}
        wanted = {"_id": {"$in": [hold.id for hold in holds]}}
        read = self.collection().find(wanted, {self.state: 1, "lease": 1, "cancelRequestedAt": 1})
        found = {document["_id"]: document for document in read}
        return {hold.id: self._state_of(hold, found.get(hold.id)) for hold in holds}

    def _state_of(self, hold: Hold, found: Document | None) -> HoldState:
        if found is None:
            return HoldState(is_held=False, cancel_requested=False)
        is_held = found.get(self.state) in self.running and hold.is_of(found)
        return HoldState(is_held, bool(found.get("cancelRequestedAt")))

    def to(self, state: str, *, sets: Document, unsets: Collection[str] = ()) -> Pipeline:
        """The change to `state`, with the fields that it sets, and those that are gone then."""
        change: Pipeline = [{"$set": {self.state: str(state), **sets}}]
        return [*change, {"$unset": list(unsets)}] if unsets else change

    def write(self, hold: Hold, change: Pipeline) -> bool:
        """A change without a change of state. False when the document is not held any more."""
        return self.update(hold.filter, change, states=self.running)

    def end(
        self,
        hold: Hold,
        change: Pipeline,
        *,
        wanted: str,
        states: Collection[str] | None = None,
        guard: Document | None = None,
    ) -> bool:
        """A change to the state `wanted`, from one of `states` (default: all that are held), if `guard` matches too.

        False when the document is not held any more; True as well when it is there already, by the same hold: the
        answer to an earlier try may have been lost.
        """
        if self.update({**hold.filter, **(guard or {})}, change, states=self.running if states is None else states):
            return True
        # No hint: for a find by `_id` the embedded server would read the whole index for it.
        return self.collection().find_one({**hold.filter, self.state: wanted}, {"_id": 1}) is not None

    def expired(self) -> tuple[datetime, list[Document]]:
        """What is held under a lease that is past, and the database's time of asking."""
        asked_at = database_clock.now()
        # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's.
        past = {"lease.until": {"$lt": asked_at, "$type": "date"}}
        fields = dict.fromkeys([self.state, "lease", *self.told], 1)
        leased = self.collection()
        found = leased.find(past, fields, hint=indexes.hint(leased, _UNTIL_INDEX))
        return asked_at, [document for document in found if document.get(self.state) in self.running]

    def update(self, guard: Document, change: Pipeline, *, states: Collection[str]) -> bool:
        """The one write: `change` if `guard` matches and the state is one of `states`; False when none matched.

        `guard` names the `_id`. Nothing guards by state better than the caller: leases know only which are held.
        """
        # The hint: with the state in the filter the embedded server may walk the state's index instead.
        result = self.collection().update_one({**guard, **self._in(states)}, change, hint="_id_")
        return result.matched_count == 1

    def _in(self, states: Iterable[str]) -> Document:
        return {self.state: {"$in": [str(state) for state in states]}}


def expired_guard(document_id: ObjectId, fence: int, expired_at: datetime) -> Document:
    """For the update that takes over what `expired` found: only this run, and only if it is not renewed meanwhile."""
    return {"_id": document_id, "lease.fence": fence, "lease.until": {"$lt": expired_at}}


def _until() -> Document:
    return after(get_settings().lease)
