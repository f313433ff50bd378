"""How often one may do what is costly or can be guessed: counted in the database, so over all processes together.

A view that costs much says so: `@limiter.limit("30 per minute")`, for each person (or address, where nobody is signed
in); another key by `key_func`, other words by `error_message`. What is beyond is a 429 with words and `Retry-After`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import time
from http import HTTPStatus
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter import Limiter, RateLimitExceeded
from limits.storage.mongodb import MongoDBStorageBase

from webapp.documents import RateLimit
from webapp.documents.connection import current_database
from webapp.web import error_pages
from webapp.web.access import actor_or_none
from webapp.web.formatting import duration

SCHEME = "reportdesk"


class CountersInOurDatabase(MongoDBStorageBase):
    """The library's counters by the application's own connection, in its own database."""

    STORAGE_SCHEME = [SCHEME]

    @property
    def storage(self) -> Any:
        return current_database().client

    @property
    def counters(self) -> Any:
        return current_database()[RateLimit._get_collection_name()]

    def _init_mongo_client(self, uri: str | None, **options: int | str | bool) -> Any:
        return self.storage

    def reset(self) -> int | None:
        """Forget every count; the index stays."""
        return int(self.counters.delete_many({}).deleted_count)

    def __del__(self) -> None:
        """The connection is the application's: it stays open."""


def network(address: str | None) -> str:
    """Whom an address stands for: of IPv6 the /64 that one household or desk has, so that its many are one."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)
    return str(parsed)


def address_key() -> str:
    """The address of this request, behind as many proxies as are trusted; hashed: counters and logs need no more."""
    return "address:" + hashed(network(request.remote_addr))


def person_key() -> str:
    """The person of this request, else the address."""
    actor = actor_or_none()
    return f"person:{actor.id}" if actor is not None else address_key()


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


#: Without the database nothing could be signed in to or previewed anyway: then it is the 503 of every page.
limiter = Limiter(person_key, storage_uri=f"{SCHEME}://", strategy="fixed-window")


def register(app: Flask) -> None:
    """Register after the sign-in and CSRF, so that only what would be answered is counted."""
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _too_many)
    # It names the key of whoever is stopped, at a level that installations may turn on.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)


def too_many(message: str, seconds: int) -> ResponseReturnValue:
    """The answer to whoever has to wait: as a page, a fragment or JSON."""
    hint = _("Wait %(time)s, then try again.", time=duration(seconds))
    answer = error_pages.show(HTTPStatus.TOO_MANY_REQUESTS, message, hint)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _too_many(error: RateLimitExceeded) -> ResponseReturnValue:
    breached = limiter.current_limit
    seconds = max(1, round(breached.reset_at - time.time())) if breached is not None else 60
    told = error.limit.error_message
    message = told() if callable(told) else told
    return too_many(message or _("That was asked for too often in a short time."), seconds)
