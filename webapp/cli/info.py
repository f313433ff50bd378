"""`reportdesk info`: where everything is."""

from __future__ import annotations

import json
from importlib.metadata import version
from urllib.parse import urlsplit, urlunsplit

import click

from webapp import embedded
from webapp.cli.session import connected
from webapp.services.queue import workers


@click.command("info")
def command() -> None:
    """Version, home, database, storage, record and live workers, as JSON."""
    with connected() as settings:
        told = {
            "version": version("reportdesk"),
            "home": str(settings.home),
            "mongodb_uri": without_password(embedded.ensure_running(settings)),
            "mongodb_database": settings.mongodb_database,
            "storage_url": without_password(settings.effective_storage_url),
            "record_url": without_password(settings.effective_record_url),
            "workers": [
                {
                    "id": each.id,
                    "host": each.host,
                    "pid": each.pid,
                    "concurrency": each.concurrency,
                    "since": each.started_at.isoformat() if each.started_at else None,
                    "jobs": [str(job_id) for job_id in each.job_ids],
                }
                for each in workers.alive()
            ],
        }
        click.echo(json.dumps(told, indent=2))


def without_password(url: str) -> str:
    """The address as it may be shown and pasted into a ticket."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))
