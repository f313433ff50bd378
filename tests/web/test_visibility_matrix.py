"""Who sees which report: list, page, fragments, download, cancel. What one may not see is a 404, everywhere alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import People, hold, make_job
from tests.web.conftest import Client
from webapp.documents import ReportJob

CAST = ("owner", "colleague", "neighbour", "manager", "other_manager", "stranger", "administrator")
SEES: dict[str, set[str]] = {
    "private": {"owner", "manager", "administrator"},
    "team": {"owner", "colleague", "manager", "administrator"},
    "department": {"owner", "colleague", "neighbour", "manager", "administrator"},
    "organization": set(CAST),
}
MAY_CANCEL = {"owner", "manager", "administrator"}


@pytest.mark.parametrize("visibility", SEES)
def test_a_person_sees_exactly_what_is_shared_with_them(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob], visibility: str
) -> None:
    job = ready_job(visibility=visibility, name="Quarterly figures")
    for person in CAST:
        client = as_person(getattr(people, person))
        sees = person in SEES[visibility]
        allowed = 200 if sees else 404
        for part in ("", "/live", "/row"):
            assert client.get(f"/reports/{job.id}{part}").status_code == allowed, (person, part)
        assert ("Quarterly figures" in client.get(f"/reports/rows?ids={job.id}").text) == sees, person
        download = client.get(f"/reports/{job.id}/download")
        assert download.status_code == allowed, person
        assert (b"AAA,3" in download.data) == sees, person
        assert client.get(f"/reports/{job.id}/chart.svg").status_code == 404  # it has none; nobody learns more
        lists = [client.get(address).text for address in ("/", "/reports/", "/reports/shared")]
        if person in ("manager", "other_manager", "administrator"):
            lists.append(client.get("/department/").text)
        assert any("Quarterly figures" in page for page in lists) == sees, person


@pytest.mark.parametrize("visibility", SEES)
def test_only_the_owner_a_manager_and_an_administrator_may_cancel(
    people: People, as_person: Client, visibility: str
) -> None:
    for person in CAST:
        job = make_job(people.owner.id, visibility=visibility, department_id=people.department.id)
        answer = as_person(getattr(people, person)).post(f"/reports/{job.id}/cancel")
        job.reload()
        if person in MAY_CANCEL:
            assert (answer.status_code, job.status) == (303, "cancelled"), person
        else:
            assert answer.status_code == (403 if person in SEES[visibility] else 404), person
            assert job.status == "pending", person


def test_only_the_owner_and_an_administrator_may_change_or_delete(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    for person in CAST:
        job = ready_job(visibility="organization", name=f"Of {person}")
        client = as_person(getattr(people, person))
        allowed = person in ("owner", "administrator")
        for what, data in (("edit", {"name": "Mine now"}), ("share", {"visibility": "team"})):
            answer = client.post(f"/reports/{job.id}/{what}", data=data)
            assert answer.status_code == (303 if allowed else 403), (person, what)
        assert client.post(f"/reports/{job.id}/delete").status_code == (303 if allowed else 403), person
        assert ReportJob.objects(id=job.id).count() == (0 if allowed else 1), person


def test_without_signing_in_there_is_nothing_to_see(
    app: Any, people: People, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="organization")
    client = app.test_client()
    for address in (
        "/",
        "/reports/",
        f"/reports/{job.id}",
        f"/reports/{job.id}/download",
        "/department/",
        "/reports/new",
    ):
        answer = client.get(address)
        assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in"), address
    assert client.post(f"/reports/{job.id}/delete").status_code == 302
    assert ReportJob.objects(id=job.id).count() == 1


def test_someone_who_lost_a_department_can_no_longer_open_what_was_made_with_it(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="organization")
    hold(people.owner, ["staff"], [people.other_department]).save()
    assert as_person(people.owner).get(f"/reports/{job.id}/download").status_code == 403
    assert as_person(people.stranger).get(f"/reports/{job.id}/download").status_code == 403
    assert as_person(people.administrator).get(f"/reports/{job.id}/download").status_code == 200


def test_a_deactivated_account_is_out_within_a_moment(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="organization")
    client = as_person(people.colleague)
    assert client.get(f"/reports/{job.id}").status_code == 200
    people.colleague.update(set__is_active=False)
    time.sleep(0.4)  # people are remembered for a moment (here 0.3 s), so that a poll costs no read
    assert client.get(f"/reports/{job.id}").status_code == 302
