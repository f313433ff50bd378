"""Who may know about which job, and which rows a person's reports may count."""

from __future__ import annotations

import pytest
from bson import ObjectId

from tests.factories import make_class, make_department, make_job, make_user
from webapp.documents import Department
from webapp.services.rights import data_scope, visibility
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.visibility import JobNotFoundError

# visibility of the owner's job -> who may know about it besides owner, manager and administrator
GRANTED = {
    "private": set(),
    "team": {"colleague"},
    "department": {"colleague", "neighbour"},
    "organization": {"colleague", "neighbour", "stranger", "other_manager"},
}
ALWAYS = {"owner", "manager", "administrator"}
CAST = ["owner", "colleague", "neighbour", "manager", "other_manager", "stranger", "administrator"]


@pytest.mark.parametrize("who", CAST)
@pytest.mark.parametrize("shared_with", GRANTED)
def test_a_job_is_visible_to_those_the_rule_names_and_to_nobody_else(people, shared_with, who):
    job = make_job(people.owner.id, visibility=shared_with, department_id=people.department.id)
    actor = getattr(people, who)
    may = who in ALWAYS | GRANTED[shared_with]
    assert (visibility.visible_jobs(actor).filter(id=job.id).count() == 1) is may
    assert visibility.may_see(actor, job) is may
    if may:
        assert visibility.visible_job(actor, str(job.id)).id == job.id
    else:
        with pytest.raises(JobNotFoundError):
            visibility.visible_job(actor, str(job.id))


def test_a_person_who_has_left_sees_nothing_more(people):
    job = make_job(people.owner.id, visibility="organization", department_id=people.department.id)
    people.owner.is_active = False
    assert visibility.visible_jobs(people.owner).count() == 0
    assert not visibility.may_see(people.owner, job)


def test_a_team_that_was_closed_shares_no_more(people):
    job = make_job(people.owner.id, visibility="team", department_id=people.department.id)
    people.team.is_active = False
    people.team.save()
    assert not visibility.may_see(people.colleague, job)
    assert visibility.visible_jobs(people.colleague).filter(id=job.id).count() == 0


@pytest.mark.parametrize("job_id", ["", "x", "../../etc/passwd", "0" * 24, "0" * 10_000, None])
def test_an_id_that_is_none_is_told_like_one_that_is_hidden(people, job_id):
    with pytest.raises(JobNotFoundError):
        visibility.visible_job(people.administrator, job_id)


def test_a_manager_manages_the_departments_below_and_a_cycle_does_no_harm(people):
    Department.objects(id=people.faculty.id).update(set__parent_id=people.department.id)
    assert visibility.managed_department_ids(people.manager) == {people.faculty.id, people.department.id}
    assert visibility.managed_department_ids(people.owner) == frozenset()


def test_managing_and_editing_are_two_rights(people):
    job = make_job(people.owner.id, visibility="organization", department_id=people.department.id)
    manage = {who for who in CAST if visibility.may_manage(getattr(people, who), job)}
    edit = {who for who in CAST if visibility.may_edit(getattr(people, who), job)}
    assert manage == {"owner", "manager", "administrator"}
    assert edit == {"owner", "administrator"}


def test_the_data_scope_follows_the_roles(people):
    below = make_department("Medieval history", "medieval", people.department)
    make_class("Physics 1", instructors=[ObjectId()])
    instructor = make_user("ines instructor", ["instructor"], [people.other_department])
    taught = make_class("History 1", instructors=[instructor.id])
    learner = make_user("lee learner", ["learner"], [people.department])

    assert data_scope.data_scope(people.administrator).is_everything
    assert data_scope.data_scope(people.owner) == DataScope(
        tuple(sorted([str(people.department.id), str(below.id)])), ()
    )
    assert data_scope.data_scope(instructor) == DataScope((), (str(taught.id),))
    assert data_scope.data_scope(learner) == DataScope((), ())


def test_a_scope_covers_only_what_it_reaches():
    everything, history, nothing = DataScope(), DataScope(("a", "b"), ()), DataScope((), ())
    assert everything.covers(history)
    assert not history.covers(everything)
    assert history.covers(DataScope(("a",), ()))
    assert not history.covers(DataScope(("a",), ("class",)))
    assert history.covers(nothing)


def test_a_scope_survives_storage_and_a_missing_one_is_never_everything():
    for scope in (DataScope(), DataScope(("a",), ()), DataScope((), ("c",))):
        assert DataScope.from_document(scope.to_document()) == scope
    with pytest.raises(KeyError):
        DataScope.from_document({})


def test_the_audience_is_counted_and_named(people):
    assert visibility.audience(people.owner, "private", people.department.id) == (1, "only you")
    assert visibility.audience(people.owner, "team", people.department.id) == (2, "Exam office")
    assert visibility.audience(people.owner, "department", people.department.id) == (3, "History")
    assert visibility.audience(people.owner, "organization", people.department.id) == (
        7,
        "everyone who may ask for reports",
    )
