"""Where one is signed in: each session is a record, and ending it ends it wherever its cookie was copied."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.commands import recorded
from tests.factories import PASSWORD, People
from tests.web.conftest import Client
from tests.web.test_forms import address_of, rules
from webapp import clock
from webapp.app import create_app
from webapp.documents import AdminEvent, ReportJob, Session, User
from webapp.services import remembered
from webapp.services.audit import SessionAct
from webapp.services.people import sessions
from webapp.settings import get_settings
from webapp.web.browsers import browser_of

NEW_PASSWORD = "otter lamp river dune"


def copied(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with the same cookie: stolen, or kept from before."""
    found = client.get_cookie("reportdesk")
    assert found is not None
    thief = app.test_client()
    thief.set_cookie("reportdesk", found.value)
    return thief


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def change_password(client: FlaskClient, new: str = NEW_PASSWORD) -> Any:
    return client.post("/account/password", data={"current": PASSWORD, "new": new})


def test_signing_out_ends_the_session_wherever_its_cookie_was_copied(
    app: Flask, people: People, as_person: Client
) -> None:
    client, elsewhere = as_person(people.owner), as_person(people.owner)
    thief = copied(app, client)
    assert is_in(thief)
    client.post("/sign-out")
    assert not is_in(thief)
    assert is_in(elsewhere)


def test_another_process_knows_within_seconds(
    app: Flask, people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    other = create_app(connect=False)
    client = as_person(people.owner)
    thief = copied(other, client)
    assert is_in(thief)
    client.post("/sign-out")
    later = time.monotonic() + remembered.RIGHTS_SECONDS
    settings_env.setattr(remembered.time, "monotonic", lambda: later)
    assert not is_in(thief)


def test_deactivation_ends_every_session_and_none_comes_back_with_the_account(
    app: Flask, people: People, as_person: Client
) -> None:
    client, administrator = as_person(people.owner), as_person(people.administrator)
    kept = Session.objects(user_id=people.owner.id).get()
    administrator.post(f"/admin/people/{people.owner.id}/active", data={"active": "no"})
    assert not is_in(client)
    administrator.post(f"/admin/people/{people.owner.id}/active", data={"active": "yes"})
    assert not is_in(client)
    kept.save(force_insert=True)  # as a restored backup has it
    app.extensions["reportdesk-known"].sessions.forget()
    assert not is_in(client)


def test_a_new_password_ends_every_other_session_and_begins_this_one_anew(
    app: Flask, people: People, as_person: Client
) -> None:
    client, elsewhere = as_person(people.owner), as_person(people.owner)
    thief = copied(app, client)
    assert change_password(client).status_code == 303
    assert is_in(client)
    assert not is_in(thief)
    assert not is_in(elsewhere)
    assert Session.objects(user_id=people.owner.id).count() == 1


def test_a_password_from_an_administrator_or_the_terminal_ends_them_too(people: People, as_person: Client) -> None:
    client, administrator = as_person(people.owner), as_person(people.administrator)
    administrator.post(f"/admin/people/{people.owner.id}/password")
    assert not is_in(client)
    assert is_in(administrator)


def test_signing_out_everywhere_ends_all_of_ones_sessions_and_nobody_elses(
    app: Flask, people: People, as_person: Client
) -> None:
    client, elsewhere, colleague = (as_person(each) for each in (people.owner, people.owner, people.colleague))
    answer = client.post("/account/sessions/end", follow_redirects=True)
    assert "You have signed out everywhere" in answer.text
    assert [is_in(each) for each in (client, elsewhere, colleague)] == [False, False, True]
    assert Session.objects(user_id=people.owner.id).count() == 0


def test_the_page_lists_ones_sessions_and_ends_one(app: Flask, people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    phone = app.test_client()
    agent = {"User-Agent": "Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0"}
    data = {"email": people.owner.email, "password": PASSWORD}
    assert (
        phone.post("/sign-in", data=data, headers=agent, environ_base={"REMOTE_ADDR": "198.51.100.77"}).status_code
        == 303
    )
    as_person(people.colleague)
    page = client.get("/account").text
    assert page.count("last used") == 2
    assert "Firefox · Android" in page
    assert "198.51.100.0/24" in page
    assert "198.51.100.77" not in page
    assert page.count(">this one<") == 1
    address = re.findall(r'action="(/account/sessions/[0-9a-f]{24}/end)"', page)
    assert len(address) == 1
    assert client.post(address[0], follow_redirects=True).status_code == 200
    assert not is_in(phone)
    assert is_in(client)


def test_a_session_of_another_person_can_neither_be_ended_nor_told_from_none(people: People, as_person: Client) -> None:
    as_person(people.colleague)
    client = as_person(people.owner)
    theirs = Session.objects(user_id=people.colleague.id).get()
    answers = [client.post(f"/account/sessions/{each}/end") for each in (theirs.id, "0" * 24, "x", "%00")]
    assert {answer.status_code for answer in answers} == {404}
    assert Session.objects(user_id=people.colleague.id).count() == 1


@pytest.fixture
def unswept(database: Any) -> Iterator[None]:
    """The embedded server is of this process, and its sweep looks and deletes at two moments of the travelled clock:
    what was renewed between them would go. Our own rule is what is tried."""
    stored = database[Session._get_collection_name()]
    (name, index), *_ = [each for each in stored.index_information().items() if "expireAfterSeconds" in each[1]]
    stored.drop_index(name)
    yield
    stored.create_index(index["key"], name=name, expireAfterSeconds=index["expireAfterSeconds"])


def test_a_session_that_nobody_uses_ends_and_one_that_is_used_ends_at_its_limit(
    people: People, as_person: Client, unswept: None
) -> None:
    begin = clock.utcnow()
    with time_machine.travel(begin, tick=False) as clocks:
        client = as_person(people.owner)
        clocks.move_to(begin + timedelta(hours=11))
        assert is_in(client)
        clocks.move_to(begin + timedelta(hours=22))
        assert is_in(client)  # it was used meanwhile
        clocks.move_to(begin + timedelta(hours=34, minutes=1))
        assert not is_in(client)
        client = as_person(people.owner)
        start = begin + timedelta(hours=34, minutes=1)
        for hours in range(10, 168, 10):
            clocks.move_to(start + timedelta(hours=hours))
            assert is_in(client), hours
        clocks.move_to(start + timedelta(hours=168))
        assert not is_in(client)


def test_a_page_that_only_polls_keeps_no_session_alive(people: People, as_person: Client) -> None:
    begin = clock.utcnow()
    with time_machine.travel(begin, tick=False) as clocks:
        client = as_person(people.owner)
        for hours in range(13):
            clocks.move_to(begin + timedelta(hours=hours))
            client.get("/reports/rows", headers={"HX-Request": "true", "HX-PTag": "x"})
        assert not is_in(client)


def test_that_a_session_is_used_is_written_once_a_minute_at_most(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    begin = clock.utcnow()
    with time_machine.travel(begin, tick=False) as clocks:
        client = as_person(people.owner)
        writes = []
        for seconds in (10, 30, 59, 61, 62, 90, 120, 125):
            clocks.move_to(begin + timedelta(seconds=seconds))
            with recorded() as heard:
                client.get("/account")
            writes += [seconds for command in heard if command.name == "update"]
    assert writes == [61, 125]


def test_shorter_limits_hold_for_sessions_that_are_open(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    begin = clock.utcnow()
    with time_machine.travel(begin, tick=False) as clocks:
        client = as_person(people.owner)
        settings_env.setenv("REPORTDESK_SESSION_IDLE_MINUTES", "10")
        get_settings.cache_clear()
        clocks.move_to(begin + timedelta(minutes=11))
        assert not is_in(client)


def test_what_is_kept_of_a_session_opens_nothing(app: Flask, people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    kept = Session.objects.get()
    with client.session_transaction() as cookie:
        session_id, _, token = cookie["_user_id"].partition(".")
    assert session_id == str(kept.id)
    assert token not in str(kept.to_mongo())
    for made_up in (f"{kept.id}.{kept.token_hash}", f"{kept.id}.", f"{kept.id}", f"{people.owner.id}.{token}", ""):
        with client.session_transaction() as cookie:
            cookie["_user_id"] = made_up
        assert not is_in(client), made_up


def test_signing_in_takes_no_session_that_was_planted(app: Flask, people: People, as_person: Client) -> None:
    planted = as_person(people.colleague)
    victim = copied(app, planted)
    victim.post("/sign-in", data={"email": people.owner.email, "password": PASSWORD})
    assert people.owner.name in victim.get("/account").text
    with victim.session_transaction() as mine, planted.session_transaction() as theirs:
        assert mine["_user_id"] != theirs["_user_id"]
        assert mine["csrf_token"] != theirs["csrf_token"]
    assert not is_in(planted)  # signing in over a session ends it


def test_a_person_is_known_at_once_in_a_process_that_knew_them_before(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    here, other = create_app(connect=False), create_app(connect=False)
    for app in (here, other):
        app.config.update(WTF_CSRF_ENABLED=False)
    first = here.test_client()
    first.post("/sign-in", data={"email": people.owner.email, "password": PASSWORD})
    assert is_in(copied(other, first))  # the other process remembers the person as they were
    change_password(first)
    assert is_in(copied(other, first))


def test_cookies_of_the_former_form_ask_to_sign_in_again(app: Flask, people: People) -> None:
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = f"{people.owner.id}.0123456789abcdef"
    assert client.get("/").status_code == 302


def test_what_happens_to_sessions_is_in_the_audit(app: Flask, people: People, as_person: Client) -> None:
    client, other = as_person(people.owner), as_person(people.owner)
    client.post("/sign-in", data={"email": people.owner.email, "password": "wrong"})
    change_password(client)
    client.post("/sign-out")
    client.post("/sign-in", data={"email": people.owner.email, "password": NEW_PASSWORD})
    acts = [event.action for event in AdminEvent.objects(area="sessions").order_by("id")]
    assert acts == [
        SessionAct.SIGN_IN_FAILED, SessionAct.PASSWORD_CHANGED, SessionAct.SIGNED_OUT, SessionAct.SIGNED_IN,
    ]  # fmt: skip
    assert not is_in(other)


def test_every_page_answers_head_as_it_answers_get(
    app: Flask, people: People, as_person: Client, ready_job: Any
) -> None:
    job: ReportJob = ready_job(requested_by=people.administrator)
    for client in (as_person(people.administrator), app.test_client()):
        for rule in rules(app, "GET"):
            assert "HEAD" in (rule.methods or ()), rule
            address = address_of(rule, job)
            expected = client.get(address)
            answer = client.head(address)
            assert (answer.status_code, answer.data) == (expected.status_code, b""), address


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari · iPhone"),
        ("curl/8.5.0", "curl"),
        ("", ""),
        ("\x00\x01" * 50, ""),
        ("x" * 9_000, "x" * 30),
    ],
)  # fmt: skip
def test_a_browser_has_a_name_that_its_owner_knows(agent: str, name: str) -> None:
    assert browser_of(agent) == name


def test_the_database_forgets_sessions_that_have_ended(database: Any, people: People) -> None:
    begun, _ = sessions.start(people.owner, browser="", address="2001:db8:1:2::3")
    kept = Session.objects.get(id=begun.id)
    assert clock.aware(kept.expires_at) == begun.created_at + timedelta(hours=12)
    assert kept.network == "2001:db8:1::/48"
    index = Session._get_collection().index_information()["session_ttl"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)
    assert User.objects.get(id=people.owner.id).session_epoch == 0
