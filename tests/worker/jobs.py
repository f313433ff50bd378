"""What children do in tests of the queue: small jobs whose side effects can be counted.

Each is told what to do by the job's name, "verb argument", and leaves one line for each publication in the file
`published` beside the scratch folder.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from webapp.documents import JobStatus
from webapp.errors import InvalidRequestError
from webapp.settings import get_settings
from webapp.worker.assignment import Context, Outcome


def work(context: Context) -> Outcome:
    """Do as the job's name says, then publish: one line in `published`."""
    verb, _, argument = context.job.name.partition(" ")
    note(context, "started")
    match verb:
        case "sleep":
            steps = max(int(float(argument) / 0.05), 1)
            for step in range(steps):
                time.sleep(float(argument) / steps)
                context.progress("Sleeping", 100 * (step + 1) / steps, step + 1, steps)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(float(argument))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(int(argument))
        case "eat":
            eaten = []
            while True:
                eaten.append(bytearray(os.urandom(1) * 10_000_000))
                time.sleep(0.01)
        case "refuse":
            raise InvalidRequestError({"parameters": "There is no such class."})
        case "break":
            raise RuntimeError("a fault")
        case "break-once":
            if context.assignment.fence == 1:
                raise RuntimeError("a fault")
    context.enter(JobStatus.RENDERING)
    context.enter(JobStatus.UPLOADING)
    context.require_hold()
    note(context, "published")
    key = f"reports/{context.job.id}/{context.assignment.fence}/report.csv"
    path = stored(get_settings().home, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", encoding="ascii")
    return Outcome(
        storage={"provider": "local", "key": key, "sizeBytes": 1, "sha256": "0" * 64, "mimeType": "text/csv"},
        provenance={"software": "test", "$odd": "a name that is no operator"},
        records=1,
    )


def note(context: Context, what: str) -> None:
    """One line, whole or not at all: O_APPEND writes of this size are atomic."""
    home: Path = get_settings().home
    home.mkdir(parents=True, exist_ok=True)
    line = f"{context.job.id} {context.assignment.fence} {os.getpid()}\n"
    descriptor = os.open(home / what, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def stored(home: Path, key: str) -> Path:
    return home / "storage" / key


def noted(home: Path, what: str) -> list[tuple[str, int, int]]:
    """(job id, fence, pid) of every line."""
    path = home / what
    lines = path.read_text().splitlines() if path.exists() else []
    return [(job, int(fence), int(pid)) for job, fence, pid in (line.split() for line in lines)]
