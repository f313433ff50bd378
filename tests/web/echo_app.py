"""For `test_patient_worker`: says what it was sent; and a worker whose patience ends soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from webapp.web import patient_worker

patient_worker.STALLED_SECONDS = 1.5
patient_worker.GATHER_SECONDS = 3.0
patient_worker.IDLE_SECONDS = 4.0


class HastyWorker(patient_worker.PatientWorker):
    """The same, in a hurry."""


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/large/download":
        start("200 OK", [("Content-Length", str(64 << 20))])
        return (b"x" * (1 << 20) for _ in range(64))
    if environ["PATH_INFO"] == "/refused":
        start("413 Too Large", [("Content-Length", "0"), ("Connection", "close")])
        return [b""]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    answer = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {len(body)}".encode()
    start("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
