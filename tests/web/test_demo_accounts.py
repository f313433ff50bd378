"""The published password opens nothing but on the machine itself, whatever the request says of where it comes from."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, People
from webapp.app import create_app
from webapp.settings import get_settings

HERE: list[dict[str, Any]] = [
    {},
    {"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"},
    {"REMOTE_ADDR": "127.8.9.1", "HTTP_HOST": "localhost:8000"},
    {"REMOTE_ADDR": "::1", "SERVER_NAME": "::1", "HTTP_HOST": "[::1]:8000"},
    {"REMOTE_ADDR": "::ffff:127.0.0.1"},
    {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},  # an editor's port forwarding, on this machine
]
ELSEWHERE: list[dict[str, Any]] = [
    {"REMOTE_ADDR": "192.0.2.7"},
    {"REMOTE_ADDR": "10.0.0.2"},
    {"REMOTE_ADDR": "2001:db8::1"},
    {"REMOTE_ADDR": "::ffff:192.0.2.7"},
    {"REMOTE_ADDR": ""},  # a socket of the file system: a proxy is behind it
    {"REMOTE_ADDR": "127.0.0.1.evil.example"},
    # The server answers others too.
    {"SERVER_NAME": "0.0.0.0"},  # noqa: S104 - what it says, not what is bound
    {"SERVER_NAME": "::"},
    {"SERVER_NAME": "192.0.2.1"},
    {"SERVER_NAME": "desk.example.org"},
    # A proxy on this machine that nobody has announced.
    {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
    {"HTTP_X_FORWARDED_FOR": "127.0.0.1, 192.0.2.7"},
    {"HTTP_X_FORWARDED_FOR": "192.0.2.7, 127.0.0.1"},
    {"HTTP_X_FORWARDED_FOR": "unknown"},
    {"HTTP_X_REAL_IP": "192.0.2.7"},
    {"HTTP_FORWARDED": "for=192.0.2.7"},
    {"HTTP_FORWARDED": "for=127.0.0.1"},
    {"HTTP_VIA": "1.1 proxy"},
    {"HTTP_X_FORWARDED_HOST": "desk.example.org"},
    {"HTTP_HOST": "desk.example.org"},
    {"HTTP_HOST": "127.0.0.1.nip.example:8000"},
    {"HTTP_HOST": "[bad"},
]


@pytest.fixture
def demo_person(people: People) -> People:
    people.owner.update(set__is_demo=True)
    return people


def sign_in(client: FlaskClient, email: str, environ: dict[str, Any]) -> Any:
    return client.post("/sign-in", data={"email": email, "password": PASSWORD}, environ_overrides=environ)


@pytest.mark.parametrize("environ", HERE, ids=str)
def test_here_the_demo_signs_in(app: Flask, demo_person: People, environ: dict[str, Any]) -> None:
    assert sign_in(app.test_client(), demo_person.owner.email, environ).status_code == 303


@pytest.mark.parametrize("environ", ELSEWHERE, ids=str)
def test_elsewhere_it_does_not_and_is_told_why(app: Flask, demo_person: People, environ: dict[str, Any]) -> None:
    client = app.test_client()
    refused = sign_in(client, demo_person.owner.email, environ)
    assert refused.status_code in (400, 403)  # a Host that is none is refused before
    if environ.get("HTTP_HOST") != "[bad":
        assert "published password" in refused.text
    assert client.get("/reports/").status_code == 302  # nobody is signed in


def test_a_wrong_password_is_told_as_for_everybody(app: Flask, demo_person: People) -> None:
    far = {"REMOTE_ADDR": "192.0.2.7"}
    answer = app.test_client().post(
        "/sign-in", data={"email": demo_person.owner.email, "password": "wrong wrong"}, environ_overrides=far
    )
    assert answer.status_code == 422
    assert "published" not in answer.text


def test_a_session_begun_here_is_worth_nothing_elsewhere(app: Flask, demo_person: People) -> None:
    client = app.test_client()
    assert sign_in(client, demo_person.owner.email, {}).status_code == 303
    assert client.get("/reports/").status_code == 200
    far = {"REMOTE_ADDR": "192.0.2.7"}
    for address in ("/reports/", "/", "/reports/new", "/account"):
        refused = client.get(address, environ_overrides=far)
        assert (refused.status_code, "published password" in refused.text) == (403, True), address
    assert client.post("/sign-out", environ_overrides=far).status_code == 303


def test_real_people_sign_in_from_anywhere(app: Flask, people: People) -> None:
    for environ in ELSEWHERE[:4]:
        assert sign_in(app.test_client(), people.owner.email, environ).status_code == 303


@pytest.mark.parametrize(
    ("peer", "forwarded", "may"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.0.2.7", False),
        ("192.0.2.7", "127.0.0.1", False),  # said by somebody who is no proxy
        ("10.0.0.3", "127.0.0.1", False),  # the proxy is another machine
        ("127.0.0.1", "192.0.2.7, 127.0.0.1", False),
    ],
)
def test_behind_a_trusted_proxy_both_it_and_its_visitor_must_be_here(
    demo_person: People, settings_env: pytest.MonkeyPatch, peer: str, forwarded: str, may: bool
) -> None:
    settings_env.setenv("REPORTDESK_TRUSTED_PROXIES", "1")
    get_settings.cache_clear()
    app = create_app(connect=False)
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert (sign_in(app.test_client(), demo_person.owner.email, environ).status_code == 303) is may
