"""A worker in this process, with real children, and short times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import make_job
from tests.worker import jobs
from webapp.documents import ReportJob
from webapp.services import database_clock
from webapp.services.queue import promotion
from webapp.settings import get_settings
from webapp.worker.loop import Worker

SHORT_TIMES = {
    "HEARTBEAT_SECONDS": "0.5",
    "LEASE_SECONDS": "3",
    "HEARTBEAT_GRACE_SECONDS": "2.5",
    "REAP_SECONDS": "0.5",
    "POLL_SECONDS": "0.1",
    "RETRY_BASE_SECONDS": "0.2",
    "CANCEL_GRACE_SECONDS": "1",
    "SHUTDOWN_GRACE_SECONDS": "3",
}


class RecordingJanitor:
    def __init__(self) -> None:
        self.discarded: list[tuple[ObjectId, int]] = []

    def discard(self, job_id: ObjectId, fence: int) -> None:
        self.discarded.append((job_id, fence))


@pytest.fixture
def short_times(settings_env: pytest.MonkeyPatch) -> None:
    for name, value in SHORT_TIMES.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()


@pytest.fixture
def janitor() -> RecordingJanitor:
    return RecordingJanitor()


@pytest.fixture
def make_worker(short_times: None, database: Any, mongo: str, janitor: RecordingJanitor) -> Callable[..., Worker]:
    def make(concurrency: int = 2, **environment: str) -> Worker:
        return Worker(get_settings(), mongo, run_job=jobs.work, janitor=janitor, concurrency=concurrency)

    return make


def queue_job(name: str, requester: ObjectId | None = None, **fields: Any) -> ReportJob:
    """A job ready to be claimed."""
    job = make_job(
        requester,
        name=name,
        question_hash=name,
        provenance={"scope": {"departmentIds": None, "classIds": None}},
        scheduled_for=fields.pop("scheduled_for", database_clock.now()),
        **fields,
    )
    promotion.promote(job.id)
    return job.reload()


def run_until(worker: Worker, condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Let the worker work until `condition`, then stop it; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    met = []

    def done() -> bool:
        if condition():
            met.append(True)
        return bool(met) or time.monotonic() > deadline

    worker.run(until=done)
    assert met, "the worker did not get there in time"


def all_finished(*found: ReportJob) -> Callable[[], bool]:
    return lambda: all(job.reload().is_finished for job in found)
