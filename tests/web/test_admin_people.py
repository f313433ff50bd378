"""People: found, added, changed, ended; and an administrator is always left."""

from __future__ import annotations

import re
import threading

import pytest

from tests.factories import PASSWORD, People, hold, make_learner, make_record, make_user
from tests.web.conftest import Client
from webapp.documents import AdminEvent, Department, User
from webapp.errors import ReportdeskError
from webapp.services.people import accounts
from webapp.services.people import directory as people_service
from webapp.services.questions import filter_choices


def line(number: int, department: Department | str, *roles: str, is_active: bool = True) -> dict[str, object]:
    """One line of the memberships, as the form sends it."""
    name = f"memberships-{number}"
    place = department if isinstance(department, str) else str(department.id)
    return {f"{name}-department": place, f"{name}-roles": list(roles)} | (
        {f"{name}-is_active": "y"} if is_active else {}
    )


def form_of(person: User, /, **changes: object) -> dict[str, object]:
    lines = [line(n, str(each.department_id), *each.roles) for n, each in enumerate(person.memberships)]
    return {
        "name": person.name,
        "email": person.email or "",
        "roles": list(person.roles),
        **{name: value for each in lines for name, value in each.items()},
        "primary": "memberships-0",
        "person": str(person.person_id or ""),
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


def test_learners_have_no_account_and_are_not_listed(people: People, as_person: Client) -> None:
    make_record(persons=[{"name": f"Lea Learner {number}", "roles": ["learner"]} for number in range(40)])
    client = as_person(people.administrator)
    page = client.get("/admin/people/").text
    assert "Lea Learner" not in page
    assert 'value="learner"' not in page
    assert "7 people" in page


def test_pages_hold_fifty_people(people: People, as_person: Client) -> None:
    User.objects.insert(
        [
            hold(User(name=f"Staff {number:03}", email=f"s{number}@x.example"), ["staff"], [people.department])
            for number in range(60)
        ]
    )
    client = as_person(people.administrator)
    first, second = (client.get(f"/admin/people/?q=staff+&role=staff&page={number}").text for number in (1, 2))
    assert "Staff 000" in first
    assert "Staff 059" not in first
    assert "Staff 059" in second
    assert "q=staff" in first


def test_a_person_is_added_and_signs_in_with_the_password_shown_once(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"name": "Nina New", "email": " Nina@Staff.example ", "roles": ["billing-admin"], "locale": "es",
            **line(0, people.department, "staff"), **line(1, people.other_department, "instructor", is_active=False),
            "teams": [str(people.team.id)], "time_zone": "Europe/Madrid"}  # fmt: skip
    shown = client.post("/admin/people/add", data=data).text
    password = re.search(r'id="new-password" value="([^"]+)"', shown)
    assert password is not None
    person = accounts.authenticate("nina@staff.example", password[1])
    assert person is not None
    assert (person.roles, person.team_ids, person.locale, person.time_zone) == (
        ["billing-admin"], [people.team.id], "es", "Europe/Madrid",
    )  # fmt: skip
    held = [(each.department_id, each.roles, each.is_primary, each.is_active) for each in person.memberships]
    assert held == [
        (people.department.id, ["staff"], True, True), (people.other_department.id, ["instructor"], False, False),
    ]  # fmt: skip
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
        ({"roles": ["staff"]}, "not a valid choice"),  # held in a department
        (line(0, "0" * 24, "staff"), "Not a valid choice"),
        ({"memberships-0-roles": ["system-admin"]}, "not a valid choice"),  # held for the whole desk
        ({"person": "0" * 24}, "Not a valid choice"),
        (line(1, "", "instructor"), "Choose the department"),
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
    client.post(address, data=form_of(people.owner, **line(0, people.department, "staff", "department-admin")))
    assert owner.get("/department/").status_code == 200
    client.post(address, data=form_of(people.owner, **line(0, people.department, "staff")))
    assert owner.get("/department/").status_code == 404
    changes = [event.changes for event in AdminEvent.objects.order_by("at")]
    assert changes[0] == {"memberships": ["History: staff", "History: staff, department-admin"]}


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
    learner = User(name="Lea").save()
    answer = client.post(f"/admin/people/{learner.id}/password", follow_redirects=True)
    assert "needs an e-mail address" in answer.text


def test_the_last_administrator_cannot_be_locked_out(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    here = f"/admin/people/{people.administrator.id}"
    answer = client.post(here, data=form_of(people.administrator, roles=[]))
    assert answer.status_code == 422
    assert "nobody could administer" in answer.text
    assert "your own account" in client.post(f"{here}/active", data={"active": "no"}, follow_redirects=True).text
    second = make_user("bea boss", ["system-admin"], [])
    assert client.post(here, data=form_of(people.administrator, roles=[])).status_code == 303
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


def test_a_line_more_is_shown_without_saving_and_nothing_typed_is_lost(people: People, as_person: Client) -> None:
    before = people.owner.to_mongo()
    client, address = as_person(people.administrator), f"/admin/people/{people.owner.id}"
    answer = client.post(address, data=form_of(people.owner, name="Half typed", more="yes"))
    assert answer.status_code == 200
    assert 'value="Half typed"' in answer.text
    assert 'name="memberships-1-department"' in answer.text
    assert 'name="memberships-2-department"' not in answer.text
    assert User.objects.get(id=people.owner.id).to_mongo() == before
    # The line that came is filled, the other one taken away.
    data = form_of(people.owner, **line(0, ""), **line(1, people.other_department, "instructor"))
    assert client.post(address, data=data).status_code == 303
    held = [(each.department_id, each.roles, each.is_primary) for each in people.owner.reload().memberships]
    assert held == [(people.other_department.id, ["instructor"], True)]


def test_one_department_stands_in_one_line_and_what_was_wrong_is_told(people: People, as_person: Client) -> None:
    data = form_of(people.owner, **line(1, people.department, "instructor"))
    answer = as_person(people.administrator).post(f"/admin/people/{people.owner.id}", data=data)
    assert answer.status_code == 422
    assert "“History” is there twice" in answer.text
    assert 'id="memberships-error"' in answer.text


def test_an_account_is_tied_to_a_person_found_by_number_and_the_trail_says_so(
    people: People, as_person: Client
) -> None:
    ana, other = make_learner("Ana Ruiz", "N-17", "ana@learn.example"), make_learner("Bo Li", "N-18")
    filter_choices.forget()
    client, address = as_person(people.administrator), f"/admin/people/{people.owner.id}"
    for looked_for in ("N-17", "ana@learn.example", "ruiz"):
        answer = client.post(address, data=form_of(people.owner, person_search=looked_for))
        assert answer.status_code == 200
        assert "Ana Ruiz (N-17)" in answer.text
        assert str(other.id) not in answer.text
    assert people.owner.reload().person_id != ana.id  # looked for, not chosen
    assert "Nobody matches" in client.post(address, data=form_of(people.owner, person_search="zz", find="yes")).text
    assert client.post(address, data=form_of(people.owner, person=str(ana.id))).status_code == 303
    assert people.owner.reload().person_id == ana.id
    assert "Ana Ruiz (N-17)" in client.get(address).text
    assert AdminEvent.objects.get().changes == {"person_id": [str(people.owner.id), str(ana.id)]}
    assert client.post(address, data=form_of(people.owner, person="")).status_code == 303
    assert people.owner.reload().person_id is None
