"""`reportdesk demo`: an invented organisation to try things on."""

from __future__ import annotations

import click

from webapp import demo
from webapp.cli.session import connected
from webapp.services import database_setup


@click.command("demo")
def command() -> None:
    """Add Northgate College: departments, staff, learners and a few hundred thousand events, all invented.

    Running it again adds nothing. It belongs only to a home without people, and its accounts, whose password is
    published, can sign in only on this machine.
    """
    with connected():
        database_setup.prepare()
        if demo.is_built():
            click.echo("The demo organisation is here already; nothing was added.")
        else:
            summary = demo.build(on_progress=_show)
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)
            for collection, added in summary.added.items():
                click.echo(f"{added:>9,}  {collection}")
        click.echo("Sign in with one of these, all with the password " + demo.DEMO_PASSWORD)
        for email, role in demo.SIGN_INS.items():
            click.echo(f"  {email}  ({role})")


def _show(collection: str, written: int, expected: int) -> None:
    click.echo(f"\r{collection}: {written:,} of about {max(written, expected):,}".ljust(60), nl=False, err=True)
