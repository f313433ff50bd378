"""Asking another system over HTTP: patient with what passes, plain about what does not, and careful with secrets.

An answer comes from the host that the setting names and from no other: neither a redirect nor a "next page" leads
elsewhere. Certificates are verified by the machine's own list. Addresses are told without what could be a secret in
them (user info, query), and what a server says is never repeated but by its status.
"""

from __future__ import annotations

import logging
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self, TypeVar
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    IncompleteRead,
    LocationValueError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from webapp.messages import Message
from webapp.sources.http_addresses import (
    Origin,
    Peer,
    PullError,
    Refused,
    origin_of,
    refused_in_words,
    shown,
    status_in_words,
)
from webapp.sources.http_retries import Limits, is_temporary, pause_before, seconds_asked_for

log = logging.getLogger(__name__)
T = TypeVar("T")
Fields = Mapping[str, str]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Answer:
    """A whole answer whose status is not an error's; `url` is the address that gave it."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class _PassingError(Exception):
    """It did not work out, and the same question may be answered in a moment. `reason` is a sentence."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


class Client:
    """Asks one system. `wait` is how to let time pass between two tries."""

    def __init__(
        self,
        peer: Peer,
        url: str,
        *,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises PullError for an address that cannot be asked, or not in private."""
        self.peer, self.limits = peer, limits
        self.origin = origin_of(url, peer)
        self._wait = wait
        #: How often a question had to be asked again.
        self.retries = 0
        self._pool = _pool(self.origin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def get(self, url: str, headers: Fields, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer; its ValueError means that the answer is cut or damaged, and it is asked for
        again. Raises PullError; Refused for a status of 400 to 499."""
        return self._until_answered("GET", url, headers, None, read)

    def post(self, url: str, headers: Fields, body: bytes, read: Callable[[Answer], T]) -> T:
        """As `get`, for a form; it follows no redirect at all, since forms hold secrets."""
        return self._until_answered("POST", url, headers, body, read)

    def on_this_host(self, url: str, base: str) -> str:
        """`url` as seen from `base`. Raises PullError where that leads to another host."""
        found = urljoin(base, url)
        try:
            is_here = origin_of(found, self.peer) == self.origin
        except PullError:
            is_here = False
        if not is_here:
            raise PullError(
                Message(
                    "%(peer)s at %(address)s sends us on to another host, %(other)s. That was not followed.",
                    peer=self.peer.name,
                    address=shown(base),
                    other=shown(found),
                ),
                hint=Message("Set %(setting)s to the address that really answers.", setting=self.peer.url_setting),
            )
        return found

    def _until_answered(
        self, method: str, url: str, headers: Fields, body: bytes | None, read: Callable[[Answer], T]
    ) -> T:
        tries = 0
        while True:
            tries += 1
            try:
                return self._read(self._follow(method, url, headers, body), read)
            except _PassingError as passing:
                pause = pause_before(tries, passing.after, self.limits)
                if pause is None:
                    raise PullError(
                        Message(
                            "%(reason)s It was tried %(tries)s times; nothing of this was taken.",
                            reason=passing.reason,
                            tries=tries,
                        ),
                        hint=Message(
                            "Try again later; if it stays so, ask whoever runs %(peer_)s.", peer=self.peer.name
                        ),
                        is_permanent=False,
                    ) from passing
                self.retries += 1
                log.info("asking again", extra={"address": shown(url), "tries": tries, "pause_seconds": pause})
                self._wait(pause)

    def _read(self, answer: Answer, read: Callable[[Answer], T]) -> T:
        try:
            return read(answer)
        except ValueError as error:
            raise _PassingError(self._cut_off(answer.url)) from error

    def _follow(self, method: str, url: str, headers: Fields, body: bytes | None) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            answer = self._once(method, url, headers, body)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            if method != "GET":
                break
            url = self.on_this_host(location, answer.url)
        raise PullError(
            Message("%(peer)s at %(address)s only sends us on.", peer=self.peer.name, address=shown(url)),
            hint=Message("Set %(setting)s to the address that really answers.", setting=self.peer.url_setting),
        )

    def _once(self, method: str, url: str, headers: Fields, body: bytes | None) -> Answer:
        timeout = urllib3.Timeout(connect=self.limits.connect_seconds, read=self.limits.read_seconds)
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers={"Accept-Encoding": "gzip", "User-Agent": "Reportdesk", **headers},
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                found = self._whole(url, response)
            finally:
                # A connection that is not read to its end is of no more use.
                response.close()
        except (HTTPError, OSError) as error:
            raise self._in_words(url, error) from error
        if is_temporary(found.status):
            raise _PassingError(
                Message(
                    "%(peer)s at %(address)s is not to be had just now (%(status)s).",
                    peer=self.peer.name,
                    address=shown(url),
                    status=status_in_words(found.status),
                ),
                seconds_asked_for(found.headers.get("Retry-After")),
            )
        if found.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(refused_in_words(self.peer, url, found.status), found.status, found.headers, found.body)
        return found

    def _whole(self, url: str, response: urllib3.BaseHTTPResponse) -> Answer:
        """Raises PullError for what is too large, _PassingError for what takes too long."""
        # A server that sends a byte a second keeps every single read within its time.
        ends_at = time.monotonic() + self.limits.answer_seconds
        body = bytearray()
        for chunk in response.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self.limits.most_bytes:
                raise PullError(
                    Message(
                        "%(peer)s at %(address)s answers with more than %(most)s MB at once.",
                        peer=self.peer.name,
                        address=shown(url),
                        most=self.limits.most_bytes >> 20,
                    ),
                    hint=Message("Set %(setting)s to a smaller number.", setting=self.peer.page_setting),
                )
            if time.monotonic() > ends_at:
                raise _PassingError(self._cut_off(url))
        return Answer(url, response.status, response.headers, bytes(body))

    def _in_words(self, url: str, error: Exception) -> Exception:
        """What the network or its library raised: passing, or for good."""
        if isinstance(error, LocationValueError):
            return PullError(
                Message("%(address)s is no address that can be asked.", address=shown(url)),
                hint=Message("Correct %(setting)s.", setting=self.peer.url_setting),
            )
        if isinstance(error, SSLError) and any(isinstance(each, ssl.SSLCertVerificationError) for each in error.args):
            return PullError(
                Message(
                    "%(peer)s at %(address)s shows a certificate that this machine does not trust.",
                    peer=self.peer.name,
                    address=shown(url),
                ),
                hint=Message(
                    "Have its certificate renewed, or add your own authority's to those that this machine trusts "
                    "(SSL_CERT_FILE)."
                ),
            )
        if isinstance(error, ProtocolError | IncompleteRead | DecodeError | ReadTimeoutError):
            return _PassingError(self._cut_off(url))
        return _PassingError(
            Message("%(peer)s at %(address)s cannot be reached.", peer=self.peer.name, address=shown(url))
        )

    def _cut_off(self, url: str) -> str:
        return Message(
            "%(peer)s at %(address)s broke off before its answer was whole.", peer=self.peer.name, address=shown(url)
        )


def _pool(origin: Origin) -> urllib3.PoolManager:
    """Connections to it: by the proxy that the machine's environment names, never for this machine itself."""
    proxy = urllib.request.getproxies().get(origin.scheme)
    if proxy and not origin.is_loopback and not urllib.request.proxy_bypass(origin.host):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()
