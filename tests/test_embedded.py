"""The embedded server as people have it: real processes, a home of its own; who uses it last ends it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from webapp import embedded, private_home
from webapp.settings import Settings

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[1]
USES = """
import sys
from webapp import embedded
from webapp.settings import get_settings
print(embedded.ensure_running(get_settings()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """Settings with a home of this test's own; no server of it is left."""
    yield settings
    embedded.leave(settings)
    embedded.stop(settings)


def left_in(home: Path) -> list[psutil.Process]:
    """Processes that have to do with this home."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in each for each in process.info["cmdline"] or ()) and process.pid != os.getpid()
    ]


def all_gone(home: Path, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while left_in(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not left_in(home)


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "webapp.cli", *arguments]


def start(program: list[str], home: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REPORTDESK_")}
    return subprocess.Popen(
        program,
        cwd=ROOT,
        env={**environment, "REPORTDESK_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_command_that_started_the_database_ends_it(own: Settings) -> None:
    asked = start(command(own.home, "info"), own.home)
    told, problems = asked.communicate(timeout=120)
    assert asked.returncode == 0, problems
    assert "***" in told
    assert all_gone(own.home)
    assert not embedded.is_running(own)


def test_a_command_leaves_a_database_that_somebody_else_uses_and_the_last_one_ends_it(own: Settings) -> None:
    uri = embedded.ensure_running(own)
    start(command(own.home, "info"), own.home).communicate(timeout=120)
    assert embedded.is_running(own)
    client: MongoClient = MongoClient(uri)
    client.admin.command("ping")
    client.close()
    assert embedded.leave(own)
    assert all_gone(own.home)


def test_a_connection_of_somebody_unknown_keeps_the_database(own: Settings) -> None:
    uri = embedded.ensure_running(own)
    program = "import sys, pymongo; c = pymongo.MongoClient(sys.argv[1]); c.admin.command('ping'); print(1, flush=True); sys.stdin.read()"
    stranger = start([sys.executable, "-c", program, uri], own.home)
    assert stranger.stdout is not None
    assert stranger.stdout.readline() == "1\n"
    assert not embedded.leave(own)
    time.sleep(1.5)  # the keeper has looked
    assert embedded.is_running(own)
    stranger.communicate("")
    assert all_gone(own.home)


def test_when_the_only_user_is_killed_the_keeper_ends_the_database(own: Settings) -> None:
    user = start([sys.executable, "-c", USES], own.home)
    assert user.stdout is not None
    assert user.stdout.readline().startswith("mongodb://")
    assert embedded.is_running(own)
    user.kill()
    user.communicate()
    assert all_gone(own.home)


def test_the_database_answers_only_who_has_its_password(own: Settings) -> None:
    uri = embedded.ensure_running(own)
    with MongoClient(f"mongodb://{uri.rpartition('@')[2]}") as client:
        for ask in (client.list_database_names, lambda: client.admin.command("createUser", "me", pwd="x", roles=[])):
            with pytest.raises(OperationFailure, match="requires authentication"):
                ask()
    with MongoClient(uri) as client:
        assert [each["user"] for each in client.admin.command("usersInfo", 1)["users"]] == ["reportdesk"]
    assert (own.home / "embedded.password").stat().st_mode & private_home.OTHERS == 0


def test_nothing_below_the_home_can_be_read_by_others_and_an_old_home_is_tightened(own: Settings) -> None:
    old = os.umask(0o022)
    try:
        folder = own.home / "storage" / "reports"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x")
        (own.home / "mine.sh").write_text("x")
        embedded.ensure_running(own)
        (own.home / "storage" / "later.csv").write_text("x")
    finally:
        os.umask(old)
    readable = [
        path.name
        for path in (own.home, *own.home.rglob("*"))
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & private_home.OTHERS
    ]
    assert readable == ["mine.sh"]  # not ours; its folder is closed


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_the_demo_is_being_made_ends_in_words_and_leaves_nothing(own: Settings, number: int) -> None:
    # Begun again where it was stopped: once shows that, whichever signal it was.
    for _ in range(2 if number == signal.SIGINT else 1):
        run = start(command(own.home, "run", "--port", "18997"), own.home)
        assert run.stderr is not None
        said = ""
        while "Making the demo" not in said:
            line = run.stderr.readline()
            assert line, said
            said += line
        time.sleep(2)
        run.send_signal(number)
        _, rest = run.communicate(timeout=60)
        assert run.returncode == 130, rest
        assert "Stopped. Nothing is lost" in rest
        assert "Traceback" not in rest
        assert all_gone(own.home)
