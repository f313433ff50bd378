"""Where the record store is and who asks it, as the settings say."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from webapp.messages import Message
from webapp.settings import Settings
from webapp.sources.http_addresses import Peer, PullError

URL, KEY, SECRET = "REPORTDESK_LRS_URL", "REPORTDESK_LRS_KEY", "REPORTDESK_LRS_SECRET"
VERSION = "REPORTDESK_LRS_VERSION"


@dataclass(frozen=True)
class LrsAccess:
    """`url` is the store's endpoint, with or without `/statements`; `key` and `secret` are sent to it alone."""

    url: str
    key: str
    secret: str = field(repr=False)
    version: str = "1.0.3"
    #: Statements of one answer; a store may give fewer.
    page_size: int = 500
    allow_http: bool = False

    @property
    def peer(self) -> Peer:
        return Peer(
            Message("The learning record store"),
            URL,
            (KEY, SECRET),
            "REPORTDESK_LRS_PAGE_SIZE",
            "REPORTDESK_LRS_ALLOW_HTTP",
            self.allow_http,
        )

    @property
    def statements_url(self) -> str:
        return f"{self.url.rstrip('/').removesuffix('/statements')}/statements"

    @property
    def headers(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode("ascii")
        return {
            "Accept": "application/json",
            "Authorization": f"Basic {pair}",
            "X-Experience-API-Version": self.version,
        }


def access(settings: Settings) -> LrsAccess:
    """Raises PullError where the settings name no store, or not who asks."""
    secret = settings.lrs_secret.get_secret_value() if settings.lrs_secret else ""
    given = {URL: settings.lrs_url, KEY: settings.lrs_key, SECRET: secret}
    if lacking := [name for name, value in given.items() if not value]:
        raise PullError(
            Message("No learning record store is set up: %(lacking)s.", lacking=lacking),
            hint=Message("Set it, or import a file of statements."),
        )
    return LrsAccess(
        settings.lrs_url or "",
        settings.lrs_key or "",
        secret,
        settings.lrs_version,
        settings.lrs_page_size,
        settings.lrs_allow_http,
    )
