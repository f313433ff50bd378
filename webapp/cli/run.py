"""`reportdesk run`: everything on one machine, for trying it and for a small department."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import click

from webapp import demo, embedded
from webapp.cli.session import connected, load_settings
from webapp.cli.web import server_command, warn_if_open
from webapp.documents import ReportJob, User
from webapp.private_home import make_private
from webapp.services import database_setup
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.settings import Settings

READY_WITHIN = 60.0
REPORT_WITHIN = 180.0
PORTS_TRIED = 50
STOP_WITHIN = 30.0
_PR_SET_PDEATHSIG = 1


INTERRUPTED = 130


class _StopError(BaseException):
    """Somebody wants it to end. Not an Exception: whatever it comes upon must let it through."""


@click.command("run")
@click.option("--port", envvar="PORT", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--demo/--no-demo", "with_demo", default=True, show_default=True, help="Add the invented organisation.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Reports made at once.")
def command(port: int, host: str, with_demo: bool, concurrency: int) -> None:
    """Start the database, the web pages and a worker, and make a first report. Ctrl-C stops all of it.

    All state is kept under REPORTDESK_HOME: the next run goes on where this one stopped.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    is_up = False
    try:
        # The database is the last thing to stop: web and worker still write to it.
        with _only_one(load_settings()), connected() as settings, ExitStack() as stack:
            _prepare(with_demo, host)
            port = _free_port(host, port)
            database_uri = embedded.ensure_running(settings)
            environment = {**os.environ, "REPORTDESK_MONGODB_URI": database_uri}
            web = server_command(host=host, port=port, workers=2, threads=8)
            worker = [sys.executable, "-m", "webapp.cli", "worker", "--concurrency", str(concurrency)]
            worker += ["--log-level", "WARNING"]
            children = [
                stack.enter_context(_child("the web server", web, environment, settings)),
                stack.enter_context(_child("the worker", worker, environment, settings)),
            ]
            address = f"http://{host}:{port}"
            _wait_until_served(address, children)
            _first_report(settings, children)
            _welcome(address, host)
            warn_if_open(host)
            is_up = True
            _watch(children, settings, database_uri)
    except _StopError:
        click.echo("Stopped. Nothing is lost: the next run goes on from here.", err=True)
        if not is_up:
            sys.exit(INTERRUPTED)


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Two of them in one home would stop each other's database."""
    make_private(settings.home)
    with (settings.home / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.ClickException(
                f"Reportdesk runs already in {settings.home}. Stop that one, or set REPORTDESK_HOME to another folder."
            ) from error
        yield


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second one must not cut short the ending of the others.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    click.echo("\nStopping …", err=True)
    raise _StopError


def _prepare(with_demo: bool, host: str) -> None:
    database_setup.prepare()
    if with_demo and not demo.is_built():
        if not _is_loopback(host):
            click.echo(f"No demo organisation: its published sign-ins are for this machine only, not {host}.", err=True)
        elif not demo.may_be_built():
            click.echo("There are people here already, so the demo organisation is not added.", err=True)
        else:
            click.echo("Making the demo organisation …", err=True)
            demo.build()


def _is_loopback(host: str) -> bool:
    """Does an address to listen on reach this machine alone?"""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in found)


def _free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port that is free, said aloud."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port != wanted:
            click.echo(f"Port {wanted} is taken; using {port}. (PORT=… chooses another.)", err=True)
        return port
    raise click.ClickException(f"No port from {wanted} to {wanted + PORTS_TRIED - 1} is free: set PORT to another one.")


@contextmanager
def _child(
    name: str, arguments: list[str], environment: dict[str, str], settings: Settings
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process in a group of its own (Ctrl-C is for this one, which stops the others in order), ended afterwards."""
    process = subprocess.Popen(
        arguments,
        env=environment,
        start_new_session=True,
        preexec_fn=_end_in_order,
        # It uses the database too: should this process be killed, the database waits for its last words.
        pass_fds=embedded.passed_on(settings.home),
    )
    try:
        yield name, process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_in_order() -> None:
    """In the child: it can be told to end, and is when this process dies without a word (Linux)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


Children = list[tuple[str, subprocess.Popen[bytes]]]


def _check(children: Children) -> None:
    for name, process in children:
        if process.poll() is not None:
            raise click.ClickException(f"{name[0].upper()}{name[1:]} has ended with code {process.returncode}.")


def _watch(children: Children, settings: Settings, database_uri: str) -> None:
    while True:
        _check(children)
        mind_database(settings, database_uri)
        time.sleep(0.5)


def mind_database(settings: Settings, database_uri: str) -> None:
    """Start the embedded database again if it has ended; web and worker find it by themselves, at the same address."""
    if settings.mongodb_uri is not None or embedded.is_running(settings):
        return
    click.echo("The database has ended; starting it again …", err=True)
    if embedded.ensure_running(settings) != database_uri:
        raise click.ClickException("The database's port was taken while it was away. Start Reportdesk again.")


def _wait_until_served(address: str, children: Children) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        _check(children)
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise click.ClickException(f"{address} did not answer within {READY_WITHIN:.0f} s.")


def _first_report(settings: Settings, children: Children) -> None:
    """One finished report, so that there is something to open."""
    registrar = User.objects(email=next(iter(demo.SIGN_INS))).first()
    if registrar is None or ReportJob.objects(requested_by=registrar.id).first() is not None:
        return
    request = ReportRequest(
        report_type="completion-rates",
        group_by=("course",),
        format="excel",
        name="Completion rates by course",
        description="Made by `reportdesk run`, so that there is something to open.",
        visibility="organization",
    )
    click.echo("Making a first report …", err=True)
    job = asking.create(registrar, request, insist=True, agreed=True)
    deadline = time.monotonic() + REPORT_WITHIN
    while not job.is_finished and time.monotonic() < deadline:
        _check(children)
        time.sleep(0.3)
        job = ReportJob.objects.get(id=job.id)
    if job.state.has_file:
        click.echo(f"“{job.name}” is ready: {job.provenance['rowsWritten']:,} rows.", err=True)
    else:
        reason = job.error.message if job.error and job.error.message else f"it is still {job.status}"
        click.echo(f"“{job.name}” is not ready: {reason}", err=True)


def _welcome(address: str, host: str) -> None:
    click.echo(f"\nReportdesk is at {address}")
    if demo.is_built() and not _is_loopback(host):
        click.echo(f"The demo's accounts cannot sign in while it listens on {host}: their password is published.")
    elif demo.is_built():
        click.echo(f"Sign in with one of these, all with the password {demo.DEMO_PASSWORD}")
        for email, role in demo.SIGN_INS.items():
            click.echo(f"  {email:28} ({role})")
    click.echo("Ctrl-C stops everything; nothing is lost.")
    sys.stdout.flush()
