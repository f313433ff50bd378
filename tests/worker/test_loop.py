"""One worker, real children, a real server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.worker import jobs
from tests.worker.conftest import RecordingJanitor, all_finished, queue_job, run_until
from webapp.documents import JobEvent, ReportJob, WorkerRecord
from webapp.services import database_clock
from webapp.services.jobs import held, lifecycle
from webapp.settings import get_settings
from webapp.worker.loop import Worker

MakeWorker = Callable[..., Worker]


def started(*found: ReportJob) -> Callable[[], bool]:
    return lambda: {str(job.id) for job in found} <= {job for job, _, _ in jobs.noted(get_settings().home, "started")}


def test_a_queued_job_is_made_once_and_its_way_is_recorded(make_worker: MakeWorker) -> None:
    job = queue_job("plain")
    worker = make_worker()
    run_until(worker, all_finished(job))
    assert (job.status, job.progress.percentage, job.lease.fence) == ("ready", 100, 1)
    assert job.provenance["software"] == "test"
    assert len(jobs.noted(get_settings().home, "published")) == 1
    assert worker.jobs_done == 1
    assert list(JobEvent.objects(job_id=job.id).order_by("seq").scalar("status")) == [
        "queued",
        "processing",
        "rendering",
        "uploading",
        "ready",
    ]
    record = WorkerRecord.objects.get(id=worker.id)
    assert record.stopped_at is not None
    assert record.jobs_done == 1


def test_jobs_of_one_person_keep_to_their_slots_and_all_get_done(make_worker: MakeWorker) -> None:
    requester = ObjectId()
    found = [queue_job("plain", requester) for _ in range(12)]
    assert sum(job.status == "queued" for job in found) == 5
    run_until(make_worker(), all_finished(*found), seconds=40)
    assert {job.status for job in found} == {"ready"}
    published = [job for job, _, _ in jobs.noted(get_settings().home, "published")]
    assert sorted(published) == sorted(str(job.id) for job in found)


def test_a_permanent_error_fails_at_once_and_says_why(make_worker: MakeWorker) -> None:
    job = queue_job("refuse")
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.error.code, job.error.retry_count) == ("failed", "invalid-request", 0)
    assert "no such class" in job.error.message


def test_a_passing_fault_is_tried_again(make_worker: MakeWorker) -> None:
    job = queue_job("break-once")
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.error) == ("ready", None)
    assert [attempt.outcome for attempt in job.attempts] == ["retried", "ready"]


def test_a_lasting_fault_ends_after_the_last_attempt(make_worker: MakeWorker, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_MAX_ATTEMPTS", "2")
    get_settings.cache_clear()
    job = queue_job("break")
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.error.code, job.error.retry_count) == ("failed", "internal-error", 1)
    assert "RuntimeError" in job.error.stack


def test_a_job_that_kills_its_own_process_fails_after_three_crashes_and_harms_no_neighbour(
    make_worker: MakeWorker,
) -> None:
    poison, neighbour = queue_job("die"), queue_job("sleep 1.5")
    run_until(make_worker(), all_finished(poison, neighbour))
    assert (poison.status, poison.error.code, poison.crash_count) == ("failed", "worker-crashed", 3)
    assert len([job for job, _, _ in jobs.noted(get_settings().home, "started") if job == str(poison.id)]) == 3
    assert (neighbour.status, neighbour.lease.fence) == ("ready", 1)


def test_a_job_that_eats_memory_is_killed_at_its_limit_and_told(
    make_worker: MakeWorker, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_JOB_MEMORY_LIMIT_MB", "400")
    get_settings.cache_clear()
    job = queue_job("eat")
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.error.code) == ("failed", "memory-limit")
    assert "400 MB" in job.error.message


def test_a_job_that_never_ends_is_killed_at_its_time_limit_and_told(
    make_worker: MakeWorker, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_JOB_TIME_LIMIT_SECONDS", "1")
    get_settings.cache_clear()
    job = queue_job("sleep 60")
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.error.code) == ("failed", "time-limit")


@pytest.mark.parametrize("name", ["sleep 60", "stubborn 60"])
def test_a_cancelled_job_stops_and_publishes_nothing(
    name: str, make_worker: MakeWorker, janitor: RecordingJanitor
) -> None:
    job = queue_job(name)
    asked: list[float] = []

    def cancelled() -> bool:
        if started(job)() and not asked:
            asked.append(time.monotonic())
            lifecycle.cancel(job.id, by=job.requested_by)
        return all_finished(job)()

    run_until(make_worker(), cancelled)
    assert job.status == "cancelled"
    assert jobs.noted(get_settings().home, "published") == []
    assert janitor.discarded == [(job.id, 1)]


def test_a_worker_that_is_told_to_go_at_once_hands_its_jobs_back_unburned(make_worker: MakeWorker) -> None:
    job = queue_job("sleep 60")
    worker = make_worker()

    def begun() -> bool:
        if started(job)():
            worker.stop(at_once=True)
            return True
        return False

    run_until(worker, begun)
    job.reload()
    assert (job.status, job.crash_count, job.error) == ("queued", 0, None)
    assert job.slot is not None


def test_a_worker_that_is_told_to_go_lets_its_jobs_finish_first(make_worker: MakeWorker) -> None:
    job = queue_job("sleep 1")
    run_until(make_worker(), started(job))
    assert job.reload().status == "ready"


def test_a_job_taken_away_is_dropped_without_a_trace(make_worker: MakeWorker, janitor: RecordingJanitor) -> None:
    job = queue_job("sleep 60")
    taken = []

    def taken_away() -> bool:
        if started(job)() and not taken:
            taken.append(True)
            # As if this worker had been stopped for longer than its lease, and another had taken over.
            job.modify(
                __raw__={"$set": {"lease.workerId": "another", "lease.claimId": "x"}, "$inc": {"lease.fence": 1}}
            )
        return bool(janitor.discarded)

    run_until(make_worker(), taken_away)
    job.reload()
    assert (job.status, job.lease.worker_id, janitor.discarded) == ("processing", "another", [(job.id, 1)])


def test_a_job_deleted_under_a_worker_is_not_brought_back(make_worker: MakeWorker, janitor: RecordingJanitor) -> None:
    job = queue_job("sleep 60")

    def deleted() -> bool:
        if started(job)():
            ReportJob._get_collection().delete_one({"_id": job.id})
        return bool(janitor.discarded)

    run_until(make_worker(), deleted)
    assert ReportJob.objects.count() == 0


def test_a_dead_workers_job_is_taken_over(make_worker: MakeWorker) -> None:
    job = queue_job("plain")
    hold = held.take(job.id, "dead")
    assert hold is not None
    run_until(make_worker(), all_finished(job))
    assert (job.status, job.lease.fence, job.crash_count) == ("ready", 2, 1)
    assert [attempt.outcome for attempt in job.attempts] == ["crashed", "ready"]


def test_a_child_dies_with_its_worker(make_worker: MakeWorker, mongo: str) -> None:
    from webapp.worker.assignment import Assignment
    from webapp.worker.child_process import JobChild

    make_worker()
    job = queue_job("stubborn 60")
    environment = {name: value for name, value in os.environ.items() if name.startswith("REPORTDESK_")}
    scratch = str(get_settings().scratch_folder / "x")
    child = JobChild(Assignment(job.id, 1, "c", mongo, environment, scratch), jobs.work)
    deadline = time.monotonic() + 10
    while not started(job)() and time.monotonic() < deadline:
        time.sleep(0.05)
    child._lifeline.close()  # what the kernel does when the worker dies
    while child.is_alive and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.is_alive
    child.signal(signal.SIGKILL)
    child.close()


def test_a_job_for_later_waits_and_a_foreign_one_is_completed(make_worker: MakeWorker, people: Any) -> None:
    later = queue_job("plain", scheduled_for=database_clock.now() + timedelta(hours=1))
    foreign_id = (
        ReportJob._get_collection()
        .insert_one(
            {
                "reportType": "enrollment-summary",
                "name": "From Mongoose",
                "parameters": {"groupBy": ["class"], "measures": ["count"]},
                "output": {"format": "csv"},
                "status": "pending",
                "priority": "normal",
                "visibility": "private",
                "requestedBy": people.owner.id,
                "__v": 0,
            }
        )
        .inserted_id
    )
    foreign = ReportJob.objects.get(id=foreign_id)
    run_until(make_worker(), all_finished(foreign))
    assert (foreign.status, foreign.department_id, foreign.priority_rank) == ("ready", people.department.id, 30)
    assert foreign.provenance["scope"]["departmentIds"] == [str(people.department.id)]
    assert later.reload().status == "pending"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"requestedBy": ObjectId()}, "unknown-requester"),
        ({"reportType": "no-such-type"}, "invalid-request"),
        ({"parameters": "all of it"}, "unreadable-job"),
        ({"output": None}, "invalid-request"),
        ({"parameters": {"filters": {"departmentIds": [ObjectId()]}}}, "invalid-request"),
        ({"scheduledFor": "soon"}, "invalid-request"),
        ({"requestedBy": ["me"], "priorityRank": "high"}, "invalid-request"),
    ],
)
def test_a_foreign_job_that_can_never_run_fails_and_says_why(
    change: dict[str, Any], code: str, make_worker: MakeWorker, people: Any
) -> None:
    document = {
        "reportType": "enrollment-summary",
        "name": "From Mongoose",
        "output": {"format": "csv"},
        "status": "pending",
        "requestedBy": people.owner.id,
        **change,
    }
    collection = ReportJob._get_collection()
    job_id = collection.insert_one(document).inserted_id
    run_until(make_worker(), lambda: collection.find_one({"_id": job_id})["status"] == "failed")
    assert collection.find_one({"_id": job_id})["error"]["code"] == code


def test_a_paused_worker_takes_nothing_and_a_drained_one_leaves(make_worker: MakeWorker) -> None:
    job = queue_job("plain")
    worker = make_worker()
    WorkerRecord(id=worker.id, host="here", pid=1, is_paused=True).save()
    ends = time.monotonic() + 1.5
    run_until(worker, lambda: time.monotonic() > ends)
    assert job.reload().status == "queued"
    WorkerRecord.objects(id=worker.id).update(set__is_draining=True)
    again = make_worker()
    again.id = worker.id
    again.run()
    assert job.reload().status == "queued"


def test_an_idle_worker_takes_a_job_as_soon_as_it_is_queued(
    make_worker: MakeWorker, settings_env: pytest.MonkeyPatch
) -> None:
    """It looks by itself once a minute here."""
    worker = make_worker()
    settings_env.setenv("REPORTDESK_POLL_SECONDS", "60")
    get_settings.cache_clear()
    worker._settings = get_settings()
    queued: list[ReportJob] = []

    def is_made() -> bool:
        if not queued and "_claim" in worker._due:  # it has looked, and found nothing
            queued.append(queue_job("plain"))
        return bool(queued) and queued[0].reload().status == "ready"

    run_until(worker, is_made, seconds=20)
    assert queued[0].status == "ready"
