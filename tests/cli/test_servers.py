"""`reportdesk run`, `web`, `worker` and `demo`: what goes on until it is told to stop, as processes of their own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_commands import enroll, reportdesk
from tests.factories import People
from tests.serving import wait_for
from webapp import record
from webapp.documents import ReportJob, User, WorkerRecord
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking

ENDS_WITHIN = 60
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """A command that goes on; ended with the test, if it has not been before."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.terminate()
        process.communicate(timeout=ENDS_WITHIN)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as got:  # noqa: S310 - our own
        return str(got.read().decode())


@pytest.mark.does("web")
def test_the_web_sets_the_database_up_serves_and_ends_when_told(
    database: Any, start: Start, port: int, database_name: str
) -> None:
    database.lookupvalues.delete_many({})
    web = start("web", "--port", str(port), "--processes", "1", "--threads", "2")
    wait_for(f"http://127.0.0.1:{port}/readyz")
    assert "Sign in" in answer(f"http://127.0.0.1:{port}/sign-in")
    assert database.lookupvalues.count_documents({}) > 100
    web.send_signal(signal.SIGTERM)
    _, said = web.communicate(timeout=ENDS_WITHIN)
    assert web.returncode == 0, said
    assert said.splitlines()[0] == f"http://127.0.0.1:{port}"


@pytest.mark.does("worker")
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_makes_what_waits_and_says_goodbye_when_told(people: People, start: Start, ended_by: int) -> None:
    enroll(people)
    job = asking.create(people.owner, ReportRequest(report_type="enrollment-summary", format="csv"))
    worker = start("worker", "--concurrency", "1", "--log-level", "ERROR")
    for _ in range(ENDS_WITHIN * 4):
        if job.reload().is_finished:
            break
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(0.25)
    assert job.status == "ready", job.error
    worker.send_signal(ended_by)
    _, said = worker.communicate(timeout=ENDS_WITHIN)
    assert (worker.returncode, said) == (0, "")
    assert WorkerRecord.objects.get().stopped_at is not None


@pytest.mark.refuses("web", "worker", "run")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("web", "--port", "0"), "'--port'"),
        (("web", "--port", "http"), "'--port'"),
        (("web", "--processes", "0"), "'--processes'"),
        (("worker", "--concurrency", "65"), "'--concurrency'"),
        (("worker", "--log-level", "LOUD"), "'--log-level'"),
        (("run", "--port", "65536"), "'--port'"),
        (("run", "--concurrency", "no"), "'--concurrency'"),
    ],
)
def test_a_value_that_cannot_be_is_told_before_anything_is_started(
    terminal: Terminal, arguments: tuple[str, ...], words: str
) -> None:
    done = terminal(*arguments)
    assert done.exit_code == 2
    assert f"Invalid value for {words}" in done.stderr
    assert WorkerRecord.objects.count() == 0


@pytest.mark.refuses("worker")
def test_a_worker_at_a_database_that_is_not_set_up_ends_and_says_what_to_do(database: Any) -> None:
    database.lookupvalues.delete_many({})
    done = reportdesk("worker")
    assert done.returncode == 1
    assert "is not set up for Reportdesk" in done.stderr
    assert "reportdesk lookups seed" in done.stderr


@pytest.mark.does("run")
def test_everything_on_one_machine_is_started_by_one_command_and_stopped_by_one_key(
    database: Any, start: Start, port: int, home: Path
) -> None:
    run = start("run", "--no-demo", "--port", str(port), "--concurrency", "1")
    assert run.stdout is not None
    said = ""
    while "Ctrl-C stops everything" not in said:
        line = run.stdout.readline()
        assert line, said
        said += line
    assert f"Reportdesk is at http://127.0.0.1:{port}" in said
    assert "Sign in with one of these" not in said  # there is no demo
    assert User.objects.count() == 0
    second = reportdesk("run", "--no-demo", "--port", str(port))
    assert second.returncode == 1
    assert f"Reportdesk runs already in {home}" in second.stderr
    run.send_signal(signal.SIGINT)
    _, rest = run.communicate(timeout=ENDS_WITHIN)
    assert run.returncode == 0, rest
    assert "Stopped. Nothing is lost" in rest
    assert WorkerRecord.objects.get().stopped_at is not None


@pytest.mark.slow
@pytest.mark.does("demo")
def test_the_demo_is_made_once_and_its_accounts_are_told(database: Any) -> None:
    first = reportdesk("demo")
    assert first.returncode == 0, first.stderr
    assert "registrar@demo.example" in first.stdout
    version, accounts = record.current(), User.objects.count()
    assert accounts > 5
    assert len(record.select(version, "events", ["id"])) > 100_000
    again = reportdesk("demo")
    assert "nothing was added" in again.stdout
    assert (record.current().number, User.objects.count()) == (version.number, accounts)
    assert ReportJob.objects.count() == 0
