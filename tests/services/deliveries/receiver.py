"""A real receiver of webhooks: it verifies what it gets by its own reading of Standard Webhooks, and answers as told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """`answers` are given one after another, the last one again and again; `secret` as the desk shows it."""

    url: str = ""
    secret: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(204, {})])
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    unverified: int = 0
    hangs: float = 0.0

    def verifies(self, headers: dict[str, str], body: bytes) -> bool:
        if abs(int(headers["webhook-timestamp"]) - time.time()) > 300:
            return False
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.secret.partition("_")[2])
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = [each.partition(",") for each in headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(mark, wanted) for version, _, mark in given)


@contextmanager
def running() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(found.hangs)
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not found.verifies(headers, body):
                found.unverified += 1
            found.got.append((self.path, headers, json.loads(body)))
            status, more = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            found.got.append((f"GET {self.path}", {}, {}))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?for=desk"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
