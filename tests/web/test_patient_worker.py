"""The web server with people who wait, dawdle or lie: none of them holds a thread that another needs.

One real gunicorn with two threads for pages. Nothing here measures: a page either comes while all others wait, or not.
"""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving import wait_for

ROOT = Path(__file__).resolve().parents[2]
THREADS = 2
#: More than all threads, those for long work too.
MANY = 40
ANSWERED = 10.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "gunicorn", "tests.web.echo_app:app", "--bind", f"127.0.0.1:{number}"),
        *("--worker-class", "tests.web.echo_app.HastyWorker", "--workers", "1", "--threads", str(THREADS)),
        *("--worker-connections", "200", "--keep-alive", "2", "--no-sendfile", "--log-level", "warning"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    wait_for(f"http://127.0.0.1:{number}/")
    yield number
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    told = process.communicate(timeout=40)[1].decode()
    assert "Traceback" not in told, told
    assert process.returncode == 0


def opened(port: int, *sent: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWERED)
    for each in sent:
        sock.sendall(each)
    return sock


def page(port: int, method: str = "GET", path: str = "/page", body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERED)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        return connection.getresponse().read()


def all_of(sock: socket.socket) -> bytes:
    """Until the other side ends it."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            found += more
    return found


WAITING = {
    "says nothing": b"",
    "has begun a line": b"GE",
    "has begun a header": b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Sl",
    "sends empty lines": b"\r\n\r\n\r\n",
    "has begun a form": b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc",
    "has begun a form, in many digits": b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + b"0" * 30
    + b"9\r\n\r\na",
    "has begun an upload": b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nabc",
    "has begun a chunk": b"POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "wants to be asked on": b"POST /slow HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "takes no bytes": b"GET /large/download HTTP/1.1\r\nHost: x\r\n\r\n",
    "does not close": b"GET /page HTTP/1.0\r\n\r\n",
    "begins a second one": b"GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /sec",
}


@pytest.mark.parametrize("what", WAITING)
def test_a_page_comes_while_many_wait(port: int, what: str) -> None:
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(opened(port, WAITING[what]))
        # Enough pages to need each thread more than once.
        for _ in range(THREADS * 3):
            assert page(port) == b"GET /page 0"
        assert page(port, "POST", "/form", b"a=1&b=2") == b"POST /form 7"


def test_a_request_that_comes_byte_by_byte_is_answered(port: int) -> None:
    request = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    with opened(port) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(request)):
            sock.sendall(request[place : place + 1])
        assert all_of(sock).endswith(b"POST /slow 3")


def test_requests_on_one_connection_are_answered_in_order_whatever_cuts_them(port: int) -> None:
    three = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (n, n, b"x" * n) for n in (1, 2, 3)
    )
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for cut in (1, 30, len(three) // 2, len(three) - 1):
        with opened(port, three[:cut], three[cut:] + last) as sock:
            found = all_of(sock)
        told = [found.index(b"POST /%d %d" % (n, n)) for n in (1, 2, 3)]
        assert told == sorted(told)
        assert found.endswith(b"GET /last 0")


def test_the_rest_of_a_stalled_upload_is_never_taken_for_a_request(port: int) -> None:
    begun = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nabc"
    with opened(port, begun) as sock:
        first = sock.recv(65536)  # the server has stopped waiting
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"smuggled" not in first + all_of(sock)


def test_an_upload_is_read_whole_and_one_that_is_refused_hears_it(port: int) -> None:
    large = b"x" * 3_000_000
    assert page(port, "POST", "/upload", large) == b"POST /upload 3000000"
    with opened(port, b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n", b"x" * 100_000) as sock:
        assert all_of(sock).startswith(b"HTTP/1.1 413")


def test_who_sends_many_megabytes_that_are_refused_still_hears_it(port: int) -> None:
    # As a proxy beside the desk does: far more, and far faster, than fits between two machines' buffers.
    head = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n"
    with opened(port, head, *[b"x" * 1_000_000] * 12) as sock:
        assert all_of(sock).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("what", ["says nothing", "has begun a header", "has begun a form"])
def test_nobody_waits_for_ever(port: int, what: str) -> None:
    with opened(port, WAITING[what]) as sock:
        assert all_of(sock) == b""


def test_headers_without_end_are_refused(port: int) -> None:
    with opened(port) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: y\r\n" * 20_000)
        with contextlib.suppress(ConnectionError):
            assert all_of(sock)[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")
    assert page(port) == b"GET /page 0"


def test_more_connections_than_are_held_make_room_for_each_other(port: int) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(opened(port))
        for _ in range(260):
            stack.enter_context(opened(port))
        assert page(port) == b"GET /page 0"
        assert all_of(first) == b""  # who had waited longest
