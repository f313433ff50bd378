"""The process that draws the charts of a worker's jobs: quick, and never needed."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from webapp.renderers import chart_svg
from webapp.worker.drawing import Drawer

#: As it is outside the tests of files, which draw in their own process.
DRAWN = chart_svg._drawn
ALONE = "charts are drawn by a process of their own"


def specification(name: str) -> str:
    return json.dumps(
        {
            "data": {"values": [{"a": name, "b": 3}, {"a": "é<&", "b": 5}]},
            "mark": "bar",
            "encoding": {"x": {"field": "b", "type": "quantitative"}, "y": {"field": "a", "type": "nominal"}},
        }
    )


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    with closing(Drawer()) as drawer:
        yield drawer
    chart_svg.use_drawer("")
    DRAWN.cache_clear()


def listening(drawer: Drawer) -> str:
    address = drawer.ensure()
    wait_until(lambda: Path(address).exists())
    return address


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def drawn_anew(name: str) -> str:
    DRAWN.cache_clear()
    return DRAWN((specification(name),))[0]


def test_it_draws_what_a_process_of_its_own_draws(drawer: Drawer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    alone = drawn_anew("one")
    chart_svg.use_drawer(listening(drawer))
    assert drawn_anew("one") == alone
    assert "<svg" in drawn_anew("two")
    assert ALONE not in caplog.messages


def test_whoever_gets_no_answer_draws_alone_and_the_next_job_has_a_new_one(
    drawer: Drawer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address = listening(drawer)
    chart_svg.use_drawer(address)
    assert drawer._process is not None
    os.kill(drawer._process.pid, signal.SIGKILL)
    drawer._process.wait()
    assert "<svg" in drawn_anew("one")
    assert ALONE in caplog.messages
    caplog.clear()
    chart_svg.use_drawer(listening(drawer))
    assert drawer.address != address
    assert not Path(address).parent.exists()
    assert "<svg" in drawn_anew("two")
    assert ALONE not in caplog.messages


def test_what_cannot_be_drawn_and_what_is_no_question_end_nothing(drawer: Drawer) -> None:
    address = listening(drawer)
    for said in (b"", b"nonsense", b'[{"mark": 1}]', b"[" * 100_000, b'"text"'):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(address)
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            stranger.settimeout(20)
            assert b"svg" not in stranger.recv(100)
    chart_svg.use_drawer(address)
    with pytest.raises(subprocess.CalledProcessError):
        DRAWN(('{"mark": 1}',))
    assert "<svg" in drawn_anew("one")
    assert drawer.ensure() == address


def test_it_ends_with_who_started_it_and_leaves_nothing(drawer: Drawer) -> None:
    address = listening(drawer)
    process = drawer._process
    assert process is not None
    assert process.stdin is not None
    assert Path(address).parent.stat().st_mode & 0o077 == 0
    process.stdin.close()  # what the kernel does when the worker dies
    wait_until(lambda: process.poll() is not None)
    assert not Path(address).parent.exists()
