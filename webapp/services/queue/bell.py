"""A bell: whoever queues a job wakes the idle workers of this machine, who would else notice it at their next poll.

A datagram on loopback, to the port that a worker names in its record, with the worker's own id in it; anything else is
not heard. Nothing depends on it: a bell that nobody hears costs a poll's time. Workers on other machines poll.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress

from pymongo.errors import PyMongoError

from webapp.services import database_clock
from webapp.services.queue import workers
from webapp.services.remembered import Remembered

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
#: How long a worker that was read is taken to be there still; for a new one it is the poll that notices the job.
KNOWN_SECONDS = 2.0
#: At a time: whoever floods the port does not keep the worker from its leases.
MOST_HEARD = 100
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
            for _ in range(MOST_HEARD):
                is_rung = self.socket.recv(_LONGEST_ID + 1) == self._word or is_rung
        return is_rung

    def close(self) -> None:
        self.socket.close()


def ring() -> None:
    """Wake the workers of this machine. Never fails: they look by themselves, too."""
    try:
        found = _here.get(socket.gethostname())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for worker_id, port in found:
                with suppress(OSError):
                    sender.sendto(worker_id.encode(), (LOOPBACK, port))
    except (PyMongoError, OSError) as error:
        log.info("no worker could be woken", extra={"error": type(error).__name__})


def _bells_of(host: str) -> list[tuple[str, int]]:
    """(id, port) of the workers of `host` that live."""
    found = workers.alive(database_clock.about_now())
    return [(each.id, each.bell_port) for each in found if each.host == host and each.bell_port is not None]


_here: Remembered[str, list[tuple[str, int]]] = Remembered(_bells_of, KNOWN_SECONDS)
