"""`reportdesk workers`: see, pause, resume and drain workers."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from webapp.cli.session import connected
from webapp.services.people import accounts
from webapp.services.permissions import TERMINAL, Actor
from webapp.services.queue import workers


@click.group()
def command() -> None:
    """See, pause, resume and drain workers."""


@command.command("list")
def list_() -> None:
    """All workers of the last day, as JSON lines."""
    with connected():
        for state in workers.every():
            click.echo(
                json.dumps(
                    {
                        "id": state.id,
                        "host": state.host,
                        "pid": state.pid,
                        "version": state.version,
                        "concurrency": state.concurrency,
                        "since": state.started_at.isoformat() if state.started_at else None,
                        "last_beat": state.last_beat_at.isoformat() if state.last_beat_at else None,
                        "alive": state.is_alive,
                        "left": state.has_left,
                        "paused": state.is_paused,
                        "draining": state.is_draining,
                        "jobs": [str(job_id) for job_id in state.job_ids],
                        "done": state.jobs_done,
                    }
                )
            )


def _wish(name: str, wish: Callable[[Actor, str], None], text: str) -> None:
    @command.command(name, help=f"{text} Give the worker's id, or how it begins.")
    @click.argument("worker_id")
    @click.option("--as", "email", default=None, help="Who asks; default: the terminal, as the audit trail says.")
    def ask(worker_id: str, email: str | None) -> None:
        with connected():
            wish(accounts.user_by_email(email) if email else TERMINAL, worker_id)
            click.echo("Asked; it does so at its next beat, within seconds.")


_wish("pause", workers.pause, "Take no more jobs until resumed.")
_wish("resume", workers.resume, "Take jobs again.")
_wish("drain", workers.drain, "Finish what runs, and end.")
