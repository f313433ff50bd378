"""What a worker cleans up beside its jobs, in a thread of its own because a storage may be slow."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bson import ObjectId

from webapp.services import database_clock
from webapp.services.files import retention
from webapp.worker import execution

log = logging.getLogger(__name__)

SWEEP_SECONDS = retention.SWEEP_EVERY.total_seconds()
#: The first sweep comes soon, so that what expired while no worker ran does not stay.
FIRST_SWEEP_SECONDS = 5.0


@dataclass(frozen=True)
class Leftover:
    job_id: ObjectId
    fence: int


class MaintenanceThread:
    """Deletes what ended attempts left behind, and runs retention's sweeps now and then."""

    def __init__(self, *, discard: Callable[[ObjectId, int], int] = execution.discard) -> None:
        self._discard = discard
        self._work: queue.Queue[Leftover | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float = 2.0) -> None:
        """Finish what is at hand; what is not done then is left to the sweep of another worker."""
        self._work.put(None)
        self._thread.join(seconds)

    def discard(self, job_id: ObjectId, fence: int) -> None:
        self._work.put(Leftover(job_id, fence))

    def _run(self) -> None:
        next_sweep = time.monotonic() + FIRST_SWEEP_SECONDS
        while True:
            try:
                leftover = self._work.get(timeout=max(next_sweep - time.monotonic(), 0.01))
            except queue.Empty:
                # Several workers sweep: jitter keeps them apart.
                next_sweep = time.monotonic() + SWEEP_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
                self._try("sweep", self._sweep)
                continue
            if leftover is None:
                return
            self._try("discard", partial(self._discard, leftover.job_id, leftover.fence))

    @staticmethod
    def _sweep() -> None:
        retention.sweep_if_due(database_clock.now())

    @staticmethod
    def _try(what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception:
            # Whatever the storage or the database has, the next sweep finds the same files again.
            log.exception("maintenance failed", extra={"step": what})
