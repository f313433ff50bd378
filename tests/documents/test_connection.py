"""A connection that dies without a word is noticed by who waits for a long answer, too."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.errors import AutoReconnect

from webapp.documents import connect, disconnect
from webapp.documents.connection import Patience, long_read_database
from webapp.worker import child, order_child


class SilentProxy:
    """Passes on what both sides say until it falls silent; its connections stay up."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.is_silent = threading.Event()
        self._upstream = upstream
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, far = self._server.accept()[0], socket.create_connection(self._upstream)
                self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                if not self.is_silent.is_set():
                    target.sendall(said)
        # Here, too: one that is accepted while the proxy ends is not among those that `close` knows.
        self._end(source, target)

    def close(self) -> None:
        self._end(self._server, *self._sockets)

    @staticmethod
    def _end(*sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_a_long_read_on_a_connection_that_fell_silent_ends_soon(database: Any, mongo: str) -> None:
    parsed = urlsplit(mongo)
    proxy = SilentProxy((parsed.hostname or "", parsed.port or 0))
    disconnect()
    patience = Patience(answer_ms=60_000, silence_ms=1_000, heartbeat_ms=500)
    uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&retryReads=false"
    connect(uri, database.name, server_selection_ms=500, patience=patience)
    try:
        assert long_read_database()["lookupvalues"].find_one({}) is not None
        time.sleep(1)  # the driver's own heartbeat has begun
        proxy.is_silent.set()
        began = time.monotonic()
        with pytest.raises(AutoReconnect):
            long_read_database()["lookupvalues"].find_one({})
        assert time.monotonic() - began < 10
    finally:
        disconnect()
        proxy.close()


def test_a_child_notices_within_25_seconds() -> None:
    for patience in (child.PATIENCE, order_child.PATIENCE):
        assert patience.silence_ms + patience.heartbeat_ms < 25_000
    assert child.PATIENCE.answer_ms < 25_000
