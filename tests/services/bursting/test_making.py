"""Parts are made exactly once, by the rights of their owner of that moment, whoever dies in between; and are steered with
their whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import People, hold, make_department
from tests.services.bursting.college import make_parts
from tests.services.bursting.conftest import failed, named, ready
from tests.services.schedules.conftest import three_look_at_once, wish
from webapp.documents import Burst, JobEvent, ReportJob, ReportSchedule
from webapp.documents.notice import Notice
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.bursting import finding, making
from webapp.services.jobs import lifecycle, parts
from webapp.services.people import departments
from webapp.services.permissions import TERMINAL
from webapp.services.requests import asking, bulk, changing
from webapp.services.requests.bulk import Wish
from webapp.services.requests.waiting import require_room
from webapp.services.rights import organisation
from webapp.services.rights.data_scope import DataScope
from webapp.services.schedules import firing, keeping
from webapp.worker.scheduler import SchedulerThread


def told(person: Any) -> list[str]:
    return [notice.text for notice in Notice.objects(user_id=person.id)]


def names(jobs: list[ReportJob]) -> list[str]:
    return sorted(job.name for job in jobs)


ALL = ["Weekly numbers: Faculty of Arts", "Weekly numbers: History", "Weekly numbers: Physics"]


def test_each_part_is_an_ordinary_report_of_the_owner_under_its_own_scope(
    registrar: People, schedule: ReportSchedule, whole: ReportJob
) -> None:
    made = {job.name: job for job in make_parts(whole.id)}
    assert sorted(made) == ALL
    physics = made["Weekly numbers: Physics"]
    assert (physics.requested_by, physics.schedule_id, physics.parent_id) == (registrar.owner.id, schedule.id, whole.id)
    assert (physics.visibility, physics.priority, physics.expires_at) == ("private", whole.priority, whole.expires_at)
    assert physics.parameters.part == f"department:{registrar.other_department.id}"
    scope = DataScope.from_document(physics.provenance["scope"])
    assert scope.outer == DataScope.from_document(whole.provenance["scope"])
    assert scope.within == DataScope((str(registrar.other_department.id),), ())
    assert whole.reload().parts_state == "being-made"


def test_whoever_runs_a_part_is_told_of_it_and_nobody_else(registrar: People, whole: ReportJob) -> None:
    for job in make_parts(whole.id):
        runs_it = {"Faculty of Arts": registrar.manager, "Physics": registrar.other_manager}.get(job.name[16:])
        wished = [(each.channel, each.recipient) for each in job.deliver_to]
        assert wished == ([("inbox", str(runs_it.id))] if runs_it else [])
        assert job.reader_ids == ([runs_it.id] if runs_it else [])


def test_persons_who_are_named_get_a_part_in_place_of_those_who_run_it(registrar: People) -> None:
    burst = Burst(by="department", named=named(registrar.other_department.id, registrar.stranger.email))
    schedule = keeping.create(registrar.owner, wish(burst=burst))
    whole = ready(firing.run_now(registrar.owner, schedule.id))
    readers = {job.name[16:]: job.reader_ids for job in make_parts(whole.id)}
    assert readers["Physics"] == [registrar.stranger.id]
    assert readers["Faculty of Arts"] == [registrar.manager.id]


@pytest.mark.parametrize("dies_after", [0, 1, 2, 3])
def test_whoever_dies_between_two_parts_is_followed_and_nothing_is_twice_or_missing(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    create, made = asking.create, list[Any]()

    def dying(*args: Any, **kwargs: Any) -> ReportJob:
        if len(made) == dies_after:
            raise MemoryError
        made.append(1)
        return create(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(asking, "create", dying)
        patched.setattr(making, "_all_made", lambda whole: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            making.make(whole.id)
    assert ReportJob.objects(parent_id=whole.id).count() == dies_after
    # A department that comes meanwhile is none of this run's: what was written down counts.
    make_department("Music", "music", registrar.faculty)
    organisation.forget()
    assert names(make_parts(whole.id)) == ALL
    assert making.waiting() == []
    assert JobEvent.objects(job_id__in=[job.id for job in parts.of(whole.id)], seq=1).count() == 3, "each was born once"


def test_three_schedulers_at_once_make_each_part_once(registrar: People, whole: ReportJob) -> None:
    assert three_look_at_once() == []
    assert names(parts.of(whole.id)) == ALL
    assert whole.reload().parts_state == "being-made"


def test_a_look_of_the_scheduler_makes_them_and_a_later_one_settles_them(registrar: People, whole: ReportJob) -> None:
    scheduler = SchedulerThread("scheduler")
    scheduler.look()
    first, second, third = parts.of(whole.id)
    ready(first)
    ready(second)
    assert making.settle() == 0, "one is on its way"
    failed(third)
    scheduler._settle_at = 0
    scheduler.look()
    assert whole.reload().parts_state is None
    about_parts = [text for text in told(registrar.owner) if "Of the parts of" in text]
    assert about_parts == ["Of the parts of “Weekly numbers”: 1 part failed. 1 part goes to nobody."]


def test_nothing_is_made_of_a_whole_that_failed_until_it_is_made_again(
    registrar: People, schedule: ReportSchedule
) -> None:
    whole = failed(firing.run_now(registrar.owner, schedule.id))
    assert making.waiting() == []
    assert making.make(whole.id) == 0
    changing.retry(registrar.owner, whole.id)
    ready(whole)
    assert names(make_parts(whole.id)) == ALL


def test_of_an_owner_who_has_lost_the_right_no_part_is_made_and_they_are_told(
    registrar: People, whole: ReportJob
) -> None:
    hold(registrar.owner, []).save()
    assert make_parts(whole.id) == []
    whole.reload()
    assert (whole.parts_state, whole.burst.parts) == (None, [])
    assert "may not ask for reports any more" in whole.burst.text
    assert any("but not its parts" in text for text in told(registrar.owner))


def test_more_parts_than_can_be_made_are_none_and_that_is_told(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_PARTS", 2)
    assert make_parts(whole.id) == []
    assert "It has 3 parts; at most 2 are made of one report, so none is." in whole.reload().burst.text
    assert sum("but not its parts" in text for text in told(registrar.owner)) == 1
    with pytest.raises(InvalidRequestError, match="It has 3 parts"):
        keeping.create(registrar.owner, wish(burst=Burst(by="department"), name="Another"))


def test_a_department_that_was_closed_since_the_last_time_is_told(
    registrar: People, schedule: ReportSchedule, whole: ReportJob
) -> None:
    make_parts(whole.id)
    departments.set_active(registrar.department, False, by=TERMINAL)
    organisation.forget()
    again = ready(firing.run_now(registrar.owner, schedule.id))
    assert names(make_parts(again.id)) == [ALL[0], ALL[2]]
    gone = [(each.name, each.text) for each in again.reload().burst.parts if each.job_id is None]
    assert gone == [("History", "It had a report the last time, and has been closed since.")]
    for job in parts.of(again.id):
        ready(job)
    making.settle()
    assert any("1 part was not made." in text for text in told(registrar.owner))


def test_cancelling_the_whole_stops_its_parts_and_undoing_lets_them_go_on(registrar: People, whole: ReportJob) -> None:
    done, *_ = make_parts(whole.id)
    ready(done)
    act = bulk.act(registrar.owner, [whole.id], Wish("cancel", "too early"))
    assert act.names == ("Weekly numbers",)
    states = {job.id: (job.status, job.cancel_reason) for job in parts.of(whole.id)}
    assert states.pop(done.id) == ("ready", None)
    assert set(states.values()) == {("cancelled", "too early")}
    assert whole.reload().status == "ready", "it had ended before"
    with pytest.raises(ConflictError):
        changing.cancel(registrar.owner, whole.id)
    bulk.undo(registrar.owner, str(act.act_id))
    assert sorted(job.status for job in parts.of(whole.id)) == ["queued", "queued", "ready"]


def test_cancelling_a_whole_that_waits_makes_no_part(registrar: People, schedule: ReportSchedule) -> None:
    whole = firing.run_now(registrar.owner, schedule.id)
    changing.cancel(registrar.owner, whole.id)
    assert whole.reload().status == "cancelled"
    assert make_parts(whole.id) == []


@pytest.mark.parametrize("at_once", [20, 2, 1])
def test_whoever_stops_the_whole_while_parts_are_made_stops_those_too(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    create = asking.create
    monkeypatch.setattr(making, "AT_ONCE", at_once)

    def stopped_meanwhile(*args: Any, **kwargs: Any) -> ReportJob:
        changing.cancel(registrar.owner, whole.id)
        return create(*args, **kwargs)

    monkeypatch.setattr(asking, "create", stopped_meanwhile)
    making.make(whole.id)
    assert [job.status for job in parts.of(whole.id)] == ["cancelled"]
    assert whole.reload().parts_state is None


def test_many_parts_are_made_in_several_turns(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "AT_ONCE", 2)
    assert [making.make(whole.id) for _ in range(3)] == [2, 1, 0]
    assert names(parts.of(whole.id)) == ALL
    assert whole.reload().parts_state == "being-made"


def test_what_could_not_be_made_before_is_made_once_it_can(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(finding, "MOST_PARTS", 2)
        assert make_parts(whole.id) == []
    changing.retry(registrar.owner, whole.id)
    assert names(make_parts(whole.id)) == ALL
    assert whole.reload().burst.text == ""


def test_a_whole_that_is_ready_is_made_again_by_those_of_its_parts_that_are_not(
    registrar: People, whole: ReportJob
) -> None:
    first, second, third = make_parts(whole.id)
    ready(first)
    failed(second)
    changing.delete(registrar.owner, third.id)
    changing.retry(registrar.owner, whole.id)
    made = {job.id: job for job in make_parts(whole.id)}
    assert set(made) == {first.id, second.id, third.id}
    assert (made[first.id].status, made[second.id].status, made[third.id].status) == ("ready", "queued", "queued")
    scope = DataScope.from_document(made[second.id].provenance["scope"])
    assert scope.within is not None, "what is made again is the same part"


def test_a_whole_that_is_made_anew_has_the_parts_of_then(registrar: People, whole: ReportJob) -> None:
    for job in make_parts(whole.id):
        ready(job)
        lifecycle.expire(job.id)
    lifecycle.expire(whole.id)
    make_department("Music", "music", registrar.faculty)
    organisation.forget()
    changing.retry(registrar.owner, whole.id)
    ready(whole)
    made = make_parts(whole.id)
    assert names(made) == [*ALL[:2], "Weekly numbers: Music", ALL[2]]
    assert {job.status for job in made} == {"queued"}


def test_the_priority_of_the_whole_moves_its_parts(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    changing.reprioritise(registrar.owner, whole.id, "low")
    assert {(job.priority, job.priority_rank) for job in parts.of(whole.id)} == {("low", 20)}
    for job in parts.of(whole.id):
        ready(job)
    with pytest.raises(ConflictError):
        changing.reprioritise(registrar.owner, whole.id, "normal")


def test_deleting_the_whole_deletes_its_parts_unless_one_is_being_made(registrar: People, whole: ReportJob) -> None:
    first, *_ = make_parts(whole.id)
    ReportJob.objects(id=first.id).update(set__status="rendering")
    with pytest.raises(ConflictError, match="Parts of “Weekly numbers” are being made"):
        changing.delete(registrar.owner, whole.id)
    assert ReportJob.objects(parent_id=whole.id).count() == 3
    ReportJob.objects(id=first.id).update(set__status="failed")
    changing.delete(registrar.owner, whole.id)
    assert ReportJob.objects.count() == 0


def test_parts_do_not_fill_the_room_of_their_owner(
    registrar: People, whole: ReportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.requests.waiting.MOST_WAITING", 2)
    assert len(make_parts(whole.id)) == 3
    require_room(registrar.owner.id)


def test_where_nothing_has_rows_no_part_is_made_and_the_owner_is_told(registrar: People) -> None:
    schedule = keeping.create(registrar.owner, wish(burst=Burst(by="class")))
    whole = ready(firing.run_now(registrar.owner, schedule.id), parts={"rows": {}, "count": 0})
    assert make_parts(whole.id) == []
    assert whole.reload().parts_state is None
    assert whole.burst.text == "Nothing has rows that its owner may read."
    assert sum("but not its parts" in text for text in told(registrar.owner)) == 1


def test_of_more_classes_than_are_kept_their_number_counts(registrar: People) -> None:
    schedule = keeping.create(registrar.owner, wish(burst=Burst(by="class")))
    whole = ready(firing.run_now(registrar.owner, schedule.id), parts={"rows": {}, "count": 1_500})
    assert make_parts(whole.id) == []
    assert "It has 1,500 parts" in whole.reload().burst.text


def test_undoing_that_the_missing_parts_are_made_stops_them(registrar: People, whole: ReportJob) -> None:
    first, *_ = make_parts(whole.id)
    failed(first)
    act = bulk.act(registrar.owner, [whole.id], Wish("retry"))
    assert ReportJob.objects.get(id=first.id).status == "queued"
    bulk.undo(registrar.owner, str(act.act_id))
    assert ReportJob.objects.get(id=first.id).status == "cancelled"
    assert whole.reload().status == "ready"
