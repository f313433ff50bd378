"""What goes out of a scheduled report without rows, or with the rows of the last time: as its schedule says; and what its
owner is told of what does not arrive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People
from tests.services.deliveries.desk import deliveries, due_at_once, ready_report, send_all
from tests.services.deliveries.mail_server import MailServer
from tests.services.schedules.conftest import wish
from webapp.documents import Delivery, DeliveryWish, ReportJob, ReportSchedule, ScheduleFire, When
from webapp.documents.notice import Notice
from webapp.services import database_clock
from webapp.services.deliveries import wishes
from webapp.services.people import directory
from webapp.services.rights import data_scope
from webapp.services.schedules import firing, keeping, outcomes
from webapp.settings import get_settings

Run = Callable[..., ReportJob]
COPY = DeliveryWish(channel="storage", recipient="latest/{type}")


@pytest.fixture
def run(people: People, tmp_path: Path) -> Run:
    """A run of a schedule that has just ended well, with the line of the history that its fire has written."""
    since = database_clock.now().replace(microsecond=0) - timedelta(days=30)
    lines: list[datetime] = []

    def end_well(
        schedule: ReportSchedule,
        wanted: list[DeliveryWish],
        *,
        rows: int = 3,
        checksum: str = "a",
        settled: bool = True,
        **more: Any,
    ) -> ReportJob:
        made = {"rowsWritten": rows, "rowsChecksum": checksum}
        job = ready_report(tmp_path, people.owner, wanted, made=made, schedule_id=schedule.id, **more)
        lines.append(since + timedelta(days=len(lines)))
        ScheduleFire(
            id=job.id, schedule_id=schedule.id, fired_for=lines[-1], fired_at=lines[-1], why="time", job_id=job.id,
            outcome="open", open_since=lines[-1],
        ).save(force_insert=True)  # fmt: skip
        if settled:
            outcomes.settle()
        return job

    return end_well


def letters_of(mail: MailServer) -> list[tuple[str, list[str | None]]]:
    """The text of each letter, and the names of its files."""
    found = [message for _, message, _ in mail.letters]
    told = []
    for message in found:
        body = message.get_body(("plain",))
        assert body is not None
        told.append((body.get_content(), [part.get_filename() for part in message.iter_attachments()]))
    return told


def of(people: People, **fields: Any) -> ReportSchedule:
    return keeping.create(people.owner, wish(**fields))


def notice_of(people: People) -> str:
    return " ".join(notice.text for notice in Notice.objects(user_id=people.owner.id))


def everybody(people: People) -> list[DeliveryWish]:
    return [*wishes.letters(people.colleague.email), wishes.notify(people.owner, When.ENDED), COPY]


def test_an_empty_report_goes_out_as_usual_where_its_schedule_says_so(
    people: People, mail: MailServer, run: Run
) -> None:
    run(of(people, on_empty="send"), everybody(people), rows=0)
    assert send_all() == ["sent", "sent", "sent"]
    ((_, files),) = letters_of(mail)
    assert files == ["Figures.csv"]


def test_of_an_empty_report_only_word_goes_out_where_its_schedule_says_so(
    people: People, mail: MailServer, run: Run
) -> None:
    run(of(people, on_empty="say"), everybody(people), rows=0)
    assert send_all() == ["sent", "sent"]
    ((text, files),) = letters_of(mail)
    assert files == []
    assert "It has no rows this time, so no file is sent." in text
    assert "is ready, and has no rows this time." in notice_of(people)
    copy = deliveries()[COPY.recipient]
    assert (copy.state, copy.why_text) == ("skipped", "It has no rows; its schedule then only says so.")


def test_who_may_not_read_the_rows_is_not_told_that_there_are_none(
    people: People, mail: MailServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(of(people, on_empty="say"), everybody(people)[:1], rows=0)
    everyone = data_scope.data_scope
    nobodys = data_scope.DataScope.from_document({"departmentIds": [], "classIds": []})
    monkeypatch.setattr(
        data_scope, "data_scope", lambda actor: nobodys if actor.id == people.colleague.id else everyone(actor)
    )
    assert send_all() == ["sent"]
    assert "no rows" not in letters_of(mail)[0][0]


def test_of_an_empty_report_nothing_goes_out_where_its_schedule_says_so(
    people: People, mail: MailServer, run: Run
) -> None:
    run(of(people, on_empty="skip"), everybody(people), rows=0)
    assert send_all() == []
    assert {each.state for each in deliveries().values()} == {"skipped"}
    assert {each.why_text for each in deliveries().values()} == {"It has no rows; its schedule then sends nothing."}
    assert len(deliveries()) == 3
    assert (mail.letters, notice_of(people)) == ([], "")


def test_a_report_with_rows_goes_out_whatever_its_schedule_says_of_empty_ones(
    people: People, mail: MailServer, run: Run
) -> None:
    for on_empty in ("say", "skip"):
        run(of(people, on_empty=on_empty), wishes.letters(people.colleague.email))
        assert send_all() == ["sent"]
    assert "no rows" not in letters_of(mail)[0][0]


@pytest.mark.parametrize("settled", [True, False])
def test_the_same_rows_as_the_last_time_are_not_sent_again(
    people: People, mail: MailServer, run: Run, settled: bool
) -> None:
    schedule, to = of(people, on_unchanged="skip"), wishes.letters(people.colleague.email)
    run(schedule, to, settled=settled)
    assert send_all() == ["sent"], "nothing was there before it"
    second = run(schedule, to, settled=settled)
    assert send_all() == []
    skipped = next(each for each in deliveries().values() if each.job_id == second.id)
    assert skipped.state == "skipped"
    assert skipped.why_text == "It has the same rows as the last time; its schedule then sends nothing."
    run(schedule, to, checksum="b", settled=settled)
    assert send_all() == ["sent"], "it has changed"
    run(schedule, to, checksum="a", settled=settled)
    assert send_all() == ["sent"], "it is as it was, but not as the last time"


@pytest.mark.parametrize("settled", [True, False])
def test_the_same_rows_as_a_year_ago_are_not_sent_again_although_the_history_is_deleted_since(
    people: People, mail: MailServer, run: Run, settled: bool
) -> None:
    schedule, to = of(people, on_unchanged="skip"), wishes.letters(people.colleague.email)
    for checksum, words in (("a", ["sent"]), ("a", []), ("b", ["sent"])):
        run(schedule, to, checksum=checksum, settled=settled)
        assert send_all() == words
        outcomes.settle()
        ScheduleFire.objects.delete()


def test_what_failed_or_was_another_schedules_is_not_the_last_time(people: People, mail: MailServer, run: Run) -> None:
    schedule, to = of(people, on_unchanged="skip"), wishes.letters(people.colleague.email)
    run(of(people, name="Another"), to)
    run(schedule, to)
    assert send_all() == ["sent", "sent"]
    failed = run(schedule, to, checksum="b")
    ScheduleFire.objects(id=failed.id).update(set__outcome="failed", unset__rows_checksum=1)
    send_all()
    run(schedule, to)
    assert send_all() == [], "the run before the failed one had the same"


def test_the_same_rows_go_out_where_the_schedule_says_nothing_else(people: People, mail: MailServer, run: Run) -> None:
    schedule, to = of(people), wishes.letters(people.colleague.email)
    for _ in range(2):
        run(schedule, to)
        assert send_all() == ["sent"]
    run(ReportSchedule(id=ObjectId()), to)
    assert send_all() == ["sent"], "a schedule that is gone says nothing"


# --- what goes wrong on the way ---------------------------------------------------------------------------------------


def test_who_has_left_before_a_fire_is_told_to_its_owner_and_the_others_are_served(
    people: People, mail: MailServer
) -> None:
    to = [{"channel": "email", "recipient": each.email} for each in (people.colleague, people.manager)]
    schedule = of(people, delivery=tuple(to))
    directory.set_active(people.colleague, False, by=people.administrator)
    job = firing.run_now(people.owner, schedule.id)
    assert [each.recipient for each in job.deliver_to] == [people.manager.email]
    assert "cannot go to everybody whom it should reach: The account of Colin Colleague is closed." in notice_of(people)


def test_who_leaves_while_a_report_is_made_is_told_to_its_owner_and_the_others_are_served(
    people: People, mail: MailServer, run: Run
) -> None:
    run(of(people), wishes.letters(f"{people.colleague.email} {people.manager.email}"))
    directory.set_active(people.colleague, False, by=people.administrator)
    assert sorted(send_all()) == ["sent", "skipped"]
    assert [address for address, _, _ in mail.letters] == [people.manager.email]
    assert "did not reach everyone. The account of Colin Colleague is closed." in notice_of(people)


def test_a_file_that_is_too_large_for_letters_is_told_once_for_a_schedule(
    people: People, mail: MailServer, run: Run, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_SIZE_LIMIT_MB", "0.01")
    get_settings.cache_clear()
    schedule = of(people)
    for _ in range(2):
        run(schedule, wishes.letters(people.colleague.email), content=b"x" * 20_000)
        assert send_all() == ["sent"]
    assert {each.form for each in deliveries().values()} == {"link"}
    assert notice_of(people).count("is too large for letters") == 1


def test_a_mail_server_that_is_down_for_a_day_is_told_to_the_owner_of_the_schedule(
    people: People, mail_settings: pytest.MonkeyPatch, run: Run
) -> None:
    mail_settings.setenv("REPORTDESK_SMTP_PORT", "9")
    get_settings.cache_clear()
    schedule = of(people)
    run(schedule, wishes.letters(people.colleague.email))
    assert send_all() == ["put off"]
    assert notice_of(people) == ""
    Delivery.objects.update(set__queued_at=database_clock.now() - timedelta(hours=25))
    due_at_once()
    assert send_all() == ["failed"]
    assert "It was given up after 24 hours." in notice_of(people)
    assert not schedule.reload().is_paused, "its reports are made all the same"
