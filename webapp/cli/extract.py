"""`reportdesk extract`: the tables that reports are computed from."""

from __future__ import annotations

import sys

import click

from webapp import extract
from webapp.cli.session import connected
from webapp.engine.catalogue.tables import TABLES

TABLE = click.Choice(list(TABLES))


@click.group("extract")
def command() -> None:
    """The extract: the learning record as Delta tables.

    Every report refreshes what it reads, so none of this is needed day to day. The extract can be deleted at any time;
    it builds itself again.
    """


@command.command("refresh")
@click.argument("tables", nargs=-1, type=TABLE)
def refresh(tables: tuple[str, ...]) -> None:
    """Bring TABLES (default: all) up to the database of now."""
    with connected():
        _tell(extract.refresh(tables or tuple(TABLES), on_progress=_progress))


@command.command("rebuild")
@click.argument("tables", nargs=-1, type=TABLE)
def rebuild(tables: tuple[str, ...]) -> None:
    """Read every document of TABLES (default: all) anew."""
    with connected():
        _tell(extract.rebuild(tables or tuple(TABLES), on_progress=_progress))


@command.command("vacuum")
def vacuum() -> None:
    """Delete files of old versions that no kept report was made from."""
    with connected():
        click.echo(f"{extract.vacuum():,} files deleted.")


def _progress(table: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{table}: {done:,} of {total:,}".ljust(60), nl=False, err=True)


def _tell(snapshot: extract.Snapshot) -> None:
    if sys.stderr.isatty():
        click.echo("\r" + " " * 60 + "\r", nl=False, err=True)
    for table, version in snapshot.versions.items():
        click.echo(f"{table:20} version {version:>5}  {len(snapshot.files[table]):>4} files")
