"""A poll without change: one read by an index, under five milliseconds; and still nobody sees what they may not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.commands import recorded, scans
from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp.documents import ReportJob
from webapp.services import database_setup
from webapp.services.jobs import facts as job_facts
from webapp.settings import get_settings

HTMX = {"HX-Request": "true"}
#: Who may see a job that is shared so, each by another right.
WATCHERS = [
    ("owner", "private"),
    ("colleague", "team"),
    ("neighbour", "department"),
    ("stranger", "organization"),
    ("manager", "private"),
    ("administrator", "private"),
]


@pytest.fixture
def poll_twice(
    database: Any, people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Poll, poll again with the tag; what the second poll asked of the database."""
    database_setup.prepare()

    def poll(person: str, address: str) -> tuple[FlaskClient, dict[str, str], list[Any]]:
        client = as_person(getattr(people, person))
        # As an installation runs: what is remembered is remembered for seconds.
        settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
        get_settings.cache_clear()
        first = client.get(address, headers=HTMX)
        assert first.status_code == 200
        headers = {**HTMX, "HX-PTag": first.headers["HX-PTag"]}
        time.sleep(job_facts.SHARED_SECONDS)
        with recorded() as heard:
            assert client.get(address, headers=headers).status_code == 304
        return client, headers, heard

    return poll


@pytest.mark.parametrize(("person", "visibility"), WATCHERS)
def test_an_unchanged_poll_of_a_report_is_one_indexed_read(
    database: Any, people: People, poll_twice: Callable[..., Any], person: str, visibility: str
) -> None:
    job = _running(people, visibility)
    _, _, heard = poll_twice(person, f"/reports/{job.id}/live")
    assert [command.name for command in heard] == ["find"], [str(command) for command in heard]
    assert scans(database, heard) == []


@pytest.mark.parametrize(("person", "visibility"), WATCHERS)
def test_an_unchanged_poll_of_a_list_is_one_indexed_read(
    database: Any, people: People, poll_twice: Callable[..., Any], person: str, visibility: str
) -> None:
    ids = ",".join(str(_running(people, visibility).id) for _ in range(25))
    _, _, heard = poll_twice(person, f"/reports/rows?ids={ids}")
    assert [command.name for command in heard] == ["find"], [str(command) for command in heard]
    assert scans(database, heard) == []


def test_an_unchanged_poll_takes_under_five_milliseconds(people: People, poll_twice: Callable[..., Any]) -> None:
    address = f"/reports/{_running(people, 'team').id}/live"
    client, headers, _ = poll_twice("colleague", address)
    times = []
    for _ in range(60):
        begin = time.perf_counter()
        client.get(address, headers=headers)
        times.append(time.perf_counter() - begin)
    # The tenth fastest: other tests may keep the machine busy meanwhile.
    assert sorted(times)[9] < 0.005, f"{1_000 * sorted(times)[9]:.1f} ms"


def test_however_many_watch_a_report_a_process_reads_it_a_few_times_a_second(
    people: People, poll_twice: Callable[..., Any]
) -> None:
    address = f"/reports/{_running(people, 'team').id}/live"
    client, headers, _ = poll_twice("colleague", address)
    begin = time.perf_counter()
    with recorded() as heard:
        for _ in range(40):
            assert client.get(address, headers=headers).status_code == 304
    assert len(heard) <= 1 + (time.perf_counter() - begin) / job_facts.SHARED_SECONDS


def test_a_poll_whose_reader_lost_the_right_is_a_404_within_a_moment(
    people: People, poll_twice: Callable[..., Any]
) -> None:
    job = _running(people, "organization")
    client, headers, _ = poll_twice("stranger", f"/reports/{job.id}/live")
    ReportJob.objects(id=job.id).update(set__visibility="private")
    time.sleep(job_facts.SHARED_SECONDS)
    assert client.get(f"/reports/{job.id}/live", headers=headers).status_code == 404
    rows = client.get(f"/reports/rows?ids={job.id}", headers=HTMX)
    assert job.name not in rows.text


def test_a_change_is_told_within_a_moment(people: People, poll_twice: Callable[..., Any]) -> None:
    job = _running(people, "private")
    client, headers, _ = poll_twice("owner", f"/reports/{job.id}/live")
    ReportJob.objects(id=job.id).update(set__progress__percentage=37, set__updated_at=job.updated_at.replace(year=2030))
    time.sleep(job_facts.SHARED_SECONDS)
    changed = client.get(f"/reports/{job.id}/live", headers=headers)
    assert changed.status_code == 200
    assert "37" in changed.text


def _running(people: People, visibility: str) -> ReportJob:
    return make_job(
        people.owner.id, visibility=visibility, department_id=people.department.id, status="processing",
        slot=f"x:{ReportJob.objects.count()}",
    )  # fmt: skip
