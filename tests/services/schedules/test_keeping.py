"""Making, changing, pausing, handing over: who may, what is refused in words, and what is told and written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, hold, make_class
from tests.services.schedules.conftest import Make, days, request, wish
from webapp.documents import AdminEvent, Calendar, ReportSchedule, User
from webapp.documents.notice import Notice
from webapp.documents.report_schedule import Relative
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError
from webapp.services.calendars import calendars
from webapp.services.permissions import TERMINAL
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.schedules import asked, firing, keeping, lists, planning
from webapp.services.schedules.lists import ListQuery, State, Whose
from webapp.services.schedules.rights import ScheduleNotFoundError, visible_schedule

CAST = ("owner", "colleague", "neighbour", "manager", "other_manager", "stranger", "administrator")


def may(people: People, act: Any) -> set[str]:
    """Who of the cast is not refused."""
    found = set()
    for name in CAST:
        try:
            act(getattr(people, name))
        except (ForbiddenError, ScheduleNotFoundError):
            continue
        except ConflictError:
            pass  # they may; it is so already
        found.add(name)
    return found


def test_its_people_managers_and_administrators_see_it_and_all_others_are_told_that_there_is_none(
    make_schedule: Make, people: People
) -> None:
    schedule = make_schedule(co_owner_ids=(people.neighbour.id,))
    seen = may(people, lambda by: visible_schedule(by, schedule.id))
    assert seen == {"owner", "neighbour", "manager", "administrator"}
    for name in CAST:
        listed = [lists.matching(getattr(people, name), ListQuery(whose)) for whose in Whose]
        assert any(listed) == (name in seen), name
    with pytest.raises(ScheduleNotFoundError) as none:
        visible_schedule(people.stranger, schedule.id)
    with pytest.raises(ScheduleNotFoundError) as other:
        visible_schedule(people.stranger, id_ := ObjectId())
    assert str(none.value).replace(str(schedule.id), "") == str(other.value).replace(str(id_), "")


def test_its_people_and_administrators_change_and_run_it(make_schedule: Make, people: People) -> None:
    schedule = make_schedule(co_owner_ids=(people.neighbour.id,))
    editors = {"owner", "neighbour", "administrator"}
    again = wish(co_owner_ids=(people.neighbour.id,))
    assert (
        may(people, lambda by: keeping.change(by, schedule.id, again, revision=schedule.reload().revision)) == editors
    )
    assert may(people, lambda by: firing.run_now(by, schedule.id)) == editors


def test_managers_may_pause_resume_and_hand_it_over_too(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    steer = {"owner", "manager", "administrator"}
    assert may(people, lambda by: keeping.pause(by, schedule.id)) == steer
    assert may(people, lambda by: keeping.resume(by, schedule.id)) == steer
    for name in sorted(steer):
        again = make_schedule()
        assert keeping.hand_over(getattr(people, name), again.id, people.colleague.id).owner_id == people.colleague.id
    for name in ("neighbour", "stranger", "other_manager"):
        with pytest.raises(ScheduleNotFoundError):
            keeping.hand_over(getattr(people, name), make_schedule().id, people.colleague.id)


def test_an_owner_who_may_not_ask_any_more_sees_it_and_changes_nothing(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    hold(people.owner, []).save()
    owner = User.objects.get(id=people.owner.id)
    assert visible_schedule(owner, schedule.id) == schedule
    for act in (keeping.delete, keeping.pause, firing.run_now):
        with pytest.raises(ForbiddenError):
            act(owner, schedule.id)


def test_only_its_owner_says_who_owns_it_with_them(make_schedule: Make, people: People) -> None:
    schedule = make_schedule(co_owner_ids=(people.neighbour.id,))
    more = wish(co_owner_ids=(people.neighbour.id, people.colleague.id))
    with pytest.raises(ForbiddenError, match="Only its owner"):
        keeping.change(people.neighbour, schedule.id, more, revision=1)
    assert keeping.change(people.owner, schedule.id, more, revision=1).co_owner_ids == list(more.co_owner_ids)


def test_what_is_asked_is_kept_as_it_was_asked(make_schedule: Make, people: People) -> None:
    asked_for = request(
        statuses=("completed",), slicers=("status",), name="not its name", priority="low", as_of_job_id=ObjectId()
    )
    schedule = make_schedule(request=asked_for.model_copy(update={"as_of_job_id": None}))
    kept = asked.question_of(schedule)
    assert kept.model_copy(update={"name": "", "department_id": None}) == asked_for.model_copy(
        update={"name": "", "as_of_job_id": None}
    )
    assert (kept.name, kept.department_id) == ("Weekly numbers", people.department.id)


def test_every_fault_is_told_under_its_field(people: People) -> None:
    wanted = wish(
        name=" ",
        request=request(measures=("nonsense",)),
        timing={"frequency": "weekly", "timezone": "Mars/Olympus"},
        on_closed="skip",
        co_owner_ids=(ObjectId(),),
    )
    with pytest.raises(InvalidRequestError) as refused:
        keeping.create(people.owner, wanted)
    assert set(refused.value.fields) >= {"name", "timezone", "day_of_week", "calendar_id", "co_owners"}
    assert any(name.startswith("question.") for name in refused.value.fields)
    assert ReportSchedule.objects.count() == 0


@pytest.mark.parametrize(
    ("timing", "field", "words"),
    [
        ({"frequency": "once"}, "run_at", "Say when"),
        ({"frequency": "once", "run_at": datetime(2020, 1, 1, tzinfo=UTC)}, "run_at", "never run"),
        ({"frequency": "monthly"}, "day_of_month", "day of the month"),
        ({"frequency": "quarterly", "day_of_month": 1}, "quarter_months", "months"),
        ({"frequency": "yearly", "day_of_month": 1}, "month", "month"),
        ({"frequency": "cron", "cron": "0 6 * *"}, "cron", "five fields"),
        ({"frequency": "cron", "cron": "0 6 31 2 *"}, "cron", "Bad day-of-month"),
        ({"frequency": "cron", "cron": "* * * * *"}, "cron", "more often than every 5 minutes"),
        ({"frequency": "relative", "relative": Relative()}, "class_ids", "Choose the classes"),
        ({"start_date": datetime(2030, 2, 1, tzinfo=UTC), "end_date": datetime(2030, 1, 1, tzinfo=UTC)}, "end_date", "before"),
        ({"end_date": datetime(2020, 1, 1, tzinfo=UTC)}, "frequency", "never run"),
    ],
)  # fmt: skip
def test_times_that_do_not_do_are_refused_in_words(
    people: People, timing: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        keeping.create(people.owner, wish(timing=timing))
    assert words in refused.value.fields[field]


def test_so_many_working_days_before_a_class_ends_by_the_record(make_schedule: Make, people: People) -> None:
    spring = make_class("Spring", department=people.department, ends_at=datetime(2030, 6, 29, tzinfo=UTC))
    relative = Relative(end="class", days=5, working_days=True, class_ids=[spring.id])
    schedule = make_schedule(timing={"frequency": "relative", "relative": relative})
    assert schedule.next_run_at == datetime(2030, 6, 21, 6, tzinfo=UTC)  # the 28th is a Friday
    theirs = make_class("Elsewhere", department=people.other_department, ends_at=datetime(2030, 6, 29, tzinfo=UTC))
    relative.class_ids = [theirs.id]
    with pytest.raises(InvalidRequestError, match="not yours to read"):
        keeping.create(people.owner, wish(timing={"frequency": "relative", "relative": relative}))
    relative.class_ids = [make_class("Endless", department=people.department).id]
    with pytest.raises(InvalidRequestError, match="Endless"):
        keeping.create(people.owner, wish(timing={"frequency": "relative", "relative": relative}))


def test_whoever_changes_what_has_changed_meanwhile_is_told(make_schedule: Make, people: People) -> None:
    schedule = make_schedule(co_owner_ids=(people.neighbour.id,))
    keeping.change(people.neighbour, schedule.id, wish(name="Theirs", co_owner_ids=(people.neighbour.id,)), revision=1)
    with pytest.raises(keeping.ChangedMeanwhileError):
        keeping.change(people.owner, schedule.id, wish(name="Mine"), revision=1)
    assert schedule.reload().name == "Theirs"


def test_a_change_plans_anew_and_keeps_what_runs_have_counted(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    ReportSchedule.objects(id=schedule.id).update(set__fire_count=7, set__failures_in_a_row=2)
    keeping.change(people.owner, schedule.id, wish(timing={"time_of_day": "18:45"}, description="New"), revision=1)
    schedule.reload()
    assert (schedule.next_run_at.hour, schedule.next_run_at.minute) == (18, 45)
    assert (schedule.fire_count, schedule.failures_in_a_row, schedule.description) == (7, 2, "New")
    keeping.change(people.owner, schedule.id, wish(trigger="fresh-data"), revision=2)
    schedule.reload()
    assert (schedule.next_run_at, schedule.data_version, schedule.description) == (None, 0, None)
    event = AdminEvent.objects(action="changed", subject_id=str(schedule.id)).first()
    assert event.changes["when"][1] == "Every day at 18:45 (times of UTC)."


def test_pausing_says_who_why_and_tells_the_owner(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    paused = keeping.pause(people.manager, schedule.id, "Holidays \x00until May")
    assert (paused.is_paused, paused.pause_text, paused.paused_by) == (True, "Holidays until May", people.manager.id)
    assert paused.next_run_at is None
    (notice,) = Notice.objects
    assert (notice.user_id, notice.about_id) == (people.owner.id, schedule.id)
    assert notice.text == "Martha Manager paused “Weekly numbers”: Holidays until May"
    with pytest.raises(ConflictError, match="paused already"):
        keeping.pause(people.owner, schedule.id)
    resumed = keeping.resume(people.owner, schedule.id)
    assert (resumed.pause_text, resumed.paused_by, resumed.paused_at) == ("", None, None)
    with pytest.raises(ConflictError, match="not paused"):
        keeping.resume(people.owner, schedule.id)


def test_a_change_of_a_paused_one_does_not_make_it_run(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    keeping.pause(people.owner, schedule.id)
    keeping.change(people.owner, schedule.id, wish(trigger="both"), revision=1)
    schedule.reload()
    assert (schedule.is_paused, schedule.next_run_at, schedule.data_version) == (True, None, None)


def test_what_is_handed_over_waits_until_its_new_owner_resumes_it(make_schedule: Make, people: People) -> None:
    schedule = make_schedule(co_owner_ids=(people.neighbour.id,))
    handed = keeping.hand_over(people.owner, schedule.id, people.colleague.id)
    assert (handed.owner_id, handed.is_paused, handed.next_run_at) == (people.colleague.id, True, None)
    assert [n.user_id for n in Notice.objects if "handed" in n.text] == [people.colleague.id, people.neighbour.id]
    # Nobody makes it run with the new owner's rights but the new owner.
    for other in (people.neighbour, people.manager, people.administrator, TERMINAL):
        with pytest.raises(ForbiddenError, match="new owner"):
            keeping.resume(other, schedule.id)
    for other in (people.neighbour, people.administrator):
        with pytest.raises(ForbiddenError, match="new owner"):
            firing.run_now(other, schedule.id)
    changed = keeping.change(people.neighbour, schedule.id, wish(co_owner_ids=(people.neighbour.id,)), revision=2)
    with pytest.raises(keeping.ChangedMeanwhileError):
        keeping.resume(people.colleague, schedule.id, revision=2)  # as they have looked at it
    assert keeping.resume(people.colleague, schedule.id, revision=changed.revision).next_run_at is not None
    with pytest.raises(ScheduleNotFoundError):
        visible_schedule(people.owner, schedule.id)


def test_it_is_handed_to_somebody_who_could_own_it_only(make_schedule: Make, people: People) -> None:
    schedule = make_schedule()
    assert set(keeping.candidates(schedule).values()) == {"Colin Colleague", "Nora Neighbour"}
    for nobody in (people.stranger, people.owner, people.administrator):
        with pytest.raises(InvalidRequestError, match="Choose"):
            keeping.hand_over(people.owner, schedule.id, nobody.id)


def test_reports_that_everyone_would_see_are_agreed_to_once(make_schedule: Make, people: People) -> None:
    everyone = wish(request=request(visibility="organization"))
    with pytest.raises(NotAgreedError):
        keeping.create(people.owner, everyone)
    schedule = keeping.create(people.owner, everyone, agreed=True)
    assert keeping.change(people.owner, schedule.id, everyone, revision=1).revision == 2
    job = firing.run_now(people.owner, schedule.id)
    assert job.visibility == "organization"


def test_lists_are_searched_and_narrowed(make_schedule: Make, people: People) -> None:
    now = datetime.now(UTC)
    late = make_schedule(name="Fällige", due_at=now + days(9))
    soon = make_schedule(name="Registry", due_at=now + days(1))
    # As it was while the desk sent e-mail.
    wanted = {"channel": "email", "recipient": "dean@staff.example"}
    ReportSchedule.objects(id=soon.id).update(push__delivery=wanted, set__updated_at=now)
    paused = make_schedule(name="Paused")
    keeping.pause(people.owner, paused.id)
    failing = make_schedule(name="Failing", due_at=now + days(2))
    ReportSchedule.objects(id=failing.id).update(set__failures_in_a_row=1)
    over = make_schedule(name="Over")
    ReportSchedule.objects(id=over.id).update(unset__next_run_at=True)

    def listed(**query: Any) -> list[str]:
        return [each.name for each in lists.page(people.owner, ListQuery(**query)).schedules]

    assert listed() == ["Registry", "Failing", "Fällige", "Over", "Paused"]
    assert listed(text="fallige") == ["Fällige"]
    assert listed(text="DEAN@staff") == ["Registry"]
    assert listed(text="olivia enrollment registry") == ["Registry"]
    assert [listed(state=state) for state in (State.PAUSED, State.FAILING, State.OVER)] == [
        ["Paused"],
        ["Failing"],
        ["Over"],
    ]
    assert listed(state=State.RUNNING) == ["Registry", "Fällige"]
    assert lists.page(people.owner, ListQuery(number=9)).number == 1
    assert lists.page(people.colleague, ListQuery()).count == 0
    assert lists.page(people.manager, ListQuery(Whose.DEPARTMENT)).count == 5
    assert late.id != soon.id


def test_upcoming_runs_are_told_in_their_order(make_schedule: Make, people: People, now: datetime) -> None:
    daily = make_schedule(name="Daily", timing={"time_of_day": "06:00"})
    evening = make_schedule(name="Evening", timing={"time_of_day": "18:00"})
    found = lists.upcoming(people.owner, Whose.OWN, now, timedelta(days=3))
    assert [moment for moment, _ in found] == sorted(moment for moment, _ in found)
    assert {schedule.id for _, schedule in found} == {daily.id, evening.id}
    assert len(found) == 6


def test_a_calendar_that_changes_plans_its_schedules_anew(make_schedule: Make, people: People) -> None:
    calendar = calendars.add(people.administrator, name="Term time")
    schedule = make_schedule(
        calendar_id=calendar.id, on_closed="skip", timing={"frequency": "monthly", "day_of_month": 15}
    )
    before = schedule.next_run_at
    closed = {before.date() + timedelta(days=n): "Closed" for n in range(1)}
    calendars.change(people.administrator, calendar.id, revision=1, name="Term time", weekend=[], days=closed)
    assert schedule.reload().next_run_at > before
    assert planning.rule_of(schedule).closed.days == frozenset(closed)
    with pytest.raises(ConflictError, match="1 schedule runs by"):
        calendars.set_active(people.administrator, calendar.id, False)
    keeping.delete(people.owner, schedule.id)
    assert calendars.set_active(people.administrator, calendar.id, False).is_active is False
    with pytest.raises(InvalidRequestError, match="no such calendar"):
        keeping.create(people.owner, wish(calendar_id=Calendar.objects.get().id))
