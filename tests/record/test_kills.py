"""An import that is killed at any of its steps is seen whole or not at all, and the next one ends right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.record import small
from webapp import record

#: `make faults` kills at every step, CI at some and at the last ones, where it is published.
IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
ROOT = Path(__file__).resolve().parents[2]


def _run(which: int, step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.record.killed_import", str(which), str(step)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("settings")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_readers_see_the_old_version_or_the_new_one_whole_wherever_an_import_is_killed(
    home: Path, tmp_path: Path, which: int
) -> None:
    for number in range(which):
        small.run(number)
    before, kept = small.shown(record.current()), tmp_path / "before"
    home.mkdir(exist_ok=True)
    shutil.copytree(home, kept)
    whole = _run(which, -1)
    assert whole.returncode == 0, whole.stderr
    after = small.shown(record.current())
    assert after != before
    steps = int(whole.stdout)
    assert steps >= 6
    for step in range(steps) if IS_FULL else sorted({*range(which, steps - 3, 4), *range(steps - 3, steps)}):
        shutil.rmtree(home)
        shutil.copytree(kept, home)
        assert _run(which, step).returncode == -9
        seen = record.current()
        assert small.shown(seen) == (before if seen.number == which else after)
        assert (seen.number == which) == (step < steps - 1)
        small.run(which)
        assert small.shown(record.current()) == after
        assert small.shown(seen) == (before if seen.number == which else after)
        assert [each.name for each in (home / "scratch").iterdir()] == []
