"""How many previews are worked out at once, on this machine: a few of one person, and not so many of all together that
pages would wait for threads or processors.

A slot is a locked file under `REPORTDESK_HOME`, so that all processes of the web count as one, and one that is killed
leaves none behind. Nobody waits for a slot in a thread: the page shows calm words, and asks again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from bson import ObjectId

from webapp.settings import get_settings

#: Of one person: the form they look at, and what they typed since.
PER_PERSON = 2
#: Of everyone: each works with two threads of the engine for four seconds at most.
ALL = max(4, 2 * (os.cpu_count() or 1))


@contextmanager
def slot(person: ObjectId) -> Iterator[bool]:
    """Whether `person` may work something out now; if so, it counts until the end of the `with`."""
    folder = get_settings().home / "previews"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield _take(folder, str(person).encode(), stack)


def _take(folder: Path, person: bytes, stack: ExitStack) -> bool:
    with (folder / "gate").open("ab") as gate:
        # Held for less than a millisecond: who counts must not be counted with meanwhile.
        fcntl.flock(gate, fcntl.LOCK_EX)
        free: IO[bytes] | None = None
        own = 0
        for number in range(ALL):
            file = stack.enter_context((folder / f"slot-{number}").open("a+b", buffering=0))
            if not _lock(file):
                file.seek(0)
                own += file.read() == person
            elif free is None:
                free = file
            else:
                file.close()
        if free is None or own >= PER_PERSON:
            stack.close()
            return False
        free.truncate(0)
        free.write(person)
        return True


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
