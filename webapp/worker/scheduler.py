"""Fires schedules that are due, and has the parts of reports made that are ready, in a thread of the worker beside its
loop: jobs never wait for it.

Any number of workers do this at once; each fire makes one job all the same (`services.schedules.firing`), and so does
each part (`services.bursting.making`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pymongo
from bson import ObjectId
from pymongo.errors import PyMongoError

from webapp.documents import ReportSchedule
from webapp.documents.report_schedule import Frequency
from webapp.errors import ReportdeskError
from webapp.services import database_clock
from webapp.services.bursting import making
from webapp.services.schedules import firing, outcomes, planning

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
SETTLE_SECONDS = 3.0
#: One schedule, or one look at them.
STEP_SECONDS = 10.0


class SchedulerThread:
    """Looks for due schedules until stopped."""

    def __init__(self, worker_id: str, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._worker_id = worker_id
        self._look_seconds = look_seconds
        self._settle_at = 0.0
        self._planned_for: int | None = None  # the version of the record by which relative schedules are planned
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Finish the schedule at hand; the next scheduler goes on with the others."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            self._try("look", self.look)

    def look(self) -> None:
        """Fire all that is due, have parts made, and write down what has ended."""
        with pymongo.timeout(STEP_SECONDS):
            now = database_clock.now()
            version = planning.data_version()
        self._plan(version, now)
        seen: set[ObjectId] = set()
        while due := [each for each in self._asked(lambda: firing.due(now)) if each[0] not in seen]:
            # Each once in a look: what cannot be fired now is still due at the next one.
            seen.update(schedule_id for schedule_id, _ in due)
            if not self._fire_all(due, lambda each: firing.fire(each[0], each[1], now)):
                break
        behind = self._asked(lambda: firing.behind_the_data(now, version))
        self._fire_all(behind, lambda each: firing.fire_fresh(each[0], each[1], version, now))
        self._fire_all(self._asked(making.waiting), making.make)
        if time.monotonic() >= self._settle_at:
            self._settle_at = time.monotonic() + SETTLE_SECONDS
            self._asked(outcomes.settle)
            self._asked(making.settle)

    def _fire_all(self, each_of: Iterable[Any], fire: Callable[[Any], object]) -> bool:
        """Whether all of them went well; one that does not keeps no other waiting."""
        well = True
        for each in each_of:
            if self._stopping.is_set():
                return False
            with pymongo.timeout(STEP_SECONDS):
                well = self._try("fire", lambda each=each: fire(each)) and well  # type: ignore[misc]
        return well

    def _plan(self, version: int, now: datetime) -> None:
        """The ends of classes and terms may be other ones than before."""
        if version == self._planned_for:
            return
        relative = ReportSchedule.objects(schedule__relative__end__in=["class", "term"], is_active=True)
        planning.plan_anew((each for each in relative if each.schedule.frequency == Frequency.RELATIVE), now)
        self._planned_for = version

    @staticmethod
    def _asked(question: Callable[[], Any]) -> Any:
        with pymongo.timeout(STEP_SECONDS):
            return question()

    def _try(self, what: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except (PyMongoError, ReportdeskError) as error:
            log.warning(f"schedules put off: {what}", extra={**self._about, "error": type(error).__name__})
            return False
        except Exception:
            log.exception(f"schedules failed: {what}", extra=self._about)
            return False
        return True

    @property
    def _about(self) -> dict[str, str]:
        return {"worker_id": self._worker_id}
