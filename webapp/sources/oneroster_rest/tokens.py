"""OAuth 2 client credentials: a token is asked for when there is none that holds, and once more when it is refused."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from webapp.messages import Message
from webapp.sources.http_addresses import PullError, Refused, shown
from webapp.sources.http_client import Answer, Client
from webapp.sources.http_json import json_of, tolerant
from webapp.sources.oneroster_rest.access import CLIENT_ID, CLIENT_SECRET, SCOPES, TOKEN_URL, RestAccess

#: A token is not used in its last moments: it could end on the way.
MARGIN_SECONDS = 30
#: Where the answer does not say.
USUAL_SECONDS = 3600


class Tokens:
    """The token of one pull. `monotonic` counts seconds."""

    def __init__(self, access: RestAccess, client: Client, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._access, self._client, self._monotonic = access, client, monotonic
        self._token = ""
        self._ends_at = 0.0

    def headers(self) -> dict[str, str]:
        """With a token that holds. Raises PullError."""
        if not self._token or self._monotonic() >= self._ends_at:
            self._ask()
        return {"Accept": "application/json", "Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """The token was refused."""
        self._token = ""

    def _ask(self) -> None:
        access = self._access
        # RFC 6749, 2.3.1: each part is encoded as in a form first.
        pair = f"{quote(access.client_id, safe='')}:{quote(access.client_secret, safe='')}"
        headers = {
            "Accept": "application/json",
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = {"grant_type": "client_credentials"} | ({"scope": access.scopes} if access.scopes else {})
        asked_at = self._monotonic()
        try:
            found = self._client.post(access.token_url, headers, urlencode(form).encode(), self._read)
        except Refused as refused:
            raise _in_words(access, refused) from refused
        self._token = found["access_token"]
        self._ends_at = asked_at + _seconds(found.get("expires_in")) - MARGIN_SECONDS

    def _read(self, answer: Answer) -> dict[str, Any]:
        found = json_of(answer, self._access.token_peer, tolerant)
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise PullError(
                Message("%(address)s gives no access_token.", address=shown(answer.url)),
                hint=Message("Set %(setting)s to the OAuth 2 token endpoint of the service.", setting=TOKEN_URL),
            )
        return dict(found)


def _seconds(value: Any) -> float:
    try:
        return max(float(value), MARGIN_SECONDS + 1)
    except (TypeError, ValueError):
        return USUAL_SECONDS


def _in_words(access: RestAccess, refused: Refused) -> PullError:
    """By RFC 6749, 5.2: a code in the answer says what is wrong."""
    try:
        found = json.loads(refused.answer_body)
        code = found.get("error") if isinstance(found, dict) else None
    except ValueError:
        code = None
    address = shown(access.token_url)
    if code == "invalid_scope":
        return PullError(
            Message("%(address)s gives no token for the scopes that were asked for.", address=address),
            hint=Message("Set %(setting)s to those that the client may have.", setting=SCOPES),
        )
    if code in ("invalid_client", "unauthorized_client") or refused.answer_status == HTTPStatus.UNAUTHORIZED:
        return PullError(
            Message("%(address)s does not know the client, or not with this secret.", address=address),
            hint=Message("Check %(credentials)s.", credentials=[CLIENT_ID, CLIENT_SECRET]),
        )
    return refused
