"""What the terminal says of an import, whichever way it came."""

from __future__ import annotations

import click

from webapp.record import Comparison, RecordVersion, Summary
from webapp.services.orders import told

REFUSALS_TOLD = 20
#: The ways in which what was read ends up, as they are told.
COLUMNS = ("read", "added", "changed", "unchanged", "ended", "refused", "set_aside", "repeated")


def waits() -> None:
    click.echo("Another import is running; waiting for its end.", err=True)


def tell(comparison: Comparison, version: RecordVersion | None, *, dry_run: bool) -> None:
    """All that was counted and noted, and what became of the record: `version` is the one that was made, None where
    none was."""
    found = told.tell(comparison, source="", looks="", version=version, samples=False)
    _tell_counts(found.summary)
    tell_refused(found.summary)
    if found.accounts:
        ends = "would end" if dry_run else "have ended"
        click.echo(f"These people {ends} in the record and have an account, which stays: {', '.join(found.accounts)}")
    if dry_run:
        for what, count in found.endings:
            click.secho(f"{count:,} {what} would end.", bold=True)
        click.echo("Nothing was changed: this was a dry run.")
    elif version is None:
        click.echo("There is nothing new.")
    else:
        click.echo(f"Version {version.number} of the learning record.")


def tell_refused(summary: Summary) -> None:
    for title, counted, listed in (
        ("refused", summary.refused, summary.refusals),
        ("rules broken in what was taken", summary.broken, summary.departures),
    ):
        if not counted.total():
            continue
        click.echo(f"{counted.total():,} {title}:")
        for reason, count in counted.most_common():
            click.echo(f"  {count:>9,}  {reason}")
        for each in listed[:REFUSALS_TOLD]:
            value = f" (“{each.value}”)" if each.value else ""
            place = f", line {each.line}" if each.line else ""
            click.echo(f"  {each.source}{place}: {each.reason}{value}")
        if counted.total() > REFUSALS_TOLD:
            click.echo(f"  … and {counted.total() - REFUSALS_TOLD:,} more")


def _tell_counts(summary: Summary) -> None:
    click.echo(f"{'':16}{''.join(f'{each.replace(chr(95), chr(32)):>11}' for each in COLUMNS)}")
    for what, counts in summary.counts.items():
        click.echo(f"{what:16}{''.join(f'{getattr(counts, each):>11,}' for each in COLUMNS)}")
    for what, reasons in summary.aside.items():
        for reason, count in reasons.items():
            click.echo(f"{count:,} {what} set aside: {reason}")
    for text, count in summary.notes.items():
        click.echo(f"{count:,} {text}")
