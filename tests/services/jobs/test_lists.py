"""Lists: what they hold, how they search, sort and count; from facts that are brought up to date before each use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import People, make_job
from webapp import clock
from webapp.documents import ReportJob
from webapp.services.jobs import facts as job_facts
from webapp.services.jobs import list_filters
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.lists import COUNT_BOUND, PAGE_SIZE, JobList, JobListQuery
from webapp.services.requests import changing
from webapp.settings import get_settings


@pytest.fixture
def kept(people: People, settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    """As an installation runs: all jobs are read once, and afterwards only what has changed."""
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    job_facts.forget()
    job_facts.every()
    yield
    job_facts.forget()


def names(people: People, which: JobList = JobList.OWN, person: str = "owner", **query: object) -> list[str]:
    sort = str(query.pop("sort", "-created"))
    filters = list_filters.in_force({name: [value] for name, value in query.items()})
    found = job_lists.page(getattr(people, person), which, JobListQuery(filters, sort))
    assert found.count == len(found.jobs)
    return [job.name for job in found.jobs]


def test_a_list_shows_what_another_process_has_written_since(people: People, kept: None) -> None:
    job = make_job(people.owner.id, name="New")
    assert names(people) == ["New"]
    ReportJob.objects(id=job.id).update(set__name="Renamed", set__updated_at=clock.utcnow())
    assert names(people, q="renamed") == ["Renamed"]
    ReportJob.objects(id=job.id).update(set__visibility="organization", set__updated_at=clock.utcnow())
    assert names(people, JobList.SHARED, "stranger") == ["Renamed"]


def test_a_deleted_report_leaves_the_list_and_the_count(people: People, kept: None) -> None:
    jobs = [make_job(people.owner.id, name=f"Report {number}", status="failed") for number in range(3)]
    assert len(names(people)) == 3
    changing.delete(people.owner, jobs[1].id)
    assert names(people) == ["Report 2", "Report 0"]


def test_a_report_whose_time_is_over_is_in_no_list(people: People, kept: None) -> None:
    make_job(people.owner.id, expires_at=clock.utcnow() - timedelta(seconds=1))
    assert names(people) == []


def test_a_clock_that_runs_ahead_hides_nothing(people: People, kept: None) -> None:
    job = make_job(people.owner.id, name="From the future")
    ReportJob.objects(id=job.id).update(set__updated_at=clock.utcnow() + timedelta(days=400))
    assert names(people) == ["From the future"]
    make_job(people.owner.id, name="Today")
    assert names(people) == ["Today", "From the future"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "resumen"}, ["Résumén of spring"]),
        ({"q": "SPRING"}, ["Enrolments of spring", "Résumén of spring"]),
        ({"status": "failed"}, ["Enrolments of spring"]),
        ({"type": "learner-activity"}, ["Autumn"]),
        ({"format": "pdf"}, ["Autumn"]),
        ({"since": "2026-03-02"}, ["Enrolments of spring", "Autumn"]),
        ({"until": "2026-03-01"}, ["Résumén of spring"]),
        ({"sort": "name"}, ["Autumn", "Enrolments of spring", "Résumén of spring"]),
        ({"sort": "-name"}, ["Résumén of spring", "Enrolments of spring", "Autumn"]),
        ({"sort": "created"}, ["Résumén of spring", "Autumn", "Enrolments of spring"]),
        ({"sort": "status"}, ["Enrolments of spring", "Autumn", "Résumén of spring"]),
        ({"sort": "completed"}, ["Enrolments of spring", "Autumn", "Résumén of spring"]),
        ({"state": "failed"}, ["Enrolments of spring"]),
        ({"state": "no-such-state"}, []),
        ({"since": "2026-13-45"}, ["Enrolments of spring", "Autumn", "Résumén of spring"]),
        ({"requester": "x"}, []),
        ({"department": "x"}, []),
    ],
)
def test_a_list_is_filtered_searched_and_sorted(people: People, query: dict[str, object], found: list[str]) -> None:
    begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
    make_job(people.owner.id, name="Résumén of spring", created_at=begin, status="ready", completed_at=begin)
    make_job(
        people.owner.id, name="Autumn", created_at=begin + timedelta(days=1), report_type="learner-activity",
        status="ready" if query.get("sort") == "completed" else "pending", output={"format": "pdf"},
    )  # fmt: skip
    make_job(people.owner.id, name="Enrolments of spring", created_at=begin + timedelta(days=2), status="failed")
    assert names(people, **query) == found


def test_a_count_stops_at_its_bound_and_says_so(people: People) -> None:
    model = make_job(people.owner.id).to_mongo().to_dict()
    model.pop("_id")
    ReportJob._get_collection().insert_many([dict(model) for _ in range(COUNT_BOUND + 40)])
    page = job_lists.page(people.owner, JobList.OWN, JobListQuery(page=10_000))
    assert (page.count, page.is_bounded) == (COUNT_BOUND + 1, True)
    assert (page.number, len(page.jobs)) == (COUNT_BOUND // PAGE_SIZE, PAGE_SIZE)
    assert len(job_lists.matching_ids(people.owner, JobList.OWN, JobListQuery())) == COUNT_BOUND


def test_those_who_asked_are_offered_as_a_filter_to_those_who_manage_them(people: People) -> None:
    make_job(people.owner.id, department_id=people.department.id)
    make_job(people.stranger.id, department_id=people.other_department.id)
    asked = job_lists.requesters(people.manager, JobList.DEPARTMENT)
    assert asked == [(people.owner.id, people.owner.name)]
