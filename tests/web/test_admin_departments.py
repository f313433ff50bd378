"""Departments and teams: added, renamed, moved without cycles, deactivated; who is in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import People, make_department
from tests.web.conftest import Client
from webapp.documents import AdminEvent, Department, Team
from webapp.services.people import departments


def test_the_tree_is_shown_parents_first_with_codes_and_teams(people: People, as_person: Client) -> None:
    page = as_person(people.administrator).get("/admin/departments/").text
    assert page.index("Faculty of Arts") < page.index(">History<") < page.index("Physics")
    assert "<code>history</code>" in page
    assert "3 departments" in page


def test_nothing_of_a_broken_tree_is_hidden(people: People) -> None:
    one, two = make_department("One", "one"), make_department("Two", "two")
    Department.objects(id=one.id).update(set__parent_id=two.id)
    Department.objects(id=two.id).update(set__parent_id=one.id)
    Department.objects(id=people.other_department.id).update(set__parent_id=people.team.id)  # none of this id
    shown = [(node.department.name, node.depth) for node in departments.tree(departments.every())]
    assert sorted(name for name, _ in shown) == ["Faculty of Arts", "History", "One", "Physics", "Two"]
    assert ("Physics", 0) in shown


def test_a_department_is_added_renamed_and_moved(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"name": "Archaeology", "code": "arch", "parent": str(people.department.id)}
    answer = client.post("/admin/departments/add", data=data)
    found = Department.objects.get(code="arch")
    assert answer.location.endswith(f"/admin/departments/{found.id}")
    assert found.parent_id == people.department.id
    data = {"name": "Archaeology and Art", "code": "arch", "parent": str(people.faculty.id)}
    assert client.post(f"/admin/departments/{found.id}", data=data).status_code == 303
    found.reload()
    assert (found.name, found.parent_id) == ("Archaeology and Art", people.faculty.id)
    events = list(AdminEvent.objects.order_by("at"))
    assert [event.action for event in events] == ["added", "moved"]
    assert events[1].changes["name"] == ["Archaeology", "Archaeology and Art"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"code": ""}, "needs a code"),
        ({"code": "PHYSICS"}, "has the code"),
        ({"parent": "self"}, "Not a valid choice"),
        ({"parent": "below"}, "Not a valid choice"),
        ({"parent": "0" * 24}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_changed(
    people: People, as_person: Client, changes: dict[str, Any], words: str
) -> None:
    ids = {"self": str(people.faculty.id), "below": str(people.department.id)}
    data = {"name": "Arts", "code": "arts", "parent": "", **{k: ids.get(v, v) for k, v in changes.items()}}
    answer = as_person(people.administrator).post(f"/admin/departments/{people.faculty.id}", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert Department.objects.get(id=people.faculty.id).name == "Faculty of Arts"


def test_the_service_itself_refuses_a_cycle(people: People) -> None:
    from webapp.errors import InvalidRequestError

    with pytest.raises(InvalidRequestError, match="under itself"):
        departments.change(
            people.faculty, by=people.administrator, name="x", code="arts", parent_id=people.department.id
        )


def test_a_department_is_deactivated_from_below_and_activated_from_above(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    above, under = (f"/admin/departments/{each.id}/active" for each in (people.faculty, people.department))
    assert (
        "active departments below it: History" in client.post(above, data={"active": "no"}, follow_redirects=True).text
    )
    client.post(under, data={"active": "no"})
    client.post(above, data={"active": "no"})
    assert Department.objects(is_active=False).count() == 2
    assert (
        "Faculty of Arts”, above it, is inactive"
        in client.post(under, data={"active": "yes"}, follow_redirects=True).text
    )
    # What is inactive is not offered for new people, and those who are in it keep it.
    assert "History" not in client.get("/admin/people/add").text
    assert "History" in client.get(f"/admin/people/{people.owner.id}").text


def test_a_team_is_added_renamed_moved_and_put_to_rest(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    here = f"/admin/departments/{people.department.id}"
    assert client.post(f"{here}/teams", data={"name": "Archive"}).status_code == 303
    team = Team.objects.get(name="Archive")
    assert client.post(f"{here}/teams", data={"name": ""}).status_code == 422
    assert client.post(f"{here}/teams", data={"name": "x" * 300}).status_code == 422
    data = {"name": "The archive", "department": str(people.other_department.id)}
    assert client.post(f"/admin/teams/{team.id}", data=data).status_code == 303
    team.reload()
    assert (team.name, team.department_id) == ("The archive", people.other_department.id)
    client.post(f"/admin/teams/{team.id}/active", data={"active": "no"})
    assert not Team.objects.get(id=team.id).is_active
    assert [event.action for event in AdminEvent.objects.order_by("at")] == [
        "team added",
        "team changed",
        "deactivated",
    ]


def test_the_pages_say_who_is_in_a_department_and_in_a_team(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    staff = client.get(f"/admin/departments/{people.department.id}").text
    assert "Nora Neighbour" in staff
    assert "Stefan Stranger" not in staff
    members = client.get(f"/admin/teams/{people.team.id}").text
    assert "Colin Colleague" in members
    assert "Nora Neighbour" not in members
