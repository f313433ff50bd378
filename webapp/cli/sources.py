"""`reportdesk source`: a learning management system's database, read in place."""

from __future__ import annotations

import sys

import click

from webapp.cli import imported
from webapp.cli.session import connected
from webapp.services import database_setup, sources
from webapp.services.permissions import TERMINAL


@click.group("source")
def command() -> None:
    """The LMS whose MongoDB is read in place (REPORTDESK_LMS_URI, REPORTDESK_LMS_MAPPING).

    Nothing is ever written there: an account that may only read is enough.

    \b
    reportdesk source check
    reportdesk source sync --dry-run
    """


@command.command("check")
def check() -> None:
    """Read all of it, bring nothing over, and tell what the mapping makes of it.

    Named are words that its value tables lack, references that lead nowhere, documents that are refused, and fields
    that no document has. Ends with 1 when something would be lost.
    """
    with connected():
        found = sources.check(TERMINAL, on_progress=_show)
        _clear()
        click.secho(f"{found.database}, by the mapping {found.mapping}", bold=True)
        for line in found.words():
            click.echo(f"  {line}")
    if not found.fits:
        sys.exit(1)


@command.command("sync")
@click.option("--dry-run", is_flag=True, help="Only tell what would be added, changed and ended.")
def sync(dry_run: bool) -> None:
    """Bring over what has changed since the last time, or everything the first time."""
    with connected():
        database_setup.prepare()
        with sources.syncing(TERMINAL, dry_run=dry_run, on_progress=_show, on_wait=imported.waits) as outcome:
            _clear()
            imported.tell(outcome.comparison, outcome.version, dry_run=dry_run)


def _show(collection: str, count: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{collection}: {count:,} documents".ljust(72), nl=False, err=True)


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r" + " " * 72 + "\r", nl=False, err=True)
