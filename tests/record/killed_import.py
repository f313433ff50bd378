"""A process that imports and is killed at one of its steps, again and again: `python -m tests.record.killed_import`.

Each line it reads is `<import> <step> <seconds>`: a child of it imports, and is killed so many seconds after that step
was reached (its number, or the first of a kind; `-`: not at all). It answers with one line of JSON: how the child ended, and the kinds of its steps
in their order. A step is the moment before something is written, and the one after the last.

The children are forked from a process that has imported everything and begun nothing, so that each takes as long as its
import does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from tests.record import small
from webapp.record import versions
from webapp.record.lake import delta
from webapp.record.merging import writing

PUBLISHED = "published"
WRITES = (
    (delta, "replace"), (delta, "create"), (delta, "change_files"), (delta, "as_published"), (writing, "write_files"),
    (versions, "put"),
)  # fmt: skip


class _Steps:
    def __init__(self, deadly: str, seconds: float) -> None:
        self.kinds: list[str] = []
        self._deadly, self._seconds = deadly, seconds

    def reach(self, kind: str) -> None:
        if self._deadly in (str(len(self.kinds)), kind):
            self._deadly = ""
            if not self._seconds:
                _die()
            threading.Timer(self._seconds, _die).start()
        self.kinds.append(kind)

    def watch(self, module: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(module, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.reach(name)
            found = real(*arguments, **named)
            if name == "put":
                self.reach(PUBLISHED)
            return found

        setattr(module, name, wrapped)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _import(which: int, deadly: str, seconds: float, tell: int) -> None:
    steps = _Steps(deadly, seconds)
    for module, name in WRITES:
        steps.watch(module, name)
    small.run(which)
    os.write(tell, json.dumps(steps.kinds).encode())


def _killed(which: int, deadly: str, seconds: float) -> dict[str, Any]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _import(which, deadly, seconds, write)
        if deadly != "-":
            signal.pause()  # it is to be killed, if only now
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return {"ended": os.waitstatus_to_exitcode(status), "steps": json.loads(told) if told else []}


if __name__ == "__main__":
    for line in sys.stdin:
        import_number, step, after = line.split()
        print(json.dumps(_killed(int(import_number), step, float(after))), flush=True)
