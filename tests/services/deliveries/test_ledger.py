"""Each wish becomes one delivery, each delivery is sent by one worker, whoever is killed meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from tests.commands import recorded
from tests.factories import People, make_job
from tests.services.deliveries.desk import deliveries, due_at_once, failed_report, ready_report, send_all, thread
from tests.services.deliveries.mail_server import MailServer
from webapp import storage
from webapp.documents import Channel, Delivery, DeliveryWish, ReportJob, When
from webapp.documents.connection import current_database
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.deliveries import copies, hosts, inbox, ledger, making, sending, wishes
from webapp.services.deliveries.mail import smtp
from webapp.services.jobs import lifecycle
from webapp.services.leases.lease import Hold
from webapp.settings import get_settings


def take(channel: Channel = Channel.EMAIL, worker: str = "w") -> Hold:
    hold = ledger.claim(ledger.due(channel, database_clock.now())[0], worker)
    assert hold is not None
    return hold


def run_out() -> None:
    """The worker that holds it has died a while ago."""
    Delivery.objects(state="sending").update(set__lease__until=database_clock.now() - timedelta(seconds=1))


# --- from wishes to deliveries ----------------------------------------------------------------------------------------


def test_the_end_of_a_report_makes_one_delivery_for_each_wish_once(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    wanted = [
        *wishes.letters(f"{people.colleague.email} {people.manager.email}"),
        wishes.notify(people.owner, When.READY),
    ]
    job = ready_report(tmp_path, people.owner, wanted)
    makers = [threading.Thread(target=making.make, args=[ReportJob.objects.get(id=job.id)]) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert set(deliveries()) == {people.colleague.email, people.manager.email, str(people.owner.id)}
    assert ReportJob.objects.get(id=job.id).deliveries_wanted is None
    assert making.make_due() == 0


def test_a_maker_that_dies_half_way_is_followed_by_one_that_makes_the_rest(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(f"{people.colleague.email} {people.manager.email}"))
    making.make_due()
    # As if it had died after the first, and before it had taken the mark away.
    assert send_all() == ["sent", "sent"]
    Delivery.objects(recipient=people.manager.email).delete()
    ReportJob.objects.update(set__deliveries_wanted=True)
    assert send_all() == ["sent"]
    assert [recipient for recipient, _, _ in mail.letters].count(people.colleague.email) == 1


def test_a_report_that_is_begun_again_serves_those_who_wait_for_it_and_nobody_twice(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    wanted = [
        *wishes.letters(people.colleague.email, when=When.ENDED),
        *wishes.letters(people.neighbour.email),
        wishes.notify(people.owner, When.FAILED),
    ]
    job = failed_report(people.owner, wanted)
    making.make_due()
    lifecycle.retry(job.id, by=people.owner.id)
    assert ReportJob.objects.get(id=job.id).deliveries_wanted is True
    assert making.make_due() == 0  # it waits
    ReportJob.objects(id=job.id).update(set__status="failed")
    making.make_due()
    states = sorted((each.occasion, each.channel, each.state) for each in Delivery.objects)
    assert states == [("failed", "email", "queued"), ("failed", "email", "skipped"), ("failed", "inbox", "queued")]
    ReportJob.objects(id=job.id).update(set__status="ready", set__deliveries_wanted=True)
    making.make_due()
    assert sorted(each.recipient for each in Delivery.objects(occasion="ready")) == [
        people.colleague.email,
        people.neighbour.email,
    ]


def test_a_report_that_is_begun_again_while_its_deliveries_are_made_keeps_its_mark(people: People) -> None:
    job = failed_report(people.owner, [wishes.notify(people.owner, When.ENDED)])
    lifecycle.retry(job.id, by=people.owner.id)
    assert making.make(job) is False  # as it was read before
    ReportJob.objects(id=job.id).update(set__status="failed")  # it has failed again
    assert making.make(job) is False
    assert ReportJob.objects.get(id=job.id).deliveries_wanted is True


def test_whoever_stopped_a_report_is_not_told_that_it_was(people: People) -> None:
    wanted = [wishes.notify(people.owner, When.READY), wishes.notify(people.manager, When.FAILED)]
    job = make_job(people.owner.id, deliver_to=wanted, deliveries_wanted=True, department_id=people.department.id)
    lifecycle.cancel(job.id, by=people.owner.id)
    send_all()
    assert (inbox.unread(people.owner), inbox.unread(people.manager)) == (0, 1)


def test_a_deleted_report_is_delivered_to_nobody(people: People, mail: MailServer, tmp_path: Path) -> None:
    job = ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    ReportJob.objects(id=job.id).delete()
    assert send_all() == ["skipped"]
    assert deliveries()[people.colleague.email].why_text == "The report has been deleted."


# --- one worker at a time ---------------------------------------------------------------------------------------------


def test_of_many_workers_one_takes_a_delivery(people: People, mail: MailServer, tmp_path: Path) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    (seen,) = ledger.due(Channel.EMAIL, database_clock.now())
    holds: list[Hold | None] = []
    claimers = [threading.Thread(target=lambda name=n: holds.append(ledger.claim(seen, f"w{name}"))) for n in range(6)]  # type: ignore[misc]
    for each in claimers:
        each.start()
    for each in claimers:
        each.join()
    assert len([hold for hold in holds if hold is not None]) == 1


def test_who_lost_the_lease_hands_nothing_over(
    people: People, mail: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    slow = take()
    run_out()
    ledger.reap()
    quick = take(worker="w2")
    with monkeypatch.context() as patched:
        # It had looked before the lease ran out.
        patched.setattr(ledger, "held", lambda hold: Delivery.objects.get(id=hold.id))
        assert sending.send(slow) == "lost"
    assert mail.letters == []
    assert sending.send(quick) == "sent"
    assert not ledger.fail(slow, Message("It did not work."))
    assert deliveries()[people.colleague.email].state == "sent"


#: Where a worker may be killed: before and after each step that leaves something behind.
STEPS: dict[str, tuple[Any, str]] = {
    "before the letter is handed over": (ledger, "hand_over"),
    "while it speaks to the server": (smtp, "deliver"),
    "before the end is written": (ledger, "sent"),
}


class Killed(BaseException):
    """As SIGKILL: no handler runs, nothing is written any more."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_worker_goes_on_and_each_recipient_is_served_once(
    people: People, mail: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    where, name = STEPS[step]
    real: Callable[..., Any] = getattr(where, name)

    def killed(*args: Any, **more: Any) -> Any:
        if after:
            real(*args, **more)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, killed)
        with pytest.raises(Killed):
            sending.send(take())
    run_out()
    ledger.reap()
    due_at_once()
    taken_before = len(mail.letters)
    words = send_all()
    found = deliveries()[people.colleague.email]
    assert found.state == "sent"
    if step == "before the end is written" and after:
        assert (words, taken_before, len(mail.letters), found.unsure_count) == ([], 1, 1, 0)
    else:
        # Twice only where the server had taken it: under one Message-ID, and counted.
        assert len(mail.letters) == 1 + taken_before
        assert len({letter["Message-ID"] for _, letter, _ in mail.letters}) == 1
        assert found.unsure_count == (1 if taken_before or (after and step.startswith("before the letter")) else 0)


def test_what_kills_its_worker_again_and_again_is_given_up_and_its_sender_hears_of_it(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    for _ in range(get_settings().max_crashes):
        take()
        run_out()
        assert len(ledger.reap()) == 1
        due_at_once()
    assert send_all() == ["failed"]
    why = f"The worker that sent it ended {get_settings().max_crashes} times before it was done."
    found = deliveries()[people.colleague.email]
    assert (found.state, found.why_text, mail.letters) == ("failed", why, [])
    assert [each.text for each in inbox.page(people.owner).notices] == [
        f"“Quarterly figures” did not reach everyone. {why}"
    ]
    assert ledger.again(found.id)
    assert send_all() == ["sent"]


# --- the thread -------------------------------------------------------------------------------------------------------


def test_a_thread_of_the_worker_sends_what_is_due_by_every_channel(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_PER_MINUTE", "100000")
    get_settings.cache_clear()
    wanted = [
        *wishes.letters(f"{people.colleague.email} {people.manager.email}"),
        wishes.notify(people.owner, When.READY),
        DeliveryWish(channel="storage", recipient="exports/{type}/{name}-{date}", when="ready"),
    ]
    job = ready_report(tmp_path, people.owner, wanted)
    runner = thread()
    runner.start()
    try:
        _wait_until(lambda: Delivery.objects(state="sent").count() == 4)
    finally:
        runner.stop()
    assert inbox.page(people.owner).notices[0].text == "“Quarterly figures” is ready."
    assert len(mail.letters) == 2
    (copy,) = [key for key, _, _ in _files("delivered/")]
    assert copy == copies.key_of("exports/{type}/{name}-{date}", job)


def _files(folder: str) -> list[tuple[str, int, Any]]:
    return list(storage.open_storage(get_settings().effective_storage_url).list(folder))


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not is_so():
        assert time.monotonic() < end, deliveries()
        time.sleep(0.02)


def test_a_server_that_hangs_holds_up_no_other_channel(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_SMTP_TIMEOUT_SECONDS", "1")
    get_settings.cache_clear()
    mail.hangs = True
    wanted = [*wishes.letters(people.colleague.email), wishes.notify(people.owner, When.READY)]
    ready_report(tmp_path, people.owner, wanted)
    runner = thread()
    runner.start()
    try:
        _wait_until(lambda: Delivery.objects(state="sent", channel="inbox").count() == 1)
        assert Delivery.objects.get(channel="email").state == "sending"
    finally:
        runner.stop()


def test_a_host_is_given_one_at_a_time_at_its_pace(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_PER_MINUTE", "60")
    get_settings.cache_clear()
    ready_report(tmp_path, people.owner, wishes.letters(f"{people.colleague.email} {people.manager.email}"))
    workers = (thread(), thread())
    for worker in workers:
        worker.turn()
    begun = Delivery.objects(state__in=["sending", "sent"]).count()
    for worker in workers:
        worker.stop()
    assert begun == 1


def test_a_server_that_is_away_is_asked_once_and_then_left_alone_for_a_while(
    people: People, mail_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mail_settings.setenv("REPORTDESK_SMTP_PORT", "9")
    get_settings.cache_clear()
    ready_report(tmp_path, people.owner, wishes.letters(f"{people.colleague.email} {people.manager.email}"))
    runner = thread()
    for _ in range(3):
        runner.drain(seconds=2)
    assert sorted(each.attempts for each in Delivery.objects) == [0, 1]
    assert hosts.is_known_away("mail 127.0.0.1")
    # A day later nobody waits for a server that is still away, and the sender knows.
    Delivery.objects.update(set__queued_at=database_clock.now() - timedelta(hours=25))
    due_at_once()
    for _ in range(3):
        runner.drain(seconds=2)
    assert {each.state for each in Delivery.objects} == {"failed"}
    assert inbox.unread(people.owner) == 1


# --- what may be asked ------------------------------------------------------------------------------------------------


def test_one_may_ask_for_word_of_a_report_that_one_sees_until_it_has_ended(people: People) -> None:
    job = make_job(people.owner.id, visibility="department", department_id=people.department.id)
    wishes.add(people.colleague, job.id, wishes.notify(people.colleague, When.READY))
    found = wishes.add(people.colleague, job.id, wishes.notify(people.colleague, When.FAILED))
    assert [(each.recipient, each.when) for each in found.deliver_to] == [(str(people.colleague.id), "failed")]
    assert wishes.own_notice(people.colleague, found) is When.FAILED
    assert wishes.own_notice(people.owner, found) is None
    with pytest.raises(NotFoundError):
        wishes.add(people.stranger, job.id, wishes.notify(people.stranger, When.READY))
    lifecycle.cancel(job.id, by=people.owner.id)
    with pytest.raises(ConflictError):
        wishes.add(people.colleague, job.id, wishes.notify(people.colleague, When.READY))


def test_a_report_is_sent_to_others_by_those_who_may_edit_it(people: People, mail: MailServer) -> None:
    job = make_job(people.owner.id, visibility="department", department_id=people.department.id)
    with pytest.raises(ForbiddenError):
        wishes.add(people.colleague, job.id, wishes.letters(people.colleague.email)[0])
    wishes.add(people.owner, job.id, wishes.letters(people.colleague.email)[0])
    assert ReportJob.objects.get(id=job.id).deliver_to[0].recipient == people.colleague.email


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nobody", "no address"),
        ("a@b", "no address"),
        ("a@b.example\r\nBcc:x@y.example", "no address"),
        ("eve@elsewhere.example", "do not go to addresses at elsewhere.example"),
        ("é@staff.example", "no address"),
    ],
)
def test_an_address_that_nothing_can_go_to_is_refused_when_it_is_asked(
    people: People, mail: MailServer, address: str, words: str
) -> None:
    wish = DeliveryWish(channel="email", recipient=address, when="ready")
    with pytest.raises(InvalidRequestError, match=words):
        wishes.check(people.owner, [wish])


def test_a_desk_without_a_mail_server_says_so(people: People) -> None:
    with pytest.raises(InvalidRequestError, match="sends no e-mail"):
        wishes.check(people.owner, wishes.letters(people.colleague.email))


@pytest.mark.parametrize(
    "pattern",
    ["", "/", "a//b", "../x", "a/../b", "a/.", "a\\b", "{name", "{secret}", "CON", "a\x00", ".hidden", "a/" * 9 + "b"],
)
def test_what_is_no_pattern_of_a_key_is_refused(people: People, pattern: str) -> None:
    assert copies.problem_of(pattern) is not None


def test_copies_are_for_administrators(people: People) -> None:
    wish = DeliveryWish(channel="storage", recipient="latest", when="ready")
    with pytest.raises(InvalidRequestError, match="administrators"):
        wishes.check(people.manager, [wish])
    assert wishes.check(people.administrator, [wish]) == [wish]


def test_no_name_leads_a_copy_out_of_its_folder(people: People, tmp_path: Path) -> None:
    job = ready_report(tmp_path, people.owner, name="../../etc/passwd\\x")
    assert copies.key_of("{name}/{name}", job) == "delivered/etc passwd x/etc passwd x.csv"


def test_every_look_of_the_thread_is_served_by_an_index(people: People, mail: MailServer, tmp_path: Path) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    with recorded() as commands:
        making.make_due()
        hold = take()
        ledger.beat([hold])
        ledger.reap()
        inbox._count(people.owner.id)
    finds = [each.body for each in commands if each.name == "find" and "_id" not in each.body["filter"]]
    assert len(finds) >= 5
    for find in finds:
        asked = {name: find[name] for name in ("find", "filter", "sort", "limit", "hint") if name in find}
        plan = current_database().command("explain", asked)["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan), (asked, plan)


def test_what_was_sent_does_not_go_out_again_because_the_database_was_away_a_moment(
    people: People, mail: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    making.make_due()
    real, tries = ledger.sent, []

    def away_twice(*args: Any, **more: Any) -> bool:
        tries.append(1)
        if len(tries) < 3:
            raise AutoReconnect("away")
        return real(*args, **more)

    monkeypatch.setattr(ledger, "sent", away_twice)
    monkeypatch.setattr(sending, "AGAIN_SECONDS", 0.01)
    assert sending.send(take()) == "sent"
    found = deliveries()[people.colleague.email]
    assert (found.state, found.unsure_count, len(mail.letters)) == ("sent", 0, 1)
