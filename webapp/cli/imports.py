"""`reportdesk import`: LMS exports in the standard formats."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from webapp import record
from webapp.cli import imported
from webapp.cli.session import connected
from webapp.services import database_setup
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.services.rights import record_changes

_paths = click.argument("paths", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
_dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would be added, changed and ended.")
_strict = click.option("--strict", is_flag=True, help="Take nothing if a row would be refused or a rule is broken.")


@click.group("import")
def command() -> None:
    """Bring in data of a learning management system.

    All of it becomes one version of the learning record, or nothing does. Importing the same file again adds nothing
    and changes nothing. Ends with 0 only when something was there to take and nothing of it was refused.

    \b
    reportdesk import files export.zip --dry-run
    reportdesk import oneroster roster.zip
    reportdesk import xapi january.ndjson.gz february.ndjson.gz
    """


@command.command("files")
@_paths
@_dry_run
@_strict
def files(paths: tuple[Path, ...], dry_run: bool, strict: bool) -> None:
    """Import exports of whichever form: what they are is told by what they hold. PATHS are files, folders or zips."""
    _run(paths, None, dry_run, strict)


@command.command("oneroster")
@_paths
@_dry_run
@_strict
def oneroster(paths: tuple[Path, ...], dry_run: bool, strict: bool) -> None:
    """Import a OneRoster 1.1 or 1.2 CSV bundle: a folder, a zip, or its files."""
    _run(paths, "oneroster", dry_run, strict)


@command.command("xapi")
@_paths
@_dry_run
@_strict
def xapi(paths: tuple[Path, ...], dry_run: bool, strict: bool) -> None:
    """Import xAPI statements: a JSON array, an LRS's answer, or one statement a line; .gz and zips too."""
    _run(paths, "xapi", dry_run, strict)


@command.command("verbs")
def verbs() -> None:
    """Give events with a formerly unknown verb their event type, after the lookups got a rule for it."""
    with connected():
        before = record.current()
        after = record_changes.rebuild(by=TERMINAL, verbs=imports.xapi_verbs())
        if after is None:
            click.echo("No event waits for a rule that is there now.")
            return
        left = _unmapped(after)
        for verb, count in sorted(_unmapped(before).items()):
            if given := count - left.get(verb, 0):
                click.echo(f"{given:>9,}  {verb}")


def _unmapped(version: record.RecordVersion) -> dict[str, int]:
    """Verbs that no rule knows, and how many events have each."""
    unmapped = "SELECT verb, count(*) FROM events WHERE event_type IS NULL AND verb IS NOT NULL GROUP BY verb"
    with record.looking(version, ["events"]) as duck:
        return dict(duck.rows(unmapped))


def _run(paths: tuple[Path, ...], source: str | None, dry_run: bool, strict: bool) -> None:
    named = {path: str(path) for path in paths}
    bar = _Bar()
    with connected():
        database_setup.prepare()
        try:
            with imports.importing(
                TERMINAL,
                named,
                source=source,
                dry_run=dry_run,
                strict=strict,
                on_progress=bar.show,
                on_wait=imported.waits,
            ) as done:
                bar.clear()
                click.echo(done.told)
                imported.tell(done.comparison, done.version, dry_run=dry_run)
                is_whole = done.is_whole
        except imports.StrictImportError as error:
            bar.clear()
            imported.tell_refused(error.summary)
            raise
    if not is_whole:
        sys.exit(1)


class _Bar:
    """How far it is, how fast, and what is left."""

    def __init__(self) -> None:
        self._begun_at = time.monotonic()
        self._is_shown = sys.stderr.isatty()

    def show(self, count: int, share: float) -> None:
        if not self._is_shown:
            return
        passed = max(time.monotonic() - self._begun_at, 0.001)
        left = f", {passed / share - passed:,.0f} s left" if share > 0.02 else ""
        filled = "█" * int(share * 24)
        text = f"\r{filled:░<24} {share:4.0%} {count:,} read, {count / passed:,.0f} a second{left}"
        click.echo(text.ljust(79), nl=False, err=True)

    def clear(self) -> None:
        if self._is_shown:
            click.echo("\r" + " " * 79 + "\r", nl=False, err=True)
