"""Where the service and its token endpoint are and who asks, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, field

from webapp.messages import Message
from webapp.settings import Settings
from webapp.sources.http_addresses import Peer, PullError

URL, TOKEN_URL = "REPORTDESK_ONEROSTER_URL", "REPORTDESK_ONEROSTER_TOKEN_URL"
CLIENT_ID, CLIENT_SECRET = "REPORTDESK_ONEROSTER_CLIENT_ID", "REPORTDESK_ONEROSTER_CLIENT_SECRET"
SCOPES = "REPORTDESK_ONEROSTER_SCOPES"
_PAGE_SIZE, _ALLOW_HTTP = "REPORTDESK_ONEROSTER_PAGE_SIZE", "REPORTDESK_ONEROSTER_ALLOW_HTTP"
_SERVICES = ("/rostering/v1p2", "/gradebook/v1p2")


@dataclass(frozen=True)
class RestAccess:
    """`url` is what stands before `/rostering/v1p2` in the service's addresses (it may stand there too)."""

    url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = ""
    page_size: int = 1000
    allow_http: bool = False

    @property
    def peer(self) -> Peer:
        return Peer(
            Message("The OneRoster service"), URL, (CLIENT_ID, CLIENT_SECRET), _PAGE_SIZE, _ALLOW_HTTP, self.allow_http
        )

    @property
    def token_peer(self) -> Peer:
        return Peer(
            Message("The OneRoster token service"),
            TOKEN_URL,
            (CLIENT_ID, CLIENT_SECRET),
            _PAGE_SIZE,
            _ALLOW_HTTP,
            self.allow_http,
        )

    def address_of(self, service: str, collection: str) -> str:
        """Of a collection (`users`) of a service (`rostering`)."""
        base = self.url.rstrip("/")
        for ending in _SERVICES:
            base = base.removesuffix(ending)
        return f"{base}/{service}/v1p2/{collection}"


def access(settings: Settings) -> RestAccess:
    """Raises PullError where the settings name no service, or not who asks."""
    secret = settings.oneroster_client_secret.get_secret_value() if settings.oneroster_client_secret else ""
    given = {
        URL: settings.oneroster_url or "",
        TOKEN_URL: settings.oneroster_token_url or "",
        CLIENT_ID: settings.oneroster_client_id or "",
        CLIENT_SECRET: secret,
    }
    if lacking := [name for name, value in given.items() if not value]:
        raise PullError(
            Message("No OneRoster service is set up: %(lacking)s.", lacking=lacking),
            hint=Message("Set it, or import a bundle of CSV files."),
        )
    return RestAccess(
        given[URL],
        given[TOKEN_URL],
        given[CLIENT_ID],
        secret,
        settings.oneroster_scopes,
        settings.oneroster_page_size,
        settings.oneroster_allow_http,
    )
