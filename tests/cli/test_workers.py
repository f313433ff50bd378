"""`reportdesk workers`: what is told to workers from the terminal."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.cli.conftest import Terminal
from tests.factories import People
from webapp import clock
from webapp.documents import WorkerRecord


@pytest.fixture
def worker() -> WorkerRecord:
    return WorkerRecord(
        id="4f1c-one", host="here", pid=1, concurrency=2, last_beat_at=clock.utcnow() + timedelta(hours=1)
    ).save()


@pytest.mark.does("workers list", "workers pause", "workers resume", "workers drain")
def test_workers_are_listed_as_json_lines_and_told_what_to_do(
    terminal: Terminal, people: People, worker: WorkerRecord
) -> None:
    def listed() -> dict[str, object]:
        (line,) = terminal("workers", "list").stdout.splitlines()
        found: dict[str, object] = json.loads(line)
        return found

    assert listed()["id"] == "4f1c-one"
    assert (listed()["paused"], listed()["draining"]) == (False, False)
    paused = terminal("workers", "pause", "4f1c")  # how its id begins is enough
    assert (paused.exit_code, paused.stdout) == (0, "Asked; it does so at its next beat, within seconds.\n")
    assert listed()["paused"] is True
    assert terminal("workers", "resume", "4f1c-one", "--as", people.administrator.email).exit_code == 0
    assert listed()["paused"] is False
    assert terminal("workers", "drain", "4f1c-one").exit_code == 0
    assert listed()["draining"] is True


@pytest.mark.refuses("workers pause", "workers resume", "workers drain")
@pytest.mark.parametrize("wish", ["pause", "resume", "drain"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody",), "There is no running worker nobody."),
        (("4f1c", "--as", "nobody@x.example"), "no active account"),
        (("4f1c", "--as", "olivia.owner@staff.example"), "Ask an administrator"),
        ((), "Missing argument"),
    ],
)
def test_a_wish_that_nobody_can_fulfil_is_refused_in_words(
    terminal: Terminal, people: People, worker: WorkerRecord, wish: str, arguments: tuple[str, ...], words: str
) -> None:
    done = terminal("workers", wish, *arguments)
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert done.stdout == ""
    worker.reload()
    assert not worker.is_paused
    assert not worker.is_draining
