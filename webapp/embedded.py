"""The embedded MongoDB: one server process for each REPORTDESK_HOME, found by every command or started by it.

A `mongod` on the PATH is used where there is one, else SecantusDB, which serves a department, not a university. It is
always a process of its own. It listens on 127.0.0.1 only, without a password: whoever can reach the machine's loopback
can read it, so production points REPORTDESK_MONGODB_URI at a real one.

`<home>/embedded.json` says where the server is; `<home>/embedded.lock` lets one process at a time look and start.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

import psutil
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from webapp.errors import ReportdeskError
from webapp.settings import Settings

PREFERRED_PORT = 27800
START_WITHIN_SECONDS = 30.0
STOP_WITHIN_SECONDS = 15.0


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

    @property
    def uri(self) -> str:
        # SecantusDB acknowledges a write before it is on disk unless asked to journal it (DESIGN §10).
        options = "directConnection=true" if self.kind == "mongod" else "retryWrites=false"
        return f"mongodb://127.0.0.1:{self.port}/?{options}&journal=true"

    def process(self) -> psutil.Process | None:
        """The server's process, while it lives."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < 2
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def ensure_running(settings: Settings) -> str:
    """The URI of the database to use: the one set, or the embedded server's, started when it does not run.

    Raises DatabaseUnavailableError.
    """
    if settings.mongodb_uri:
        return settings.mongodb_uri
    return ensure_embedded(settings).uri


def ensure_embedded(settings: Settings) -> EmbeddedServer:
    """The running embedded server of this home; started, on the port it had before where that is free."""
    with _lock(settings.home):
        known = _read_state(settings.home)
        if known is not None and known.process() is not None:
            if _answers(known.uri, within_seconds=START_WITHIN_SECONDS):
                return known
            raise DatabaseUnavailableError(
                f"The embedded database (process {known.pid}, port {known.port}) runs but does not answer.",
                hint=f"See {_log_path(settings.home)}; stop that process and try again.",
            )
        return _start(settings.home, preferred_port=known.port if known else PREFERRED_PORT)


def stop(settings: Settings) -> bool:
    """Stop the embedded server of this home and wait for its end. False when none ran."""
    with _lock(settings.home):
        known = _read_state(settings.home)
        process = known.process() if known else None
        if known is None or process is None:
            return False
        process.send_signal(signal.SIGTERM)
        if not _ended(known, within_seconds=STOP_WITHIN_SECONDS):
            process.kill()
            _ended(known, within_seconds=STOP_WITHIN_SECONDS)
        return True


def _ended(server: EmbeddedServer, *, within_seconds: float) -> bool:
    """Wait for its end. A server that another process has started stays a zombie until that one looks: it has ended."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if server.process() is None:
            return True
        time.sleep(0.05)
    return False


def is_running(settings: Settings) -> bool:
    """Whether the embedded server of this home lives. Starts nothing."""
    known = _read_state(settings.home)
    return known is not None and known.process() is not None


def _start(home: Path, *, preferred_port: int) -> EmbeddedServer:
    kind = _kind()
    data = home / "database" / kind
    data.mkdir(parents=True, exist_ok=True)
    for port in (preferred_port, 0):
        if port and not _is_free(port):
            continue
        port = port or _free_port()
        with _log_path(home).open("ab") as log:
            # A session of its own: Ctrl-C in the terminal must stop web and worker first, and the database last.
            process = subprocess.Popen(
                _command(kind, port, data),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=home,
            )
        server = EmbeddedServer(kind, process.pid, psutil.Process(process.pid).create_time(), port)
        if _answers(server.uri, within_seconds=START_WITHIN_SECONDS, process=process):
            _write_state(home, server)
            return server
        if process.poll() is None:
            process.kill()
        process.wait()
    raise DatabaseUnavailableError(
        f"The embedded database ({kind}) did not start.", hint=f"See {_log_path(home)} for what it said."
    )


def _kind() -> str:
    if shutil.which("mongod"):
        return "mongod"
    if _secantus_path().exists():
        return "secantus"
    raise DatabaseUnavailableError("There is no database: REPORTDESK_MONGODB_URI is not set, and no server to embed.")


def _secantus_path() -> Path:
    """SecantusDB's command, in the virtual environment that runs this program."""
    return Path(sys.executable).parent / "secantusd-py"


def _command(kind: str, port: int, data: Path) -> list[str]:
    if kind == "mongod":
        return ["mongod", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(data), "--quiet"]
    listen = ["--host", "127.0.0.1", "--port", str(port), "--storage-path", str(data)]
    return [str(_secantus_path()), *listen, "--cache-size", "512M", "--log-level", "WARNING"]


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


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _log_path(home: Path) -> Path:
    return home / "embedded.log"


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
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
