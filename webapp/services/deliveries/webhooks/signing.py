"""The signature of a webhook, as Standard Webhooks says: HMAC-SHA256 of id, instant and body, and who may have made it.

A secret is not kept anywhere. It is made of the installation's key, the endpoint's id and the generation of its secret:
a stolen copy of the database signs nothing, a rotation is one number higher, and an administrator can be shown it at
any time. Its price: with another `REPORTDESK_SECRET_KEY` every receiver needs its new secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from webapp.documents import WebhookEndpoint
from webapp.settings import get_settings

PREFIX = "whsec_"
#: How long the secret before signs too, so that a receiver can be given the new one.
OVERLAP = timedelta(hours=24)


def secret_of(endpoint: WebhookEndpoint, generation: int | None = None) -> str:
    """The endpoint's secret as its receiver is given it: `whsec_` and 32 bytes in Base64."""
    of = f"webhook:{endpoint.id}:{generation or endpoint.generation}"
    key = hmac.new(get_settings().session_key.encode(), of.encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(key).decode()


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Those that sign now: its own, and for a while after a rotation the one before."""
    generations = [endpoint.generation]
    if endpoint.former_until is not None and endpoint.former_until > now:
        generations.append(endpoint.generation - 1)
    return [secret_of(endpoint, generation) for generation in generations]


def signature(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """`v1,` and the signature in Base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join([message_id.encode(), str(int(at.timestamp())).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that a receiver verifies; one signature for each secret."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signature(secret, message_id, at, body) for secret in secrets),
    }
