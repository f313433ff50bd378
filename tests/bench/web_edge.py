"""The desk while somebody is in its way: how long another person's pages take meanwhile.

200 idle connections and 40 that send a byte a second, for a minute, without a proxy; then one person's sixty previews
at once, again and again. On the demo's data, by gunicorn as `reportdesk web` runs it. Baseline: the same pages alone.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from urllib.parse import urlencode

from tests.bench import web_desk
from webapp import demo

IDLE, SLOW, SECONDS = 200, 40, 60
PREVIEWS, PREVIEW_SECONDS = 60, 20
#: What the slow ones send, one of these each.
REQUESTS = (
    b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 500,
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 900\r\n\r\n" + b"x" * 500,
    b"POST /verify/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 90000000\r\n\r\n" + b"x" * 500,
)
QUESTION = {
    "type": "learner-activity", "group": "learner", "measure": "event-count", "period": "all", "format": "csv",
    "visibility": "private", "priority": "normal",
}  # fmt: skip


def main() -> None:
    with web_desk.desk("bench_edge"):
        demo.build()
        with web_desk.serving() as (port, _pid):
            busy, other = (Browser(port, email) for email in list(demo.SIGN_INS)[:2])
            _told("alone (baseline)", _meanwhile(other, 10))
            with _idle_and_slow(port) as held:
                _told(f"{IDLE} idle and {SLOW} slow connections (aim: p95 under 1 s)", _meanwhile(other, SECONDS))
                print(f"  of these still open at the end: {held()}")
            statuses: Counter[int] = Counter()
            with _previews(busy, statuses):
                _told(
                    f"{PREVIEWS} previews of one person at once (aim: p95 under 0.5 s)",
                    _meanwhile(other, PREVIEW_SECONDS),
                )
            print(f"  their answers: {dict(statuses)}")


class Browser:
    """Somebody who has signed in."""

    def __init__(self, port: int, email: str) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        page = self.ask("GET", "/sign-in")[1]
        form = {"email": email, "password": demo.DEMO_PASSWORD, "csrf_token": _token(page)}
        status, page = self.ask("POST", "/sign-in", form)
        assert status == 303, page
        self.token = _token(self.ask("GET", "/reports/new?type=learner-activity")[1])

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            for each in answer.headers.get_all("Set-Cookie", []):
                name, _, value = each.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, answer.read().decode()


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def _meanwhile(browser: Browser, seconds: float) -> list[float]:
    """How long each of this person's list pages took."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        status, _ = browser.ask("GET", "/reports/")
        assert status == 200, status
        times.append(time.monotonic() - begin)
        time.sleep(0.1)
    return times


def _told(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(
        f"{what}: {len(times)} pages, p50 {median(ordered) * 1e3:.0f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1e3:.0f} ms, "
        f"longest {ordered[-1] * 1e3:.0f} ms"
    )


@contextmanager
def _idle_and_slow(port: int) -> Iterator[Callable[[], str]]:
    over = threading.Event()
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(IDLE)]
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(SLOW)]
        ended: list[int] = []

        def send(number: int) -> None:
            with contextlib.suppress(OSError):
                for byte in REQUESTS[number % len(REQUESTS)]:
                    slow[number].sendall(bytes([byte]))
                    if over.wait(1):
                        return
            ended.append(number)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(SLOW)]
        for thread in threads:
            thread.start()

        def held() -> str:
            return f"{sum(_is_open(each) for each in idle)} idle, {SLOW - len(ended)} slow"

        try:
            yield held
        finally:
            over.set()
            for thread in threads:
                thread.join()


def _is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def _previews(browser: Browser, statuses: Counter[int]) -> Iterator[None]:
    """As many at once as asked for, one after the other on each."""
    over = threading.Event()

    def ask(number: int) -> None:
        while not over.is_set():
            status, _ = browser.ask(
                "POST", "/reports/new/preview", {**QUESTION, "name": str(number), "csrf_token": browser.token}
            )
            statuses[status] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(PREVIEWS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
