"""The queue's own page: the jobs at work, what went wrong with each, and what an administrator does about it there."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.factories import NOW, People, make_job
from tests.web.conftest import Client
from webapp.documents import Attempt, JobError, ReportJob


def rows(client: FlaskClient, address: str) -> dict[str, str]:
    """The text of each row, by the report's name."""
    page = client.get(address).text
    found = re.findall(r'<tr id="job-[0-9a-f]+">(.*?)</tr>', page, re.S)
    names = [re.search(r'class="name"[^>]*>([^<]+)', row) for row in found]
    return {
        name[1]: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))
        for name, row in zip(names, found, strict=True)
        if name
    }


def make_some(people: People) -> ReportJob:
    for status in ("queued", "processing", "ready", "cancelled"):
        make_job(people.owner.id, name=f"It is {status}", status=status)
    return make_job(
        people.owner.id, name="It is broken", status="failed", error=JobError(code="storage-full", message="No space."),
        attempts=[Attempt(outcome="crashed", ended_at=NOW, worker_id="abcdef0123456789", code="worker-crashed")],
    )  # fmt: skip


def test_the_page_shows_what_waits_runs_and_failed_and_the_rest_when_asked(people: People, as_person: Client) -> None:
    make_some(people)
    client = as_person(people.administrator)
    assert set(rows(client, "/admin/")) == {"It is queued", "It is processing", "It is broken"}
    assert set(rows(client, "/admin/?status=cancelled")) == {"It is cancelled"}


def test_a_queue_with_nothing_to_do_says_so_and_names_no_filter_that_nobody_set(
    people: People, as_person: Client
) -> None:
    make_job(people.owner.id, name="It is ready", status="ready")
    client = as_person(people.administrator)
    page = client.get("/admin/").text
    assert "Nothing to do" in page
    assert "Clear all filters" not in page
    narrowed = client.get("/admin/?state=failed").text
    assert "No report matches" in narrowed
    assert 'data-filter="state" data-value="failed"' in narrowed


def test_each_number_leads_to_the_jobs_that_it_counts(people: People, as_person: Client) -> None:
    make_some(people)
    client = as_person(people.administrator)
    links = re.findall(r'href="(/admin/\?status=[^"#]+)#list">([\d,]+)<', client.get("/admin/now").text)
    assert len(links) == 10
    for address, count in links:
        assert len(rows(client, address)) == int(count), address


def test_a_row_says_what_went_wrong_and_how_often_and_starts_again_in_place(people: People, as_person: Client) -> None:
    job = make_some(people)
    client = as_person(people.administrator)
    row = rows(client, "/admin/")["It is broken"]
    assert re.search(
        r"No space\..*Code: storage-full.*1 attempt .*its process ended \(worker-crashed\) · worker abcdef01", row
    )
    answer = client.post(f"/reports/{job.id}/retry", data={"back": "/admin/?state=failed"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/?state=failed")
    assert job.reload().state.is_waiting


def test_cancel_all_that_match_asks_with_the_number_and_is_undone(people: People, as_person: Client) -> None:
    make_some(people)
    client = as_person(people.administrator)
    page = client.get("/admin/?state=waiting").text
    assert "1 report matches. It is cancelled" in page
    answer = client.post(
        "/admin/bulk",
        data={"action": "cancel", "all_matching": "1", "state": "waiting", "back": "/admin/", "reason": "Night."},
        follow_redirects=True,
    )
    assert "1 report was cancelled: “It is queued”." in answer.text
    undo = re.search(r'action="(/reports/undo/[0-9a-f]{24})"', answer.text)
    assert undo is not None
    assert ReportJob.objects(name="It is queued", status="cancelled", cancel_reason="Night.").count() == 1
    assert "Undone for 1 report" in client.post(undo[1], follow_redirects=True).text
    assert ReportJob.objects(name="It is queued", status="cancelled").count() == 0


def test_nobody_else_acts_on_the_queue(people: People, as_person: Client) -> None:
    make_some(people)
    for address in ("/admin/bulk", "/admin/now"):
        answer = as_person(people.manager).open(address, method="POST" if address.endswith("bulk") else "GET")
        assert answer.status_code in (403, 404)
