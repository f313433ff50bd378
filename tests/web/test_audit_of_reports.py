"""What people do to reports in the browser is in the audit trail: each thing, each time, by whom."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from tests.factories import People, make_job
from tests.web.conftest import CONTENT, Client
from webapp.documents import AdminArea, AdminEvent, ReportJob, User


def acts(job: ReportJob | None = None, by: User | None = None) -> list[str]:
    """What is written down, in the order it happened."""
    found = AdminEvent.objects(area=AdminArea.REPORTS.value).order_by("at", "id")
    return [
        event.action
        for event in found
        if (job is None or event.subject_id == str(job.id)) and (by is None or event.user_id == by.id)
    ]


def changes() -> dict[str, list[str]]:
    return dict(AdminEvent.objects(area=AdminArea.REPORTS.value).order_by("-at", "-id").first().changes)


def test_every_download_of_every_person_is_an_entry(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="department")
    owner, neighbour = as_person(people.owner), as_person(people.neighbour)
    for _ in range(7):
        assert owner.get(f"/reports/{job.id}/download").data == CONTENT
    for _ in range(5):
        assert neighbour.get(f"/reports/{job.id}/download").data == CONTENT
    assert acts(job, people.owner) == ["downloaded"] * 7
    assert acts(job, people.neighbour) == ["downloaded"] * 5


def test_a_download_in_parts_is_one_entry_and_what_sends_nothing_is_none(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job()
    client, address = as_person(people.owner), f"/reports/{job.id}/download"
    etag = client.head(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(address, headers={"Range": "bytes=999-"}).status_code == 416
    assert acts() == []
    for part in ("bytes=1-", "bytes=0-3", "bytes=-2"):
        answer = client.get(address, headers={"Range": part})
        assert (answer.status_code, len(answer.data) > 0) == (206, True)
    assert acts() == ["downloaded in parts"]
    client.get(address, headers={"Range": "bytes=0-"})
    assert acts() == ["downloaded in parts", "downloaded"]


def test_rows_shown_in_the_page_are_one_entry_however_often_the_page_polls(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="department")
    client = as_person(people.neighbour)
    client.get(f"/reports/{job.id}")
    for _ in range(4):
        client.get(f"/reports/{job.id}/live")
    client.get(f"/reports/{job.id}/chart.svg")
    assert acts(job, people.neighbour) == ["looked at"]
    waiting = make_job(people.neighbour.id, status="queued", slot="x:1")
    client.get(f"/reports/{waiting.id}")
    assert acts(waiting) == []


def test_what_is_done_to_a_report_says_what_it_was_before(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Spring figures", status="pending", department_id=people.department.id)
    client, address = as_person(people.owner), f"/reports/{job.id}"
    client.post(f"{address}/edit", data={"name": "Summer figures", "description": ""})
    assert changes() == {"name": ["Spring figures", "Summer figures"]}
    client.post(f"{address}/share", data={"visibility": "department"})
    assert changes() == {"visibility": ["private", "department"], "people": ["", "3"]}
    client.post(f"{address}/priority", data={"priority": "low"})
    assert changes() == {"priority": ["normal", "low"]}
    client.post(f"{address}/cancel", data={"reason": "asked twice"})
    assert changes() == {"reason": ["", "asked twice"]}
    client.post(f"{address}/retry")
    client.post(f"{address}/duplicate", data={"submission": "a"})
    client.post(f"{address}/duplicate", data={"submission": "a"})
    assert changes() == {"like": ["", f"Summer figures ({job.id})"]}
    client.post(f"{address}/cancel")
    client.post(f"{address}/delete")
    assert acts(by=people.owner) == [
        "renamed", "shared", "priority changed", "cancelled", "retried", "asked for", "cancelled", "deleted"
    ]  # fmt: skip


def test_what_changes_nothing_is_no_entry(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Spring figures", status="pending", department_id=people.department.id)
    client, address = as_person(people.owner), f"/reports/{job.id}"
    client.post(f"{address}/edit", data={"name": "Spring figures", "description": ""})
    client.post(f"{address}/share", data={"visibility": "private"})
    client.post(f"{address}/share", data={"visibility": "nobody"})
    client.post(f"{address}/priority", data={"priority": "normal"})
    as_person(people.stranger).post(f"{address}/delete")
    assert acts() == []


def test_each_report_of_a_bulk_action_has_its_entry(people: People, as_person: Client) -> None:
    jobs = [make_job(people.owner.id, name=f"{number}", status="pending") for number in range(3)]
    as_person(people.owner).post("/reports/bulk", data={"action": "cancel", "id": [str(job.id) for job in jobs[:2]]})
    assert acts() == ["cancelled", "cancelled"]
    as_person(people.administrator).post(
        "/department/bulk", data={"action": "cancel", "all_matching": "1", "status": "pending"}
    )
    assert acts(jobs[2], people.administrator) == ["cancelled"]


def test_whoever_asks_what_a_file_is_is_written_down(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job()
    data: dict[str, Any] = {"file": (io.BytesIO(CONTENT), "file.csv")}
    answer = as_person(people.owner).post("/verify/", data=data, content_type="multipart/form-data")
    assert job.name in answer.text
    assert acts(job) == ["file verified"]
    as_person(people.stranger).post("/verify/", data={"checksum": hashlib.sha256(CONTENT).hexdigest()})
    assert acts(job) == ["file verified"]
