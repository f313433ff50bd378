"""People: found, added, changed, ended; and an administrator is always left."""

from __future__ import annotations

import re
import threading

import pytest

from tests.factories import PASSWORD, People, make_user
from tests.web.conftest import Client
from webapp.documents import AdminEvent, User
from webapp.errors import ReportdeskError
from webapp.services.people import accounts
from webapp.services.people import directory as people_service
from webapp.services.questions import filter_choices


def form_of(person: User, **changes: object) -> dict[str, object]:
    return {
        "name": person.name,
        "email": person.email or "",
        "roles": list(person.roles),
        "departments": [str(each) for each in person.department_ids],
        "teams": [str(each) for each in person.team_ids],
        "time_zone": person.time_zone or "",
        "locale": person.locale or "",
        **changes,
    }


def test_staff_are_listed_and_searched_without_case_and_accents(people: People, as_person: Client) -> None:
    make_user("zoë núñez", ["staff"], [people.department])
    client = as_person(people.administrator)
    page = client.get("/admin/people/").text
    assert "Olivia Owner" in page
    assert "8 people" in page
    found = client.get("/admin/people/?q=nunez+zoe").text
    assert "Zoë Núñez" in found
    assert "Olivia" not in found
    assert "Martha Manager" in client.get("/admin/people/?role=department-admin").text
    assert "Olivia" not in client.get("/admin/people/?role=department-admin").text
    assert "Nobody matches" in client.get("/admin/people/?q=nobody").text


def test_learners_are_searched_and_never_listed(people: People, as_person: Client) -> None:
    for number in range(40):
        User(name=f"Lea Learner {number}", external_id=f"L{number}", roles=["learner"]).save()
    filter_choices.forget()
    client = as_person(people.administrator)
    assert "Lea Learner" not in client.get("/admin/people/").text
    assert "Whom do you look for?" in client.get("/admin/people/?role=learner").text
    assert "Lea Learner 17" in client.get("/admin/people/?role=learner&q=learner+L17").text
    assert "more match" in client.get("/admin/people/?role=learner&q=lea").text


def test_pages_hold_fifty_people(people: People, as_person: Client) -> None:
    User.objects.insert(
        [User(name=f"Staff {number:03}", email=f"s{number}@x.example", roles=["staff"]) for number in range(60)]
    )
    client = as_person(people.administrator)
    first, second = (client.get(f"/admin/people/?q=staff+&role=staff&page={number}").text for number in (1, 2))
    assert "Staff 000" in first
    assert "Staff 059" not in first
    assert "Staff 059" in second
    assert "q=staff" in first


def test_a_person_is_added_and_signs_in_with_the_password_shown_once(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"name": "Nina New", "email": " Nina@Staff.example ", "roles": ["staff"], "locale": "es",
            "departments": [str(people.department.id)], "teams": [str(people.team.id)], "time_zone": "Europe/Madrid"}  # fmt: skip
    shown = client.post("/admin/people/add", data=data).text
    password = re.search(r'id="new-password" value="([^"]+)"', shown)
    assert password is not None
    person = accounts.authenticate("nina@staff.example", password[1])
    assert person is not None
    assert (person.department_ids, person.team_ids, person.locale, person.time_zone) == (
        [people.department.id], [people.team.id], "es", "Europe/Madrid",
    )  # fmt: skip
    assert password[1] not in client.get(f"/admin/people/{person.id}").text
    event = AdminEvent.objects.get()
    assert (event.action, event.subject, event.subject_id) == ("added", "Nina New", str(person.id))
    assert password[1] not in str(event.to_mongo())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "x" * 300}, "at most 255"),
        ({"email": "no address"}, "is not an e-mail address"),
        ({"email": "colin.colleague@staff.example"}, "already an account"),
        ({"email": ""}, "needs an e-mail address"),
        ({"roles": ["emperor"]}, "not a valid choice"),
        ({"departments": ["0" * 24]}, "not a valid choice"),
        ({"time_zone": "Moon/Base"}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_changed(
    people: People, as_person: Client, changes: dict[str, object], words: str
) -> None:
    before = people.owner.to_mongo()
    answer = as_person(people.administrator).post(
        f"/admin/people/{people.owner.id}", data=form_of(people.owner, **changes)
    )
    assert answer.status_code == 422
    assert words in answer.text
    assert User.objects.get(id=people.owner.id).to_mongo() == before


def test_a_new_role_holds_with_the_next_request_and_a_lost_one_too(people: People, as_person: Client) -> None:
    client, owner = as_person(people.administrator), as_person(people.owner)
    assert owner.get("/department/").status_code == 404
    address = f"/admin/people/{people.owner.id}"
    client.post(address, data=form_of(people.owner, roles=["staff", "department-admin"]))
    assert owner.get("/department/").status_code == 200
    client.post(address, data=form_of(people.owner, roles=["staff"]))
    assert owner.get("/department/").status_code == 404
    changes = [event.changes for event in AdminEvent.objects.order_by("at")]
    assert changes[0] == {"roles": ["staff", "staff, department-admin"]}


def test_a_name_is_not_told_in_the_trail_only_that_it_changed(people: People, as_person: Client) -> None:
    as_person(people.administrator).post(
        f"/admin/people/{people.owner.id}", data=form_of(people.owner, email="new@x.example")
    )
    assert AdminEvent.objects.get().changes == {"email": ["", ""]}


def test_a_deactivated_person_is_out_and_comes_back(people: People, as_person: Client) -> None:
    client, owner = as_person(people.administrator), as_person(people.owner)
    address = f"/admin/people/{people.owner.id}/active"
    client.post(address, data={"active": "no"})
    assert owner.get("/").location.startswith("/sign-in")
    assert accounts.authenticate(people.owner.email, PASSWORD) is None
    client.post(address, data={"active": "yes"})
    assert accounts.authenticate(people.owner.email, PASSWORD) is not None


def test_a_new_password_ends_the_old_one_and_its_sessions(people: People, as_person: Client) -> None:
    client, owner = as_person(people.administrator), as_person(people.owner)
    shown = client.post(f"/admin/people/{people.owner.id}/password").text
    password = re.search(r'id="new-password" value="([^"]+)"', shown)
    assert password is not None
    assert len(password[1]) == people_service.PASSWORD_LENGTH
    assert owner.get("/").status_code == 302
    assert accounts.authenticate(people.owner.email, PASSWORD) is None
    assert accounts.authenticate(people.owner.email, password[1]) is not None
    learner = User(name="Lea", roles=["learner"]).save()
    answer = client.post(f"/admin/people/{learner.id}/password", follow_redirects=True)
    assert "needs an e-mail address" in answer.text


def test_the_last_administrator_cannot_be_locked_out(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    here = f"/admin/people/{people.administrator.id}"
    answer = client.post(here, data=form_of(people.administrator, roles=["staff"]))
    assert answer.status_code == 422
    assert "nobody could administer" in answer.text
    assert "your own account" in client.post(f"{here}/active", data={"active": "no"}, follow_redirects=True).text
    second = make_user("bea boss", ["system-admin"], [])
    assert client.post(here, data=form_of(people.administrator, roles=["staff"])).status_code == 303
    assert client.get("/admin/").status_code == 404
    other = as_person(second)
    answer = other.post(f"/admin/people/{second.id}/active", data={"active": "no"}, follow_redirects=True)
    assert "your own account" in answer.text
    assert User.objects.get(id=second.id).is_active


def test_two_administrators_who_end_each_other_at_once_do_not_both_succeed(people: People) -> None:
    for round_number in range(3):
        one = User.objects.get(id=people.administrator.id)
        two = make_user(f"bea boss {round_number}", ["system-admin"], [])
        barrier = threading.Barrier(2)

        def end(target: User, by: User, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                people_service.set_active(target, False, by=by)
            except ReportdeskError:
                return

        threads = [threading.Thread(target=end, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert User.objects(roles="system-admin", is_active=True).first(), "nobody is left who may administer"
        User.objects(id=people.administrator.id).update(set__is_active=True)
        User.objects(id=two.id).delete()
