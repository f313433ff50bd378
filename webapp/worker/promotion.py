"""Looks for waiting jobs that are due, and queues as many of each person's as that person has slots.

A pass reads all that is pending, because a job from another client may lack the fields to sort by. It costs little as
long as little waits; when much does, the passes grow rarer in proportion, and in between a job that ends makes room for
the next of the same person, from the memory of the last pass.
"""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus, ReportJob
from webapp.services import database_clock, promotion
from webapp.settings import Settings

#: A pass may take this share of all workers' time together.
SHARE = 0.1
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Promoter:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next_pass_at = 0.0
        self._waiting: dict[ObjectId, list[ObjectId]] = {}  # due jobs of each requester, the most urgent last

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next_pass_at

    def run_pass(self, live_workers: int) -> list[ObjectId]:
        """Queue what is due; returns the jobs queued."""
        began = time.monotonic()
        promoted: list[ObjectId] = []
        self._waiting = self._read()
        for requester in list(self._waiting):
            promoted += self.make_room(requester)
        took = time.monotonic() - began
        self._next_pass_at = time.monotonic() + max(self._settings.poll_seconds, took * max(live_workers, 1) / SHARE)
        return promoted

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
