"""Starting, finding and ending the server of a home.

`<home>/embedded.json` says where it is; `<home>/embedded.lock` lets one process at a time look, start and end it.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import chain, islice
from pathlib import Path
from zlib import crc32

import psutil
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from webapp.embedded import keeper, password, users
from webapp.errors import ReportdeskError
from webapp.private_home import OTHERS, make_private
from webapp.settings import Settings

#: None that the system gives to outgoing connections: one could take the port of a server that is to come back.
PORTS = range(27800, 28800)
START_WITHIN_SECONDS = 30.0
#: They may outlive this process; Python calls a process that it forgets while it runs a fault.
_started: list[subprocess.Popen[bytes]] = []


class DatabaseUnavailableError(ReportdeskError):
    """No database could be reached or started."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database-unavailable"
    is_permanent = False
    hint = "Set REPORTDESK_MONGODB_URI to a MongoDB, or install the embedded one: pip install 'reportdesk[embedded]'."


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server as `embedded.json` records it. `started_at` (of the process) tells a reused pid apart."""

    kind: str
    pid: int
    started_at: float
    port: int
    asks_for_password: bool = False  # older versions' did not

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def uri(self, home: Path) -> str:
        """With the password of this home, if the server asks for one."""
        found = password.read(home) if self.asks_for_password else None
        who = f"{password.credentials(found)}@" if found else ""
        # SecantusDB acknowledges a write before it is on disk unless asked to journal it (DESIGN §13).
        options = "directConnection=true" if self.kind == "mongod" else "retryWrites=false"
        return f"mongodb://{who}{self.address}/?{options}&journal=true&authSource=admin"

    def process(self) -> psutil.Process | None:
        """The server's process, while it lives."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < 2
        except psutil.NoSuchProcess:
            return None
        return process if is_same and keeper.is_alive(process) else None


def ensure_running(settings: Settings) -> str:
    """The URI of the database to use: the one set, or the embedded server's, started when it does not run.

    This process uses the embedded server from now on, until it ends or leaves. Raises DatabaseUnavailableError.
    """
    if settings.mongodb_uri:
        return settings.mongodb_uri
    return ensure_embedded(settings).uri(settings.home)


def ensure_embedded(settings: Settings) -> EmbeddedServer:
    """The running embedded server of this home; started, on the port it had before where that is free."""
    home = settings.home
    with _lock(home):
        users.join(home)
        known = _read_state(home)
        process = known.process() if known else None
        if known is not None and process is not None and not known.asks_for_password:
            _end_unprotected(home, known, process)
            process = None
        if known is not None and process is not None:
            if _answers(known.uri(home), within_seconds=START_WITHIN_SECONDS):
                return known
            raise DatabaseUnavailableError(
                f"The embedded database (process {known.pid}, port {known.port}) runs but does not answer.",
                hint=f"See {_log_path(home)}; stop that process and try again.",
            )
        return _start(home, *([known.port] if known else []))


def leave(settings: Settings) -> bool:
    """This process uses the embedded server no more; the last one that leaves ends it. True when it was ended."""
    users.leave(settings.home)
    if settings.mongodb_uri or not settings.home.exists():
        return False
    with _lock(settings.home):
        known = _read_state(settings.home)
        process = known.process() if known else None
        if known is None or process is None or users.are_there(settings.home):
            return False
        if keeper.is_connected(process, known.port, own=False):
            return False
        keeper.end(process)
        return True


def stop(settings: Settings) -> bool:
    """End the embedded server of this home, whoever uses it. False when none ran."""
    with _lock(settings.home):
        users.leave(settings.home)
        known = _read_state(settings.home)
        process = known.process() if known else None
        if process is None:
            return False
        keeper.end(process)
        return True


def is_running(settings: Settings) -> bool:
    """Whether the embedded server of this home lives. Starts nothing."""
    known = _read_state(settings.home)
    return known is not None and known.process() is not None


def _end_unprotected(home: Path, known: EmbeddedServer, process: psutil.Process) -> None:
    """One that an older version has started, which anybody on this machine can read."""
    if keeper.is_connected(process, known.port):
        raise DatabaseUnavailableError(
            f"The embedded database of {home} was started by an older version, without a password, and is in use.",
            hint="Stop what uses it (an older Reportdesk), and start again.",
        )
    keeper.end(process)


def _start(home: Path, *preferred_ports: int) -> EmbeddedServer:
    kind = _kind()
    data = home / "database" / kind
    is_new = not data.exists()
    data.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def running(asks: bool) -> Iterator[str]:
        server = _launch(home, kind, data, _ports(home), asks=asks)
        try:
            yield server.address
        finally:
            if (process := server.process()) is not None:
                keeper.end(process)

    password.ensure(home, running, is_new=is_new)
    server = _launch(home, kind, data, _ports(home, *preferred_ports), asks=True)
    _write_state(home, server)
    _start_keeper(home, server)
    return server


def _launch(home: Path, kind: str, data: Path, ports: Iterator[int], *, asks: bool) -> EmbeddedServer:
    for port in islice(ports, 2):
        process = _detached(_command(kind, port, data, asks=asks), home)
        server = EmbeddedServer(kind, process.pid, psutil.Process(process.pid).create_time(), port, asks)
        try:
            if _answers(server.uri(home), within_seconds=START_WITHIN_SECONDS, process=process):
                return server
        except BaseException:  # somebody wants this program to end: nothing of it may be left
            process.kill()
            process.wait()
            raise
        if process.poll() is None:
            process.kill()
        process.wait()
    raise DatabaseUnavailableError(
        f"The embedded database ({kind}) did not start.", hint=f"See {_log_path(home)} for what it said."
    )


def _start_keeper(home: Path, server: EmbeddedServer) -> None:
    _detached([sys.executable, "-I", keeper.__file__, str(home), str(server.pid), str(server.port)], home)


def _detached(command: list[str], home: Path) -> subprocess.Popen[bytes]:
    """A process in a session of its own: Ctrl-C in the terminal must stop web and worker first, and these last."""
    with _log_path(home).open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=home, umask=OTHERS
        )
    _started.append(process)
    return process


def _kind() -> str:
    if shutil.which("mongod"):
        return "mongod"
    if _secantus_path().exists():
        return "secantus"
    raise DatabaseUnavailableError("There is no database: REPORTDESK_MONGODB_URI is not set, and no server to embed.")


def _secantus_path() -> Path:
    """SecantusDB's command, in the virtual environment that runs this program."""
    return Path(sys.executable).parent / "secantusd-py"


def _command(kind: str, port: int, data: Path, *, asks: bool) -> list[str]:
    auth = ["--auth"] if asks else []
    if kind == "mongod":
        listen = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--port", str(port)]
        return ["mongod", *listen, "--dbpath", str(data), "--quiet", *auth]
    listen = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(data)]
    return [str(_secantus_path()), *listen, "--cache-size", "512M", "--log-level", "WARNING", *auth]


def _answers(uri: str, *, within_seconds: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Whether a server answers at `uri` in time; False at once when `process` has ended."""
    deadline = time.monotonic() + within_seconds
    client: MongoClient = MongoClient(uri, serverSelectionTimeoutMS=500, connectTimeoutMS=500)
    try:
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                return False
            try:
                client.admin.command("ping")
            except PyMongoError:
                time.sleep(0.1)
            else:
                return True
        return False
    finally:
        client.close()


def _ports(home: Path, *preferred: int) -> Iterator[int]:
    """Free ports: `preferred`, then from one of this home's own on, so that two homes seldom want the same."""
    own = crc32(bytes(home)) % len(PORTS)
    yield from filter(_is_free, chain(preferred, PORTS[own:], PORTS[:own]))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _log_path(home: Path) -> Path:
    return home / "embedded.log"


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    make_private(home)
    with (home / "embedded.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read_state(home: Path) -> EmbeddedServer | None:
    try:
        return EmbeddedServer(**json.loads((home / "embedded.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None  # none yet, or one that a crash cut short: it is written anew


def _write_state(home: Path, server: EmbeddedServer) -> None:
    path = home / "embedded.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(server)), encoding="utf-8")
    draft.replace(path)
