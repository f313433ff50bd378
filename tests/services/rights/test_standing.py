"""A report that waits is made only while its requester is here, may ask, and may read what it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import People, end_teachings, hold, make_class, make_job
from tests.worker.conftest import RecordingJanitor, all_finished, run_until, short_times  # noqa: F401 - a fixture
from webapp.documents import LookupValue, ReportJob, User
from webapp.documents.lookup_value import lookup_cache
from webapp.errors import ConflictError
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking, changing
from webapp.services.rights import data_scope, standing
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.standing import RequesterGoneError, RightLostError, ScopeLostError
from webapp.settings import get_settings
from webapp.worker import execution
from webapp.worker.loop import Worker

Loss = Callable[[People], object]
LOSSES: dict[str, tuple[Loss, type[Exception], str]] = {
    "left": (lambda people: people.owner.update(set__is_active=False), RequesterGoneError, "has left"),
    "deleted": (lambda people: people.owner.delete(), RequesterGoneError, "has left"),
    "no role": (lambda people: hold(people.owner, []).save(), RightLostError, "may not ask"),
    "a learner": (lambda people: hold(people.owner, ["learner"]).save(), RightLostError, "may not ask"),
    "role closed": (
        lambda people: LookupValue.objects(category="role", key="staff").update(set__is_active=False),
        RightLostError,
        "may not ask",
    ),
    "moved": (
        lambda people: hold(people.owner, ["staff"], [people.other_department]).save(),
        ScopeLostError,
        "may not read any more",
    ),
    "department closed": (
        lambda people: people.department.update(set__is_active=False), ScopeLostError, "may not read any more",
    ),
}  # fmt: skip


def ask(owner: User) -> ReportJob:
    request = ReportRequest(report_type="enrollment-summary", group_by=("class",), measures=("count",), format="csv")
    return asking.create(owner, request, insist=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_its_requester_has_lost_is_said(people: People, loss: str) -> None:
    lose, error, words = LOSSES[loss]
    job = ask(people.owner)
    standing.require_standing(job, data_scope.data_scope(people.owner))
    lose(people)
    lookup_cache.forget()
    with pytest.raises(error, match=words):
        standing.require_standing(job, DataScope.from_document(job.provenance["scope"]))


def test_whoever_may_read_more_now_gets_what_they_asked_for(people: People) -> None:
    job = ask(people.owner)
    hold(people.owner, ["staff"], [people.department, people.other_department]).save()
    standing.require_standing(job, DataScope.from_document(job.provenance["scope"]))


def test_an_instructor_whose_class_was_taken_away_reads_it_no_more(people: People) -> None:
    hold(people.owner, ["instructor"]).save()
    taught = make_class("History 1", instructors=[people.owner.id])
    job = ask(people.owner.reload())
    assert job.provenance["scope"]["classIds"] == [str(taught.id)]
    end_teachings(taught)
    with pytest.raises(ScopeLostError):
        standing.require_standing(job, DataScope.from_document(job.provenance["scope"]))


@pytest.mark.parametrize("loss", ["left", "no role", "moved"])
def test_a_worker_does_not_make_it_and_the_report_says_why(
    people: People, loss: str, short_times: None, mongo: str  # noqa: F811 - the fixture
) -> None:  # fmt: skip
    lose, _, words = LOSSES[loss]
    job, other = ask(people.owner), ask(people.stranger)
    lose(people)
    worker = Worker(get_settings(), mongo, run_job=execution.execute, janitor=RecordingJanitor(), concurrency=1)
    run_until(worker, all_finished(job, other), seconds=60)
    job.reload()
    assert (job.status, job.output.storage) == ("failed", None)
    assert words in job.error.message
    assert job.error.retry_count == 0  # no second attempt changes it
    assert other.reload().status == "ready"


def test_it_is_made_again_once_the_right_is_back_and_not_before(people: People, database: Any) -> None:
    scope = data_scope.data_scope(people.owner).to_document()
    job = make_job(
        people.owner.id, status="failed", department_id=people.department.id, provenance={"scope": scope},
    )  # fmt: skip
    hold(people.owner, []).save()
    with pytest.raises(ConflictError, match="may not ask"):
        changing.retry(people.administrator, job.id)
    hold(people.owner, ["staff"]).save()
    people.owner.update(set__is_active=False)
    with pytest.raises(ConflictError, match="has left"):
        changing.retry(people.administrator, job.id)
    people.owner.update(set__is_active=True)
    assert changing.retry(people.administrator, job.id).state.is_waiting


def test_a_job_of_another_client_whose_requester_may_not_ask_is_refused(people: People, database: Any) -> None:
    learner = people.stranger
    hold(learner, ["learner"]).save()
    job = make_job(learner.id)
    from webapp.services.queue import promotion

    assert not promotion.promote(job.id)
    assert (job.reload().status, job.error.code) == ("failed", "right-lost")
