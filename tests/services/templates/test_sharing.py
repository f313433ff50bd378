"""Saying who may see a template: by addresses, departments and roles, as far as whoever says so may name them."""

from __future__ import annotations

import pytest
from bson import ObjectId

from tests.factories import People, make_user
from tests.services.templates.made import make_template
from webapp.documents import AdminEvent, User
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.services.templates import seeing, sharing
from webapp.services.templates.seeing import TemplateNotFoundError
from webapp.services.templates.sharing import Sharing


def sees(who: User) -> bool:
    return bool(seeing.visible_templates(who))


def test_people_departments_and_roles_are_shared_with_and_taken_away_again(people: People) -> None:
    template = make_template(people.administrator)
    wanted = Sharing(
        "private", (f" {people.stranger.email.upper()} ",), (str(people.department.id),), ("department-admin",)
    )
    shared = sharing.share(people.administrator, template.id, wanted)
    assert all(map(sees, (people.stranger, people.owner, people.other_manager)))
    assert sharing.now_shared(shared) == Sharing(
        "private", (people.stranger.email,), (str(people.department.id),), ("department-admin",)
    )
    event = AdminEvent.objects.get(action="shared")
    assert event.changes == {
        "users": ["", "Stefan Stranger"], "departments": ["", "History"], "roles": ["", "Department manager"],
    }  # fmt: skip
    sharing.share(people.administrator, template.id, Sharing("private"))
    assert not any(map(sees, (people.stranger, people.owner, people.other_manager)))
    sharing.share(people.administrator, template.id, Sharing("private"))
    assert AdminEvent.objects(action="shared").count() == 2  # the last one changed nothing


def test_an_address_of_nobody_and_of_somebody_who_may_not_ask_are_told_alike(people: People) -> None:
    template = make_template(people.owner)
    learner = make_user("lee learner", ["learner"], [people.department])
    left = make_user("liz left", ["staff"], [people.department])
    left.update(set__is_active=False)
    texts = []
    for address in (learner.email, left.email, "nobody@staff.example"):
        with pytest.raises(InvalidRequestError) as caught:
            sharing.share(people.owner, template.id, Sharing("team", (people.stranger.email, address)))
        texts.append(caught.value.fields["people"].replace(address, "X"))
    assert set(texts) == {"Nobody who may ask for reports has the address X."}
    assert template.reload().visibility == "private"


def test_a_department_that_one_may_not_name_is_refused_as_one_that_there_is_not_and_stays_where_it_is_shared(
    people: People,
) -> None:
    template = make_template(people.owner)
    for department_id in (people.other_department.id, ObjectId()):
        with pytest.raises(InvalidRequestError, match="You belong to no department") as caught:
            sharing.share(people.owner, template.id, Sharing("private", departments=(str(department_id),)))
        assert "Physics" not in str(caught.value)
    physics = str(people.other_department.id)
    sharing.share(people.administrator, template.id, Sharing("private", departments=(physics,)))
    shared = sharing.share(people.owner, template.id, Sharing("team", departments=(str(people.department.id),)))
    assert shared.shared_with.departments == [people.department.id, people.other_department.id]
    assert sharing.offered_departments(people.owner) == [people.department.id]
    assert set(sharing.offered_departments(people.manager)) == {people.faculty.id, people.department.id}


def test_every_field_at_fault_is_told_at_once(people: People) -> None:
    template = make_template(people.owner)
    wrong = Sharing("nobody", ("x",), (str(ObjectId()),), ("learner",))
    with pytest.raises(InvalidRequestError) as caught:
        sharing.share(people.owner, template.id, wrong)
    assert set(caught.value.fields) == {"visibility", "people", "departments", "roles"}
    with pytest.raises(InvalidRequestError, match="201 people; at most 200"):
        sharing.share(people.owner, template.id, Sharing("private", tuple(f"p{n}@x" for n in range(201))))


def test_only_whoever_made_it_shares_or_retires_it(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    hidden = make_template(people.owner)
    for act in (lambda who, each: sharing.share(who, each, Sharing("team")), sharing.retire, sharing.bring_back):
        with pytest.raises(ForbiddenError):
            act(people.manager, template.id)
        with pytest.raises(TemplateNotFoundError):
            act(people.stranger, hidden.id)
    assert "learner" not in sharing.offered_roles()
    assert {"staff", "department-admin"} <= set(sharing.offered_roles())
