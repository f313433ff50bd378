"""Carries out what administrators order (imports, a compacted record, a sweep), one at a time, each in a child process.

A thread of the worker beside its loop: jobs never wait for an order. The child writes its own progress and end, guarded
by its hold; this thread keeps the lease, minds the limits, and hands the order back when the worker stops.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import pymongo
from pymongo.errors import PyMongoError

from webapp.services.leases.lease import Hold, UnsureClaimError, UnsureClaims
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.settings import get_settings
from webapp.worker import execution, order_child
from webapp.worker.child_process import Child, fork_server
from webapp.worker.minding import Ending, Limits, Minded

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
TURN_SECONDS = 0.25
#: One step with the database, as in the worker's loop.
STEP_SECONDS = 4.0
#: The import of a large university's year takes an hour or two on a slow machine.
TIME_LIMIT_SECONDS = 6 * 3600.0


class OrderThread:
    """Looks for orders until stopped."""

    def __init__(self, worker_id: str, mongodb_uri: str, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._worker_id = worker_id
        self._uri = mongodb_uri
        self._look_seconds = look_seconds
        self._unsure = UnsureClaims(worker_id, order_lifecycle.find_claim)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orders", daemon=True)
        self._environment = {name: value for name, value in os.environ.items() if name.startswith("REPORTDESK_")}

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Hand back what runs: the next worker begins it again."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            try:
                while not self._stopping.is_set() and (hold := self._claim()) is not None:
                    self._carry_out(hold)
            except UnsureClaimError as error:
                self._unsure.add(error)
            except PyMongoError as error:
                log.warning("orders put off", extra={"worker_id": self._worker_id, "error": type(error).__name__})
            except Exception:
                log.exception("orders failed", extra={"worker_id": self._worker_id})

    def _claim(self) -> Hold | None:
        with pymongo.timeout(STEP_SECONDS):
            return self._found_claim() or order_lifecycle.claim(self._worker_id)

    def _found_claim(self) -> Hold | None:
        for hold in self._unsure.found():
            self._unsure.forget(hold)
            return hold
        return None

    def _carry_out(self, hold: Hold) -> None:
        log.info("order claimed", extra=self._about(hold))
        settings = get_settings()
        limits = Limits(
            TIME_LIMIT_SECONDS,
            settings.job_memory_limit_mb,
            settings.heartbeat_grace_seconds,
            settings.cancel_grace_seconds,
        )
        folder = str(settings.scratch_folder / f"order-{hold.id}-{hold.fence}")
        child = Child(
            fork_server(execution.execute),
            order_child.main,
            (hold, self._uri, self._environment, folder),
            name=f"reportdesk-order-{hold.id}",
            scratch=folder,
        )
        running = Minded(hold, child, limits)
        try:
            self._mind(running)
        finally:
            running.kill()
            child.close()
        self._settle(running)

    def _mind(self, running: Minded) -> None:
        """Until its child has ended."""
        beat_at = time.monotonic()
        while running.child.is_alive:
            running.child.wait(TURN_SECONDS)
            if self._stopping.is_set():
                running.end(Ending.SHUTDOWN)
            running.mind()
            if time.monotonic() - beat_at > get_settings().heartbeat_seconds:
                beat_at = time.monotonic()
                self._beat(running)

    def _beat(self, running: Minded) -> None:
        began = time.monotonic()
        try:
            with pymongo.timeout(STEP_SECONDS):
                state = order_lifecycle.beat(running.hold)
        except PyMongoError as error:
            # The database is away: for longer than its lease it may not work on.
            log.warning("order not renewed", extra={**self._about(running.hold), "error": type(error).__name__})
            return
        if not state.is_held:
            running.end(Ending.LOST)
        running.acknowledged_at = began

    def _settle(self, running: Minded) -> None:
        """Write the end that its child could not write. The database may be away for a while; what cannot be written
        before the lease ends, the reaper finds."""
        deadline = time.monotonic() + get_settings().lease_seconds
        while True:
            try:
                with pymongo.timeout(STEP_SECONDS):
                    what = self._write_end(running)
            except PyMongoError:
                if self._stopping.is_set() or time.monotonic() > deadline:
                    raise
                self._stopping.wait(self._look_seconds)
            else:
                log.info(f"order {what}", extra=self._about(running.hold))
                return

    @staticmethod
    def _write_end(running: Minded) -> str:
        """The word for the log."""
        hold, code = running.hold, running.child.exit_code
        if running.ending is Ending.LOST or code == order_child.LOST:
            return "lost"
        if code == order_child.WRITTEN:
            return "ended"
        if running.ending in (Ending.SHUTDOWN, Ending.NO_BEAT):
            order_lifecycle.hand_back(hold)
            return "handed back"
        if running.ending is Ending.TIME_LIMIT:
            order_lifecycle.fail(hold, f"It took longer than {running.limits.seconds / 3600:.0f} hours.")
        elif running.ending is Ending.MEMORY_LIMIT:
            needed = f"It needed more than the {running.limits.memory_mb:,} MB of memory that it may use."
            order_lifecycle.fail(hold, f"{needed} Send smaller files.")
        elif code == order_child.NOT_WRITTEN:
            order_lifecycle.postpone(hold, "The database did not answer while it was carried out.")
            return "postponed"
        else:
            order_lifecycle.crashed_held(hold)
            return "crashed"
        return "failed"

    def _about(self, hold: Hold) -> dict[str, str | int]:
        return {"order_id": str(hold.id), "fence": hold.fence, "worker_id": self._worker_id}
