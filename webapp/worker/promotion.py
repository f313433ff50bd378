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
from webapp.services import database_clock
from webapp.services.queue import promotion
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
        self._waiting: dict[ObjectId | None, list[ObjectId]] = {}  # due jobs of each requester, the most urgent last
        self._to_fill: list[ObjectId | None] = []  # requesters of the last look whose slots are not filled yet

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

    def make_room(self, requester: ObjectId | None) -> list[ObjectId]:
        """Queue the next jobs of this person, as far as there are slots."""
        waiting = self._waiting.get(requester)
        return promotion.promote_from(waiting, requester) if waiting else []

    @staticmethod
    def _read() -> dict[ObjectId | None, list[ObjectId]]:
        now = database_clock.now()
        # Of what another client has written no field is certain; `promotion.promote` says what is wrong with it.
        found = ReportJob._get_collection().find(
            {"status": JobStatus.PENDING.value},
            {"requestedBy": 1, "priorityRank": 1, "scheduledFor": 1},
        )
        due: dict[ObjectId | None, list[dict[str, Any]]] = defaultdict(list)
        for job in found:
            if _due_at(job) <= now:
                requester = job.get("requestedBy")
                due[requester if isinstance(requester, ObjectId) else None].append(job)
        return {requester: [job["_id"] for job in sorted(jobs, key=_urgency)] for requester, jobs in due.items()}


def _due_at(job: dict[str, Any]) -> datetime:
    found = job.get("scheduledFor")
    return found if isinstance(found, datetime) else _LONG_AGO


def _urgency(job: dict[str, Any]) -> tuple[float, float]:
    """Grows with urgency: rank first, then how long it has been due."""
    rank = job.get("priorityRank")
    return rank if isinstance(rank, (int, float)) else 0, -_due_at(job).timestamp()
