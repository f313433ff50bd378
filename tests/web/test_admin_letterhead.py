"""The page on which administrators set the organisation's name and logo."""

from __future__ import annotations

from tests.factories import People
from tests.web.conftest import Client
from webapp.services.files import letterhead

PAGE = "/admin/letterhead/"


def test_a_name_that_is_set_is_kept_and_said_to_be(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    answer = client.post(PAGE, data={"name": "Northfield College"})
    assert (answer.status_code, answer.location) == (303, PAGE)
    shown = client.get(PAGE).text
    assert "Saved: files made from now on have it." in shown
    assert 'value="Northfield College"' in shown
    assert letterhead.read().name == "Northfield College"


def test_nobody_but_administrators_sees_or_sets_it(people: People, as_person: Client) -> None:
    for person in (people.owner, people.manager, people.stranger):
        client = as_person(person)
        assert client.get(PAGE).status_code == 404
        assert client.post(PAGE, data={"name": "Mine"}).status_code == 404
    assert letterhead.read().name != "Mine"
