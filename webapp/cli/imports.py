"""`reportdesk import`: LMS exports in the standard formats."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from webapp.cli.session import connected
from webapp.importers.oneroster import FILES
from webapp.importers.summary import Summary
from webapp.services import database_setup
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL

REFUSALS_TOLD = 20


@click.group("import")
def command() -> None:
    """Bring in data of a learning management system.

    Importing the same file again adds nothing and changes nothing.

    \b
    reportdesk import oneroster roster.zip
    reportdesk import xapi january.ndjson.gz february.ndjson.gz
    """


@command.command("oneroster")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def oneroster(path: Path) -> None:
    """Import a OneRoster 1.1 or 1.2 CSV bundle: PATH is a folder or a zip file."""
    with connected():
        database_setup.prepare()
        _tell(imports.import_oneroster(TERMINAL, path, on_progress=_show_rows))


@command.command("xapi")
@click.argument("paths", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True)
def xapi(paths: tuple[Path, ...]) -> None:
    """Import xAPI statements: each of PATHS holds a JSON array or one statement a line; .gz too."""
    with connected():
        database_setup.prepare()
        _tell(imports.import_xapi(TERMINAL, list(paths), on_progress=_show_statements))


@command.command("verbs")
def verbs() -> None:
    """Give events with a formerly unknown verb their event type, after the lookups got a rule for it."""
    with connected():
        changed = imports.map_kept_verbs(TERMINAL)
        for verb, count in sorted(changed.items()):
            click.echo(f"{count:>9,}  {verb}")
        if not changed:
            click.echo("No event waits for a rule that is there now.")


def _show_rows(name: str, count: int) -> None:
    _bar(FILES.index(name) / len(FILES) if name in FILES else 0.0, f"{name}: {count:,} rows")


def _show_statements(count: int, share: float) -> None:
    _bar(share, f"{count:,} statements")


def _bar(share: float, text: str) -> None:
    if sys.stderr.isatty():
        filled = "█" * int(share * 24)
        click.echo(f"\r{filled:░<24} {share:4.0%} {text}".ljust(72), nl=False, err=True)


def _tell(summary: Summary) -> None:
    if sys.stderr.isatty():
        click.echo("\r" + " " * 72 + "\r", nl=False, err=True)
    click.echo(f"{'':14}{'read':>10}{'added':>10}{'updated':>10}{'unchanged':>11}")
    for what, counts in summary.counts.items():
        click.echo(f"{what:14}{counts.read:>10,}{counts.added:>10,}{counts.updated:>10,}{counts.unchanged:>11,}")
    for text, count in summary.notes.items():
        click.echo(f"{count:,} {text}")
    if summary.refused_count:
        click.echo(f"{summary.refused_count:,} refused:")
        for reason, count in summary.refused.most_common():
            click.echo(f"  {count:>9,}  {reason}")
        for refusal in summary.refusals[:REFUSALS_TOLD]:
            click.echo(f"  {refusal.source}, line {refusal.line}: {refusal.reason}")
        if summary.refused_count > REFUSALS_TOLD:
            click.echo(f"  … and {summary.refused_count - REFUSALS_TOLD:,} more")
