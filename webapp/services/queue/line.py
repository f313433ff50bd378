"""The line of queued jobs, as one worker sees it."""

from __future__ import annotations

import math
import random
import time
from typing import Any

from pymongo.cursor import Cursor

from webapp.documents import JobStatus, ReportJob
from webapp.services.jobs import held, lifecycle
from webapp.services.leases.lease import Document, Hold
from webapp.settings import get_settings

#: How many of the next jobs a look sees: with several workers at it, not all go for the same one.
SEEN = 24
#: How long after a lost race others are taken to be at the same jobs.
CROWDED_SECONDS = 5.0
ORDER = [("priorityRank", -1), ("scheduledFor", 1), ("_id", 1)]


def claimable(*, limit: int = SEEN) -> Cursor[Document]:
    """The queued jobs that would be taken next, with what a claim must know of them."""
    seen = {"slot": 1, "priorityRank": 1, "lease.fence": 1}
    return ReportJob._get_collection().find({"status": JobStatus.QUEUED.value}, seen).sort(ORDER).limit(limit)


class QueueLine:
    """The next jobs for `worker_id`.

    A look costs as much as there are jobs in the line (DESIGN §13), so what one look saw serves the claims of one
    poll's time. A job that came in the meantime waits no longer than if it had come just after the next poll; one that
    was taken or stopped meanwhile cannot be claimed, whatever was seen of it.
    """

    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self._peeked: list[Document] = []
        self._peeked_at = self._lost_at = -math.inf

    def claim(self) -> Hold | None:
        """Take the most urgent queued job; None when there is none, or others were faster for all that were seen.

        Raises UnsureClaimError.
        """
        if self._is_crowded or time.monotonic() - self._peeked_at > get_settings().poll_seconds:
            self._peeked = []
        return self._take_next() or self._look_and_take()

    def _look_and_take(self) -> Hold | None:
        self._peeked, self._peeked_at = list(claimable()), time.monotonic()
        return self._take_next()

    def _take_next(self) -> Hold | None:
        while self._peeked:
            seen = self._peeked.pop(self._place())
            if not seen.get("slot"):
                # Another client wrote "queued" itself: promotion checks it first, and gives it its requester's slot.
                lifecycle.hold_back(seen["_id"], why="not promoted yet")
                continue
            hold = held.take_peeked(seen, self._worker_id)
            if hold is not None:
                return hold
            self._lost_at = time.monotonic()
        return None

    @property
    def _is_crowded(self) -> bool:
        """Whether others are after the same jobs: then what was seen is soon not so any more."""
        return time.monotonic() - self._lost_at < CROWDED_SECONDS

    def _place(self) -> int:
        """The first in line; when it is crowded, any that is equally urgent: in the same order all would follow each
        other down the line."""
        if not self._is_crowded:
            return 0
        ranks: list[Any] = [seen.get("priorityRank") for seen in self._peeked]
        return random.randrange(sum(rank == ranks[0] for rank in ranks))  # noqa: S311 - guards nothing
