"""The pages of schedules: made from a report, told as one types, run, paused and handed over; without JavaScript too."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import icalendar
import pytest
from bson import ObjectId
from flask import Flask

from tests.factories import People, make_job
from tests.services.schedules.conftest import end, wish
from tests.web.conftest import Client
from webapp.documents import Calendar, ReportJob, ReportSchedule, ScheduleFeed, ScheduleFire, User
from webapp.services import database_clock, remembered
from webapp.services.calendars import calendars
from webapp.services.permissions import TERMINAL
from webapp.services.questions import ways
from webapp.services.schedules import asked, firing, keeping, planning


@pytest.fixture
def schedule(people: People) -> ReportSchedule:
    return keeping.create(people.owner, wish(timing={"time_of_day": "05:45"}))


def text_of(answer: Any) -> str:
    """What a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def fields_of(page: str) -> dict[str, Any]:
    """What the browser would send of the hidden fields of the form."""
    found = re.findall(r'<input id="(question|revision)" name="\1" type="hidden" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def test_a_report_is_scheduled_from_its_page_and_the_question_is_the_same(
    as_person: Client, people: People, ready_job: Callable[..., ReportJob]
) -> None:
    client, job = as_person(people.owner), ready_job()
    assert f'href="/schedules/new?job={job.id}"' in client.get(f"/reports/{job.id}").text
    page = client.get(f"/schedules/new?job={job.id}")
    assert page.status_code == 200
    sent = {**fields_of(page.text), "name": "Every Monday", "frequency": "weekly", "day_of_week": "1", "time_of_day": "07:30",
            "time_zone": "America/New_York", "trigger": "time", "day_of_month": "31", "cron": "nonsense"}  # fmt: skip
    made = client.post("/schedules/new", data=sent)
    assert made.status_code == 303
    found = ReportSchedule.objects.get()
    assert made.location == f"/schedules/{found.id}"
    expected = ways.from_job(job).model_copy(update={"name": "Every Monday", "priority": "scheduled"})
    assert asked.question_of(found) == expected
    assert (found.owner_id, found.schedule.day_of_week, found.schedule.cron) == (people.owner.id, [1], None)
    assert "Every week on Monday at 07:30 (times of America/New_York)." in text_of(client.get(made.location))
    assert "Every Monday" in text_of(client.get("/schedules/"))


def test_the_next_runs_are_told_as_one_types_as_the_scheduler_will_find_them(as_person: Client, people: People) -> None:
    client = as_person(people.owner)
    sent = {
        "frequency": "monthly",
        "day_of_month": "31",
        "time_of_day": "06:15",
        "time_zone": "Asia/Kathmandu",
        "trigger": "time",
    }
    told = client.post("/schedules/new/when", data=sent, headers={"HX-Request": "true"})
    assert told.status_code == 200
    said = text_of(told)
    assert "Every month on day 31 (of a shorter month: its last) at 06:15 (times of Asia/Kathmandu)." in said
    timing = {"frequency": "monthly", "day_of_month": 31, "time_of_day": "06:15", "timezone": "Asia/Kathmandu"}
    schedule = keeping.create(people.owner, wish(timing=timing))
    zone = planning.rule_of(schedule).zone
    runs = planning.next_runs(schedule, database_clock.now())
    assert len(runs) == 5
    for run in runs:
        there = run.astimezone(zone)
        assert f"{there.day} {there:%B %Y}, 06:15" in said.replace(f"{there:%A}, ", ""), said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frequency": "cron", "cron": "0 6 * * MON#1"}, "At 06:00, on the first Monday of the month"),
        ({"frequency": "cron", "cron": "0 6 x * *"}, "not a cron expression of five fields"),
        ({"frequency": "weekly"}, "Choose a day of the week."),
        ({"frequency": "monthly", "day_of_month": "99"}, "A month has the days 1 to 31."),
        ({"frequency": "daily", "time_of_day": "25:99"}, "Write a time such as 06:30."),
        ({"frequency": "daily", "end_date": "2020-01-01"}, "It would never run"),
        ({"frequency": "daily", "trigger": "fresh-data"}, "Whenever new data came"),
        ({"frequency": "sometimes"}, "When"),
        ({"frequency": "daily", "calendar": "nothing", "on_closed": "before"}, "When"),
        ({"frequency": "relative", "days": "999999999999"}, "From 0 to 400."),
    ],
)  # fmt: skip
def test_what_is_typed_is_judged_as_one_types(
    as_person: Client, people: People, fields: dict[str, str], words: str
) -> None:
    told = as_person(people.owner).post("/schedules/new/when", data={"time_zone": "UTC", "trigger": "time", **fields})
    assert told.status_code == 200
    assert words in text_of(told)


def test_what_is_wrong_is_told_under_its_field_and_what_was_typed_stays(as_person: Client, people: People) -> None:
    client = as_person(people.owner)
    question = "type=enrollment-summary&group=class&measure=nonsense"
    sent = {
        "question": question,
        "name": "",
        "frequency": "weekly",
        "time_zone": "UTC",
        "trigger": "time",
        "description": "For the dean",
    }
    answer = client.post("/schedules/new", data=sent)
    assert answer.status_code == 422
    said = text_of(answer)
    assert "A schedule needs a name." in said
    assert "For the dean" in said
    named = client.post("/schedules/new", data={**sent, "name": "N"})
    assert named.status_code == 422
    assert "Choose a day of the week." in text_of(named)
    assert "nonsense" in text_of(named)
    assert ReportSchedule.objects.count() == 0


def test_a_schedule_is_changed_and_what_the_page_does_not_show_stays(as_person: Client, people: People) -> None:
    delivery = ({"channel": "inbox", "recipient": str(people.colleague.id)},)
    found = keeping.create(people.owner, wish(delivery=delivery, co_owner_ids=(people.colleague.id,)))
    client = as_person(people.owner)
    page = client.get(f"/schedules/{found.id}/edit")
    assert page.status_code == 200
    sent = {**fields_of(page.text), "name": "New name", "frequency": "daily", "time_zone": "UTC", "trigger": "time",
            "time_of_day": "18:00", "co_owners": str(people.colleague.id)}  # fmt: skip
    assert client.post(f"/schedules/{found.id}/edit", data=sent).status_code == 303
    found.reload()
    assert (found.name, found.schedule.time_of_day, found.revision) == ("New name", "18:00", 2)
    assert (found.delivery, found.co_owner_ids) == ([dict(delivery[0])], [people.colleague.id])
    assert client.post(f"/schedules/{found.id}/edit", data=sent).status_code == 409, "somebody was faster"


def test_what_once_was_is_shown_on_its_own_clocks_when_it_is_changed(as_person: Client, people: People) -> None:
    client = as_person(people.owner)
    sent = {"question": "type=enrollment-summary", "name": "Once", "frequency": "once", "time_zone": "Asia/Kathmandu",
            "trigger": "time", "run_at": "2034-05-06T07:08"}  # fmt: skip
    assert client.post("/schedules/new", data=sent).status_code == 303
    found = ReportSchedule.objects.get()
    assert found.next_run_at.isoformat() == "2034-05-06T01:23:00+00:00"
    assert 'value="2034-05-06T07:08"' in client.get(f"/schedules/{found.id}/edit").text


def test_the_report_of_another_question_takes_its_place(
    as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    job = make_job(people.owner.id, report_type="completion-rates", department_id=people.department.id)
    page = as_person(people.owner).get(f"/schedules/{schedule.id}/edit?job={job.id}")
    assert "type=completion-rates" in fields_of(page.text)["question"]


def test_reports_that_everyone_would_see_are_asked_about_first(as_person: Client, people: People) -> None:
    client = as_person(people.owner)
    sent = {"question": "type=enrollment-summary", "name": "N", "frequency": "daily", "time_zone": "UTC", "trigger": "time",
            "visibility": "organization"}  # fmt: skip
    answer = client.post("/schedules/new", data=sent)
    assert answer.status_code == 409
    assert "people would see this report" in text_of(answer)
    assert client.post("/schedules/new", data={**sent, "agreed": "y"}).status_code == 303


def test_a_page_tells_the_history_and_leads_to_each_report(
    as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    client = as_person(people.owner)
    token = {"submission": "once"}
    assert client.post(f"/schedules/{schedule.id}/run", data=token).status_code == 303
    assert client.post(f"/schedules/{schedule.id}/run", data=token).status_code == 303
    (job,) = ReportJob.objects
    end(job.id)
    page = client.get(f"/schedules/{schedule.id}")
    assert f'href="/reports/{job.id}"' in page.text
    said = text_of(page)
    assert "by hand · Olivia Owner" in said
    assert "Made 3 rows" in said
    assert f'href="/schedules/{schedule.id}">Weekly numbers</a>' in client.get(f"/reports/{job.id}").text
    assert ScheduleFire.objects.count() == 1


def test_a_schedule_is_paused_with_a_reason_and_resumed(
    as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    manager, owner = as_person(people.manager), as_person(people.owner)
    assert "Weekly numbers" not in text_of(manager.get("/schedules/"))
    assert "Weekly numbers" in text_of(manager.get("/schedules/?whose=department&q=olivia"))
    assert manager.post(f"/schedules/{schedule.id}/pause", data={"reason": "Exam week"}).status_code == 303
    said = text_of(owner.get(f"/schedules/{schedule.id}"))
    assert "Martha Manager Exam week" in said
    assert "The next runs" not in said
    assert "Weekly numbers" in text_of(owner.get("/schedules/?state=paused"))
    assert owner.post(f"/schedules/{schedule.id}/resume", data={"revision": "99"}).status_code == 303
    assert schedule.reload().is_paused, "it is not what they have looked at"
    assert owner.post(f"/schedules/{schedule.id}/resume", data={"revision": "1"}).status_code == 303
    assert not schedule.reload().is_paused


def test_a_schedule_is_handed_over_and_its_new_owner_resumes_it(
    as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    owner, colleague = as_person(people.owner), as_person(people.colleague)
    assert "Colin Colleague" in owner.get(f"/schedules/{schedule.id}").text
    handed = owner.post(f"/schedules/{schedule.id}/hand-over", data={"new_owner": str(people.colleague.id)})
    assert (handed.status_code, handed.location) == (303, "/schedules/")
    assert owner.get(f"/schedules/{schedule.id}").status_code == 404
    assert "its new owner looks at it first" in text_of(colleague.get(f"/schedules/{schedule.id}"))
    assert colleague.post(f"/schedules/{schedule.id}/resume").status_code == 303
    assert schedule.reload().next_run_at is not None
    refused = colleague.post(f"/schedules/{schedule.id}/hand-over", data={"new_owner": str(ObjectId())})
    assert refused.status_code == 303
    assert schedule.reload().owner_id == people.colleague.id


def test_a_schedule_is_deleted_and_its_reports_stay(
    as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    client = as_person(people.owner)
    firing.run_now(people.owner, schedule.id)
    assert client.post(f"/schedules/{schedule.id}/delete").status_code == 303
    assert client.get(f"/schedules/{schedule.id}").status_code == 404
    assert ReportJob.objects.count() == 1


def test_upcoming_runs_are_listed(as_person: Client, people: People, schedule: ReportSchedule) -> None:
    page = as_person(people.owner).get("/schedules/upcoming")
    assert page.text.count("Weekly numbers") == 14
    assert "Nothing is planned" in text_of(as_person(people.colleague).get("/schedules/upcoming"))


def test_without_a_question_the_page_says_where_to_begin(as_person: Client, people: People) -> None:
    assert "Begin with a report" in text_of(as_person(people.owner).get("/schedules/new"))


def test_an_administrator_keeps_calendars_and_schedules_use_them(as_person: Client, people: People) -> None:
    client = as_person(people.administrator)
    made = client.post(
        "/admin/calendars/add",
        data={"name": "Term time", "weekend": ["0", "6"], "days": "2034-05-08 Founders\n\n2034-05-09"},
    )
    assert made.status_code == 303
    found = Calendar.objects.get()
    assert [*calendars.days_of(found).values()] == ["Founders", ""]
    wrong = client.post(
        f"/admin/calendars/{found.id}", data={"name": "Term time", "revision": "1", "days": "2034-05-08\nMay"}
    )
    assert wrong.status_code == 422
    assert "Line 2 does not begin with a day" in text_of(wrong)
    filled = client.post(
        f"/admin/calendars/{found.id}/holidays", data={"country": "DE", "part": "BY", "years": "2034", "count": "1"}
    )
    assert filled.status_code == 303
    assert len(Calendar.objects.get().days) > 10
    assert (
        client.post(
            f"/admin/calendars/{found.id}/holidays", data={"country": "DE", "part": "XX", "years": "2034", "count": "1"}
        ).status_code
        == 422
    )
    assert client.post(f"/admin/calendars/{found.id}/file", data={}).status_code == 422
    sent = {"question": "type=enrollment-summary", "name": "N", "frequency": "daily", "time_zone": "UTC", "trigger": "time",
            "calendar": str(found.id), "on_closed": "before"}  # fmt: skip
    assert as_person(people.owner).post("/schedules/new", data=sent).status_code == 303
    page = as_person(people.owner).get(f"/schedules/{ReportSchedule.objects.get().id}")
    assert "On days on which “Term time” is closed: the working day before." in text_of(page)
    assert client.post(f"/admin/calendars/{found.id}/active", data={"active": "no"}).status_code == 303
    assert Calendar.objects.get().is_active, "it is in use"


@pytest.mark.parametrize("digits", [30, 5_000])
def test_a_number_with_too_many_digits_is_none(as_person: Client, people: People, digits: int) -> None:
    number = "9" * digits
    client = as_person(people.administrator)
    calendar = calendars.add(people.administrator, name="Term time", weekend=(0, 6), days={})
    kept = client.post(f"/admin/calendars/{calendar.id}", data={"name": "Other", "revision": number, "weekend": "0"})
    assert kept.status_code in (409, 422)
    schedule = keeping.create(people.administrator, wish())
    page = client.get(f"/schedules/{schedule.id}/edit").text
    sent = {**fields_of(page), "name": "New", "frequency": "daily", "time_zone": "UTC", "trigger": "time",
            "time_of_day": "18:00", "revision": number}  # fmt: skip
    assert client.post(f"/schedules/{schedule.id}/edit", data=sent).status_code in (409, 422)
    weekly = {**sent, "frequency": "weekly", "day_of_week": number, "revision": "1"}
    assert client.post(f"/schedules/{schedule.id}/edit", data=weekly).status_code == 422
    assert (calendar.reload().name, schedule.reload().name) != ("Other", "New")


def test_calendar_files_are_taken(as_person: Client, people: People) -> None:
    from io import BytesIO

    from tests.services.calendars.test_calendars import FILE

    found = calendars.add(TERMINAL, name="From a file")
    client = as_person(people.administrator)
    sent = client.post(f"/admin/calendars/{found.id}/file", data={"file": (BytesIO(FILE), "days.ics")})
    assert sent.status_code == 303
    assert "Winter break" in calendars.days_of(Calendar.objects.get()).values()
    refused = client.post(f"/admin/calendars/{found.id}/file", data={"file": (BytesIO(b"nothing"), "days.ics")})
    assert refused.status_code == 422
    assert "This is not a calendar file" in text_of(refused)


def test_a_page_of_many_schedules_asks_little_of_the_database(as_person: Client, people: People) -> None:
    from tests.commands import recorded, scans
    from webapp.documents.connection import current_database

    for number in range(3):
        keeping.create(people.owner, wish(name=f"N {number}"))
    client = as_person(people.owner)
    client.get("/schedules/")
    remembered.forget_everything()
    with recorded() as few:
        client.get("/schedules/")
    for number in range(20):
        keeping.create(people.owner, wish(name=f"M {number}"))
    remembered.forget_everything()
    with recorded() as many:
        assert text_of(client.get("/schedules/")).count("Every day at") == 23
    assert len(many) <= len(few)
    assert scans(current_database(), many) == []


def test_a_calendar_program_reads_the_upcoming_runs_by_a_secret_link(
    app: Flask, as_person: Client, people: People, schedule: ReportSchedule
) -> None:
    keeping.create(people.colleague, wish(name="Not mine"))
    client, program = as_person(people.owner), app.test_client()

    def link_of(page: str) -> str:
        return re.search(r'value="http://localhost(/schedules/feed/[^"]+[.]ics)"', page)[1]

    first = link_of(client.post("/schedules/feed").text)
    answer = program.get(first)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    events = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    runs = planning.next_runs(schedule, database_clock.now(), count=len(events))
    assert 58 <= len(events) <= 61
    assert [event.decoded("DTSTART") for event in events] == runs
    assert {str(event["SUMMARY"]) for event in events} == {"Weekly numbers"}
    second = link_of(client.post("/schedules/feed").text)
    assert (program.get(first).status_code, program.get(second).status_code) == (404, 200)
    assert first not in str(ScheduleFeed.objects.get().to_mongo()), "the secret itself is kept nowhere"
    User.objects(id=people.owner.id).update(set__is_active=False)
    assert program.get(second).status_code == 404
    User.objects(id=people.owner.id).update(set__is_active=True)
    assert client.post("/schedules/feed", data={"end": "yes"}).status_code == 303
    assert program.get(second).status_code == 404
