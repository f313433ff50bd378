"""Guessing passwords is slow, over all processes, and never locks the owner out.

Attempts are counted per account and per address. A browser that has signed in to the account before carries a cookie
that says so, and has a count of its own (OWASP: device cookies): however many others guess, its owner comes in. In a
new browser the owner can always take a link for a new password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

import limits
from flask import Response, after_this_request, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp.documents import User
from webapp.web.access import current_session
from webapp.web.limits import address_key, limiter

#: A person who mistypes needs a handful; an address that tries many accounts is no person.
PER_ACCOUNT = limits.parse("8 per 10 minutes")
PER_ADDRESS = limits.parse("60 per 10 minutes")
#: Links for a new password: those asked for are enough, and nobody's letter box is filled.
LINKS_PER_ACCOUNT = limits.parse("3 per hour")
LINKS_PER_ADDRESS = limits.parse("20 per hour")

DEVICE_COOKIE = "reportdesk_device"
DEVICE_KNOWN_FOR = timedelta(days=180)
#: Accounts that one browser may be known for: a desk that a few people share.
ACCOUNTS_PER_DEVICE = 8

Count = tuple[limits.RateLimitItem, tuple[str, ...]]


@dataclass(frozen=True)
class Attempt:
    """One attempt, counted before it is tried, so that a hundred at once are no way round."""

    counts: tuple[Count, ...]
    wait_seconds: int  # 0: it may be tried

    def was_right(self) -> None:
        """Only wrong attempts count: people who share an address sign in as often as they like."""
        for item, identifiers in self.counts:
            limiter.storage.incr(item.key_for(*identifiers), item.get_expiry(), amount=-1)


def attempt_to_sign_in(email: str) -> Attempt:
    """Count an attempt to sign in to the account with this address, whether or not there is one."""
    account = _account(email)
    device = _devices().get(account)
    if device is not None:
        return _attempt((PER_ACCOUNT, ("sign-in", account, device)))
    return _attempt((PER_ACCOUNT, ("sign-in", account)), (PER_ADDRESS, ("sign-in", address_key())))


def attempt_to_change(person: User) -> Attempt:
    """Count an attempt to tell the password in an open session: of that session alone."""
    return _attempt((PER_ACCOUNT, ("change", str(person.id), str(current_session().id))))


def attempt_to_ask_for_a_link() -> Attempt:
    """Count a wish for a link, by the address that it comes from."""
    return _attempt((LINKS_PER_ADDRESS, ("link", address_key())))


def may_be_sent_a_link(email: str) -> bool:
    """Count a link for this account. Nobody is told: those sent before still work."""
    return _attempt((LINKS_PER_ACCOUNT, ("link", _account(email)))).wait_seconds == 0


def remember_device(email: str) -> None:
    """Let this browser be known to the account from now on, with a count that begins anew."""
    known = {account: device for account, device in _devices().items() if account != _account(email)}
    kept = dict(list(known.items())[1 - ACCOUNTS_PER_DEVICE :])
    value = _signer().dumps({**kept, _account(email): secrets.token_hex(8)})

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            DEVICE_COOKIE,
            value,
            max_age=DEVICE_KNOWN_FOR,
            path="/",
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Strict",
        )
        return response


def _attempt(*counts: Count) -> Attempt:
    # Every count is raised, even once one says no: who is stopped at one account is still somebody at an address.
    stopped = [count for count in counts if not limiter.limiter.hit(count[0], *count[1])]
    resets = [limiter.limiter.get_window_stats(item, *identifiers).reset_time for item, identifiers in stopped]
    return Attempt(counts, max(1, round(max(resets) - time.time())) if resets else 0)


def _devices() -> dict[str, str]:
    """What this browser is known as, by account."""
    try:
        found = _signer().loads(request.cookies.get(DEVICE_COOKIE, ""), max_age=int(DEVICE_KNOWN_FOR.total_seconds()))
    except BadData:
        return {}
    return {str(account): str(device) for account, device in found.items()}


def _account(email: str) -> str:
    """An account in counters and cookies: they name nobody."""
    key = (current_app.secret_key or "").encode() if isinstance(current_app.secret_key, str) else b""
    return hmac.new(key, email.strip().lower().encode(errors="replace"), hashlib.sha256).hexdigest()[:24]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="device")
