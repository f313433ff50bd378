"""Whom a schedule's reports go to: chosen in its form, judged at its fields, told in its history."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, make_job
from tests.services.deliveries.desk import ready_report
from tests.services.schedules.conftest import wish
from tests.web.conftest import Client
from tests.web.test_schedules import fields_of, text_of
from webapp.documents import ReportSchedule, ScheduleFire, WebhookEndpoint, When
from webapp.documents.report_schedule import LastMade
from webapp.services import database_clock
from webapp.services.deliveries import making, overview, wishes
from webapp.services.schedules import keeping
from webapp.settings import get_settings

ASKED = {
    "question": "type=enrollment-summary",
    "name": "To many",
    "frequency": "daily",
    "time_zone": "UTC",
    "trigger": "time",
}


@pytest.fixture(autouse=True)
def _mail(settings_env: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PUBLIC_URL": "https://desk.example",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_SECURITY": "none",
        "MAIL_FROM": "reports@desk.example",
        "MAIL_ALLOWED_DOMAINS": "partner.example",
    }.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()


@pytest.fixture
def hook(people: People) -> WebhookEndpoint:
    return WebhookEndpoint(name="Warehouse", url="https://hooks.example/in", created_by=people.administrator.id).save()


def kept(schedule: ReportSchedule) -> list[dict[str, Any]]:
    return [dict(each) for each in schedule.reload().delivery]


def error_at(page: str, field: str) -> str:
    found = re.search(rf'id="{field}-error">([^<]*)<', page)
    return found[1] if found else ""


def test_recipients_webhooks_a_copy_and_ones_own_inbox_are_chosen_in_the_form(
    as_person: Client, people: People, hook: WebhookEndpoint
) -> None:
    client = as_person(people.administrator)
    offered = client.get(f"/schedules/new?{ASKED['question']}").text
    assert "Warehouse" in offered
    to = f"{people.colleague.email}\r\n  Dean@Partner.example \r\n"
    sent = {**ASKED, "send_to": to, "webhooks": str(hook.id), "notify": "ready"}
    sent["copy_to"] = " figures/{date} \r\n\r\nfigures/newest\r\nfigures/{date}"
    assert client.post("/schedules/new", data=sent).status_code == 303
    schedule = ReportSchedule.objects.get()
    assert kept(schedule) == [
        {"channel": "email", "recipient": people.colleague.email},
        {"channel": "email", "recipient": "dean@partner.example"},
        {"channel": "webhook", "recipient": str(hook.id)},
        {"channel": "storage", "recipient": "figures/{date}"},
        {"channel": "storage", "recipient": "figures/newest"},
        {"channel": "inbox", "recipient": str(people.administrator.id), "when": "ready"},
    ]
    page = client.get(f"/schedules/{schedule.id}/edit").text
    assert f"{people.colleague.email}\ndean@partner.example</textarea>" in page.replace("\r", "")
    assert re.search(rf'name="webhooks" value="{hook.id}"[^>]* checked', page)
    assert "figures/{date}\nfigures/newest</textarea>" in page.replace("\r", "")
    assert '<option selected value="ready">' in page


def test_telling_what_changed_is_switched_off_in_the_form_and_its_page_says_so(
    as_person: Client, people: People
) -> None:
    client = as_person(people.owner)
    checked = re.compile('<input [^>]*checked [^>]*id="tell_changes"')
    assert checked.search(client.get(f"/schedules/new?{ASKED['question']}").text)
    client.post("/schedules/new", data={**ASKED, "tell_changes": "y"})
    schedule = ReportSchedule.objects.get()
    page = f"/schedules/{schedule.id}"
    assert "It tells what came, went and changed since the report before." in client.get(page).text
    made = LastMade(record_version=7, as_of=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    ReportSchedule.objects(id=schedule.id).update(set__last_made=made)
    told = text_of(client.get(page))
    assert "(data of 1 March 2026) is kept until the next one is made, for 400 days at most" in told
    found = client.get(f"{page}/edit").text
    assert checked.search(found)
    client.post(f"{page}/edit", data={**ASKED, **fields_of(found)})
    assert not ReportSchedule.objects.get().tell_changes
    assert "It does not tell what changed since the report before." in client.get(page).text
    assert not checked.search(client.get(f"{page}/edit").text)


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(as_person: Client, people: People) -> None:
    client = as_person(people.administrator)
    sent = {**ASKED, "send_to": "nobody@elsewhere.example\nnonsense", "copy_to": "a/{what}"}
    answer = client.post("/schedules/new", data=sent)
    assert answer.status_code == 422
    assert "reports do not go to addresses at elsewhere.example" in error_at(answer.text, "send_to")
    assert "nonsense" in error_at(answer.text, "send_to")
    assert "“a/{what}”: a key may have" in error_at(answer.text, "copy_to")
    assert "nobody@elsewhere.example\nnonsense</textarea>" in answer.text.replace("\r", "")
    assert ReportSchedule.objects.count() == 0


def test_what_was_chosen_is_taken_away_again_and_what_is_others_stays(
    as_person: Client, people: People, hook: WebhookEndpoint
) -> None:
    before = (
        {"channel": "email", "recipient": people.colleague.email, "note": "For the board", "attach": False},
        {"channel": "email", "recipient": people.manager.email},
        {"channel": "webhook", "recipient": str(hook.id)},
        {"channel": "inbox", "recipient": str(people.owner.id), "when": "failed"},
        {"channel": "inbox", "recipient": str(people.colleague.id), "when": "ready"},
    )
    schedule = keeping.create(people.owner, wish(delivery=before))
    client = as_person(people.owner)
    page = client.get(f"/schedules/{schedule.id}/edit").text
    assert '<option selected value="failed">' in page
    sent = {**ASKED, **fields_of(page), "send_to": people.colleague.email, "notify": ""}
    assert client.post(f"/schedules/{schedule.id}/edit", data=sent).status_code == 303
    assert kept(schedule) == [dict(before[0]), dict(before[4])]


def test_a_webhook_that_has_ended_since_is_told_and_can_be_taken_away(
    as_person: Client, people: People, hook: WebhookEndpoint
) -> None:
    schedule = keeping.create(people.owner, wish(delivery=({"channel": "webhook", "recipient": str(hook.id)},)))
    hook.update(set__is_active=False)
    client = as_person(people.owner)
    page = client.get(f"/schedules/{schedule.id}/edit").text
    assert "a webhook that has ended" in page
    sent = {**ASKED, **fields_of(page), "webhooks": str(hook.id)}
    refused = client.post(f"/schedules/{schedule.id}/edit", data=sent)
    assert (refused.status_code, error_at(refused.text, "webhooks")) == (422, "There is no such webhook.")
    assert client.post(f"/schedules/{schedule.id}/edit", data={**sent, "webhooks": []}).status_code == 303
    assert kept(schedule) == []


def test_copies_are_for_administrators_and_letters_for_a_desk_that_sends_mail(
    as_person: Client, people: People, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.delenv("REPORTDESK_SMTP_HOST")
    get_settings.cache_clear()
    client = as_person(people.owner)
    page = client.get(f"/schedules/new?{ASKED['question']}").text
    assert 'name="notify"' in page
    assert [name for name in ("send_to", "copy_to", "webhooks") if f'name="{name}"' in page] == []
    sent = {**ASKED, "send_to": people.colleague.email, "copy_to": "figures"}
    assert client.post("/schedules/new", data=sent).status_code == 303
    assert kept(ReportSchedule.objects.get()) == [], "what is not offered is not read"


def test_a_reports_question_can_take_the_place_of_a_schedules(as_person: Client, people: People) -> None:
    mine = keeping.create(people.owner, wish(name="Mine"))
    keeping.create(people.colleague, wish(name="Not mine"))
    job = make_job(people.owner.id, report_type="completion-rates", department_id=people.department.id)
    client = as_person(people.owner)
    page = client.get(f"/schedules/new?job={job.id}").text
    assert f'href="/schedules/{mine.id}/edit?job={job.id}">Mine</a>' in page
    assert "Not mine" not in page
    edit = client.get(f"/schedules/{mine.id}/edit?job={job.id}")
    sent = {**ASKED, **fields_of(edit.text), "name": "Mine"}
    assert client.post(f"/schedules/{mine.id}/edit", data=sent).status_code == 303
    assert mine.reload().report_type == "completion-rates"
    assert ReportSchedule.objects.count() == 2


def test_the_history_tells_of_each_fire_what_went_to_whom_and_why_it_did_not(
    as_person: Client, people: People, tmp_path: Path
) -> None:
    schedule = keeping.create(people.owner, wish(on_empty="skip", co_owner_ids=(people.colleague.id,)))
    wanted = [*wishes.letters(people.colleague.email), wishes.notify(people.owner, When.ENDED)]
    for rows in (0, 3):
        job = ready_report(tmp_path, people.owner, wanted, made={"rowsWritten": rows}, schedule_id=schedule.id)
        line = {"schedule_id": schedule.id, "fired_for": database_clock.now(), "fired_at": database_clock.now()}
        ScheduleFire(id=job.id, job_id=job.id, why="time", outcome="made", **line).save(force_insert=True)
    making.make_due()
    said = text_of(as_person(people.owner).get(f"/schedules/{schedule.id}"))
    assert "2 · Not sent" in said
    assert "2 · Waiting" in said
    assert said.count("It has no rows; its schedule then sends nothing.") == 2
    assert said.count(people.colleague.email) == 2
    others = text_of(as_person(people.colleague).get(f"/schedules/{schedule.id}"))
    assert "1 · Not sent" in others, "nobody else is told of a person's inbox"
    assert as_person(people.stranger).get(f"/schedules/{schedule.id}").status_code == 404


def test_where_more_has_gone_out_than_is_told_the_history_says_so(
    as_person: Client, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MOST_OF_SCHEDULE", 1)
    schedule = keeping.create(people.owner, wish())
    for number in range(2):
        job = ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email), schedule_id=schedule.id)
        at = database_clock.now() + timedelta(seconds=number)
        line = {"schedule_id": schedule.id, "fired_for": at, "fired_at": at}
        ScheduleFire(id=job.id, job_id=job.id, why="time", outcome="made", **line).save(force_insert=True)
        said = text_of(as_person(people.owner).get(f"/schedules/{schedule.id}"))
        assert "Of earlier deliveries" not in said
        making.make_due()
    assert "Of earlier deliveries" in text_of(as_person(people.owner).get(f"/schedules/{schedule.id}"))
