"""Asking for reports: every rule of a request, and every action afterwards."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, hold
from webapp.documents import JobEvent, ReportJob
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from webapp.services import database_clock
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.jobs.lifecycle import IllegalTransitionError
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL
from webapp.services.questions.period import Period
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking, changing
from webapp.services.requests import rules as request_rules
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.requests.rules import Circumstances
from webapp.services.rights import visibility
from webapp.settings import get_settings

SUBMISSION = Circumstances(submission_id="s1")


def a_request(**changes: Any) -> ReportRequest:
    request = ReportRequest(
        report_type="enrollment-summary",
        group_by=("class",),
        measures=("count",),
        format="csv",
        name="Enrollments by class",
    )
    return request.model_copy(update=changes)


def ready(job: ReportJob) -> ReportJob:
    hold = held.take(job.id, "w")
    assert hold is not None
    assert held.finish(hold, storage={"provider": "local", "key": "k"}, provenance={}, records=1)
    return job.reload()


def failed(job: ReportJob) -> ReportJob:
    hold = held.take(job.id, "w")
    assert hold is not None
    assert held.fail(hold, Failure("internal-error", "It broke."))
    return job.reload()


def test_a_request_becomes_a_queued_job_with_all_that_a_worker_needs(people: People) -> None:
    job = asking.create(people.owner, a_request(filename="  spring term.csv ", description=" why\x00 "))
    assert (job.status, job.requested_by, job.department_id) == ("queued", people.owner.id, people.department.id)
    assert (job.output.filename, job.description, job.priority_rank) == ("spring term", "why", 30)
    assert job.provenance["scope"] == {"departmentIds": [str(people.department.id)], "classIds": []}
    kept = timedelta(days=get_settings().job_retention_days)
    assert abs(job.expires_at - job.scheduled_for - kept) < timedelta(seconds=5)
    assert [event.status for event in JobEvent.objects(job_id=job.id).order_by("seq")] == ["pending", "queued"]


def test_a_request_without_a_name_is_called_after_its_type(people: People) -> None:
    assert asking.create(people.owner, a_request(name=" \n ")).name == "Enrollment summary"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "x" * 10_000}, "name", "10,000 characters"),
        ({"description": "x" * 2_001}, "description", "2,001 characters"),
        ({"filename": "../../etc/passwd"}, "filename", "not a file name"),
        ({"filename": ".."}, "filename", "not a file name"),
        ({"filename": ".hidden"}, "filename", "not a file name"),
        ({"filename": "a\u202egpj.exe"}, "filename", "not a file name"),
        ({"filename": "x" * 151}, "filename", "151 characters"),
        ({"report_type": "no-such"}, "report_type", "no-such"),
        ({"format": "docx"}, "format", "docx"),
        ({"visibility": "world"}, "visibility", "world"),
        ({"priority": "yesterday"}, "priority", "yesterday"),
        ({"priority": "critical"}, "priority", "may not give"),
        ({"department_id": ObjectId("0" * 24)}, "department_id", "0" * 24),
        ({"scheduled_for": datetime(2099, 1, 1, tzinfo=UTC)}, "scheduled_for", "more than a year"),
        (
            {"department_ids": (ObjectId("1" * 24),)},
            None,
            "1" * 24,
        ),
        ({"measures": ("guess",)}, "parameters.measures", "guess"),
        (
            {"period": Period(first=date(2026, 2, 1), last=date(2026, 1, 1))},
            None,
            "1 January 2026",
        ),
        (
            {"as_of_job_id": ObjectId()},
            "parameters.as_of_job_id",
            "no report",
        ),
    ],
)
def test_what_cannot_be_asked_is_told_under_its_field_and_nothing_is_saved(
    people: People, changes: dict[str, Any], field: str | None, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        asking.create(people.owner, a_request(**changes))
    assert field is None or field in caught.value.fields
    assert words in str(caught.value)
    assert ReportJob.objects.count() == 0


def test_all_faults_are_told_at_once(people: People) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        asking.create(people.owner, a_request(name="x" * 201, format="docx", visibility="world"))
    assert {"name", "format", "visibility"} <= set(caught.value.fields)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=1+1", "a/b"])
def test_odd_names_are_kept_as_they_are(people: People, name: str) -> None:
    assert asking.create(people.owner, a_request(name=name)).name == name


def test_only_those_who_may_ask_can(people: People) -> None:
    hold(people.owner, ["learner"])
    with pytest.raises(ForbiddenError):
        asking.create(people.owner, a_request())


def test_a_report_is_filed_under_a_department_of_its_requester(people: People) -> None:
    with pytest.raises(InvalidRequestError, match=f"belong to no department {people.other_department.id}"):
        asking.create(people.owner, a_request(department_id=people.other_department.id))
    managed = asking.create(people.manager, a_request(department_id=people.department.id))
    assert managed.department_id == people.department.id
    anywhere = asking.create(people.administrator, a_request(department_id=people.other_department.id))
    assert anywhere.department_id == people.other_department.id


def test_an_administrator_may_give_every_priority(people: People) -> None:
    assert request_rules.usable_priorities(people.administrator)[0] == "critical"
    assert asking.create(people.administrator, a_request(priority="critical")).priority_rank == 50
    assert request_rules.usable_priorities(people.owner) == ["normal", "low", "scheduled"]


def test_a_lookup_added_at_run_time_is_valid_at_once_and_an_inactive_one_is_not(people: People) -> None:
    lookups.change("report-visibility", "team", is_active=False, by=TERMINAL)
    with pytest.raises(InvalidRequestError, match="team"):
        asking.create(people.owner, a_request(visibility="team"))
    lookups.add("report-visibility", "board", "The board", by=TERMINAL)
    assert asking.create(people.owner, a_request(visibility="board")).visibility == "board"


def test_the_same_question_is_offered_the_job_that_answers_it(people: People) -> None:
    first = asking.create(people.owner, a_request())
    with pytest.raises(AlreadyAskedError, match="You asked for this just now") as caught:
        asking.create(people.owner, a_request(name="Another name"))
    assert caught.value.job == first
    assert asking.create(people.owner, a_request(), insist=True).id != first.id
    assert asking.create(people.colleague, a_request()).requested_by == people.colleague.id


def test_a_fresh_file_answers_again_and_an_old_one_does_not(people: People) -> None:
    first = ready(asking.create(people.owner, a_request()))
    with pytest.raises(AlreadyAskedError, match="is ready"):
        asking.create(people.owner, a_request())
    first.modify(completed_at=database_clock.now() - timedelta(hours=2))
    assert asking.create(people.owner, a_request()).id != first.id


def test_another_question_or_a_failed_job_is_not_the_same(people: People) -> None:
    failed(asking.create(people.owner, a_request()))
    asking.create(people.owner, a_request())
    asking.create(people.owner, a_request(format="json"))
    asking.create(people.owner, a_request(group_by=("course",)))
    assert ReportJob.objects.count() == 4


def test_a_double_submit_makes_one_job(people: People) -> None:
    made: list[ReportJob] = []
    threads = [
        threading.Thread(
            target=lambda: made.append(asking.create(people.owner, a_request(), insist=True, of=SUBMISSION))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.id for job in made}) == 1
    assert ReportJob.objects.count() == 1
    assert asking.create(people.colleague, a_request(), of=SUBMISSION).id != made[0].id


def test_a_sixth_request_waits_until_one_of_the_five_ends(people: People) -> None:
    found = [asking.create(people.owner, a_request(), insist=True) for _ in range(6)]
    assert [job.status for job in found] == ["queued"] * 5 + ["pending"]
    assert asking.create(people.colleague, a_request()).status == "queued"


def test_a_job_for_later_is_kept_for_its_time_after_it_was_due(people: People) -> None:
    due = database_clock.now() + timedelta(days=60)
    job = asking.create(people.owner, a_request(scheduled_for=due))
    assert job.status == "pending"
    assert job.expires_at > due


def test_name_and_description_can_be_changed_by_the_owner_alone(people: People) -> None:
    job = asking.create(people.owner, a_request(visibility="organization"), agreed=True)
    changed = changing.update(people.owner, job.id, name=" Spring ", description="")
    assert (changed.name, changed.description) == ("Spring", None)
    with pytest.raises(InvalidRequestError, match="needs a name"):
        changing.update(people.owner, job.id, name=" ")
    with pytest.raises(ForbiddenError):
        changing.update(people.stranger, job.id, name="Mine")


ACTIONS = {
    "find": lambda actor, job: visibility.visible_job(actor, job.id),
    "update": lambda actor, job: changing.update(actor, job.id, name="x"),
    "share": lambda actor, job: changing.share(actor, job.id, "team"),
    "cancel": lambda actor, job: changing.cancel(actor, job.id),
    "retry": lambda actor, job: changing.retry(actor, job.id),
    "reprioritise": lambda actor, job: changing.reprioritise(actor, job.id, "low"),
    "duplicate": lambda actor, job: asking.duplicate(actor, job.id),
    "sibling": lambda actor, job: asking.sibling(actor, job.id, "json"),
    "delete": lambda actor, job: changing.delete(actor, job.id),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_what_one_may_not_see_cannot_be_touched_and_is_not_found(people: People, action: str) -> None:
    job = asking.create(people.owner, a_request())
    for outsider in (people.colleague, people.stranger, people.other_manager):
        with pytest.raises(NotFoundError):
            ACTIONS[action](outsider, job)
    assert ReportJob.objects.count() == 1


@pytest.mark.parametrize("action", ["update", "share", "cancel", "retry", "reprioritise", "delete"])
def test_what_one_may_only_see_cannot_be_changed(people: People, action: str) -> None:
    job = asking.create(people.owner, a_request(visibility="organization"), agreed=True)
    with pytest.raises(ForbiddenError):
        ACTIONS[action](people.stranger, job)


def test_a_manager_may_cancel_and_reprioritise_but_not_rename_or_delete(people: People) -> None:
    job = asking.create(people.owner, a_request())
    assert changing.reprioritise(people.manager, job.id, "low").priority_rank == 20
    for action in ("update", "delete", "share"):
        with pytest.raises(ForbiddenError):
            ACTIONS[action](people.manager, job)
    assert changing.cancel(people.manager, job.id, "not now").status == "cancelled"


def test_an_ended_job_cannot_be_cancelled_or_reprioritised(people: People) -> None:
    job = ready(asking.create(people.owner, a_request()))
    with pytest.raises(IllegalTransitionError, match="is ready and cannot become cancelled"):
        changing.cancel(people.owner, job.id)
    with pytest.raises(ConflictError, match="does not wait any more"):
        changing.reprioritise(people.owner, job.id, "low")


def test_a_failed_job_can_be_retried_with_the_rows_its_requester_may_read_now(people: People) -> None:
    job = failed(asking.create(people.owner, a_request()))
    hold(people.owner, ["staff"], [people.other_department]).save()
    again = changing.retry(people.owner, job.id)
    assert (again.status, again.error) == ("queued", None)
    assert again.provenance["scope"]["departmentIds"] == [str(people.other_department.id)]
    with pytest.raises(IllegalTransitionError):
        changing.retry(people.owner, job.id)


def test_a_duplicate_is_the_actors_own_private_and_within_their_scope(people: People) -> None:
    job = asking.create(people.owner, a_request(visibility="organization"), agreed=True)
    copy = asking.duplicate(people.stranger, job.id)
    assert (copy.requested_by, copy.visibility, copy.name) == (people.stranger.id, "private", job.name)
    assert copy.provenance["scope"]["departmentIds"] == [str(people.other_department.id)]
    assert copy.parameters.group_by == ["class"]


def test_a_sibling_is_made_from_the_same_data_in_another_format(people: People) -> None:
    job = asking.create(people.owner, a_request())
    with pytest.raises(ConflictError, match="not ready"):
        asking.sibling(people.owner, job.id, "json")
    ready(job)
    sibling = asking.sibling(people.owner, job.id, "json")
    assert (sibling.output.format, sibling.sibling_of, sibling.parameters.as_of_job_id) == ("json", job.id, job.id)
    assert job.reload().parameters.as_of_job_id is None


def test_a_deleted_job_is_gone_and_its_deletion_is_on_record(people: People) -> None:
    job = asking.create(people.owner, a_request())
    changing.delete(people.owner, job.id)
    with pytest.raises(NotFoundError):
        visibility.visible_job(people.owner, job.id)
    last = JobEvent.objects(job_id=job.id).order_by("-seq").first()
    assert (last.previous, last.status, last.user_id) == ("queued", None, people.owner.id)


def test_a_running_job_is_cancelled_before_it_is_deleted(people: People) -> None:
    job = asking.create(people.owner, a_request())
    held.take(job.id, "w")
    with pytest.raises(ConflictError, match="is being made"):
        changing.delete(people.owner, job.id)
