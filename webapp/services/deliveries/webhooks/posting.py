"""One POST to a webhook's address: to the address that was judged, no redirect followed, no answer read but its status.

No proxy is asked, for it would ask for the name's address once more, and nobody would judge that.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from webapp.messages import Message
from webapp.services.deliveries.webhooks import addresses
from webapp.services.deliveries.webhooks.addresses import Target
from webapp.settings import get_settings
from webapp.sources.http_addresses import status_in_words

#: For the connection, and for each piece of the answer.
STEP_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """`status` is the server's; 0: there was none, and `why` says what happened. `is_unreachable`: there was not even a
    connection. `retry_after`: seconds that the server asks for."""

    status: int
    said: str = ""
    why: Message | None = None
    is_unreachable: bool = False
    retry_after: float | None = None


def post(target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
    """Raises RefusedAddressError for an address that nothing is sent to."""
    try:
        address = addresses.resolved(target)
    except addresses.UnknownHostError:
        why = Message("There is no server by the name %(host)s.", host=target.host)
        return Answer(0, why=why, is_unreachable=True)
    connection = _connection(target, address)
    # A server that sends a byte now and then keeps each step within its time; the whole has an end, too.
    end = threading.Timer(get_settings().delivery_time_limit_seconds, _cut, [connection])
    end.daemon = True
    end.start()
    try:
        return _answer(connection, target, headers, body)
    finally:
        end.cancel()
        connection.close()


def _answer(connection: HTTPConnection, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
    given = {"Host": _host_header(target), "Content-Type": "application/json", "User-Agent": "Reportdesk", **headers}
    host = target.host
    try:
        connection.connect()
    except ssl.SSLCertVerificationError:
        return Answer(0, why=Message("%(host)s shows a certificate that this machine does not trust.", host=host))
    except (HTTPError, OSError):
        return Answer(0, why=Message("%(host)s cannot be reached.", host=host), is_unreachable=True)
    try:
        connection.request("POST", target.path, body=body, headers=given, preload_content=False)
        response = connection.getresponse()
    except TimeoutError:
        return Answer(0, why=Message("%(host)s did not answer in time.", host=host))
    except (HTTPError, OSError, http.client.HTTPException, ValueError):
        return Answer(0, why=Message("%(host)s broke off before it had answered.", host=host))
    return Answer(response.status, status_in_words(response.status), retry_after=_seconds(response.headers))


def _connection(target: Target, address: str) -> HTTPConnection:
    """To the address that was judged; the certificate must be the name's."""
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=STEP_SECONDS)
    return HTTPSConnection(
        address, target.port, timeout=STEP_SECONDS, server_hostname=target.host, assert_hostname=target.host
    )


def _cut(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):  # it may have ended by itself
            connection.sock.shutdown(socket.SHUT_RDWR)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_usual = target.port == {"http": 80, "https": 443}[target.scheme]
    return host if is_usual else f"{host}:{target.port}"


def _seconds(headers: Mapping[str, str]) -> float | None:
    given = headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() and len(given) < 8 else None
