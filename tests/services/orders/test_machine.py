"""Orders against a model, on a real server: the same lease as a job's (`tests/services/jobs/test_machine.py`), whoever
asks for whatever, in any order, with any old hold. The long form (`make faults`) takes 10,000 steps."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.factories import People
from webapp.documents import Order, OrderKind, OrderState, User
from webapp.errors import ConflictError
from webapp.services import database_clock
from webapp.services.leases.lease import Hold
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.services.orders import orders
from webapp.settings import get_settings

S = OrderState
IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
STEPS = 10_000 if IS_FULL else 400
STEPS_EACH = 50
KINDS = (OrderKind.COMPACT, OrderKind.SWEEP)
NTH = st.integers(0, 99)
MOST_CRASHES, MOST_TRIES = 3, 3


@dataclass
class Model:
    """What the machine must remember of one order. `lease` stays when a run ends: a late repetition still matches."""

    place: int
    same: OrderKind
    state: OrderState = S.WAITING
    fence: int = 0
    lease: Hold | None = None
    attempts: int = 0
    crashes: int = 0
    tries: int = 0
    is_due: bool = True


@dataclass
class Tally:
    steps: int = 0
    moves: set[tuple[OrderState, OrderState]] = field(default_factory=set)


class OrderMachine(RuleBasedStateMachine):
    """Rules are what administrators, workers and their deaths may do, at the wrong moment too."""

    asked = Bundle("asked")
    tally = Tally()
    by: User

    def __init__(self) -> None:
        super().__init__()
        Order._get_collection().delete_many({})
        self.model: dict[ObjectId, Model] = {}
        self.holds: list[Hold] = []  # all that were ever given
        self.places = 0

    @initialize(target=asked)
    def begin(self) -> ObjectId:
        asked = self.ask(OrderKind.COMPACT)
        self.claim("w1")
        return asked

    @rule(target=asked, kind=st.sampled_from(KINDS))
    def ask(self, kind: OrderKind) -> ObjectId:
        order, is_new = orders.ask(self.by, kind, kind.value)
        same = [each for each in self.model.values() if each.same == kind and each.state in (S.WAITING, S.RUNNING)]
        assert is_new is not bool(same)
        if is_new:
            self.places += 1
            self.model[order.id] = Model(self.places, kind)
        return order.id

    @rule(order_id=asked)
    def again(self, order_id: ObjectId) -> None:
        order = self.model[order_id]
        others = [each for each in self.model.values() if each.same == order.same and each is not order]
        try:
            orders.again(self.by, Order.objects.get(id=order_id))
        except ConflictError:
            assert order.state is not S.FAILED or any(each.state in (S.WAITING, S.RUNNING) for each in others)
        else:
            assert order.state is S.FAILED
            self._move(order, S.WAITING)
            self.places += 1
            order.place, order.attempts, order.crashes, order.tries, order.is_due = self.places, 0, 0, 0, True

    @rule(order_id=asked)
    def time_passes(self, order_id: ObjectId) -> None:
        Order.objects(id=order_id).update(unset__not_before=True)
        self.model[order_id].is_due = True

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def claim(self, worker: str) -> None:
        waiting = [order for order in self.model.values() if order.state is S.WAITING]
        first = min(waiting, key=lambda order: order.place, default=None)
        is_busy = any(order.state is S.RUNNING for order in self.model.values())
        hold = order_lifecycle.claim(worker)
        if first is None or is_busy or not first.is_due:
            assert hold is None
            return
        assert hold is not None
        assert self.model[hold.id] is first
        self._move(first, S.RUNNING)
        first.fence += 1
        first.attempts += 1
        first.lease = hold
        assert hold.fence == first.fence
        assert order_lifecycle.find_claim(hold.id, worker, hold.claim_id) == hold
        assert order_lifecycle.find_claim(hold.id, worker, "another") is None
        self.holds.append(hold)

    @precondition(lambda self: any(order.state is S.RUNNING for order in self.model.values()))
    @rule(is_expired=st.booleans())
    def reap(self, is_expired: bool) -> None:
        order_id, order = next((key, each) for key, each in self.model.items() if each.state is S.RUNNING)
        if is_expired:
            past = {"lease.until": database_clock.now() - timedelta(seconds=1)}
            Order._get_collection().update_one({"_id": order_id}, {"$set": past})
        assert order_lifecycle.reap() == ([order_id] if is_expired else [])
        if is_expired:
            # A first death that showed by its lease running out has waited long enough.
            self._crashed(order, is_due=order.crashes == 0)

    # --- workers, with holds of any age -------------------------------------------------------------------------------

    @rule(nth=NTH)
    def beat(self, nth: int) -> None:
        hold = self.hold(nth)
        assert order_lifecycle.beat(hold).is_held is (self._held(hold) is not None)
        assert (order_lifecycle.held(hold) is not None) is (self._held(hold) is not None)

    @rule(nth=NTH)
    def report(self, nth: int) -> None:
        hold = self.hold(nth)
        assert order_lifecycle.report(hold, share=2, doing="$x", count=1) is (self._held(hold) is not None)

    @rule(nth=NTH)
    def finish(self, nth: int) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, S.DONE, order_lifecycle.finish(hold, {"$odd": ["$x"]}))

    @rule(nth=NTH)
    def fail(self, nth: int) -> None:
        hold = self.hold(nth)
        self._ask_held(hold, S.FAILED, order_lifecycle.fail(hold, "$why"))

    @rule(nth=NTH)
    def hand_back(self, nth: int) -> None:
        hold = self.hold(nth)
        if self._ask_held(hold, S.WAITING, order_lifecycle.hand_back(hold)):
            self.model[hold.id].attempts -= 1

    @rule(nth=NTH)
    def postpone(self, nth: int) -> None:
        hold = self.hold(nth)
        order = self._held(hold)
        is_postponed = order_lifecycle.postpone(hold, "$why")
        if order is None:
            return
        assert is_postponed
        order.tries += 1
        if order.tries == MOST_TRIES:
            order.tries -= 1  # the last one ends it
            self._move(order, S.FAILED)
        else:
            self._move(order, S.WAITING)
            order.is_due = False

    @rule(nth=NTH)
    def crash(self, nth: int) -> None:
        hold = self.hold(nth)
        order = self._held(hold)
        assert order_lifecycle.crashed_held(hold) is (order is not None)
        if order is not None:
            self._crashed(order, is_due=False)

    # --- the model ----------------------------------------------------------------------------------------------------

    def hold(self, nth: int) -> Hold:
        """One of all holds there were, the latest for 0."""
        return self.holds[-1 - nth % len(self.holds)]

    def _held(self, hold: Hold) -> Model | None:
        order = self.model[hold.id]
        return order if order.lease == hold and order.state is S.RUNNING else None

    def _ask_held(self, hold: Hold, wanted: OrderState, said: bool) -> bool:
        """Check the answer to a worker's wish; True when the order moved."""
        order = self._held(hold)
        if order is not None:
            assert said
            self._move(order, wanted)
            return True
        same = self.model[hold.id]
        # Said again after a lost answer: it is so already, by the same hold.
        assert said is (same.lease == hold and same.state is wanted)
        return False

    def _crashed(self, order: Model, *, is_due: bool) -> None:
        order.crashes += 1
        self._move(order, S.FAILED if order.crashes == MOST_CRASHES else S.WAITING)
        order.is_due = is_due

    def _move(self, order: Model, wanted: OrderState) -> None:
        self.tally.moves.add((order.state, wanted))
        order.state = wanted

    @invariant()
    def the_documents_agree(self) -> None:
        self.tally.steps += 1
        found = {order["_id"]: order for order in Order._get_collection().find({})}
        assert set(found) == set(self.model)
        for order_id, stored in found.items():
            self._check(stored, self.model[order_id])
        assert sum(order["state"] == "running" for order in found.values()) <= 1

    def _check(self, stored: dict[str, Any], order: Model) -> None:
        fence = (stored.get("lease") or {}).get("fence", 0)
        counts = (stored["attempts"], stored.get("crashCount", 0), stored.get("retryCount", 0))
        assert (stored["state"], fence, counts) == (
            order.state.value,
            order.fence,
            (order.attempts, order.crashes, order.tries),
        )
        assert bool(stored.get("slot")) is (order.state is S.RUNNING)
        assert bool((stored.get("lease") or {}).get("until")) is (order.state is S.RUNNING)
        assert bool(stored.get("sameAs")) is (order.state in (S.WAITING, S.RUNNING))
        assert bool(stored.get("endedAt")) is (order.state in (S.DONE, S.FAILED))


def test_no_order_of_calls_breaks_an_orders_lease(people: People, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_MAX_CRASHES", str(MOST_CRASHES))
    settings_env.setenv("REPORTDESK_MAX_ATTEMPTS", str(MOST_TRIES))
    get_settings.cache_clear()
    OrderMachine.tally = Tally()
    OrderMachine.by = people.administrator
    while OrderMachine.tally.steps < STEPS:
        run_state_machine_as_test(
            OrderMachine,
            settings=settings(
                max_examples=(STEPS - OrderMachine.tally.steps) // STEPS_EACH + 1,
                phases=[Phase.generate, Phase.shrink],
                stateful_step_count=STEPS_EACH,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"{OrderMachine.tally.steps} steps, {len(OrderMachine.tally.moves)} different changes of state")
    if IS_FULL:
        assert OrderMachine.tally.moves == {
            (S.WAITING, S.RUNNING),
            (S.RUNNING, S.WAITING),
            (S.RUNNING, S.DONE),
            (S.RUNNING, S.FAILED),
            (S.FAILED, S.WAITING),
        }
