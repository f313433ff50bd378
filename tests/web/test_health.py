"""For load balancers and Prometheus."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import make_job
from webapp.app import create_app
from webapp.settings import get_settings


def test_it_says_that_it_lives_and_that_it_can_serve(app: Any) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok", "database": "ok"}


def test_metrics_need_the_token_and_tell_the_queue(database: Any, settings_env: pytest.MonkeyPatch) -> None:
    make_job()
    assert create_app(connect=False).test_client().get("/metrics").status_code == 404
    settings_env.setenv("REPORTDESK_METRICS_TOKEN", "a-long-token")
    get_settings.cache_clear()
    client = create_app(connect=False).test_client()
    assert client.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer a-long-token"})
    assert answer.status_code == 200
    assert 'reportdesk_jobs{status="pending"} 1' in answer.text
