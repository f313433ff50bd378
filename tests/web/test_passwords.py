"""A new password: judged as it is typed, changed by the one there is, or set by a link that works once."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, People
from tests.web.conftest import Client
from tests.web.test_sessions import is_in
from webapp import clock
from webapp.app import create_app
from webapp.documents import AdminEvent, PasswordReset, User
from webapp.services.people import accounts, resets
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings
from webapp.web.auth import password_views

GOOD = "otter lamp river dune"


class Letters:
    """A mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        self.sent.append((to, subject, text))


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def with_mail(app: Flask, letters: Letters, settings_env: pytest.MonkeyPatch) -> Flask:
    settings_env.setenv("REPORTDESK_PUBLIC_URL", "https://desk.example")
    get_settings.cache_clear()
    app = create_app(connect=False, mailer=letters)
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return app


def ask_for_link(app: Flask, email: str, **more: Any) -> Any:
    answer = app.test_client().post("/sign-in/forgotten", data={"email": email}, **more)
    for thread in threading.enumerate():
        if thread.name == password_views.SENDER:
            thread.join()
    return answer


def follow(client: FlaskClient, token: str) -> Any:
    return client.get(f"/new-password?t={token}", follow_redirects=True)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("short", "at least 12"),
        ("password1234", "tried first"),
        ("aaaaaaaaaaaaaaaa", "repeats itself"),
        ("olivia.owner@staff.example", "your name, your address"),
        ("OliviaOwner2026", "your name, your address"),
        ("Reportdesk-2026", "your name, your address"),
        ("x" * 1025, "at most 1,024"),
        ("", "Type a new password"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason_and_what_to_do(
    people: People, as_person: Client, new: str, words: str
) -> None:
    client = as_person(people.owner)
    answer = client.post("/account/password", data={"current": PASSWORD, "new": new})
    assert answer.status_code == 422
    assert words in answer.text
    assert accounts.authenticate(people.owner.email, PASSWORD) is not None
    assert is_in(client)


def test_the_meter_tells_while_one_types_and_keeps_nothing(
    app: Flask, people: People, as_person: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = as_person(people.owner)
    assert 'hx-post="/password-strength"' in client.get("/account").text
    for typed, words in ((GOOD, "hard to guess"), ("OliviaOwner2026", "your name"), ("qz-7x", "at least 12")):
        answer = client.post("/password-strength", data={"new": typed}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert words in answer.text
        assert typed not in answer.text
        assert typed not in caplog.text
    assert "<meter" not in client.post("/password-strength", data={}).text


def test_an_answer_to_the_page_before_leaves_the_next_pages_form_valid(app: Flask, people: People) -> None:
    """The meter's last answer may come when the sign-in page stands there already: it changes nothing of the cookie."""
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    with client.session_transaction() as session:
        session["_flashes"] = [("success", "Your new password is set.")]
    late = client.post("/password-strength", data={"new": "x"}, headers={"HX-Request": "true", "X-CSRFToken": "old"})
    assert late.status_code == 400
    assert "Set-Cookie" not in late.headers


def test_an_administrator_hands_over_a_link_that_sets_the_password_once_and_ends_all_sessions(
    app: Flask, people: People, as_person: Client
) -> None:
    owner, administrator = as_person(people.owner), as_person(people.administrator)
    shown = administrator.post(f"/admin/people/{people.owner.id}/reset-link").text
    link = re.findall(r'id="reset-link" value="([^"]+)"', shown)[0]
    assert link.startswith("http://localhost/new-password?t=")
    client = app.test_client()
    moved = client.get(link.removeprefix("http://localhost"))
    assert (moved.status_code, moved.location) == (303, "/new-password")
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    assert moved.headers["Cache-Control"] == "no-store"
    page = client.get("/new-password")
    assert people.owner.email in page.text
    weak = client.post("/new-password", data={"new": "password1234"})
    assert weak.status_code == 422
    done = client.post("/new-password", data={"new": GOOD}, follow_redirects=True)
    assert "Your new password is set" in done.text
    assert not is_in(owner)
    assert not is_in(client)  # whoever has the link has not signed in by it
    assert accounts.authenticate(people.owner.email, GOOD) is not None
    again = follow(app.test_client(), urlsplit(link).query.removeprefix("t="))
    assert again.status_code == 410
    assert "no longer works" in again.text
    acts = [event.action for event in AdminEvent.objects(area="sessions", subject_id=str(people.owner.id))]
    assert "password link made" in acts
    assert "password reset by link" in acts
    token = urlsplit(link).query.removeprefix("t=")
    assert not any(token in str(each.to_mongo()) for each in (*PasswordReset.objects, *AdminEvent.objects))


def test_only_administrators_make_links_for_others(people: People, as_person: Client) -> None:
    for person in (people.owner, people.manager):
        assert as_person(person).post(f"/admin/people/{people.colleague.id}/reset-link").status_code == 404
    from webapp.errors import ForbiddenError

    with pytest.raises(ForbiddenError):
        resets.make(people.colleague, by=people.manager)
    assert PasswordReset.objects.count() == 0


def test_a_link_ends_by_time_by_another_password_by_deactivation_and_is_told_alike(app: Flask, people: People) -> None:
    begin = clock.utcnow()
    with time_machine.travel(begin, tick=False) as clocks:
        old = resets.make(people.owner, by=TERMINAL)
        clocks.move_to(begin + timedelta(minutes=59))
        assert follow(app.test_client(), old).status_code == 200
        clocks.move_to(begin + timedelta(minutes=61))
        told = {follow(app.test_client(), old).text.count("no longer works")}
    first, second = resets.make(people.owner, by=TERMINAL), resets.make(people.owner, by=TERMINAL)
    resets.use(second, GOOD)
    told.add(follow(app.test_client(), first).text.count("no longer works"))
    colleagues = resets.make(people.colleague, by=TERMINAL)
    User.objects(id=people.colleague.id).update(set__is_active=False)
    for token in (colleagues, "", "x", "%00", "x" * 5_000, "🙂"):
        answer = follow(app.test_client(), token)
        assert answer.status_code == 410
        told.add(answer.text.count("no longer works"))
    assert len(told) == 1
    assert app.test_client().get("/new-password").status_code == 410


def test_of_two_who_use_one_link_at_once_one_comes_too_late(people: People) -> None:
    token = resets.make(people.owner, by=TERMINAL)
    outcomes: list[str] = []

    def use(password: str) -> None:
        try:
            resets.use(token, password)
            outcomes.append("set")
        except resets.LinkEndedError:
            outcomes.append("ended")

    threads = [threading.Thread(target=use, args=(f"{GOOD} {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ended"] * 5 + ["set"]


def test_a_letter_brings_the_link_to_who_has_an_account_and_the_page_tells_nobody(
    with_mail: Flask, people: People, letters: Letters
) -> None:
    User.objects(id=people.stranger.id).update(set__is_active=False)
    told = set()
    for email in (people.owner.email, "nobody@staff.example", people.stranger.email, "not an address"):
        answer = ask_for_link(with_mail, email, headers={"Host": "evil.example"})
        told.add((answer.status_code, re.sub(r'content="[^"]+"|value="[^"]*"', "", answer.text)))
    assert len(told) == 1
    ((to, subject, text),) = letters.sent
    assert to == people.owner.email
    assert "new password" in subject
    link = re.findall(r"https://desk\.example/new-password\?t=(\S+)", text)
    assert "evil" not in text
    assert follow(with_mail.test_client(), link[0]).status_code == 200


def test_letters_are_in_the_language_of_who_gets_them_and_few(
    with_mail: Flask, people: People, letters: Letters
) -> None:
    for turn in range(5):
        ask_for_link(with_mail, people.owner.email, environ_base={"REMOTE_ADDR": f"198.51.100.{turn}"})
    assert len(letters.sent) == 3
    answers = [ask_for_link(with_mail, f"x{turn}@x.example").status_code for turn in range(22)]
    assert answers == [200] * 20 + [429] * 2


def test_a_letter_that_cannot_be_sent_is_logged_without_its_reader(
    with_mail: Flask,
    people: People,
    letters: Letters,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(to: str, subject: str, text: str) -> None:
        raise OSError(f"refused {to} {text}")

    monkeypatch.setattr(letters, "send", refuse)
    assert ask_for_link(with_mail, people.owner.email).status_code == 200
    record = next(each for each in caplog.records if "was not sent" in each.getMessage())
    assert record.error == "OSError"
    assert "owner" not in caplog.text
    assert "new-password?t=" not in caplog.text


def test_without_mail_the_page_says_whom_to_ask(app: Flask, people: People) -> None:
    assert 'href="/sign-in/forgotten"' in app.test_client().get("/sign-in").text
    page = app.test_client().get("/sign-in/forgotten").text
    assert "Ask an administrator" in page
    assert "<form" not in page
    assert app.test_client().post("/sign-in/forgotten", data={"email": people.owner.email}).status_code == 200


def test_mail_needs_to_know_where_the_desk_is(database: Any, letters: Letters) -> None:
    with pytest.raises(ValueError, match="REPORTDESK_PUBLIC_URL"):
        create_app(connect=False, mailer=letters)


def test_who_set_a_password_by_a_link_is_known_to_that_browser(app: Flask, people: People) -> None:
    client = app.test_client()
    follow(client, resets.make(people.owner, by=TERMINAL))
    client.post("/new-password", data={"new": GOOD})
    for turn in range(10):
        app.test_client().post("/sign-in", data={"email": people.owner.email, "password": f"wrong {turn}"})
    assert client.post("/sign-in", data={"email": people.owner.email, "password": GOOD}).status_code == 303
