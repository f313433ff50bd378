"""Whoever queues a job wakes the workers of this machine."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from webapp.documents import WorkerRecord
from webapp.services.queue import bell
from webapp.services.queue.bell import Bell
from webapp.worker import heartbeat


@pytest.fixture
def own() -> Iterator[Bell]:
    with closing(Bell("0123456789ab")) as own:
        yield own


def live(worker: Bell, worker_id: str = "0123456789ab") -> None:
    heartbeat.write(worker_id, concurrency=1, job_ids=[], jobs_done=0, bell_port=worker.port)


def is_heard(worker: Bell, *, within: float = 2.0) -> bool:
    select.select([worker.socket], [], [], within)
    return worker.was_rung()


def test_a_worker_that_lives_here_is_woken_once(database: Any, own: Bell) -> None:
    live(own)
    bell.ring()
    assert is_heard(own)
    assert not own.was_rung()


def test_one_that_has_left_and_one_elsewhere_are_not_called(database: Any, own: Bell) -> None:
    live(own)
    heartbeat.say_goodbye("0123456789ab", jobs_done=0)
    bell.ring()
    live(own)
    WorkerRecord.objects.update(set__host="elsewhere")
    bell.ring()
    assert not is_heard(own, within=0.2)


def test_what_others_send_to_its_port_is_not_heard(own: Bell) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for said in (b"", b"0123456789a", b"0123456789abc", b"x" * 9_000):
            stranger.sendto(said, ("127.0.0.1", own.port))
    assert not is_heard(own, within=0.2)


def test_a_worker_without_a_bell_and_a_port_that_is_closed_do_no_harm(database: Any) -> None:
    heartbeat.write("old", concurrency=1, job_ids=[], jobs_done=0)
    with closing(Bell("gone")) as gone:
        live(gone, "gone")
    bell.ring()
    bell.ring()
