"""An import that is killed at any of its steps is seen whole or not at all, and the next one ends right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.record import small
from tests.record.killed_import import PUBLISHED, WRITES
from tests.services.orders.test_orders import statement
from webapp import record

#: `make faults` kills at every step of every import ten times, CI once at each kind of step.
IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
KINDS = {name for _, name in WRITES} | {PUBLISHED}
ROUNDS = 10
#: In the full form all rounds but the first kill some time after a step, within what is written there. Seconds.
LONGEST_AFTER = 0.05
ROOT = Path(__file__).resolve().parents[2]
Killed = Callable[[int, str, float], dict[str, Any]]


@pytest.fixture
def killed(settings: object) -> Iterator[Killed]:
    """An import (its number, the step, so many seconds later) in a process that is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.record.killed_import"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    given, told = process.stdin, process.stdout

    def run(which: int, step: str, seconds: float) -> dict[str, Any]:
        given.write(f"{which} {step} {seconds}\n")
        given.flush()
        found: dict[str, Any] = json.loads(told.readline())
        return found

    yield run
    given.close()
    assert process.wait(30) == 0
    told.close()


class Import:
    """One of the three, on the record that the ones before it have made."""

    def __init__(self, which: int, home: Path, kept: Path, killed: Killed) -> None:
        self.which, self.home, self.kept, self.killed = which, home, kept, killed
        self.base = record.current().number
        self.before = small.shown(record.current())
        home.mkdir(exist_ok=True)
        shutil.copytree(home, kept)
        whole = killed(which, "-", 0)
        assert whole["ended"] == 0
        self.steps: list[str] = whole["steps"]
        self.after = small.shown(record.current())
        assert self.after != self.before
        self.go_back()

    def go_back(self) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(self.kept, self.home)

    def kill_at(self, step: str, kind: str, seconds: float = 0) -> None:
        assert self.killed(self.which, step, seconds)["ended"] == -9
        seen = record.current()
        is_new = seen.number > self.base
        if not seconds or kind == PUBLISHED:
            assert is_new == (kind == PUBLISHED)
        assert small.shown(seen) == (self.after if is_new else self.before)

    def run_again(self) -> None:
        seen = record.current()
        small.run(self.which)
        assert small.shown(record.current()) == self.after
        assert small.shown(seen) == (self.after if seen.number > self.base else self.before)
        assert [each.name for each in (self.home / "scratch").iterdir()] == []


@pytest.mark.long
@pytest.mark.skipif(IS_FULL, reason="the full form tries more of the same")
def test_an_import_killed_at_each_kind_of_step_is_seen_whole_or_not_at_all(
    home: Path, tmp_path: Path, killed: Killed
) -> None:
    tried: set[str] = set()
    for which in range(2):
        found = Import(which, home, tmp_path / f"before-{which}", killed)
        # Each on what the one killed before has left.
        for kind in dict.fromkeys(found.steps):
            if kind not in tried:
                found.kill_at(kind, kind)
                tried.add(kind)
        found.run_again()
    assert tried == KINDS


@pytest.mark.skipif(not IS_FULL, reason="make faults")
def test_an_import_killed_at_any_step_and_after_it_is_seen_whole_or_not_at_all(
    home: Path, tmp_path: Path, killed: Killed
) -> None:
    chance = Random(20260101)
    for which in range(3):
        found = Import(which, home, tmp_path / f"before-{which}", killed)
        for step, kind in enumerate(found.steps):
            for number in range(ROUNDS):
                found.go_back()
                found.kill_at(str(step), kind, chance.uniform(0, LONGEST_AFTER) if number else 0)
                found.run_again()


@pytest.mark.skipif(not IS_FULL, reason="make faults")
def test_of_two_imports_as_two_processes_one_waits_and_is_told(database: object, tmp_path: Path) -> None:
    paths = [tmp_path / "one.ndjson", tmp_path / "two.ndjson"]
    for number, path in enumerate(paths):
        found = (statement(number * 50_000 + each) for each in range(50_000))
        path.write_text("".join(json.dumps(each) + "\n" for each in found))
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", "import", "xapi", str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for path in paths
    ]  # fmt: skip
    said = [each.communicate(timeout=300) for each in started]
    assert [each.returncode for each in started] == [0, 0], said
    assert sum("Another import is running" in errors for _, errors in said) == 1
    assert sorted(out.split("Version ")[1][0] for out, _ in said) == ["1", "2"]
    assert record.select(record.current(), "events", ["id"]).num_rows == 100_000
