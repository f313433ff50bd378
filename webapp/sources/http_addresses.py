"""Whom a pull speaks to: what the address may be, how it is shown, and in what words a refusal is told."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from webapp.errors import ReportdeskError
from webapp.messages import Message

_PORTS = {"http": 80, "https": 443}


class PullError(ReportdeskError):
    """Another system could not be asked, or answered what cannot be used. Nothing of it was taken."""

    status = HTTPStatus.BAD_GATEWAY
    code = "pull-failed"

    def __init__(self, message: str, *, hint: str, is_permanent: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.is_permanent = is_permanent


class Refused(PullError):  # noqa: N818 - it is an answer, which a caller may know what to do with
    """The other system says no, and will again: `answer_status` is 400 or more. `answer_body` is for codes in it, and
    never shown."""

    def __init__(self, told: tuple[str, str], status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(told[0], hint=told[1])
        self.answer_status, self.answer_headers, self.answer_body = status, headers, body


@dataclass(frozen=True)
class Peer:
    """Who is asked: what to call it, and the settings that say where it is, who we are, and how much to ask for."""

    name: str
    url_setting: str
    credentials: tuple[str, ...]
    page_setting: str
    allow_http_setting: str
    allow_http: bool = False


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def origin_of(url: str, peer: Peer) -> Origin:
    """The host that `url` asks. Raises PullError for what is no address, and for one that would send secrets in the
    clear, or that holds them itself."""
    try:
        parts = urlsplit(url)
        origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
    except ValueError:
        parts, origin = urlsplit(""), Origin("", "", 0)
    if origin.scheme not in _PORTS or not origin.host:
        raise PullError(
            Message("“%(address)s” is no address of the web.", address=shown(url)),
            hint=Message("Set %(setting)s to an address that begins with https://.", setting=peer.url_setting),
        )
    if parts.username is not None or parts.password is not None:
        raise PullError(
            Message("The address of %(peer_)s, %(address)s, has a user in it.", peer=peer.name, address=shown(url)),
            hint=Message(
                "Leave it out of %(setting)s; %(credentials)s are for it.",
                setting=peer.url_setting,
                credentials=list(peer.credentials),
            ),
        )
    if origin.scheme == "http" and not origin.is_loopback and not peer.allow_http:
        raise PullError(
            Message("%(address)s is not private: everyone on the way reads along.", address=shown(url)),
            hint=Message(
                "Write https:// in %(setting)s, or set %(allow)s to true.",
                setting=peer.url_setting,
                allow=peer.allow_http_setting,
            ),
        )
    return origin


def shown(url: str) -> str:
    """`url` as people may read it: without user info, query and fragment, and not without end."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "–"
    text = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    return "".join(each if each.isprintable() else "?" for each in text)[:200]


def status_in_words(status: int) -> str:
    """`404 Not Found`, in the standard's words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def refused_in_words(peer: Peer, url: str, status: int) -> tuple[str, str]:
    """(what happened, what to do)."""
    params: dict[str, Any] = {"peer": peer.name, "address": shown(url), "status": status_in_words(status)}
    credentials = list(peer.credentials)
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            Message("%(peer)s at %(address)s does not know who asks (%(status)s).", **params),
            Message("Check %(credentials)s.", credentials=credentials),
        )
    if status == HTTPStatus.FORBIDDEN:
        return (
            Message("%(peer)s at %(address)s does not let us read this (%(status)s).", **params),
            Message("Have the account of %(credentials)s given the right to read.", credentials=credentials),
        )
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.METHOD_NOT_ALLOWED):
        return (
            Message("At %(address)s there is nothing that %(peer_)s would answer with (%(status)s).", **params),
            Message("Check %(setting)s.", setting=peer.url_setting),
        )
    return (
        Message("%(peer)s at %(address)s does not take the question (%(status)s).", **params),
        Message(
            "Check %(setting)s, and ask whoever runs %(peer_)s what its log says of it.",
            setting=peer.url_setting,
            peer=peer.name,
        ),
    )
