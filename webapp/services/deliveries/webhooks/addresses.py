"""Where a webhook may go: to the public web, encrypted, unless a setting allows more.

What a name means is asked once, each of its addresses is judged, and the connection goes to the address that was
judged: a name that means something else a moment later leads nowhere new.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from webapp.messages import Message
from webapp.settings import get_settings

_PORTS = {"http": 80, "https": 443}
#: IPv6 addresses that stand for an IPv4 one behind a gateway.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddressError(Exception):
    """Nothing is sent there. `why` is for people."""

    def __init__(self, why: Message) -> None:
        super().__init__(str(why))
        self.why = why


class UnknownHostError(Exception):
    """No address is known for the host, at least not now."""


@dataclass(frozen=True)
class Target:
    """The address of a webhook in its parts. `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """Raises RefusedAddressError for what is no address of the web, or none that a webhook may go to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        host.encode("idna")
    except ValueError:  # also UnicodeError
        parts, host, port = urlsplit(""), "", 0
    if parts.scheme not in _PORTS or not host or not url.isascii() or any(each <= " " for each in url):
        raise RefusedAddressError(Message("That is no address of the web. It begins with https://."))
    if parts.username is not None or parts.password is not None:
        raise RefusedAddressError(Message("An address with a user or a password in it is not taken."))
    if parts.fragment:
        raise RefusedAddressError(Message("Leave out what stands behind #: no server sees it."))
    if parts.scheme == "http" and not get_settings().webhook_allow_http:
        raise RefusedAddressError(
            Message("Webhooks go out encrypted: the address must begin with https:// (REPORTDESK_WEBHOOK_ALLOW_HTTP).")
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def resolved(target: Target) -> str:
    """The one address of `target` that is connected to.

    Raises RefusedAddressError if any of its addresses is not of the public web, UnknownHostError if it has none.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnknownHostError(target.host) from error
    addresses = [str(each[4][0]) for each in found]
    if not addresses:
        raise UnknownHostError(target.host)
    if not get_settings().webhook_allow_private:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise RefusedAddressError(
                    Message(
                        "%(host)s is in a private network, or this machine itself; nothing is sent there "
                        "(REPORTDESK_WEBHOOK_ALLOW_PRIVATE).",
                        host=target.host,
                    )
                )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Of the public web, whichever way it is written?"""
    if isinstance(address, ipaddress.IPv6Address):
        if (inside := _inside(address)) is not None:
            return is_public(inside)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
