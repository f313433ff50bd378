"""For load balancers and Prometheus."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.factories import make_job
from webapp import clock
from webapp.app import create_app
from webapp.settings import get_settings

pytestmark = pytest.mark.usefixtures("prepared_home")


def test_it_says_that_it_lives_and_that_it_can_serve(app: Any) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok", "database": "ok"}


def test_metrics_need_the_token_and_tell_the_queue(database: Any, settings_env: pytest.MonkeyPatch) -> None:
    make_job()
    assert create_app(connect=False).test_client().get("/metrics").status_code == 404
    settings_env.setenv("REPORTDESK_METRICS_TOKEN", "a-long-token-of-metrics")
    get_settings.cache_clear()
    client = create_app(connect=False).test_client()
    assert client.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer a-long-token-of-metrics"})
    assert answer.status_code == 200
    assert 'reportdesk_jobs{status="pending"} 1' in answer.text


@pytest.mark.parametrize("blank", ["", "   "])
def test_metrics_are_closed_while_the_token_is_blank(
    database: Any, settings_env: pytest.MonkeyPatch, blank: str
) -> None:
    settings_env.setenv("REPORTDESK_METRICS_TOKEN", blank)
    get_settings.cache_clear()
    client = create_app(connect=False).test_client()
    for sent in (None, "", "Bearer", "Bearer ", "Bearer  ", "Basic Og=="):
        headers = {} if sent is None else {"Authorization": sent}
        assert client.get("/metrics", headers=headers).status_code == 404, sent


def test_metrics_want_the_token_as_a_bearers(database: Any, settings_env: pytest.MonkeyPatch) -> None:
    token = "a-long-token-of-metrics"
    settings_env.setenv("REPORTDESK_METRICS_TOKEN", token)
    get_settings.cache_clear()
    client = create_app(connect=False).test_client()
    sent = {token: 404, f"Basic {token}": 404, "Bearer \xe9": 404, f"bearer {token}": 200}
    for header, status in sent.items():
        assert client.get("/metrics", headers={"Authorization": header}).status_code == status, header


def test_whom_to_tell_of_a_fault_is_said_where_it_is_set(database: Any, settings_env: pytest.MonkeyPatch) -> None:
    address = "/.well-known/security.txt"
    assert create_app(connect=False).test_client().get(address).status_code == 404
    settings_env.setenv("REPORTDESK_SECURITY_CONTACT", "mailto:security@desk.example")
    get_settings.cache_clear()
    answer = create_app(connect=False).test_client().get(address)
    assert answer.content_type == "text/plain; charset=utf-8"
    said = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert said["Contact"] == "mailto:security@desk.example"
    assert timedelta() < datetime.fromisoformat(said["Expires"]) - clock.utcnow() < timedelta(days=365)


@pytest.mark.parametrize("contact", ["security@desk.example", "http://desk.example", "mailto:a@b\nContact: x"])
def test_a_contact_that_is_no_address_stops_the_start(settings_env: pytest.MonkeyPatch, contact: str) -> None:
    settings_env.setenv("REPORTDESK_SECURITY_CONTACT", contact)
    get_settings.cache_clear()
    with pytest.raises(ValidationError, match="security_contact"):
        get_settings()
