"""`reportdesk record`: the learning record, its versions, and its upkeep."""

from __future__ import annotations

import click

from webapp import record
from webapp.cli import imported
from webapp.cli.session import connected
from webapp.services import database_setup
from webapp.services.orders import imports, rebuilding
from webapp.services.permissions import TERMINAL
from webapp.services.record import carry_over, keeping
from webapp.services.rights import record_changes


@click.group("record")
def command() -> None:
    """The learning record: Delta tables in numbered versions. Every import publishes a version; reports read one."""


@command.command("info")
def info() -> None:
    """The version of now, and its tables."""
    with connected():
        version = record.current()
        click.echo(_line(version))
        for each in keeping.figures():
            click.echo(
                f"{each['table']:14} {each['rows']:>13,} rows {each['files']:>5} files {each['bytes']:>15,} bytes"
            )


@command.command("history")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
def history(limit: int) -> None:
    """The latest versions, the newest first; those that cannot be read any more are marked with a *."""
    with connected():
        gone = record.gone_numbers()
        for version, _ in zip(record.history(), range(limit), strict=False):
            click.echo(_line(version) + (" *" if version.number in gone else ""))


@command.command("undo")
@click.argument("number", type=click.IntRange(0))
def undo(number: int) -> None:
    """Publish version NUMBER again, as the newest one: reports are as they were then."""
    with connected():
        click.echo(_line(record_changes.undo(number, by=TERMINAL, on_wait=imported.waits)))


@command.command("compact")
def compact() -> None:
    """Join small files, and delete those that no kept report was made from."""
    with connected():
        keeping.compact()
        click.echo(_line(record.current()))


@command.command("rebuild")
@click.option("--from-files", is_flag=True, help="Read the kept files of all imports again, by the rules of today.")
@click.option("--dry-run", is_flag=True, help="With --from-files: only tell what would differ.")
def rebuild(from_files: bool, dry_run: bool) -> None:
    """Work out anew what the record derives: enrollments, places of events, instructors, events of mapped verbs.

    With --from-files all of it, from the files that were imported (REPORTDESK_RAW_FILE_DAYS): upon the version of the
    last import whose files are not kept, or upon nothing.
    """
    if dry_run and not from_files:
        raise click.UsageError("--dry-run goes with --from-files.")
    with connected():
        if from_files:
            _rebuild_from_files(dry_run)
            return
        published = record_changes.rebuild(by=TERMINAL, verbs=imports.xapi_verbs(), on_wait=imported.waits)
        click.echo(_line(published) if published is not None else "Nothing is different from what it was.")


def _rebuild_from_files(dry_run: bool) -> None:
    done = rebuilding.rebuild(
        TERMINAL,
        dry_run=dry_run,
        on_import=lambda what: click.echo(f"reading {what}", err=True),
        on_wait=imported.waits,
    )
    upon = f"upon version {done.base}" if done.base else "upon nothing"
    click.echo(f"{done.count:,} imports were read again, {upon}.")
    for table, found in done.differences.items():
        click.echo(f"{table:14} {found.added:>11,} added {found.changed:>11,} changed {found.gone:>11,} gone")
    if not done.differences:
        click.echo("Row for row it is what the record holds.")
    elif dry_run:
        click.echo("Nothing was changed: this was a dry run.")
    if done.version is not None:
        click.echo(_line(done.version))


@command.command("migrate")
@click.option("--drop", is_flag=True, help="Drop the old collections once everything is found in the record.")
def migrate(drop: bool) -> None:
    """Carry the learning record of an older version over from MongoDB: one import, counted before and after.

    Running it again adds nothing. Stop workers and imports of the older version first.
    """
    with connected():
        database_setup.prepare()
        if not carry_over.there():
            click.echo("There is nothing of an older version in this database.")
            return
        found = carry_over.run(TERMINAL, on_progress=_show)
        click.echo("\r" + " " * 60 + "\r", nl=False, err=True)
        for name, count in found.documents.items():
            click.echo(f"{name:20} {count:>13,} documents {found.rows[name]:>13,} in the record")
        for reason, count in found.refused.items():
            click.echo(f"{count:>9,} refused: {reason}")
        for (was, became), count in found.differences.items():
            click.echo(f"{count:>9,} enrollments were {was} and are {became}")
        if drop or not found.is_whole:
            carry_over.take_away_old(found, by=TERMINAL)
            click.echo(f"Dropped: {', '.join(found.dropped)}, and the learners among the accounts.")
        else:
            click.echo("Everything is in the record. The old collections are still there; --drop takes them away.")


def _line(version: record.RecordVersion) -> str:
    if not version.number:
        return "version 0: nothing has been imported yet"
    by = f" by {version.by}" if version.by else ""
    return f"version {version.number}  {version.published_at:%Y-%m-%d %H:%M:%S} UTC  {version.what}{by}"


def _show(name: str, count: int) -> None:
    click.echo(f"\r{name}: {count:,}".ljust(60), nl=False, err=True)
