"""What a page costs the database: few calls, each of them answered by an index, on a desk with much on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.commands import recorded, scans
from tests.factories import People, Taught, make_job, make_learner, make_record
from tests.services.templates.made import make_template
from tests.web.conftest import Client
from webapp import clock
from webapp.documents import Parameters, ReportFilters, ReportJob, WorkerRecord
from webapp.services import database_setup, remembered
from webapp.services.rights import visibility
from webapp.services.templates import saving
from webapp.services.templates.saving import Texts
from webapp.settings import get_settings

MOST_CALLS = 6
#: When nothing is remembered: who asks, departments, teams, teammates, the state of the desk and the inbox besides.
MOST_CALLS_COLD = 13
MANY = 400
LISTS = ("", "?q=enr&state=ready", "?type=enrollment-summary&format=csv&since=2026-01-01", "?sort=name", "?page=3")
SEE_DEPARTMENTS = ("manager", "administrator")
PEOPLE = ("owner", "colleague", "manager", "administrator")


@pytest.fixture
def addresses(
    database: Any, people: People, ready_job: Callable[..., ReportJob], settings_env: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """Every page, on a desk with hundreds of jobs, a worker, and a report in each kind of state; by who may open it."""
    database_setup.prepare()
    now = clock.utcnow()
    WorkerRecord(id="w1", host="here", pid=1, concurrency=2, last_beat_at=now + timedelta(hours=1)).save()
    course, of_class = ObjectId(), ObjectId()
    make_record(
        courses=[{"id": course, "name": "History", "department_id": people.department.id}],
        classes=[{"id": of_class, "name": "History 1", "course_id": course}],
    )
    learner = make_learner("Lee Learner", "L1", of=Taught(of_class, "History 1", people.department.id))
    asked = Parameters(
        group_by=["class"], measures=["count"], filters=ReportFilters(course_ids=[course], learner_ids=[learner.id])
    )
    ready = ready_job(visibility="team", parameters=asked)
    of_owner = {"visibility": "organization", "department_id": people.department.id}
    waiting = make_job(people.owner.id, status="queued", slot="a", **of_owner)
    running = make_job(people.owner.id, status="processing", slot="b", started_at=now, **of_owner)
    failed = make_job(people.owner.id, status="failed", **of_owner)
    model = failed.to_mongo().to_dict()
    ReportJob._get_collection().insert_many(
        {**{key: value for key, value in model.items() if key != "_id"}, "requestedBy": person.id, "visibility": shared}
        for person in (people.owner, people.colleague, people.stranger)
        for shared in ("team", "department", "organization", "private")
        for _ in range(MANY // 12)
    )
    template = make_template(people.owner, visibility="team", tags=("board",))
    template = saving.edit(people.owner, template.id, 1, texts=Texts("Rates"))
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    everyones = [
        *("/", "/account", "/reports/new", "/reports/new?type=enrollment-summary", "/reports/new/choices/class?q=h"),
        *(f"/reports/{query}" for query in LISTS),
        *(f"/reports/shared{query}" for query in LISTS),
        *(f"/reports/{job.id}" for job in (ready, waiting, running, failed)),
        *(f"/reports/{job.id}/live" for job in (waiting, running)),
        f"/reports/rows?ids={waiting.id},{running.id},{failed.id}",
        *("/templates/", "/templates/?q=rates&whose=shared", f"/templates/{template.id}"),
        f"/templates/{template.id}/versions/1",
    ]
    departments = [f"/department/{query}" for query in (*LISTS, f"?department={people.department.id}")]
    return {person: everyones + (departments if person in SEE_DEPARTMENTS else []) for person in PEOPLE}


def test_a_page_makes_at_most_six_calls_and_no_query_reads_a_whole_collection(
    database: Any, people: People, as_person: Client, addresses: dict[str, list[str]]
) -> None:
    addresses["administrator"].append("/reports/new/choices/learner?q=lee")
    # Others ask alike for most of it; what is asked alike is answered by the same plan.
    explained: set[str] = set()
    for person in PEOPLE:
        client = as_person(getattr(people, person))
        for address in addresses[person]:
            remembered.forget_everything()
            for most in (MOST_CALLS_COLD, MOST_CALLS):
                with recorded() as heard:
                    answer = client.get(address)
                assert answer.status_code == 200, address
                told = "\n".join([f"{address} of {person} makes {len(heard)} calls:", *map(str, heard)])
                assert len(heard) <= most, told
                assert scans(database, heard, explained) == [], told


@pytest.mark.parametrize("shared", ["private", "team", "department", "organization"])
def test_telling_who_would_see_a_report_counts_by_an_index(database: Any, people: People, shared: str) -> None:
    database_setup.prepare()
    with recorded() as heard:
        visibility.audience(people.owner, shared, people.department.id)
    assert scans(database, heard) == []
