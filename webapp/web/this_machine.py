"""Whether a request comes from the machine that the server runs on, and the server answers nobody else.

Where it decides about a right, in doubt it does not: a proxy that was not announced (REPORTDESK_TRUSTED_PROXIES) makes
every visitor look like a neighbour, so what proxies write into a request counts against it, believed or not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask, request

from webapp.services.people import demo_accounts
from webapp.web.access import actor_or_none

#: What the proxies on the way have written down; a `Forwarded` of whatever content means that there is one.
_ADDRESSES = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")
_SIGN_OF_A_PROXY = ("Forwarded", "Via")
_HOSTS = ("Host", "X-Forwarded-Host")


def register(app: Flask) -> None:
    """Keep the demo's accounts to this machine, sessions that were begun on it too."""

    @app.before_request
    def demo_is_at_home() -> None:
        person = actor_or_none()
        if person is not None and request.endpoint != "auth.sign_out":
            demo_accounts.require_at_home(person, is_local=is_of_this_machine())


def is_of_this_machine() -> bool:
    """Is the one who asks, and everyone on the way, at home here; and does the server listen to this machine only?"""
    return all(_is_loopback(each) for each in _said()) and not any(name in request.headers for name in _SIGN_OF_A_PROXY)


def _said() -> Iterator[str]:
    """Every address and name that the request has of its sender, its way and its goal."""
    # As the server itself has seen it, where trusted proxies have been believed since.
    direct = request.environ.get("werkzeug.proxy_fix.orig") or {}
    for name in ("REMOTE_ADDR", "SERVER_NAME"):
        yield str(request.environ.get(name) or "")
        if name in direct:
            yield str(direct[name] or "")
    for header in _ADDRESSES:
        for value in request.headers.getlist(header):
            yield from value.split(",")
    hosts = [value for header in _HOSTS for value in request.headers.getlist(header)]
    for host in (*hosts, *filter(None, [direct.get("HTTP_HOST")])):
        for each in host.split(","):
            yield _name_of(each)


def _name_of(host: str) -> str:
    """The name or address in a Host header, without its port."""
    try:
        return urlsplit(f"//{host.strip()}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(said: str) -> bool:
    name = said.strip().strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
