"""Going somewhere by typing: what each person is offered, and nothing that they may not see."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.factories import People, make_job
from tests.web.conftest import Client


def places(client: FlaskClient, typed: str) -> list[str]:
    answer = client.get("/find", query_string={"q": typed}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return re.findall(r'<li><a href="[^"]*"><span>([^<]*)</span>', answer.text)


def test_pages_report_types_and_reports_are_found_by_their_words(people: People, as_person: Client) -> None:
    make_job(people.owner.id, name="Completion of last spring", status="ready")
    client = as_person(people.owner)
    assert places(client, "completion") == ["Completion rates", "Completion of last spring"]
    assert places(client, "MY rep") == ["My reports"]
    assert places(client, "zzz") == []


def test_people_and_pages_of_administrators_are_offered_to_them_alone(people: People, as_person: Client) -> None:
    found = {who.name: places(as_person(who), "queue") for who in (people.owner, people.administrator)}
    assert found == {people.owner.name: [], people.administrator.name: ["The queue"]}
    assert people.stranger.name in places(as_person(people.administrator), "stranger")
    assert people.stranger.name not in places(as_person(people.manager), "stranger")


def test_nobody_finds_a_report_that_they_may_not_see(people: People, as_person: Client) -> None:
    make_job(people.owner.id, name="Hidden figures", status="ready", department_id=people.department.id)
    assert places(as_person(people.stranger), "hidden") == []
    assert places(as_person(people.manager), "hidden") == ["Hidden figures"]


def test_it_is_a_page_of_its_own_without_scripts(people: People, as_person: Client) -> None:
    page = as_person(people.owner).get("/find?q=home").text
    assert "<h1>Go to</h1>" in page
    assert 'name="q" value="home"' in page


def test_crumbs_end_in_the_name_of_the_page(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Completion of last spring", status="ready")
    page = as_person(people.owner).get(f"/reports/{job.id}").text
    crumbs = re.search(r'<ol class="crumbs">(.*?)</ol>', page, re.S)
    assert crumbs is not None
    assert re.findall(r'<li aria-current="page">([^<]*)</li>\s*$', crumbs[1]) == ["Completion of last spring"]
