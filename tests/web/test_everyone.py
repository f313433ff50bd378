"""Sharing with everyone asks before it is set, with the number of people; without JavaScript, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp.documents import ReportJob
from webapp.settings import get_settings

FORM = {
    "type": "enrollment-summary", "group": "class", "measure": "count", "format": "csv", "name": "Spring, by class",
    "description": "For the board", "visibility": "organization", "submission": "s-1",
}  # fmt: skip


@pytest.fixture
def forbidden(settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    settings_env.setenv("REPORTDESK_FORBID_EVERYONE_FOR_NAMED_LEARNERS", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_the_report_page_asks_and_changes_nothing_before_the_answer(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Quarterly figures", department_id=people.department.id)
    client = as_person(people.owner)
    asked = client.post(f"/reports/{job.id}/share", data={"visibility": "organization"})
    assert asked.status_code == 409
    assert "7 people would see this report" in asked.text
    assert "Quarterly figures" in asked.text
    assert 'name="agreed" value="yes"' in asked.text
    assert job.reload().visibility == "private"
    done = client.post(f"/reports/{job.id}/share", data={"visibility": "organization", "agreed": "yes"})
    assert (done.status_code, job.reload().visibility) == (303, "organization")


def test_the_form_asks_and_keeps_what_was_typed(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    asked = client.post("/reports/new", data=FORM)
    assert asked.status_code == 409
    assert "7 people would see this report" in asked.text
    for kept in ("Spring, by class", "For the board", "s-1", 'value="organization"'):
        assert kept in asked.text
    assert '<button class="btn btn-primary" name="agreed" value="yes">' in asked.text
    # Enter in a field presses the first button of a form: that one agrees to nothing.
    assert asked.text.index('<button type="submit" hidden>') < asked.text.index('name="agreed"')
    assert ReportJob.objects.count() == 0
    done = client.post("/reports/new", data={**FORM, "agreed": "yes"})
    assert done.status_code == 303
    assert ReportJob.objects.get().visibility == "organization"


def test_whoever_thinks_better_of_it_asks_for_fewer(people: People, as_person: Client) -> None:
    done = as_person(people.owner).post("/reports/new", data={**FORM, "visibility": "team"})
    assert (done.status_code, ReportJob.objects.get().visibility) == (303, "team")


def test_who_agreed_and_asks_the_same_again_is_not_asked_about_everyone_twice(
    people: People, as_person: Client
) -> None:
    client = as_person(people.owner)
    client.post("/reports/new", data={**FORM, "agreed": "yes"})
    again = client.post("/reports/new", data={**FORM, "agreed": "yes", "submission": "s-2"})
    assert again.status_code == 409
    assert '<input type="hidden" name="agreed" value="yes">' in again.text
    assert "would see this report" not in again.text


def test_where_it_is_forbidden_both_places_say_why(
    forbidden: None, people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    client = as_person(people.owner)
    refused = client.post("/reports/new", data={**FORM, "group": "learner", "agreed": "yes"})
    assert refused.status_code == 422
    assert "This report names learners" in refused.text
    assert 'name="visibility"' in refused.text.split("This report names learners")[0]  # under its own field
    from webapp.documents import Parameters

    job = ready_job(parameters=Parameters(group_by=["learner"], measures=["count"]))
    client.post(f"/reports/{job.id}/share", data={"visibility": "organization", "agreed": "yes"})
    assert job.reload().visibility == "private"
    assert "This report names learners" in client.get(f"/reports/{job.id}").text


def test_an_unknown_visibility_is_said_in_words(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, department_id=people.department.id)
    answer = as_person(people.owner).post(
        f"/reports/{job.id}/share", data={"visibility": "universe"}, follow_redirects=True
    )
    assert "“universe” does not exist here" in answer.text
    assert job.reload().visibility == "private"
