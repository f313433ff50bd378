"""Carries out what administrators order (imports, a rebuilt extract, a sweep), one at a time, each in a child process.

A thread of the worker beside its loop: jobs never wait for a order. The child writes its own progress and end, guarded
by its claim; this thread keeps the lease, minds the limits, and hands the order back when the worker stops.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.process import BaseProcess

import psutil
from pymongo.errors import PyMongoError

from webapp.documents import Order
from webapp.services.orders import orders
from webapp.settings import get_settings
from webapp.worker import execution, order_child
from webapp.worker.child_process import fork_server

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
RENEW_SECONDS = 10.0
#: The import of a large university's year takes an hour or two on a slow machine.
TIME_LIMIT_SECONDS = 6 * 3600.0


class OrderThread:
    """Looks for orders until stopped."""

    def __init__(self, worker_id: str, mongodb_uri: str, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._worker_id = worker_id
        self._uri = mongodb_uri
        self._look_seconds = look_seconds
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
                while not self._stopping.is_set() and (order := orders.claim(self._worker_id)) is not None:
                    self._carry_out(order)
            except PyMongoError as error:
                # The database is away: a running child's lease runs out, and the order is begun again.
                log.warning("orders put off", extra={"worker_id": self._worker_id, "error": type(error).__name__})
            except Exception:
                log.exception("orders failed", extra={"worker_id": self._worker_id})

    def _carry_out(self, order: Order) -> None:
        log.info("order claimed", extra={"order_id": str(order.id), "kind": order.kind, "worker_id": self._worker_id})
        folder = get_settings().scratch_folder / f"order-{order.id}-{order.claim_id}"
        context = fork_server(execution.execute)
        lifeline, ours = context.Pipe(duplex=False)
        child = context.Process(
            target=order_child.main,
            args=(order.id, order.claim_id, self._uri, self._environment, str(folder), lifeline),
            name=f"reportdesk-order-{order.id}",
            daemon=True,
        )
        child.start()
        lifeline.close()
        try:
            why = self._mind(order, child.pid or 0, child)
        finally:
            if child.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            ours.close()
            shutil.rmtree(folder, ignore_errors=True)
        self._settle(order, why, child.exitcode)

    def _mind(self, order: Order, pid: int, child: BaseProcess) -> str:
        """Wait for the end of the child; the reason, when it must be ended."""
        started = renewed = time.monotonic()
        limit = get_settings().job_memory_limit_mb
        while child.is_alive():
            child.join(0.25)
            now = time.monotonic()
            if self._stopping.is_set():
                return "stopping"
            if now - started > TIME_LIMIT_SECONDS:
                return f"It took longer than {TIME_LIMIT_SECONDS / 3600:.0f} hours."
            if _resident_mb(pid) > limit:
                return f"It needed more than the {limit:,} MB of memory that it may use. Send smaller files."
            if now - renewed > RENEW_SECONDS:
                renewed = now
                if not orders.renew(order):
                    return "lost"
        return ""

    def _settle(self, order: Order, why: str, exit_code: int | None) -> None:
        if why == "stopping":
            orders.hand_back(order)
        elif why and why != "lost":
            orders.fail(order, why)
        elif exit_code:
            # It could not write its own end: begin again, unless that has happened too often.
            orders.put_off(order, f"The process that carried it out ended unexpectedly ({exit_code}).")
        log.info("order ended", extra={"order_id": str(order.id), "kind": order.kind, "why": why or exit_code})


def _resident_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 1_048_576
    except psutil.Error:
        return 0.0
