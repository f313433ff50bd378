"""The queue's page: for administrators, and a 404 for everyone else."""

from __future__ import annotations

import pytest

from tests.factories import NOW, People, make_job
from tests.web.conftest import Client
from webapp.documents import JobError, JobEvent, ReportJob, WorkerRecord
from webapp.services import database_clock
from webapp.services.queue.status import Period
from webapp.web.admin import queue_chart


@pytest.fixture
def worker(people: People) -> WorkerRecord:
    now = database_clock.now()
    return WorkerRecord(
        id="boot-1", host="host", pid=1, concurrency=2, version="0.1", started_at=now, last_beat_at=now
    ).save()


def test_only_administrators_know_of_the_page(people: People, as_person: Client, worker: WorkerRecord) -> None:
    for person in (people.owner, people.manager, people.stranger):
        client = as_person(person)
        assert client.get("/admin/").status_code == 404
        assert client.post(f"/admin/workers/{worker.id}/pause").status_code == 404
    assert "host · 1" in as_person(people.administrator).get("/admin/").text


def test_a_worker_is_paused_resumed_and_drained(people: People, as_person: Client, worker: WorkerRecord) -> None:
    client = as_person(people.administrator)
    for wish, state in (("pause", (True, False)), ("resume", (False, False)), ("drain", (False, True))):
        assert client.post(f"/admin/workers/{worker.id}/{wish}").status_code == 303
        worker.reload()
        assert (worker.is_paused, worker.is_draining) == state
    assert client.post(f"/admin/workers/{worker.id}/explode").status_code == 404
    assert client.post("/admin/workers/nobody/pause").status_code == 404


def test_everything_that_matches_is_retried_or_cancelled(people: People, as_person: Client) -> None:
    for number in range(30):
        code = "storage-full" if number % 2 else "time-limit"
        make_job(people.owner.id, status="failed", error=JobError(code=code, message="It broke."))
    waiting = make_job(people.stranger.id)
    client = as_person(people.administrator)
    all_that_match = {"all_matching": "1", "status": "failed", "code": "storage-full"}
    shown = client.get("/department/", query_string={"status": "failed", "code": "storage-full", "type": ""}).text
    assert "15 reports match" in shown
    client.post("/department/bulk", data={**all_that_match, "action": "retry"})
    assert ReportJob.objects(status="failed").count() == 15
    retried = ReportJob.objects(status__ne="failed", id__ne=waiting.id).count()
    assert retried == 15
    cancelling = {"all_matching": "1", "status": "pending", "requester": str(people.stranger.id)}
    client.post("/department/bulk", data={**cancelling, "action": "cancel", "reason": "Maintenance"})
    waiting.reload()
    assert (waiting.status, waiting.cancel_reason) == ("cancelled", "Maintenance")
    client.post("/department/bulk", data={**all_that_match, "action": "destroy"})
    assert ReportJob.objects(status="failed").count() == 15


def test_the_past_is_drawn_and_told(people: People, as_person: Client) -> None:
    now = database_clock.now()
    for number in range(4):
        JobEvent(id=f"r{number}", job_id=people.owner.id, seq=1, status="ready", at=now, run_seconds=2.0).save()
    JobEvent(id="f", job_id=people.owner.id, seq=1, status="failed", at=now, code="time-limit").save()
    JobEvent(id="p", job_id=people.owner.id, seq=1, status="processing", at=now, wait_seconds=0.5).save()
    page = as_person(people.administrator).get("/admin/").text
    assert "4 ready, 1 failed" in page
    assert page.count("<rect x=") == 2
    assert 'role="img" aria-label="Seconds of waiting and running over the last 24 hours' in page


def test_a_line_breaks_where_nothing_was_measured() -> None:
    def period(wait: float | None) -> Period:
        return Period(NOW, ready=0, failed=0, wait_p50=wait, wait_p95=None, run_p50=None, run_p95=None)

    chart = queue_chart.draw([period(4), period(2), period(None), period(0)])
    assert chart is not None
    assert chart.lines[0].points == ((80, 0), (240, 60), (560, 120))
    assert chart.lines[0].runs == ("80.0,0.0 240.0,60.0",)
    assert queue_chart.draw([period(None)]) is None
