"""What a worker sees of the line, and what it may take of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import make_job
from tests.worker.conftest import queue_job
from webapp.documents import ReportJob
from webapp.services.jobs import held, lifecycle
from webapp.services.queue import line as queue_line
from webapp.services.queue.line import QueueLine


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs each look saw."""
    found: list[int] = []
    look = queue_line.claimable

    def counted() -> list[dict[str, Any]]:
        seen = list(look())
        found.append(len(seen))
        return seen

    monkeypatch.setattr(queue_line, "claimable", counted)
    return found


def test_one_look_serves_several_claims(database: Any, looks: list[int]) -> None:
    jobs = [queue_job("plain") for _ in range(4)]
    line = QueueLine("w")
    assert [hold.id for hold in iter(line.claim, None)] == [job.id for job in jobs]
    assert looks == [4, 0]


def test_a_job_that_was_stopped_or_taken_after_the_look_is_not_claimed(database: Any, looks: list[int]) -> None:
    first, stopped, taken, last = (queue_job("plain") for _ in range(4))
    line = QueueLine("w")
    hold = line.claim()
    assert hold is not None
    assert hold.id == first.id
    lifecycle.cancel(stopped.id, by=None)
    assert held.take(taken.id, "other") is not None
    hold = line.claim()
    assert hold is not None
    assert hold.id == last.id
    assert ReportJob.objects.get(id=taken.id).lease.worker_id == "other"


def test_who_has_lost_a_race_looks_again_each_time_and_keeps_to_the_urgency(database: Any, looks: list[int]) -> None:
    line = QueueLine("w")
    lost = queue_job("plain", priority="critical")
    low = [queue_job("plain", priority="low") for _ in range(3)]
    high = [queue_job("plain", priority="high") for _ in range(3)]
    seen = list(queue_line.claimable())
    assert held.take(lost.id, "other") is not None
    looks.clear()
    line._peeked, line._peeked_at = seen, float("inf")  # as if it had looked just before
    order = [hold.id for hold in iter(line.claim, None)]
    assert set(order[:3]) == {job.id for job in high}
    assert set(order[3:]) == {job.id for job in low}
    assert len(looks) == len(order)


def test_a_job_queued_by_another_client_is_left_to_promotion(database: Any) -> None:
    job = make_job(status="queued")
    assert QueueLine("w").claim() is None
    assert job.reload().status == "pending"
