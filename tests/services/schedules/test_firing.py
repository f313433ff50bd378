"""Firing: one job for each fire whoever races, on behalf of the owner of that moment; what cannot run pauses and tells."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.factories import People, hold, make_record
from tests.services.schedules.conftest import Make, days, end, fire, request, three_look_at_once, wish
from tests.services.timing import plain
from tests.services.timing.plain import Plain
from webapp import record
from webapp.documents import AdminEvent, LookupValue, ReportJob, ReportSchedule, ScheduleFire
from webapp.documents.notice import Notice
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, ReportdeskError
from webapp.record import versions
from webapp.services import database_clock
from webapp.services.people import departments, directory
from webapp.services.questions import ways
from webapp.services.questions.period import Period
from webapp.services.requests import waiting
from webapp.services.rights import organisation
from webapp.services.schedules import firing, keeping, outcomes, planning
from webapp.settings import get_settings
from webapp.worker.scheduler import SchedulerThread


def told(person: Any) -> list[str]:
    return [notice.text for notice in Notice.objects(user_id=person.id)]


def test_a_fire_makes_the_owners_job_under_an_id_of_its_own_and_plans_the_next(
    make_schedule: Make, people: People, now: datetime
) -> None:
    due = now - timedelta(minutes=1)
    schedule = make_schedule(due_at=due, timing={"time_of_day": f"{due:%H:%M}"})
    ReportSchedule.objects(id=schedule.id).update(set__next_run_at=due.replace(second=0))
    (made,) = fire(schedule, now)
    job = ReportJob.objects.get(id=made)
    assert (job.requested_by, job.schedule_id, job.name) == (people.owner.id, schedule.id, "Weekly numbers")
    assert job.provenance["scope"]["departmentIds"] == [str(people.department.id)]
    assert job.status == "queued"
    schedule.reload()
    assert schedule.next_run_at == due.replace(second=0) + days(1)
    assert (schedule.fire_count, schedule.last_fired_at) == (1, due.replace(second=0))
    assert (schedule.success_count, schedule.last_run) == (0, None), "nothing has been made yet"
    line = ScheduleFire.objects.get(schedule_id=schedule.id)
    assert (line.id, line.outcome, line.why, line.runs_as) == (made, "open", "time", people.owner.id)


def test_the_outcome_is_the_jobs_end(make_schedule: Make, now: datetime) -> None:
    schedule = make_schedule(due_at=now)
    end(fire(schedule, now)[0])
    schedule.reload()
    assert (schedule.success_count, schedule.failures_in_a_row, schedule.last_run.outcome) == (1, 0, "made")
    line = ScheduleFire.objects.get(schedule_id=schedule.id)
    assert (line.outcome, line.records, line.open_since) == ("made", 3, None)
    assert outcomes.settle() == 0, "each end is counted once"


def test_what_was_cancelled_is_neither_a_success_nor_a_failure(make_schedule: Make, now: datetime) -> None:
    schedule = make_schedule(due_at=now)
    ReportSchedule.objects(id=schedule.id).update(set__failures_in_a_row=3)
    end(fire(schedule, now)[0], cancelled=True)
    schedule.reload()
    assert (schedule.success_count, schedule.failure_count, schedule.failures_in_a_row) == (0, 0, 3)
    assert schedule.last_run.outcome == "cancelled"


def test_a_report_that_was_deleted_before_it_was_made_ends_its_fire(make_schedule: Make, now: datetime) -> None:
    schedule = make_schedule(due_at=now)
    ReportJob.objects(id=fire(schedule, now)[0]).delete()
    assert outcomes.settle() == 1
    assert ScheduleFire.objects.get(schedule_id=schedule.id).outcome == "cancelled"


def test_five_failures_in_a_row_pause_it_and_a_success_begins_anew(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now)
    for number in range(4):
        ReportSchedule.objects(id=schedule.id).update(set__next_run_at=now - days(number))
        end(fire(schedule, now - days(number))[0], failed="The disk is full.")
    assert schedule.reload().failures_in_a_row == 4
    assert not schedule.is_paused
    ReportSchedule.objects(id=schedule.id).update(set__next_run_at=now - days(8))
    end(fire(schedule, now - days(8))[0])
    assert schedule.reload().failures_in_a_row == 0
    for number in range(5):
        at = now - days(20 + number)
        ReportSchedule.objects(id=schedule.id).update(set__next_run_at=at)
        end(fire(schedule, at)[0], failed="The disk is full.")
    schedule.reload()
    assert (schedule.is_paused, schedule.next_run_at, schedule.paused_by) == (True, None, None)
    assert schedule.pause_text == "It failed 5 times in a row. The last time: The disk is full."
    assert [each for each in told(people.owner) if "is paused" in each]
    assert len([each for each in told(people.owner) if "could not be made" in each]) == 8
    assert firing.due(now + days(2)) == []
    resumed = keeping.resume(people.owner, schedule.id)
    assert (resumed.failures_in_a_row, resumed.is_paused, resumed.pause_text) == (0, False, "")
    assert resumed.next_run_at is not None


class Killed(BaseException):
    """What nobody catches."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def killed_after(action: Any) -> Any:
    def done(*given: Any, **named: Any) -> None:
        action(*given, **named)
        raise Killed

    return done


@pytest.mark.parametrize("where", ["before it counts", "after it counted", "after it told", "after it paused"])
def test_whoever_dies_while_an_end_is_counted_is_followed_and_it_is_counted_and_told_once(
    make_schedule: Make, people: People, now: datetime, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    schedule = make_schedule(due_at=now)
    ReportSchedule.objects(id=schedule.id).update(set__failures_in_a_row=4)
    (made,) = fire(schedule, now)
    with monkeypatch.context() as patch:
        if where == "before it counts":
            patch.setattr(outcomes, "count", killed)
        elif where == "after it counted":
            patch.setattr(outcomes.telling, "tell_people", killed)
        elif where == "after it told":
            patch.setattr(keeping.telling, "tell_people", killed_after(keeping.telling.tell_people))
        else:
            patch.setattr(keeping, "set_paused", killed_after(keeping.set_paused))
        with pytest.raises(Killed):
            end(made, failed="The disk is full.")
    assert outcomes.settle() == 1
    assert outcomes.settle() == 0
    schedule.reload()
    assert (schedule.failure_count, schedule.failures_in_a_row, schedule.is_paused) == (1, 5, True)
    assert schedule.last_run.outcome == "failed"
    assert told(people.owner) == [
        "“Weekly numbers” is paused: It failed 5 times in a row. The last time: The disk is full."
    ]


@pytest.mark.parametrize("where", ["_skipped", "_runner"])
def test_whoever_dies_before_missed_runs_or_a_pause_are_told_is_followed(
    make_schedule: Make, people: People, now: datetime, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    due = (now - days(3)).replace(hour=6, minute=0, second=0)
    schedule = make_schedule(due_at=due, catch_up="skip")
    if where == "_runner":
        hold(people.owner, []).save()
    with monkeypatch.context() as patch:
        patch.setattr(firing.telling, "tell_people", killed)
        with pytest.raises(Killed):
            fire(schedule, now.replace(hour=9))
    fire(schedule, now.replace(hour=9))
    (heard,) = told(people.owner)
    assert ("was not made 4 times" if where == "_skipped" else "may not ask for reports any more") in heard


def test_three_schedulers_at_once_make_one_job_for_each_fire(make_schedule: Make, now: datetime) -> None:
    hourly = {"frequency": "cron", "cron": "0 * * * *"}
    since = now.replace(minute=0, second=0) - timedelta(hours=5)
    schedules = [
        make_schedule(due_at=since, timing=hourly, catch_up="all", most_caught_up=4, name=f"N {number}")
        for number in range(4)
    ]
    assert three_look_at_once() == []
    made = Counter(job.schedule_id for job in ReportJob.objects)
    assert made == {schedule.id: 4 for schedule in schedules}
    for schedule in schedules:
        schedule.reload()
        assert schedule.fire_count == 4
        lines = ScheduleFire.objects(schedule_id=schedule.id)
        assert sorted((line.why == "missed", line.skipped) for line in lines) == [(False, None)] * 4 + [(True, 2)]


def test_whoever_died_between_the_job_and_the_plan_is_followed_and_no_second_job_is_made(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now)
    (made,) = fire(schedule, now)
    ScheduleFire.objects(id=made).delete()
    ReportSchedule.objects(id=schedule.id).update(set__next_run_at=now)
    ReportJob.objects(id=made).update(set__description="the first one")
    assert fire(schedule, now) == [made]
    assert ReportJob.objects.get().description == "the first one"
    assert ScheduleFire.objects.get().id == made


def test_a_paused_or_deleted_schedule_fires_no_more(make_schedule: Make, people: People, now: datetime) -> None:
    paused, deleted = make_schedule(due_at=now), make_schedule(due_at=now)
    keeping.pause(people.owner, paused.id, "holidays")
    keeping.delete(people.owner, deleted.id)
    assert firing.due(now) == []
    assert firing.fire(paused.id, now, now) == []
    assert firing.fire(deleted.id, now, now) == []
    assert ReportJob.objects.count() == 0


def test_the_period_is_taken_anew_on_the_day_that_was_meant(make_schedule: Make, people: People) -> None:
    asked = request(period=Period(phrase="previous-month"))
    schedule = make_schedule(request=asked, timing={"frequency": "monthly", "day_of_month": 1})
    at = datetime(2028, 3, 1, 6, tzinfo=UTC)
    ReportSchedule.objects(id=schedule.id).update(set__next_run_at=at)
    (made,) = fire(schedule, at + timedelta(minutes=1))
    period = ways.from_job(ReportJob.objects.get(id=made)).period
    assert (period.first, period.last) == (date(2028, 2, 1), date(2028, 2, 29))


def test_the_rows_are_those_that_the_owner_may_read_at_that_moment(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now)
    hold(people.owner, ["staff"], [people.other_department]).save()
    ReportSchedule.objects(id=schedule.id).update(set__department_id=people.other_department.id)
    (made,) = fire(schedule, now)
    assert ReportJob.objects.get(id=made).provenance["scope"]["departmentIds"] == [str(people.other_department.id)]


def test_where_the_owner_has_left_a_co_owner_takes_over(make_schedule: Make, people: People, now: datetime) -> None:
    schedule = make_schedule(due_at=now, co_owner_ids=(people.neighbour.id, people.colleague.id))
    directory.set_active(people.owner, False, by=people.administrator)
    directory.set_active(people.neighbour, False, by=people.administrator)
    (made,) = fire(schedule, now)
    assert ReportJob.objects.get(id=made).requested_by == people.colleague.id
    schedule.reload()
    assert (schedule.owner_id, schedule.co_owner_ids) == (people.colleague.id, [people.neighbour.id])
    assert any("belongs to its co-owner Colin Colleague now" in each for each in told(people.colleague))
    assert AdminEvent.objects(action="taken over", subject_id=str(schedule.id)).count() == 1


def test_where_nobody_is_left_it_pauses_and_the_managers_are_told(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now)
    directory.set_active(people.owner, False, by=people.administrator)
    assert fire(schedule, now) == []
    schedule.reload()
    assert schedule.is_paused
    assert "Its owner has left" in schedule.pause_text
    assert any("Its owner has left" in each for each in told(people.manager))
    assert told(people.other_manager) == []
    assert ReportJob.objects.count() == 0


def test_an_owner_who_may_not_ask_any_more_is_told_that_it_is_paused(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now)
    hold(people.owner, []).save()
    assert fire(schedule, now) == []
    assert "may not ask for reports any more" in schedule.reload().pause_text
    assert any("may not ask for reports any more" in each for each in told(people.owner))
    with pytest.raises(ConflictError, match="may not ask"):
        keeping.resume(people.administrator, schedule.id)


def test_a_measure_that_was_deactivated_is_a_failure_and_told(
    make_schedule: Make, people: People, now: datetime
) -> None:
    schedule = make_schedule(due_at=now, timing={"time_of_day": f"{now:%H:%M}"})
    LookupValue.objects(category="measure-type", key="count").update(set__is_active=False)
    fire(schedule, now)
    schedule.reload()
    assert (schedule.failures_in_a_row, schedule.failure_count, schedule.last_run.outcome) == (1, 1, "failed")
    assert "count" in schedule.last_run.text
    assert schedule.next_run_at > now, "the next run may go well"
    assert any("could not be made" in each for each in told(people.owner))
    assert ReportJob.objects.count() == 0


def test_a_department_that_was_closed_is_a_failure_and_told(make_schedule: Make, people: People, now: datetime) -> None:
    schedule = make_schedule(due_at=now)
    hold(people.owner, ["staff"], [people.department, people.other_department]).save()
    departments.set_active(people.department, False, by=people.administrator)
    organisation.forget()
    fire(schedule, now)
    schedule.reload()
    assert schedule.last_run.outcome == "failed"
    assert "nothing can be filed there" in schedule.last_run.text
    assert [each for each in told(people.owner) if "could not be made" in each and "filed there" in each]


def test_what_may_pass_by_itself_is_tried_again_and_not_counted(
    make_schedule: Make, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BusyError(ReportdeskError):
        is_permanent = False

    def busy(*_: object, **__: object) -> None:
        raise BusyError("The record is busy.")

    schedule = make_schedule(due_at=now)
    with monkeypatch.context() as patch:
        patch.setattr(firing.asking, "create", busy)
        SchedulerThread("s").look()
    schedule.reload()
    assert (schedule.next_run_at, schedule.failure_count) == (now, 0)
    SchedulerThread("s").look()
    assert ReportJob.objects.count() == 1


def test_runs_that_were_missed_for_good_are_written_down_and_told_once(
    make_schedule: Make, people: People, now: datetime
) -> None:
    due = (now - days(3)).replace(hour=6, minute=0, second=0)
    schedule = make_schedule(due_at=due, catch_up="skip")
    at = now.replace(hour=9)
    assert fire(schedule, at) == []
    line = ScheduleFire.objects.get(schedule_id=schedule.id)
    assert (line.outcome, line.skipped, line.fired_for) == ("skipped", 4, due)
    assert [each for each in told(people.owner) if "was not made 4 times" in each]


# --- by new data ------------------------------------------------------------------------------------------------------


def test_new_data_makes_it_run_once_for_each_version_at_most_once_an_hour(
    make_schedule: Make, people: People, now: datetime
) -> None:
    make_record(persons=[{"name": "A"}])
    schedule = make_schedule(trigger="fresh-data")
    assert schedule.next_run_at is None
    scheduler = SchedulerThread("s")
    scheduler.look()
    assert ReportJob.objects.count() == 0, "nothing is new"
    make_record(persons=[{"name": "B"}])
    scheduler.look()
    scheduler.look()
    SchedulerThread("other").look()
    assert ReportJob.objects.count() == 1
    line = ScheduleFire.objects.get()
    assert (line.why, line.data_version) == ("fresh-data", planning.data_version())
    make_record(persons=[{"name": "C"}])
    scheduler.look()
    assert ReportJob.objects.count() == 1, "within the hour it waits"
    ReportSchedule.objects(id=schedule.id).update(set__last_fired_at=now - timedelta(hours=2))
    scheduler.look()
    assert ReportJob.objects.count() == 2


def test_upkeep_of_the_record_is_no_new_data(make_schedule: Make) -> None:
    make_record(persons=[{"name": "A"}])
    before = planning.data_version()
    versions.publish(record.current(), {}, made=record.Made.UPKEEP)
    assert record.current().made == "upkeep"
    assert planning.data_version() == before


def test_with_both_it_runs_at_its_times_and_by_new_data(make_schedule: Make, now: datetime) -> None:
    schedule = make_schedule(trigger="both", due_at=now)
    assert schedule.data_version is not None
    SchedulerThread("s").look()
    ReportSchedule.objects(id=schedule.id).update(set__last_fired_at=now - timedelta(hours=2))
    make_record(persons=[{"name": "B"}])
    SchedulerThread("s").look()
    assert sorted(line.why for line in ScheduleFire.objects) == ["fresh-data", "time"]


def test_new_data_after_the_last_day_ends_the_waiting(make_schedule: Make, now: datetime) -> None:
    schedule = make_schedule(trigger="fresh-data")
    ReportSchedule.objects(id=schedule.id).update(set__schedule__end_date=now - days(2))
    make_record(persons=[{"name": "B"}])
    SchedulerThread("s").look()
    assert ReportJob.objects.count() == 0
    assert schedule.reload().data_version is None


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_run_by_hand_is_the_owners_report_whoever_runs_it_and_its_times_stay(
    make_schedule: Make, people: People
) -> None:
    schedule = make_schedule(co_owner_ids=(people.colleague.id,))
    job = firing.run_now(people.colleague, schedule.id, submission_id="once")
    assert firing.run_now(people.colleague, schedule.id, submission_id="once").id == job.id
    assert (job.requested_by, job.schedule_id) == (people.owner.id, schedule.id)
    assert schedule.reload().next_run_at is not None
    assert schedule.fire_count == 1
    line = ScheduleFire.objects.get()
    assert (line.why, line.by, line.runs_as) == ("by-hand", people.colleague.id, people.owner.id)
    with pytest.raises(ForbiddenError):
        firing.run_now(people.manager, schedule.id)


def test_run_by_hand_of_what_cannot_be_asked_is_refused_and_not_counted(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    LookupValue.objects(category="measure-type", key="count").update(set__is_active=False)
    with pytest.raises(InvalidRequestError):
        firing.run_now(people.owner, schedule.id)
    assert schedule.reload().failure_count == 0


@pytest.mark.parametrize("zone", ["America/Santiago", "Australia/Lord_Howe"])
def test_a_simulated_year_makes_the_jobs_of_the_plain_reference(
    make_schedule: Make, zone: str, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_AUDIT_RETENTION_DAYS", "1000")  # so long fires are kept
    get_settings.cache_clear()
    begin, finish = datetime(2027, 12, 30, tzinfo=UTC), datetime(2029, 1, 2, tzinfo=UTC)
    said = Plain("monthly", zone, hour=0, minute=30, month_day=31)
    with time_machine.travel(begin, tick=False) as clock:
        make_schedule(timing={"frequency": "monthly", "day_of_month": 31, "time_of_day": "00:30", "timezone": zone})
        scheduler = SchedulerThread("s")
        while database_clock.now() < finish:
            # An hour before each run and a minute after it, and once more for nothing.
            (due,) = [each.next_run_at for each in ReportSchedule.objects]
            for moment in (due - timedelta(hours=1), due + timedelta(minutes=1), due + timedelta(minutes=2)):
                clock.move_to(moment)
                scheduler.look()
    fires = [line.fired_for for line in ScheduleFire.objects.order_by("fired_for")]
    assert [each for each in fires if each <= finish] == plain.runs(said, begin, finish)


def test_what_a_schedule_asks_for_waits_for_no_room(
    make_schedule: Make, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 1)
    schedules = [make_schedule(due_at=now, name=f"N {number}") for number in range(3)]
    for schedule in schedules:
        fire(schedule, now)
    assert ReportJob.objects.count() == 3


def test_so_many_schedules_one_may_own(make_schedule: Make, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_SCHEDULES", 2)
    make_schedule()
    keeping.delete(people.owner, make_schedule().id)
    make_schedule()
    with pytest.raises(keeping.TooManySchedulesError):
        keeping.create(people.owner, wish())


def test_a_fire_goes_to_whom_the_schedule_says_and_who_cannot_be_reached_keeps_it_from_nobody(
    make_schedule: Make, people: People, now: datetime
) -> None:
    wanted = ({"channel": "inbox", "recipient": str(people.owner.id), "when": "ready"},)
    schedule = make_schedule(due_at=now, delivery=wanted)
    gone = {"channel": "webhook", "recipient": "0" * 24, "when": "ready"}
    ReportSchedule.objects(id=schedule.id).update(push__delivery=gone)
    (made,) = fire(schedule, now)
    job = ReportJob.objects.get(id=made)
    assert [(each.channel, each.recipient) for each in job.deliver_to] == [("inbox", str(people.owner.id))]
    assert [each for each in told(people.owner) if "cannot go to everybody" in each]
    with pytest.raises(InvalidRequestError):
        make_schedule(delivery=(gone,))
