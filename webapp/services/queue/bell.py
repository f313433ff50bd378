"""A bell: whoever queues a job wakes the idle workers of this machine, who would else notice it at their next poll.

A datagram on loopback, to the port that a worker names in its record, with the worker's own id in it; anything else is
not heard. Nothing depends on it: a bell that nobody hears costs a poll's time. Workers on other machines poll.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from datetime import timedelta

from pymongo.errors import PyMongoError

from webapp.documents import WorkerRecord
from webapp.services import database_clock
from webapp.services.remembered import Remembered
from webapp.settings import get_settings

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
#: How long a worker that was read is taken to be there still; for a new one it is the poll that notices the job.
KNOWN_SECONDS = 2.0
_LONGEST_ID = 64


class Bell:
    """A worker's. `socket` may be waited on."""

    def __init__(self, worker_id: str) -> None:
        self._word = worker_id.encode()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def was_rung(self) -> bool:
        """Whether it was rung since this was asked last."""
        is_rung = False
        with suppress(BlockingIOError):
            while True:
                is_rung = self.socket.recv(_LONGEST_ID + 1) == self._word or is_rung
        return is_rung

    def close(self) -> None:
        self.socket.close()


def ring() -> None:
    """Wake the workers of this machine. Never fails: they look by themselves, too."""
    try:
        workers = _here.get(socket.gethostname())
    except PyMongoError as error:
        log.info("no worker could be woken", extra={"error": type(error).__name__})
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for worker_id, port in workers:
            with suppress(OSError):
                sender.sendto(worker_id.encode(), (LOOPBACK, port))


def _bells_of(host: str) -> list[tuple[str, int]]:
    """(id, port) of the workers of `host` that live."""
    since = database_clock.about_now() - timedelta(seconds=get_settings().lease_seconds)
    found = WorkerRecord._get_collection().find(
        {"host": host, "lastBeatAt": {"$gte": since}, "stoppedAt": None}, {"bellPort": 1}
    )
    return [(each["_id"], each["bellPort"]) for each in found if isinstance(each.get("bellPort"), int)]


_here: Remembered[str, list[tuple[str, int]]] = Remembered(_bells_of, KNOWN_SECONDS)
