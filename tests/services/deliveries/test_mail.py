"""Letters by a real mail server: what is in them, who gets what of a report, and what becomes of what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.factories import People, make_spring
from tests.services.deliveries import mail_server
from tests.services.deliveries.desk import CONTENT, PAGE, deliveries, due_at_once, failed_report, ready_report, send_all
from tests.services.deliveries.mail_server import PASSWORD, USER, MailServer
from webapp.documents import AdminEvent, Delivery, ReportJob, When
from webapp.documents.notice import Notice
from webapp.services.changes.changes import Brought, Changes, Count, Kind, Reason
from webapp.services.deliveries import wishes
from webapp.services.deliveries.mail import plain, unsubscribing
from webapp.settings import get_settings


def test_a_letter_says_what_the_report_says_as_text_and_as_html(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    colleague = people.colleague
    make_spring(people, "completed")
    ready_report(tmp_path, people.owner, wishes.letters(colleague.email, note="For Monday.\nThanks!"))
    assert send_all() == ["sent"]
    (letter,) = mail.to(colleague.email)
    delivery = deliveries()[colleague.email]
    assert letter["From"] == "Ada College <reports@desk.example>"
    assert (letter["To"], letter["Subject"]) == (colleague.email, "Quarterly figures")
    assert letter["Reply-To"] == people.owner.email
    assert letter["Message-ID"] == f"<{delivery.id}@desk.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None and page is not None  # noqa: PT018
    for body in (text.get_content(), page.get_content()):
        for said in ("Quarterly figures", "Olivia Owner", "1,234", "61.3 %", "For Monday.", "Period", "History"):
            assert said in body, said
        assert f"https://desk.example/reports/{delivery.job_id}" in body
        assert "last changed" in body
        assert "ago (" in body
    assert (delivery.state, delivery.form, delivery.server_said) == ("sent", "file", "250 2.0.0 Taken as test-1")
    assert delivery.size == len(mail.letters[0][2])


def test_the_file_is_attached_and_the_chart_is_a_picture_in_the_letter_with_its_words(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    (letter,) = mail.to(people.colleague.email)
    (attached,) = letter.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("Figures.csv", "text/csv")
    assert attached.get_payload(decode=True) == CONTENT
    pictures = [part for part in letter.walk() if part.get_content_type() == "image/png"]
    assert len(pictures) == 1
    assert pictures[0].get_payload(decode=True).startswith(b"\x89PNG")  # type: ignore[union-attr]
    page = letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert f'src="cid:{pictures[0]["Content-ID"].strip("<>")}"' in page
    assert 'alt="Count by class"' in page
    assert "<style" not in page


def test_a_letter_is_in_its_readers_language_and_zone(people: People, mail: MailServer, tmp_path: Path) -> None:
    people.colleague.update(set__locale="es", set__time_zone="Asia/Kathmandu")
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    (letter,) = mail.to(people.colleague.email)
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert letter["Content-Language"] == "es"
    assert "1.234" in text
    assert "61,3 %" in text
    assert "Olivia Owner te envía este informe." in text


def test_a_letter_says_in_a_line_what_changed_since_the_report_before(
    people: People, mail: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.colleague.update(set__locale="es")
    changes = Changes(
        since=datetime(2026, 10, 1, 5, tzinfo=UTC),
        counts=(Count(Kind.CHANGED, Reason.COMPLETED, 12), Count(Kind.CHANGED, Reason.CORRECTED, 2, (7,))),
        versions={7: Brought(datetime(2026, 11, 3, 5, tzinfo=UTC))},
    )
    monkeypatch.setitem(PAGE, "changes", changes.to_document())
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    (letter,) = mail.to(people.colleague.email)
    for form in ("plain", "html"):
        said = letter.get_body((form,)).get_content()  # type: ignore[union-attr]
        assert "): 12 completaron; 2 corregidas por la importación del 3 nov 2026" in " ".join(said.split()), form


def test_everyone_gets_a_letter_of_their_own(people: People, mail: MailServer, tmp_path: Path) -> None:
    people.owner.update(set__email="olivia@staff.example")
    both = f"{people.colleague.email}, {people.neighbour.email}; {people.colleague.email.upper()}"
    ready_report(tmp_path, people.owner.reload(), wishes.letters(both))
    assert send_all() == ["sent", "sent"]
    assert [recipient for recipient, _, _ in mail.letters] == [people.colleague.email, people.neighbour.email]
    assert {letter["To"] for _, letter, _ in mail.letters} == {people.colleague.email, people.neighbour.email}
    assert send_all() == []


# --- who may have what ------------------------------------------------------------------------------------------------


def test_who_may_not_see_the_report_gets_nothing_and_the_ledger_says_why(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.stranger.email))
    assert send_all() == ["skipped"]
    assert mail.letters == []
    assert deliveries()[people.stranger.email].why_text.startswith("Stefan Stranger may not see this report.")
    (notice,) = Notice.objects(user_id=people.owner.id)
    assert "did not reach everyone" in notice.text


def test_who_may_see_it_but_not_read_all_its_rows_is_told_and_gets_no_figure(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.stranger.email), visibility="organization")
    assert send_all() == ["sent"]
    (letter,) = mail.to(people.stranger.email)
    assert list(letter.iter_attachments()) == []
    whole = mail.letters[0][2].decode()
    for kept_back in ("1,234", "61.3", "image/png", "History"):
        assert kept_back not in whole, kept_back
    assert "Open its page and sign in" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert deliveries()[people.stranger.email].form == "notice"


def test_what_its_sender_may_not_read_any_more_goes_to_nobody(people: People, mail: MailServer, tmp_path: Path) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    people.owner.update(set__memberships=[])
    assert send_all() == ["skipped"]
    assert "may not" in deliveries()[people.colleague.email].why_text
    assert mail.letters == []


def test_a_closed_account_gets_nothing_even_where_its_domain_is_allowed(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_ALLOWED_DOMAINS", "staff.example")
    get_settings.cache_clear()
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    people.colleague.update(set__is_active=False)
    assert send_all() == ["skipped"]
    assert deliveries()[people.colleague.email].why_text == "The account of Colin Colleague is closed."


def test_outside_go_reports_only_to_the_domains_that_are_allowed_and_it_is_written_down_as_a_disclosure(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_ALLOWED_DOMAINS", "Board.example partner.example")
    get_settings.cache_clear()
    job = ready_report(
        tmp_path, people.owner, wishes.letters("chair@board.example eve@elsewhere.example x@sub.board.example")
    )
    assert sorted(send_all()) == ["sent", "skipped", "skipped"]
    found = deliveries()
    assert "elsewhere.example" in found["eve@elsewhere.example"].why_text
    assert found["chair@board.example"].is_outside
    (letter,) = mail.to("chair@board.example")
    assert len(list(letter.iter_attachments())) == 1
    assert "/reports/" not in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (event,) = AdminEvent.objects(action="sent outside")
    assert (event.user_id, event.subject_id) == (people.owner.id, str(job.id))
    assert event.changes["recipient"] == ["", "chair@board.example"]


def test_what_is_sent_inside_is_written_down_too(people: People, mail: MailServer, tmp_path: Path) -> None:
    job = ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    (event,) = AdminEvent.objects(action="sent")
    assert (event.user_id, event.subject_id, event.changes["form"]) == (people.owner.id, str(job.id), ["", "file"])


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_a_file_over_the_limit_is_a_link_and_the_letter_says_so(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    # 80,000 bytes are under 0.1 MB, but not once they are encoded.
    mail_settings.setenv("REPORTDESK_MAIL_SIZE_LIMIT_MB", "0.1")
    get_settings.cache_clear()
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email), content=b"x" * 80_000)
    assert send_all() == ["sent"]
    (letter,) = mail.to(people.colleague.email)
    assert list(letter.iter_attachments()) == []
    assert "too large to be attached (0.1 MB)" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert deliveries()[people.colleague.email].form == "link"
    (notice,) = Notice.objects(user_id=people.owner.id)
    assert notice.text == "The file of “Quarterly figures” is too large for letters: a link to it was sent instead."


@pytest.mark.parametrize("says_so", [True, False])
def test_a_file_over_the_servers_own_limit_is_a_link_whether_the_server_says_so_before_or_after(
    people: People, mail_settings: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says_so: bool
) -> None:
    with mail_server.running(MailServer(), context=None, size_limit=60_000) as mail:
        mail_settings.setenv("REPORTDESK_SMTP_PORT", str(mail.port))
        get_settings.cache_clear()
        if not says_so:
            from webapp.services.deliveries.mail import smtp

            monkeypatch.setattr(smtp, "_limit_of", lambda server: None)
            monkeypatch.setattr("smtplib.SMTP.has_extn", lambda server, name: False)
        ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email), content=b"x" * 80_000)
        assert send_all() == ["sent"]
    assert [list(letter.iter_attachments()) for letter in mail.to(people.colleague.email)] == [[]]
    assert deliveries()[people.colleague.email].form == "link"


def test_outside_a_file_that_is_too_large_is_told_to_its_sender(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_ALLOWED_DOMAINS", "board.example")
    mail_settings.setenv("REPORTDESK_MAIL_SIZE_LIMIT_MB", "0.05")
    get_settings.cache_clear()
    ready_report(tmp_path, people.owner, wishes.letters("chair@board.example"), content=b"x" * 80_000)
    assert send_all() == ["failed"]
    assert "cannot sign in to fetch it" in deliveries()["chair@board.example"].why_text
    assert Notice.objects(user_id=people.owner.id).count() == 1


# --- a server in every mood -------------------------------------------------------------------------------------------


# aiosmtpd takes only STARTTLS for encryption, and warns of signing in on what is TLS from the first byte.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_letters_go_out_encrypted_and_signed_in(
    people: People, mail_settings: pytest.MonkeyPatch, tmp_path: Path, mail_tls: tuple, security: str
) -> None:
    context, authority = mail_tls
    with mail_server.running(MailServer(), context=context, security=security) as mail:
        for name, value in {"PORT": str(mail.port), "SECURITY": security, "USER": USER, "PASSWORD": PASSWORD}.items():
            mail_settings.setenv(f"REPORTDESK_SMTP_{name}", value)
        get_settings.cache_clear()
        ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
        assert send_all() == ["put off"]  # a certificate that nobody trusts
        assert "certificate verify failed" in deliveries()[people.colleague.email].server_said.lower()
        mail_settings.setenv("SSL_CERT_FILE", str(authority))
        due_at_once()
        assert send_all() == ["sent"]
        mail_settings.setenv("REPORTDESK_SMTP_PASSWORD", "a wrong one")
        get_settings.cache_clear()
        ready_report(tmp_path, people.owner, wishes.letters(people.neighbour.email))
        assert send_all() == ["put off"]
    assert deliveries()[people.neighbour.email].server_said.startswith("535")
    assert len(mail.letters) == 1


def test_one_recipient_that_is_refused_keeps_the_letter_from_nobody_else(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    mail.refuses.add(people.colleague.email)
    job = ready_report(tmp_path, people.owner, wishes.letters(f"{people.colleague.email} {people.neighbour.email}"))
    assert send_all() == ["failed", "sent"]
    found = deliveries()[people.colleague.email]
    assert found.server_said == "550 5.1.1 No such person here"
    assert people.colleague.email in found.why_text
    assert ReportJob.objects.get(id=job.id).status == "ready"
    (notice,) = Notice.objects(user_id=people.owner.id)
    assert (notice.about_kind, notice.about_id) == ("report", job.id)


def test_what_is_put_off_is_tried_again_and_not_before_its_time(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    mail.puts_off[people.colleague.email] = 2
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    assert send_all() == ["put off"]
    assert send_all() == []
    found = deliveries()[people.colleague.email]
    assert found.server_said == "451 4.7.1 Greylisted, try again later"
    assert 50 < (found.not_before - found.queued_at).total_seconds() < 80
    due_at_once()
    assert send_all() == ["put off"]
    due_at_once()
    assert send_all() == ["sent"]
    assert deliveries()[people.colleague.email].attempts == 3
    assert len(mail.letters) == 1


def test_what_has_not_worked_for_a_day_has_failed_with_the_servers_own_words(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    mail.puts_off[people.colleague.email] = 9
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    past = Delivery.objects.get().queued_at.replace(year=2020)
    Delivery.objects.update(set__queued_at=past)
    due_at_once()
    assert send_all() == ["failed"]
    found = deliveries()[people.colleague.email]
    assert found.server_said.startswith("451")
    assert found.why_text.startswith("It was given up after 24")
    assert Notice.objects(user_id=people.owner.id).count() == 1


def test_a_server_that_hangs_takes_its_time_limit_and_no_more(
    people: People, mail: MailServer, tmp_path: Path, mail_settings: pytest.MonkeyPatch
) -> None:
    mail_settings.setenv("REPORTDESK_SMTP_TIMEOUT_SECONDS", "0.3")
    get_settings.cache_clear()
    mail.hangs = True
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    assert send_all() == ["put off"]
    found = deliveries()[people.colleague.email]
    assert "timed out" in found.server_said
    assert found.unsure_count == 0


def test_after_a_lost_answer_the_same_letter_is_sent_under_the_same_id_and_counted(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    mail.loses_answer = 1
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    assert send_all() == ["put off"]
    due_at_once()
    assert send_all() == ["sent"]
    first, second = mail.to(people.colleague.email)
    assert first["Message-ID"] == second["Message-ID"]
    assert deliveries()[people.colleague.email].unsure_count == 1
    assert AdminEvent.objects(action="sent").count() == 1


# --- failures, and unsubscribing --------------------------------------------------------------------------------------


def test_a_report_that_failed_is_told_to_those_who_want_to_hear_of_it(people: People, mail: MailServer) -> None:
    wanted = [
        *wishes.letters(people.colleague.email, when=When.ENDED),
        *wishes.letters(people.neighbour.email),
    ]
    failed_report(people.owner, wanted)
    assert send_all() == ["sent"]
    (letter,) = mail.to(people.colleague.email)
    assert letter["Subject"] == "“Quarterly figures” could not be made"
    assert "There is no class 7." in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    found = deliveries()[people.neighbour.email]
    assert (found.state, found.why_text) == ("skipped", "The report could not be made.")


def test_a_letter_says_how_to_unsubscribe_with_one_click_and_who_has_gets_no_more(
    people: People, mail: MailServer, tmp_path: Path
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    (letter,) = mail.to(people.colleague.email)
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = letter["List-Unsubscribe"].strip("<>")
    assert address.startswith("https://desk.example/unsubscribe/")
    assert people.colleague.email not in address
    token = address.rpartition("/")[2]
    for _ in range(2):
        unsubscribing.unsubscribe(token)
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email), name="Second")
    assert send_all() == ["skipped"]
    assert Notice.objects.count() == 0  # their own wish: nobody is told
    # Of another sender's letters nothing was said.
    ready_report(tmp_path, people.neighbour, wishes.letters(people.colleague.email), name="Third")
    assert send_all() == ["sent"]
    unsubscribing.subscribe_again(token)
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email), name="Fourth")
    assert send_all() == ["sent"]


def test_a_link_to_unsubscribe_that_was_changed_does_nothing(people: People, mail: MailServer, tmp_path: Path) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email))
    send_all()
    token = unsubscribing.token_of(Delivery.objects.get())
    # (Of the last letter not every bit means something.)
    for other in (token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1], "x", "", str(Delivery.objects.get().id)):
        with pytest.raises(unsubscribing.UnknownLinkError):
            unsubscribing.unsubscribe(other)


def test_names_and_notes_begin_no_header_and_no_markup(people: People, mail: MailServer, tmp_path: Path) -> None:
    name = "Figures <b>bold</b> & “more”\u2028Bcc: eve@elsewhere.example"
    ready_report(
        tmp_path, people.owner, wishes.letters(people.colleague.email, note="<img src=x>\r\n.\r\nQUIT"), name=name
    )
    assert send_all() == ["sent"]
    (letter,) = mail.to(people.colleague.email)
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("Figures <b>bold</b> & “more” Bcc:")
    page = letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<b>" not in page
    assert "&lt;img src=x&gt;" in page


def test_links_for_new_passwords_go_out_by_the_same_server(mail: MailServer, database: object) -> None:
    mailer = plain.mailer_of(get_settings())
    assert mailer is not None
    mailer.send("ana@staff.example", "A new password", "Choose it here:\nhttps://desk.example/new-password?t=x\n")
    (letter,) = mail.to("ana@staff.example")
    assert (letter["Subject"], letter["From"]) == ("A new password", "Ada College <reports@desk.example>")
    assert "https://desk.example/new-password?t=x" in letter.get_content()
    mail.refuses.add("ana@staff.example")
    with pytest.raises(plain.LetterNotSentError, match="No such person here"):
        mailer.send("ana@staff.example", "A new password", "x")


def test_a_desk_without_a_mail_server_has_no_mailer(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_SMTP_HOST", " ")
    get_settings.cache_clear()
    assert plain.mailer_of(get_settings()) is None


@pytest.mark.parametrize("missing", ["PUBLIC_URL", "MAIL_FROM"])
def test_a_mail_server_without_what_letters_need_stops_the_start(
    mail_settings: pytest.MonkeyPatch, missing: str
) -> None:
    mail_settings.delenv(f"REPORTDESK_{missing}")
    get_settings.cache_clear()
    with pytest.raises(ValueError, match=f"set REPORTDESK_{missing} beside REPORTDESK_SMTP_HOST"):
        get_settings()
