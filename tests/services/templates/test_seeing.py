"""Who may know about which template: the rule beside a plain loop over people and ways of sharing."""

from __future__ import annotations

from itertools import product

import pytest
from bson import ObjectId

from tests.factories import People, make_department, make_user
from tests.services.templates.made import make_template
from webapp.documents import Department, LookupValue, ReportTemplate, SharedWith, User
from webapp.services import permissions, remembered
from webapp.services.permissions import TERMINAL
from webapp.services.templates import seeing
from webapp.services.templates.seeing import TemplateNotFoundError

VISIBILITIES = ("private", "team", "department", "organization")
CAST = ("owner", "colleague", "neighbour", "manager", "other_manager", "stranger", "administrator")


def plainly_seen(people: People, template: ReportTemplate, who: User) -> bool:
    """The rule once more, of nothing but documents."""
    may: set[str] = set()
    departments: set[ObjectId] = set()
    manages: set[ObjectId] = set()
    roles: set[str] = set(who.roles)
    values = {value.key: value for value in LookupValue.objects(category="role", is_active=True)}
    if not who.is_active:
        return False
    for role in who.roles:
        may |= set(values[role].metadata["permissions"]) if role in values else set()
    for membership in who.memberships:
        there: set[str] = set()
        for role in membership.roles:
            if role in values:
                roles.add(role)
                there |= set(values[role].metadata["permissions"])
        may |= there
        if there or may:
            departments.add(membership.department_id)
        if "manage-department" in there:
            manages.add(membership.department_id)
    if "administer" in may:
        return True
    if "request-reports" not in may:
        return False
    while True:
        below = {each.id for each in Department.objects if each.parent_id in manages} - manages
        if not below:
            break
        manages |= below
    author = User.objects(id=template.created_by).first()
    shares_team = author is not None and bool(set(author.team_ids) & set(who.team_ids))
    ways = [
        template.created_by == who.id,
        template.visibility == "organization",
        template.visibility == "department" and template.department_id in departments,
        template.visibility == "team" and shares_team,
        who.id in template.shared_with.users,
        bool(set(template.shared_with.departments) & departments),
        bool(set(template.shared_with.roles) & roles),
        template.department_id in manages,
    ]
    return any(ways)


def test_each_way_of_sharing_reaches_exactly_those_that_it_names(people: People) -> None:
    below = make_department("Medieval history", "medieval", people.department)
    everybody = [getattr(people, name) for name in CAST]
    everybody += [
        make_user("ines instructor", ["instructor"], [people.other_department]),
        make_user("below staff", ["staff"], [below], [people.team]),
        make_user("lee learner", ["learner"], [people.department], [people.team]),
        make_user("rob roleless", [], [people.department], [people.team]),
    ]
    left = make_user("liz left", ["system-admin"], [people.department], [people.team])
    left.update(set__is_active=False)
    everybody.append(left.reload())
    template = make_template(people.owner)
    shares = [
        SharedWith(),
        SharedWith(users=[people.stranger.id, everybody[-2].id, everybody[-3].id]),
        SharedWith(departments=[people.other_department.id]),
        SharedWith(departments=[people.faculty.id]),
        SharedWith(roles=["instructor", "department-admin"]),
        SharedWith(roles=["learner"]),
    ]
    seen = 0
    for visibility, shared in product(VISIBILITIES, shares):
        template.visibility, template.shared_with = visibility, shared
        template.save()
        for who in everybody:
            expected = plainly_seen(people, template, who)
            listed = {each.id for each in seeing.visible_templates(who)}
            assert (template.id in listed) is expected, (who.name, visibility, shared.to_json())
            if expected:
                assert seeing.visible_template(who, template.id).id == template.id
                seen += 1
            else:
                with pytest.raises(TemplateNotFoundError):
                    seeing.visible_template(who, template.id)
    assert seen > 100


def test_whoever_loses_the_right_to_ask_sees_no_template_not_even_their_own(people: People) -> None:
    template = make_template(people.owner)
    people.owner.memberships[0].roles = ["learner"]
    assert not permissions.may_ask(people.owner)
    assert seeing.visible_templates(people.owner) == []
    assert not seeing.may_edit(people.owner, template)


def test_the_terminal_sees_and_may_change_every_one(people: People) -> None:
    template = make_template(people.owner)
    assert seeing.visible_template(TERMINAL, template.id).id == template.id
    assert seeing.may_edit(TERMINAL, template)


def test_only_the_author_and_administrators_may_change_it(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    may = {name for name in CAST if seeing.may_edit(getattr(people, name), template)}
    assert may == {"owner", "administrator"}


@pytest.mark.parametrize("template_id", ["", "x", "../../etc/passwd", "0" * 24, "0" * 10_000])
def test_an_id_that_is_none_is_told_like_one_that_is_hidden(people: People, template_id: str) -> None:
    with pytest.raises(TemplateNotFoundError):
        seeing.visible_template(people.administrator, template_id)


def test_a_team_that_was_closed_shares_no_more(people: People) -> None:
    make_template(people.owner, visibility="team")
    assert len(seeing.visible_templates(people.colleague)) == 1
    people.team.is_active = False
    people.team.save()
    remembered.forget_everything()
    assert seeing.visible_templates(people.colleague) == []
