"""Guessing a password is slow over all processes and addresses; and the owner always comes in."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, People
from tests.web.conftest import Client
from webapp.app import create_app
from webapp.documents import AdminEvent, RateLimit, User
from webapp.services.people import passwords
from webapp.web.auth import guessing

WRONG = "wrong guess"


def sign_in(client: FlaskClient, email: str | None, password: str, address: str = "203.0.113.9") -> Any:
    data = {"email": email or "", "password": password}
    return client.post("/sign-in", data=data, environ_base={"REMOTE_ADDR": address})


def test_guessing_at_one_account_is_slowed_whatever_process_and_address_it_comes_from(
    app: Flask, people: People
) -> None:
    other = create_app(connect=False)
    other.config["WTF_CSRF_ENABLED"] = False
    answers = [
        sign_in((app, other)[turn % 2].test_client(), people.owner.email, WRONG, f"198.51.100.{turn}").status_code
        for turn in range(10)
    ]
    assert answers == [422] * 8 + [429] * 2
    stopped = sign_in(app.test_client(), people.owner.email, PASSWORD, "192.0.2.1")
    assert stopped.status_code == 429
    assert 1 <= int(stopped.headers["Retry-After"]) <= 601
    assert "Wait" in stopped.text
    assert "/sign-in/forgotten" in stopped.text
    assert f'value="{people.owner.email}"' in stopped.text


def test_no_guessing_keeps_the_owner_out_of_a_browser_they_have_used(app: Flask, people: People) -> None:
    owners = app.test_client()
    sign_in(owners, people.owner.email, PASSWORD)
    owners.post("/sign-out")
    # From the very address of the owner, more than an address may.
    for turn in range(70):
        sign_in(app.test_client(), people.owner.email if turn < 10 else f"x{turn}@x.example", WRONG, "127.0.0.1")
    assert sign_in(app.test_client(), people.owner.email, PASSWORD, "127.0.0.1").status_code == 429
    assert sign_in(owners, people.owner.email, PASSWORD, "127.0.0.1").status_code == 303


def test_a_known_browser_has_a_count_of_its_own_and_only_for_its_account(app: Flask, people: People) -> None:
    client = app.test_client()
    sign_in(client, people.owner.email, PASSWORD)
    client.post("/sign-out")
    answers = [sign_in(client, people.owner.email, WRONG).status_code for _ in range(9)]
    assert answers == [422] * 8 + [429]
    # Others are not stopped by it, and it is known to nobody else's account.
    assert sign_in(app.test_client(), people.owner.email, PASSWORD).status_code == 303
    for _ in range(8):
        sign_in(app.test_client(), people.colleague.email, WRONG)
    assert sign_in(client, people.colleague.email, PASSWORD).status_code == 429


def test_a_device_cookie_cannot_be_made_up(app: Flask, people: People) -> None:
    client = app.test_client()
    for made_up in ("x", "e30.x.y", "%00"):
        client.set_cookie(guessing.DEVICE_COOKIE, made_up)
        assert sign_in(client, people.owner.email, WRONG).status_code == 422
    assert [sign_in(client, people.owner.email, WRONG).status_code for _ in range(6)] == [422] * 5 + [429]


def test_the_device_cookie_names_nobody_and_is_for_the_server_alone(app: Flask, people: People) -> None:
    answer = sign_in(app.test_client(), people.owner.email, PASSWORD)
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if each.startswith(guessing.DEVICE_COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "owner" not in cookie
    assert not any("owner" in each.key or "203.0.113" in each.key for each in RateLimit.objects)


def test_a_desk_that_people_share_knows_each_of_them(app: Flask, people: People) -> None:
    client = app.test_client()
    for person in (people.owner, people.colleague):
        sign_in(client, person.email, PASSWORD)
        client.post("/sign-out")
    for person in (people.owner, people.colleague):
        for turn in range(9):
            sign_in(app.test_client(), person.email, WRONG, f"198.51.100.{turn}")
        assert sign_in(client, person.email, PASSWORD).status_code == 303
        client.post("/sign-out")


def test_an_address_that_tries_many_accounts_is_slowed_and_one_where_many_sign_in_is_not(
    app: Flask, people: People
) -> None:
    for _ in range(70):
        assert sign_in(app.test_client(), people.owner.email, PASSWORD).status_code == 303
    answers = [sign_in(app.test_client(), f"nobody{turn}@x.example", WRONG).status_code for turn in range(62)]
    assert answers == [422] * 60 + [429] * 2
    assert sign_in(app.test_client(), people.owner.email, PASSWORD, "203.0.113.10").status_code == 303


def test_a_hundred_guesses_at_once_are_no_way_round(app: Flask, people: People) -> None:
    answers: list[int] = []

    def guess() -> None:
        for _ in range(4):
            answers.append(sign_in(app.test_client(), people.owner.email, WRONG).status_code)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(422), answers.count(429)) == (8, 24)


def test_unknown_deactivated_and_wrong_are_answered_alike_and_cost_the_same(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects(id=people.colleague.id).update(set__is_active=False)
    User.objects(id=people.stranger.id).update(unset__password_hash=1)
    verified: list[str] = []
    hasher = passwords._hasher
    real = hasher.verify

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(password)
            return real(stored, password)

        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    told = set()
    for email, password in (
        (people.owner.email, WRONG), (people.colleague.email, PASSWORD), (people.stranger.email, PASSWORD),
        ("nobody@staff.example", PASSWORD), ("not an address", PASSWORD),
    ):  # fmt: skip
        answer = sign_in(app.test_client(), email, password)
        told.add((answer.status_code, answer.text.replace(str(email), "").count("do not match an account")))
    assert told == {(422, 1)}
    assert len(verified) == 5


def test_telling_ones_password_wrongly_is_slowed_in_that_session_alone(
    app: Flask, people: People, as_person: Client
) -> None:
    client, elsewhere = as_person(people.owner), as_person(people.owner)
    change = {"current": WRONG, "new": "otter lamp river dune"}
    answers = [client.post("/account/password", data=change).text for _ in range(9)]
    assert "That is not your password" in answers[7]
    assert "Too many failed attempts" in answers[8]
    change["current"] = PASSWORD
    assert client.post("/account/password", data=change).status_code == 422
    assert elsewhere.post("/account/password", data=change).status_code == 303


def test_the_audit_tells_failed_and_slowed_sign_ins_and_no_password(app: Flask, people: People) -> None:
    for _ in range(12):
        sign_in(app.test_client(), people.owner.email, WRONG)
    events = [(event.action, event.subject) for event in AdminEvent.objects(area="sessions")]
    assert events.count(("sign-in failed", people.owner.name)) == 8
    assert events.count(("sign-in slowed", people.owner.name)) == 1
    assert not any(WRONG in str(event.to_mongo()) for event in AdminEvent.objects)
