"""A proxy in front of an S3 server that cuts connections in the middle of an upload."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes everything on, but while `cuts_left` is not 0, a connection whose PUT has sent `after` bytes is cut."""

    def __init__(self, endpoint: str, *, after: int) -> None:
        parts = urlsplit(endpoint)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._after = after
        self.cuts_left = 0
        self.cuts_made = 0
        self._deciding = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(self._server)
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()

    def _takes_a_cut(self) -> bool:
        """Parts are sent side by side: two of them must not both take the last cut."""
        with self._deciding:
            if not self.cuts_left:
                return False
            self.cuts_left -= 1
            self.cuts_made += 1
            return True

    def _pass_on(self, source: socket.socket, target: socket.socket, is_upload: bool) -> None:
        sent, is_put = 0, False
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if is_upload and data.startswith(b"PUT "):
                    sent, is_put = 0, True
                sent += len(data)
                if is_upload and is_put and sent > self._after and self._takes_a_cut():
                    target.sendall(data[: max(len(data) - (sent - self._after), 0)])
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
