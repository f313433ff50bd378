"""gunicorn's worker of threads, made so that nobody holds a thread by waiting.

gunicorn 27 gives each new connection a thread at once, and lets it wait there for its request: sixteen browsers that
only open a connection, or send a byte a second, stop every page. Here the process's own loop gathers a request until it
is whole, and only then a thread answers it. What cannot be gathered (the body of an upload) and what takes as long as
the other side likes (a download) has threads of its own. Nothing is waited for without end.

The loop only guesses where a request ends, to choose the moment: gunicorn's parser judges it, from the first byte. A
wrong guess costs one thread for `STALLED_SECONDS`.
"""

from __future__ import annotations

import contextlib
import errno
import re
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from gunicorn import http, util
from gunicorn.workers.gthread import TConn, ThreadWorker

#: A connection may stand open so long without a request; from its first byte on, a request must be whole so soon.
IDLE_SECONDS = 75.0
GATHER_SECONDS = 65.0
#: A form is gathered up to this size; a larger body is read by a thread for long work.
MOST_GATHERED = 64 * 1024
MOST_HEAD = 64 * 1024
#: Who neither sends nor takes a byte for so long has gone; and who, on the whole, is slower than this.
STALLED_SECONDS = 20.0
LEAST_BYTES_A_SECOND = 2_000
#: Who is refused in the midst of sending hears it only if what comes on is taken for a moment. gunicorn takes 64 kB: a
#: proxy beside the desk has sent megabytes by then, and tells its visitor 502 in place of what the desk has said.
MOST_DRAINED = 64 * 1024 * 1024
#: Threads for uploads, downloads and files of the pages, for each one that makes pages: they mostly wait.
LONG_THREADS = 4

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)\r\n", re.IGNORECASE)
_OPEN_ENDED = re.compile(rb"\r\n(?:transfer-encoding|expect)[ \t]*:", re.IGNORECASE)
_LONG_ANSWER = re.compile(rb"[A-Z]+ /(?:static/|[^ ?]*/(?:download|export)[ ?])")
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PatientSocket(socket.socket):
    """Blocking, but not for ever: a side that stalls looks like one that has gone, which everything above can take."""

    has_gone = False
    _moved = 0
    _waited = 0.0

    def setblocking(self, flag: bool) -> None:
        """`True` as threads mean it: with an end to waiting, for one request."""
        self.settimeout(STALLED_SECONDS if flag else 0.0)
        self._moved, self._waited = 0, 0.0

    def recv(self, *arguments: Any) -> bytes:
        """As usual; nothing, as at the end, from a side that stalls. It then stays gone: what it sends later is the
        rest of this request, never a new one."""
        if self.has_gone:
            return b""
        try:
            with self._waiting():
                data = super().recv(*arguments)
        except TimeoutError:
            data = b""
        self._moved += len(data)
        self.has_gone = not data or self._is_too_slow()
        return b"" if self.has_gone else data

    def sendall(self, data: Any, *flags: Any) -> None:
        """As usual; raises BrokenPipeError when the other side takes nothing."""
        left = memoryview(data)
        while left:
            try:
                with self._waiting():
                    sent = self.send(left, *flags)
            except TimeoutError as error:
                raise BrokenPipeError(errno.EPIPE, "the other side takes nothing") from error
            self._moved += sent
            if self._is_too_slow():
                raise BrokenPipeError(errno.EPIPE, "the other side takes too little")
            left = left[sent:]

    def arrived(self) -> bytes | None:
        """What is there, without waiting; empty at the end, None for nothing yet."""
        try:
            return b"" if self.has_gone else super().recv(MOST_GATHERED)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self._waited += time.monotonic() - begin

    def _is_too_slow(self) -> bool:
        return self._waited > 2 * STALLED_SECONDS and self._moved < self._waited * LEAST_BYTES_A_SECOND


class Connection(TConn):
    """One connection, and what has come of its next request."""

    sock: PatientSocket
    parser: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, PatientSocket(fileno=sock.detach()), client, server)
        self.expect_request()

    def expect_request(self) -> None:
        """Begin to wait for one."""
        self.arrived = b""
        self.is_whole = self.is_long = False
        self.deadline = time.monotonic() + IDLE_SECONDS
        if self.parser is not None:
            # The end of the request before may have been read together with the begin of this one.
            self.gather(self.parser.unreader.take_buffered())

    def gather(self, more: bytes) -> None:
        """Take `more` in; afterwards `is_whole` says whether a thread should see to it."""
        if more and not self.arrived:
            self.deadline = time.monotonic() + GATHER_SECONDS
        # Empty lines before a request mean nothing (RFC 9112, 2.2), and would look like its end.
        self.arrived = (self.arrived + more).lstrip(b"\r\n")
        head, end, body = self.arrived.partition(b"\r\n\r\n")
        if not end:
            return
        head += b"\r\n"
        length = _body_bytes(head)
        self.is_long = bool(
            length is None or length > MOST_GATHERED or _OPEN_ENDED.search(head) or _LONG_ANSWER.match(head)
        )
        self.is_whole = self.is_long or len(body) >= (length or 0)

    def hand_over(self) -> None:
        """Give what has arrived to gunicorn's parser."""
        self.sock.setblocking(True)
        if self.parser is None:
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
            self.initialized = True
        self.parser.unreader.unread(self.arrived)
        self.arrived = b""

    def close(self, graceful: bool = False) -> None:
        """At once: this is the loop, which may not linger. `PatientWorker.handle` has done that where it matters."""
        util.close(self.sock)


def _body_bytes(head: bytes) -> int | None:
    """The length of the body; None where that cannot be said for certain."""
    found = [each.strip() for each in _LENGTH.findall(head)]
    if not found:
        return 0
    return int(found[0]) if len(found) == 1 and found[0].isdigit() and len(found[0]) < 16 else None


class PatientWorker(ThreadWorker):
    """`gunicorn --worker-class webapp.web.patient_worker.PatientWorker`"""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        #: Those whose request is not whole, in the order in which they began to wait.
        self.gathering: dict[Connection, None] = {}
        self._look_at = 0.0

    def init_process(self) -> None:
        self.long_pool = ThreadPoolExecutor(self.cfg.threads * LONG_THREADS, "long")
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Take a connection. Where there are as many as this process holds, the one that has waited longest goes."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            return  # else another process was faster, or they have left again
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        self.enqueue_req(Connection(self.cfg, sock, address, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """Let a thread answer the next request of `conn`, once it is whole."""
        conn.expect_request()
        conn.sock.setblocking(False)
        if not conn.is_whole:
            self._read(conn)
        if conn.is_whole:
            self._answer(conn)
        elif conn.sock.fileno() >= 0:
            self.gathering[conn] = None
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_bytes, conn))

    def _on_bytes(self, conn: Connection, _sock: socket.socket) -> None:
        if conn not in self.gathering:
            return  # it has made room for another in this very round
        self._read(conn)
        if conn.is_whole:
            self._forget(conn)
            self._answer(conn)

    def _read(self, conn: Connection) -> None:
        more = conn.sock.arrived()
        if more is None:
            return
        if not more:
            self._give_up(conn)
            return
        conn.gather(more)
        if not conn.is_whole and len(conn.arrived) > MOST_HEAD and b"\r\n\r\n" not in conn.arrived:
            with contextlib.suppress(OSError):
                conn.sock.send(_TOO_LARGE)
            self._give_up(conn)

    def _answer(self, conn: Connection) -> None:
        conn.hand_over()
        pool = self.long_pool if conn.is_long else self.tpool
        future: Future[Any] = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle(self, conn: Connection) -> Any:
        """In a thread: as gunicorn does. Who may still be sending is given a moment to read that it was refused."""
        keep = super().handle(conn)
        if not keep and conn.is_long:
            util.close_graceful(conn.sock, max_drain=MOST_DRAINED)
        return keep

    def _forget(self, conn: Connection) -> None:
        if conn in self.gathering:
            del self.gathering[conn]
            self.poller.unregister(conn.sock)

    def _give_up(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        if self.gathering:
            self._give_up(next(iter(self.gathering)))

    def murder_pending(self) -> None:
        """Give up on those whose request has not come in time; gunicorn's loop calls this after every round. Whoever
        stops waits for no request that has not begun."""
        now = time.monotonic()
        if now < self._look_at and self.alive:
            return
        self._look_at = now + 1.0
        for conn in list(self.gathering):
            if conn.deadline < now or not (self.alive or conn.arrived):
                self._give_up(conn)
