"""What every command does before and after its one call: connect, and put errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError as SettingsError
from pymongo.errors import PyMongoError

from webapp import embedded
from webapp.documents import connect, disconnect
from webapp.errors import ReportdeskError
from webapp.private_home import make_private
from webapp.settings import Settings, get_settings


def load_settings() -> Settings:
    """The settings, or an end that names the bad value."""
    try:
        return get_settings()
    except SettingsError as error:
        lines = [f"REPORTDESK_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
        raise click.ClickException("A setting is not valid.\n" + "\n".join(lines)) from error


@contextmanager
def connected() -> Iterator[Settings]:
    """Connected to the database, which is started where none is set; a deliberate error ends the command in words."""
    settings = load_settings()
    if refused := make_private(settings.home):
        click.echo(f"{len(refused)} things belong to another account, who may read them: {refused[0]} …", err=True)
    try:
        connect(embedded.ensure_running(settings), settings.mongodb_database)
        yield settings
    except ReportdeskError as error:
        raise click.ClickException(f"{error}\n{error.hint}".strip()) from error
    except PyMongoError as error:
        raise click.ClickException(f"The database does not answer: {error}") from error
    finally:
        disconnect()
        embedded.leave(settings)
