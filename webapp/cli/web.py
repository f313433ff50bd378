"""`reportdesk web`: the web pages, by gunicorn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from webapp import embedded
from webapp.cli.session import connected, load_settings
from webapp.services import database_setup
from webapp.settings import get_settings

#: Holds connections that wait without giving each a thread.
WORKER = "webapp.web.patient_worker.PatientWorker"
ROOT = Path(__file__).resolve().parents[2]


def server_command(*, host: str, port: int, workers: int, threads: int) -> list[str]:
    """gunicorn's command line: a few processes, each with threads, because pages wait for the database.

    A connection is kept longer than the two seconds between two polls of a list, so that a poll needs no new one. An
    address may be as long as gunicorn can take: it holds a whole question.
    """
    return [
        *(sys.executable, "-m", "gunicorn", "wsgi:app"),
        *("--chdir", str(ROOT), "--bind", f"{host}:{port}", "--worker-class", WORKER),
        *("--workers", str(workers), "--threads", str(threads), "--timeout", "60", "--graceful-timeout", "15"),
        *("--keep-alive", "15", "--limit-request-line", "8190", "--limit-request-fields", "64"),
        # Files go out piece by piece, like all else, so that who does not take them is noticed.
        *("--worker-connections", "1000", "--no-sendfile"),
        *("--max-requests", "200000", "--max-requests-jitter", "20000", "--log-level", "warning"),
    ]


def warn_if_open(host: str) -> None:
    """Say what belongs before pages that other machines can reach."""
    if host in ("localhost", "::1") or host.startswith("127."):
        return
    click.echo(
        f"{host} lets other machines in. Put a proxy before it that speaks HTTPS and has time limits "
        "(deploy/nginx.conf or deploy/Caddyfile): passwords cross the network as they are otherwise.",
        err=True,
    )


@click.command("web")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to serve other machines.")
@click.option("--port", envvar="PORT", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--threads", type=click.IntRange(1, 64), default=8, show_default=True, help="Of each process.")
def command(host: str, port: int, processes: int, threads: int) -> None:
    """Serve the web pages, until told to stop.

    Behind HTTPS set REPORTDESK_SECURE_COOKIES=true, and REPORTDESK_TRUSTED_PROXIES to the number of proxies.
    """
    load_settings()
    with connected():
        database_setup.prepare()
        embedded.stay(get_settings().home)
    arguments = server_command(host=host, port=port, workers=processes, threads=threads)
    warn_if_open(host)
    click.echo(f"http://{host}:{port}", err=True)
    os.execv(arguments[0], arguments)  # noqa: S606 - our own command, without a shell
