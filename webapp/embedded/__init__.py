"""The embedded MongoDB: one server process for each REPORTDESK_HOME, found by every command or started by it.

A `mongod` on the PATH is used where there is one, else SecantusDB, which serves a department, not a university. It is
always a process of its own. It listens on 127.0.0.1 only and asks for a password (`password`); whoever uses it last
ends it (`users`, `keeper`). Production points REPORTDESK_MONGODB_URI at a real one.
"""

from pathlib import Path

from webapp.embedded import users
from webapp.embedded.server import (
    DatabaseUnavailableError,
    EmbeddedServer,
    ensure_embedded,
    ensure_running,
    is_running,
    leave,
    stop,
)

__all__ = [
    "DatabaseUnavailableError",
    "EmbeddedServer",
    "ensure_embedded",
    "ensure_running",
    "is_running",
    "leave",
    "passed_on",
    "stay",
    "stop",
]


def passed_on(home: Path) -> tuple[int, ...]:
    """For `pass_fds` of a child process that uses the server as long as it lives; empty if this one does not."""
    return users.passed_on(home)


def stay(home: Path) -> None:
    """The program that this process is about to become uses the server as long as it lives."""
    users.stay(home)
