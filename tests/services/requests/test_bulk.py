"""What is done to many reports says which, and can be undone for some seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories import People
from webapp.documents import Act, ReportJob
from webapp.errors import NotFoundError
from webapp.services import database_clock
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking, bulk
from webapp.services.requests.bulk import TooLateToUndoError, Wish


def ask(people: People, name: str, **more: Any) -> ReportJob:
    return asking.create(people.owner, ReportRequest(report_type="completion-rates", name=name, **more), insist=True)


def test_reports_that_were_stopped_wait_again_as_they_did(people: People) -> None:
    later = database_clock.now() + timedelta(days=3)
    now, then = ask(people, "Now"), ask(people, "Later", scheduled_for=later)
    done = bulk.act(people.manager, [now.id, then.id], Wish("cancel", reason="Too many."))
    assert (done.names, done.refused) == (("Now", "Later"), ())
    assert {job.reload().status for job in (now, then)} == {"cancelled"}
    undone = bulk.undo(people.manager, str(done.act_id))
    assert undone.names == ("Now", "Later")
    assert [job.reload().status for job in (now, then)] == ["queued", "pending"]
    assert abs(then.scheduled_for - later) < timedelta(seconds=1)
    assert (now.cancel_reason, now.cancel_requested_by, now.completed_at) == (None, None, None)


def test_a_report_that_is_being_made_goes_on_when_its_stopping_is_undone(people: People) -> None:
    job = ask(people, "Running")
    hold = held.take(job.id, "worker")
    assert hold is not None
    done = bulk.act(people.owner, [job.id], Wish("cancel"))
    assert job.reload().cancel_requested_at is not None
    bulk.undo(people.owner, str(done.act_id))
    assert (job.reload().status, job.cancel_requested_at) == ("processing", None)


def test_reports_that_were_moved_get_the_priority_back_that_each_had(people: People) -> None:
    first, second = ask(people, "A", priority="scheduled"), ask(people, "B", priority="low")
    done = bulk.act(people.owner, [first.id, second.id], Wish("priority", priority="normal"))
    bulk.undo(people.owner, str(done.act_id))
    assert [job.reload().priority for job in (first, second)] == ["scheduled", "low"]


def test_what_failed_has_failed_as_before_when_its_retry_is_undone(people: People) -> None:
    job = ask(people, "Broken")
    hold = held.take(job.id, "worker")
    assert hold is not None
    held.fail(hold, Failure("storage-full", "The storage is full.", "stack"))
    done = bulk.act(people.owner, [job.id], Wish("retry"))
    assert job.reload().state.is_waiting
    bulk.undo(people.owner, str(done.act_id))
    job.reload()
    assert (job.status, job.error.code, job.error.text, job.error.stack) == (
        "failed", "storage-full", "The storage is full.", "stack",
    )  # fmt: skip


def test_what_cannot_be_done_to_one_stops_no_other_and_is_told(people: People) -> None:
    waiting, ended = ask(people, "Waiting"), ask(people, "Ended")
    bulk.act(people.owner, [ended.id], Wish("cancel"))
    done = bulk.act(people.owner, [ended.id, waiting.id], Wish("cancel"))
    assert done.names == ("Waiting",)
    assert len(done.refused) == 1


def test_it_is_undone_once_by_whoever_did_it_and_not_after_its_time(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(people, "Mine")
    done = bulk.act(people.owner, [job.id], Wish("cancel"))
    with pytest.raises(NotFoundError):
        bulk.undo(people.manager, str(done.act_id))
    Act.objects(id=done.act_id).update(set__at=database_clock.now() - bulk.UNDO_TAKEN - timedelta(seconds=1))
    with pytest.raises(TooLateToUndoError):
        bulk.undo(people.owner, str(done.act_id))
    assert job.reload().status == "cancelled"


def test_what_is_deleted_is_gone_and_offers_nothing(people: People) -> None:
    job = ask(people, "Gone")
    assert bulk.act(people.owner, [job.id], Wish("delete")).act_id is None
