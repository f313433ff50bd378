"""A process that imports and is killed at one of its steps: `python killed_import.py <import> <step>`.

A step is the moment before something is written, and the one after the last. It prints how many steps there were when it is not killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.record import small
from webapp.record import versions
from webapp.record.lake import delta
from webapp.record.merging import writing

reached = 0


def _step(deadly: int) -> None:
    global reached
    if reached == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    reached += 1


def _around(module: Any, name: str, deadly: int) -> None:
    real: Callable[..., Any] = getattr(module, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        _step(deadly)
        found = real(*arguments, **named)
        if name == "put":
            _step(deadly)
        return found

    setattr(module, name, wrapped)


def main(which: str, deadly: int) -> None:
    for module, name in (
        (delta, "replace"), (delta, "create"), (delta, "change_files"), (delta, "as_published"), (writing, "write_files"),
        (versions, "put"),
    ):  # fmt: skip
        _around(module, name, deadly)
    small.run(int(which))
    print(reached)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
