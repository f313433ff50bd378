"""The embedded server's password: made once for a home, kept in `<home>/embedded.password`, readable by its owner only.

A server can be given its first user only while it asks for none. So it runs once without asking, before anything else
uses it, and what anybody else on the machine may have put there meanwhile is taken away.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

USER = "reportdesk"
_ROLES = [{"role": "root", "db": "admin"}]
_SYSTEM = {"admin", "config", "local"}
#: Gives the URI of a running server; its end is the server's.
Running = Callable[[bool], AbstractContextManager[str]]


def read(home: Path) -> str | None:
    """The password; None as long as the server asks for none."""
    try:
        return _path(home).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def ensure(home: Path, running: Running, *, is_new: bool) -> str:
    """The password, set on the server if there is none yet. `running(asks)` runs it for a while; `is_new`: it has no
    data yet, so whatever is there was put there by somebody else."""
    known = read(home)
    if known is not None:
        return known
    password = secrets.token_urlsafe(32)
    with running(False) as address, _client(f"mongodb://{address}") as client:
        command = "updateUser" if _users(client) & {USER} else "createUser"
        client.admin.command(command, USER, pwd=password, roles=_ROLES)
    with running(True) as address, _client(f"mongodb://{credentials(password)}@{address}") as client:
        for other in _users(client) - {USER}:
            client.admin.command("dropUser", other)
        for name in set(client.list_database_names()) - _SYSTEM if is_new else ():
            client.drop_database(name)
    _write(home, password)
    return password


def credentials(password: str) -> str:
    """As they stand in a URI."""
    return f"{USER}:{password}"


def _users(client: MongoClient[Any]) -> set[str]:
    return {found["user"] for found in client.admin.command("usersInfo", 1)["users"]}


@contextmanager
def _client(uri: str) -> Iterator[MongoClient[Any]]:
    client: MongoClient[Any] = MongoClient(f"{uri}/?directConnection=true&retryWrites=false&authSource=admin")
    try:
        yield client
    finally:
        client.close()


def _write(home: Path, password: str) -> None:
    """In one step: a password that is there is one that the server knows."""
    draft = _path(home).with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(password)
    draft.replace(_path(home))


def _path(home: Path) -> Path:
    return home / "embedded.password"
