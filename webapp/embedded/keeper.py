"""A small process beside each embedded server, run by its path: it ends the server of a home that nobody uses any more.

Who uses it and leaves ends it himself; this is for those who were killed, or became another program. It imports nothing
of Reportdesk, so that it costs a few megabytes, and ends with the server.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_SECONDS = 0.5
STOP_WITHIN_SECONDS = 15.0


def main(home: Path, pid: int, port: int) -> None:
    """Until the server has ended."""
    try:
        server = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    while is_alive(server):
        time.sleep(LOOK_SECONDS)
        with suppress(FileNotFoundError):  # the home has been deleted
            if is_locked(home / "embedded.users") or is_connected(server, port):
                continue
            # Nobody may start or join meanwhile: then look again.
            with (home / "embedded.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if is_locked(home / "embedded.users") or is_connected(server, port):
                    continue
                end(server)
                return
        if not home.exists():
            end(server)


def is_locked(path: Path) -> bool:
    """Whether any process holds a lock on it."""
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_connected(server: psutil.Process, port: int, *, own: bool = True) -> bool:
    """Whether anybody is connected to the server; `own`: whether connections of this very process count."""
    try:
        ends = {c.raddr for c in server.net_connections("tcp") if _is_open(c) and c.laddr.port == port}
        if not own:
            ends -= {c.laddr for c in psutil.Process().net_connections("tcp") if _is_open(c)}
    except psutil.Error:
        return False  # it has just ended, or the system does not tell
    return bool(ends)


def _is_open(connection: psutil._common.pconn) -> bool:
    return bool(connection.raddr) and connection.status == psutil.CONN_ESTABLISHED


def is_alive(server: psutil.Process) -> bool:
    """Not ended. One that another process has started stays a zombie until that one looks: it has ended."""
    try:
        return server.is_running() and server.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(server: psutil.Process) -> None:
    """Ask it to end, and wait; kill it if it does not."""
    with suppress(psutil.NoSuchProcess):
        server.terminate()
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        while is_alive(server):
            if time.monotonic() > deadline:
                server.kill()
                deadline += STOP_WITHIN_SECONDS
            time.sleep(0.05)


if __name__ == "__main__":
    os.chdir("/")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
