"""A desk that sends letters to a real server of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.deliveries import mail_server
from tests.services.deliveries.mail_server import MailServer
from webapp.settings import get_settings

ADDRESS = "https://desk.example"


@pytest.fixture(scope="session")
def mail_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Path]:
    return mail_server.certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def mail_settings(settings_env: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Everything but the server's address."""
    for name, value in {
        "PUBLIC_URL": ADDRESS,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_SECURITY": "none",
        "SMTP_TIMEOUT_SECONDS": "5",
        "MAIL_FROM": "reports@desk.example",
        "ORGANIZATION_NAME": "Ada College",
    }.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()
    return settings_env


@pytest.fixture
def mail(mail_settings: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Without encryption: how letters look, and who gets them, does not hang on it."""
    with mail_server.running(MailServer(), context=None) as found:
        mail_settings.setenv("REPORTDESK_SMTP_PORT", str(found.port))
        get_settings.cache_clear()
        yield found
