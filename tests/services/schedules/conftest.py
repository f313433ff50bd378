"""Schedules of the cast, and the end of their jobs without a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People
from webapp.documents import ReportJob, ReportSchedule, User
from webapp.documents.report_schedule import Timing
from webapp.services import database_clock
from webapp.services.jobs import held, lifecycle
from webapp.services.jobs.changes import Failure
from webapp.services.questions.request import ReportRequest
from webapp.services.schedules import firing, keeping, outcomes
from webapp.services.schedules.checking import Wish
from webapp.worker.scheduler import SchedulerThread

Make = Callable[..., ReportSchedule]


def request(**fields: Any) -> ReportRequest:
    asked: dict[str, Any] = {
        "report_type": "enrollment-summary",
        "group_by": ("class",),
        "measures": ("count",),
        "format": "csv",
    }
    return ReportRequest(**{**asked, **fields})


def wish(**fields: Any) -> Wish:
    """Every day at six in UTC, unless `timing` (a dict) says otherwise."""
    timing = Timing(**{"frequency": "daily", "timezone": "UTC", "time_of_day": "06:00", **fields.pop("timing", {})})
    return Wish(**{"name": "Weekly numbers", "request": request(), "timing": timing, **fields})


@pytest.fixture
def make_schedule(people: People) -> Make:
    """A schedule as `owner` (default: the owner) makes it; `due_at` puts its next run there."""

    def make(owner: User | None = None, *, due_at: datetime | None = None, **fields: Any) -> ReportSchedule:
        found = keeping.create(owner or people.owner, wish(**fields))
        if due_at is not None:
            ReportSchedule.objects(id=found.id).update(set__next_run_at=due_at)
        return ReportSchedule.objects.get(id=found.id)

    return make


@pytest.fixture
def now(database: Any) -> datetime:
    """The database's clock, to the second: what is due is compared with it."""
    return database_clock.now().replace(microsecond=0)


def fire(schedule: ReportSchedule, now: datetime) -> list[ObjectId]:
    """As a scheduler does that has found it due."""
    schedule.reload()
    assert schedule.next_run_at is not None
    return firing.fire(schedule.id, schedule.next_run_at, now)


def end(job_id: ObjectId, *, failed: str = "", cancelled: bool = False) -> None:
    """The end of a job, and what the schedule makes of it."""
    if cancelled:
        lifecycle.cancel(job_id, by=None)
    elif failed:
        lifecycle.refuse(job_id, Failure("broken", failed))
    else:
        ReportJob.objects(id=job_id).update(set__status="queued", set__slot=f"x:{job_id}")
        hold = held.take(job_id, "worker")
        assert hold is not None
        assert held.finish(hold, storage={"key": "reports/a"}, provenance={"rowsWritten": 3}, records=3)
    outcomes.settle()


def days(count: float) -> timedelta:
    return timedelta(days=count)


def three_look_at_once() -> list[Exception]:
    """Three schedulers begin at the same moment; returns what went wrong in them."""
    barrier, failures = threading.Barrier(3), list[Exception]()

    def race(number: int) -> None:
        try:
            barrier.wait()
            SchedulerThread(f"scheduler-{number}").look()
        except Exception as error:  # noqa: BLE001  (told by the test’s own thread)
            failures.append(error)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return failures
