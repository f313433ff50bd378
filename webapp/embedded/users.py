"""Who uses the embedded server: each process holds a shared lock on `<home>/embedded.users` for as long as it lives.

The kernel gives the lock back however a process ends, so nobody is counted who is gone. The server of a home without
users is ended by the last one that leaves, or else by its keeper (`keeper`).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

USERS = "embedded.users"
#: What this process holds, for each home.
_held: dict[Path, int] = {}


def join(home: Path) -> None:
    """Be a user from now on. Again changes nothing."""
    if home not in _held:
        descriptor = _opened(home)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[home] = descriptor


def leave(home: Path) -> None:
    """Be none any more; those who were given the lock (`passed_on`) still are."""
    descriptor = _held.pop(home, None)
    if descriptor is not None:
        os.close(descriptor)  # never LOCK_UN: that would take it from those as well


def passed_on(home: Path) -> tuple[int, ...]:
    """The descriptor that a child process keeps open (`pass_fds`) to be a user as well; none if this is no user."""
    return (_held[home],) if home in _held else ()


def stay(home: Path) -> None:
    """The program that this process becomes by `exec` stays a user until it ends."""
    descriptor = _held.pop(home, None)
    if descriptor is not None:
        os.set_inheritable(descriptor, True)


def are_there(home: Path) -> bool:
    """Whether any process is a user."""
    descriptor = _opened(home)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _opened(home: Path) -> int:
    return os.open(home / USERS, os.O_RDWR | os.O_CREAT, 0o600)
