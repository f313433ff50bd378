"""`reportdesk lookups`: the lists that administrators keep."""

from __future__ import annotations

import json
from typing import Any

import click

from webapp.cli.session import connected
from webapp.documents import LookupCategory
from webapp.services import database_setup
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL

CATEGORY = click.Choice([category.value for category in LookupCategory])


@click.group("lookups")
def command() -> None:
    """Report types, formats, priorities, measures and the other lists.

    \b
    reportdesk lookups list report-type
    reportdesk lookups add measure-type clicks --name Clicks \\
        --metadata '{"aggregate": "sum", "field": "data.clicks", "dataset": "activity", "format": "number"}'
    reportdesk lookups deactivate output-format pdf
    """


@command.command("list")
@click.argument("category", type=CATEGORY, required=False)
def list_values(category: str | None) -> None:
    """Show the values of CATEGORY, or of all lists."""
    with connected():
        for name in [category] if category else [each.value for each in LookupCategory]:
            click.secho(name, bold=True)
            for value in lookups.every(LookupCategory(name)):
                state = "" if value.is_active else "  (inactive)"
                click.echo(f"  {value.key}  {value.display_as}{state}")


@command.command("seed")
def seed() -> None:
    """Set the database up: add the values that are missing, and the indexes. What was changed stays as it is."""
    with connected():
        click.echo(f"{database_setup.prepare()} values added.")


@command.command("add")
@click.argument("category", type=CATEGORY)
@click.argument("key")
@click.option("--name", required=True, help="What people read.")
@click.option("--description", default="", help="What it means, for those who choose it.")
@click.option("--metadata", default="{}", help="A JSON object.")
def add(category: str, key: str, name: str, description: str, metadata: str) -> None:
    """Add the value KEY to CATEGORY; running processes know it within a minute."""
    with connected():
        database_setup.prepare()
        lookups.add(category, key, name, description=description, metadata=_object(metadata), by=TERMINAL)
        click.echo(f"{category} has the new value {key}.")


@command.command("deactivate")
@click.argument("category", type=CATEGORY)
@click.argument("key")
def deactivate(category: str, key: str) -> None:
    """Take KEY out of forms and refuse it in new reports; old ones still show it."""
    with connected():
        lookups.change(category, key, is_active=False, by=TERMINAL)
        click.echo(f"{category} {key} is inactive.")


@command.command("activate")
@click.argument("category", type=CATEGORY)
@click.argument("key")
def activate(category: str, key: str) -> None:
    """Allow KEY again."""
    with connected():
        lookups.change(category, key, is_active=True, by=TERMINAL)
        click.echo(f"{category} {key} is active.")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"--metadata is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.BadParameter("--metadata must be a JSON object.")
    return found
