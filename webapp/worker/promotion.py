"""Looks for waiting jobs that are due, and queues as many of each person's as that person has slots.

A look reads all that is pending, because a job from another client may lack the fields to sort by. It costs little as
long as little waits; so that it stays little beside everything else when much does, one worker looks at a time, and the
looks grow rarer in proportion. In between a job that ends makes room for the next of the same person, from the memory
of the last look.
"""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus, ReportJob
from webapp.services import database_clock, promotion
from webapp.settings import Settings

#: Looks may take this share of the time, all workers' together.
SHARE = 0.1
#: Queueing what a look has found goes on in the worker's next turns: its children and leases do not wait for it.
TURN_SECONDS = 0.5
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Promoter:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ask_at = 0.0
        self._waiting: dict[ObjectId, list[ObjectId]] = {}  # due jobs of each requester, the most urgent last
        self._to_fill: list[ObjectId] = []  # requesters of the last look whose slots are not filled yet

    def take_turn(self) -> list[ObjectId]:
        """Look, if no other worker has just done so, and queue what is due; returns the jobs queued."""
        began = time.monotonic()
        if not self._to_fill:
            if began < self._ask_at:
                return []
            self._ask_at = began + self._settings.poll_seconds
            if promotion.take_turn():
                self._look()
        promoted: list[ObjectId] = []
        while self._to_fill and time.monotonic() - began < TURN_SECONDS:
            promoted += self.make_room(self._to_fill.pop())
        return promoted

    def _look(self) -> None:
        began = time.monotonic()
        self._waiting = self._read()
        self._to_fill = list(self._waiting)
        took = time.monotonic() - began
        promotion.end_turn(pause=timedelta(seconds=max(self._settings.poll_seconds, took / SHARE)))

    def make_room(self, requester: ObjectId) -> list[ObjectId]:
        """Queue the next jobs of this person, as far as there are slots."""
        waiting = self._waiting.get(requester)
        if not waiting:
            return []
        promoted: list[ObjectId] = []
        for _ in promotion.free_slots(requester):
            while waiting:
                job_id = waiting.pop()
                if promotion.promote(job_id):
                    promoted.append(job_id)
                    break
        return promoted

    @staticmethod
    def _read() -> dict[ObjectId, list[ObjectId]]:
        now = database_clock.now()
        found = ReportJob._get_collection().find(
            {"status": JobStatus.PENDING.value},
            {"requestedBy": 1, "priorityRank": 1, "scheduledFor": 1},
        )
        due: dict[ObjectId, list[dict[str, Any]]] = defaultdict(list)
        for job in found:
            if (job.get("scheduledFor") or _LONG_AGO) <= now:
                due[job.get("requestedBy")].append(job)
        return {requester: [job["_id"] for job in sorted(jobs, key=_urgency)] for requester, jobs in due.items()}


def _urgency(job: dict[str, Any]) -> tuple[int, float]:
    """Grows with urgency: rank first, then how long it has been due."""
    return job.get("priorityRank") or 0, -(job.get("scheduledFor") or _LONG_AGO).timestamp()
