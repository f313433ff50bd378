"""What the queue says about itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories import People, make_job
from tests.worker.conftest import queue_job
from webapp.documents import JobStatus, WorkerRecord
from webapp.errors import ForbiddenError, NotFoundError
from webapp.services import database_clock
from webapp.services.jobs import events as job_events
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.queue import metrics as queue_metrics
from webapp.services.queue import status as queue_status
from webapp.services.queue import workers
from webapp.services.queue.status import Why, percentile
from webapp.worker import heartbeat, startup

pytestmark = pytest.mark.usefixtures("database")


def a_worker(worker_id: str = "worker-1", concurrency: int = 2) -> None:
    heartbeat.write(worker_id, concurrency=concurrency, job_ids=[], jobs_done=3)


def finished(job: Any, seconds: float) -> None:
    hold = held.take(job.id, "w")
    assert hold is not None
    job.modify(started_at=database_clock.now() - timedelta(seconds=seconds))
    held.finish(hold, storage={}, provenance={}, records=1)
    job_events.copy([job.id])


def test_a_job_waits_because_no_worker_is_alive() -> None:
    waiting = queue_status.explain(queue_job("plain"))
    assert waiting is not None
    assert waiting.why is Why.NO_WORKER


def test_the_place_in_the_queue_follows_priority_then_age_and_the_estimate_what_was_measured() -> None:
    finished(queue_job("plain"), 30)
    a_worker(concurrency=1)
    ahead = [queue_job("plain"), queue_job("plain")]
    mine = queue_job("plain")
    urgent = queue_job("plain", priority="high")
    held.take(queue_job("plain", priority="critical").id, "w")
    waiting = queue_status.explain(mine)
    assert waiting is not None
    assert (waiting.why, waiting.ahead) == (Why.AHEAD_OF_YOU, len([*ahead, urgent]))
    assert waiting.starts_at is not None
    until = (waiting.starts_at - database_clock.now()).total_seconds()
    assert until == pytest.approx(3 * 30 + 15, abs=5)
    first = queue_status.explain(urgent)
    assert first is not None
    assert first.why is Why.NEXT


def test_a_job_at_its_requesters_limit_says_so(people: People) -> None:
    a_worker()
    found = [queue_job("plain", people.owner.id) for _ in range(6)]
    waiting = queue_status.explain(found[-1])
    assert waiting is not None
    assert (waiting.why, waiting.limit) == (Why.AT_YOUR_LIMIT, 5)


def test_a_job_that_is_not_due_or_held_back_says_until_when() -> None:
    due = database_clock.now() + timedelta(hours=1)
    later = queue_status.explain(make_job(scheduled_for=due))
    assert later is not None
    assert (later.why, later.until) == (Why.NOT_DUE, due)
    job = queue_job("plain")
    hold = held.take(job.id, "w")
    assert hold is not None
    held.postpone(hold, Failure("x", "y"), timedelta(seconds=60))
    told = queue_status.explain(job.reload())
    assert told is not None
    assert told.why is Why.RETRY_LATER


def test_what_does_not_wait_has_nothing_to_explain() -> None:
    job = queue_job("plain")
    held.take(job.id, "w")
    assert queue_status.explain(job.reload()) is None


def test_a_running_job_is_estimated_by_its_own_pace() -> None:
    job = queue_job("plain")
    hold = held.take(job.id, "w")
    assert hold is not None
    assert queue_status.ready_at(job.reload()) is None
    held.record_progress(hold, step="x", percentage=50, processed=1, total=2)
    job.reload().modify(started_at=database_clock.now() - timedelta(seconds=20))
    estimate = queue_status.ready_at(job.reload())
    assert estimate is not None
    assert (estimate - database_clock.now()).total_seconds() == pytest.approx(20, abs=2)


def test_the_overview_counts_and_raises_the_alarm() -> None:
    job = queue_job("plain")
    assert queue_status.alarm().code == "no-worker"
    a_worker()
    overview = queue_status.overview()
    assert overview.counts[JobStatus.QUEUED] == 1
    assert (overview.slots, overview.alarm) == (2, None)
    job.modify(scheduled_for=database_clock.now() - timedelta(minutes=6))
    assert queue_status.alarm().code == "oldest-too-old"


def test_throughput_percentiles_and_failures_come_from_the_events() -> None:
    for seconds in (10, 20, 30):
        finished(queue_job("plain"), seconds)
    job = queue_job("plain")
    hold = held.take(job.id, "w")
    assert hold is not None
    held.fail(hold, Failure("too-large", "Too large."))
    job_events.copy([job.id])
    last = queue_status.history(hours=1, periods=4)[-1]
    assert (last.ready, last.failed) == (3, 1)
    assert last.run_p50 == pytest.approx(20, abs=1)
    assert last.run_p95 == pytest.approx(30, abs=1)
    assert queue_status.failures_by_code() == [("too-large", 1)]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([7], 0.95) == 7


def test_metrics_are_prometheus_text() -> None:
    finished(queue_job("plain"), 10)
    a_worker()
    text = queue_metrics.text().decode()
    assert 'reportdesk_jobs{status="ready"} 1.0' in text
    assert "reportdesk_workers 1.0" in text
    assert 'reportdesk_job_seconds{phase="run",quantile="0.95"}' in text


def test_workers_are_paused_resumed_and_drained_by_administrators(people: People) -> None:
    a_worker("0123456789ab")
    with pytest.raises(ForbiddenError):
        workers.pause(people.owner, "0123456789ab")
    workers.pause(people.administrator, "01234567")
    assert queue_status.explain(queue_job("plain")).why is Why.WORKERS_PAUSED
    workers.resume(people.administrator, "0123456789ab")
    workers.drain(people.administrator, "0123456789ab")
    wishes = heartbeat.write("0123456789ab", concurrency=1, job_ids=[], jobs_done=0)
    assert (wishes.is_paused, wishes.is_draining) == (False, True)
    with pytest.raises(NotFoundError):
        workers.drain(people.administrator, "ffff")


def test_a_worker_that_stops_beating_is_missing_and_one_that_says_goodbye_has_left() -> None:
    a_worker("silent")
    a_worker("polite")
    heartbeat.say_goodbye("polite", jobs_done=9)
    WorkerRecord.objects(id="silent").update(set__last_beat_at=database_clock.now() - timedelta(minutes=1))
    found = {state.id: state for state in workers.every()}
    assert not found["silent"].is_alive
    assert not found["silent"].has_left
    assert found["polite"].has_left
    assert found["polite"].jobs_done == 9
    assert workers.alive() == []


def test_a_worker_refuses_a_database_that_is_not_set_up(database: Any) -> None:
    startup.check_database()
    database.lookupvalues.delete_many({"category": "report-status", "key": "rendering"})
    with pytest.raises(startup.UnusableDatabaseError, match="rendering are missing"):
        startup.check_database()
