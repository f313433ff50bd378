"""What the terminal says of an import, whichever way it came."""

from __future__ import annotations

import click

from webapp.record import RecordVersion


def waits() -> None:
    click.echo("Another import is running: waiting for its end.", err=True)


def tell_end(version: RecordVersion | None, *, dry_run: bool) -> None:
    """What became of the record: `version` is the one that was made, None where none was."""
    if dry_run:
        click.echo("Nothing was changed: this was a dry run.")
    elif version is None:
        click.echo("There is nothing new.")
    else:
        click.echo(f"Version {version.number} of the learning record.")
