"""Sends what is due of the ledger: letters, webhooks, notices, copies. A thread of the worker beside its loop.

It makes the deliveries of reports that have ended, takes over what workers that died were sending, claims what is due,
and keeps the leases while a few threads of its own send: one server that hangs holds up nobody else's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import datetime

import pymongo
from pymongo.errors import PyMongoError

from webapp.documents import Channel
from webapp.services import database_clock
from webapp.services.deliveries import hosts, ledger, making, sending
from webapp.services.deliveries.ledger import Due
from webapp.services.leases.lease import Hold, UnsureClaimError, UnsureClaims
from webapp.settings import get_settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
#: One step with the database, as in the worker's loop.
STEP_SECONDS = 4.0
#: At once of each channel: servers for webhooks that hang keep no letter. Of one server never more than one.
AT_ONCE = 2
#: While something is due whose server's turn is not yet.
PACE_SECONDS = 0.25
#: Of a worker told to go, for what is being sent.
LAST_SECONDS = 4.0


@dataclass(frozen=True)
class UnderWay:
    """What is being sent. `channel` None: of a claim whose answer had been lost, nobody knows."""

    hold: Hold
    channel: Channel | None
    host: str


class DeliveryThread:
    """Sends until stopped."""

    def __init__(
        self, worker_id: str, *, look_seconds: float = LOOK_SECONDS, send: Callable[[Hold], str] = sending.send
    ) -> None:
        self._worker_id = worker_id
        self._look_seconds = look_seconds
        self._send = send
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._under_way: dict[Future[str], UnderWay] = {}
        self._unsure = UnsureClaims(worker_id, ledger.find_claim)
        self._beat_at = 0.0
        self._is_throttled = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Begin nothing more. What is being sent may end; what does not is found by its lease."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._under_way:
            wait_for(self._under_way, timeout=LAST_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                is_busy = self.turn()
            except UnsureClaimError as error:
                self._unsure.add(error)
                is_busy = False
            except PyMongoError as error:
                log.warning("deliveries put off", extra={"worker_id": self._worker_id, "error": type(error).__name__})
                is_busy = False
            except Exception:
                log.exception("deliveries failed", extra={"worker_id": self._worker_id})
                is_busy = False
            self._rest(is_busy)

    def _rest(self, is_busy: bool) -> None:
        """Until something ends, or it is time to look again."""
        if self._under_way and not self._stopping.is_set():
            wait_for(self._under_way, timeout=self._look_seconds, return_when="FIRST_COMPLETED")
        elif not is_busy:
            self._stopping.wait(min(PACE_SECONDS, self._look_seconds) if self._is_throttled else self._look_seconds)

    def turn(self) -> bool:
        """One look at the ledger; True when something was begun. Raises PyMongoError."""
        self._collect()
        with pymongo.timeout(STEP_SECONDS):
            self._keep_leases()
        with pymongo.timeout(STEP_SECONDS):
            ledger.reap()
            making.make_due()
        with pymongo.timeout(STEP_SECONDS):
            return self._begin()

    def drain(self, *, seconds: float = 30.0) -> None:
        """Turn after turn until nothing is due or under way: what tests, and the terminal, wait for."""
        end = time.monotonic() + seconds
        while (self.turn() or self._under_way) and time.monotonic() < end:
            wait_for(self._under_way, timeout=0.5, return_when="FIRST_COMPLETED")

    def _collect(self) -> None:
        for future in [future for future in self._under_way if future.done()]:
            hold = self._under_way.pop(future).hold
            error = future.exception()
            if error is None:
                log.info(f"delivery {future.result()}", extra=self._about(hold))
            else:
                # Not written, most likely because the database is away: its lease runs out, and it is taken up again.
                log.warning("delivery not settled", extra={**self._about(hold), "error": type(error).__name__})

    def _keep_leases(self) -> None:
        if self._under_way and time.monotonic() - self._beat_at >= get_settings().heartbeat_seconds:
            self._beat_at = time.monotonic()
            ledger.beat(each.hold for each in self._under_way.values())

    def _begin(self) -> bool:
        self._take_found_claims()
        now, is_any = database_clock.now(), False
        self._is_throttled = False
        #: Hosts that are busy, or whose turn is not yet.
        waiting = {each.host for each in self._under_way.values() if each.host}
        for channel in Channel:
            for found in ledger.due(channel, now, besides=waiting) if self._has_room(channel) else ():
                if not self._has_room(channel):
                    break
                is_any = self._begin_one(channel, found, now, waiting) or is_any
        return is_any

    def _has_room(self, channel: Channel) -> bool:
        return sum(each.channel is channel for each in self._under_way.values()) < AT_ONCE

    def _begin_one(self, channel: Channel, found: Due, now: datetime, waiting: set[str]) -> bool:
        is_its_turn = found.host not in waiting and self._is_its_turn(channel, found.host, now)
        if found.host:
            waiting.add(found.host)
        is_over = now - found.queued_at > sending.patience()
        if not is_its_turn:
            self._is_throttled = True
            if not (is_over and hosts.is_known_away(found.host)):
                return False
        hold = ledger.claim(found, self._worker_id)
        if hold is None:
            return False
        self._hand_on(UnderWay(hold, channel, found.host), self._send if is_its_turn else sending.give_up)
        return True

    def _hand_on(self, begun: UnderWay, send: Callable[[Hold], str]) -> None:
        hold = begun.hold
        log.info("delivery claimed", extra=self._about(hold))
        future: Future[str] = Future()
        self._under_way[future] = begun

        def work() -> None:
            try:
                future.set_result(send(hold))
            except BaseException as error:  # noqa: BLE001 - told by `_collect`
                future.set_exception(error)

        # Daemons: a server that hangs must not keep the worker from going.
        threading.Thread(target=work, name="delivery", daemon=True).start()

    def _take_found_claims(self) -> None:
        for hold in self._unsure.found():
            self._unsure.forget(hold)
            self._hand_on(UnderWay(hold, None, ""), self._send)

    @staticmethod
    def _is_its_turn(channel: Channel, host: str, now: datetime) -> bool:
        if not host:
            return True
        settings = get_settings()
        per_minute = settings.mail_per_minute if channel is Channel.EMAIL else settings.webhook_per_minute
        return hosts.take_turn(host, per_minute, now)

    def _about(self, hold: Hold) -> dict[str, str | int]:
        return {"delivery_id": str(hold.id), "fence": hold.fence, "worker_id": self._worker_id}
