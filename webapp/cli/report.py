"""`reportdesk report`: ask for a report from the terminal, wait, write the file."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import click
from bson import ObjectId

from webapp import embedded, logs, private_home, renderers
from webapp.cli.session import connected
from webapp.documents import (
    Class,
    Course,
    DateRange,
    Department,
    LookupCategory,
    Parameters,
    ReportFilters,
    ReportJob,
    User,
)
from webapp.services import database_setup
from webapp.services.files import downloads
from webapp.services.lookups import values as lookups
from webapp.services.people import accounts
from webapp.services.queue import workers
from webapp.services.requests import asking, changing
from webapp.services.requests.rules import ReportRequest
from webapp.settings import Settings, get_settings
from webapp.storage import open_storage
from webapp.worker import execution
from webapp.worker.loop import Worker
from webapp.worker.maintenance import MaintenanceThread

LOOK_EVERY = 0.2
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("report")
@click.option("--type", "report_type", required=True, help="A report type, such as completion-rates.")
@click.option("--group-by", multiple=True, help="A dimension, such as class or month; may be given more than once.")
@click.option("--measure", "measures", multiple=True, help="A measure, or measure:field, such as sum:data.clicks.")
@click.option("--column", "slicers", multiple=True, help="A dimension whose values become columns (at most 3).")
@click.option("--from", "start", type=DAY, help="The first day of the period.")
@click.option("--to", "end", type=DAY, help="The last day of the period, included.")
@click.option("--date-field", help="Which date the period is about, such as completed-at.")
@click.option("--time-zone", help="Whose days and hours are meant, such as Europe/Madrid.")
@click.option("--department", "departments", multiple=True, help="A department's code; those below it are included.")
@click.option("--course", "courses", multiple=True, help="A course's code.")
@click.option("--class", "classes", multiple=True, help="A class's code.")
@click.option("--status", "statuses", multiple=True, help="A status, such as completed.")
@click.option("--event-type", "event_types", multiple=True, help="An event, such as content-viewed.")
@click.option("--sort", multiple=True, help="A column to sort by; -column for the highest first.")
@click.option("--top", type=click.IntRange(1, 1000), help="Only the first so many groups, the others as one.")
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option("--detail", is_flag=True, help="Every row by itself, in place of the summary.")
@click.option("--subtotals", is_flag=True, help="A row for each value of all groupings but the last.")
@click.option("--include-inactive", is_flag=True, help="Count deactivated records too.")
@click.option("--as-of", "as_of", metavar="JOB_ID", help="Answer from the data that an earlier report saw.")
@click.option(
    "--format", "format_key", default="csv", show_default=True, help=f"One of {', '.join(renderers.FORMATS)}."
)
@click.option(
    "--with",
    "options",
    multiple=True,
    type=click.Choice(renderers.OPTIONS),
    help="zip; meta (a file that says what it means, both in a zip); bom (CSV with a byte order mark).",
)
@click.option("--name", default="", help="What the report is called; default: its type.")
@click.option("--as", "email", help="Whose report it is; default: the first system administrator.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: standard output.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    report_type: str,
    group_by: tuple[str, ...],
    measures: tuple[str, ...],
    slicers: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    date_field: str | None,
    time_zone: str | None,
    departments: tuple[str, ...],
    courses: tuple[str, ...],
    classes: tuple[str, ...],
    statuses: tuple[str, ...],
    event_types: tuple[str, ...],
    sort: tuple[str, ...],
    top: int | None,
    limit: int | None,
    detail: bool,
    subtotals: bool,
    include_inactive: bool,
    as_of: str | None,
    format_key: str,
    options: tuple[str, ...],
    name: str,
    email: str | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """Ask for a report, wait for it, write its file.

    The report is a job like any other: workers make it, and it is in its owner's list. When no worker is alive, this
    command makes it itself. Exits 0 with the file, 1 with the reason.

    \b
    reportdesk report --type completion-rates --group-by class --measure count --measure completion-rate
    reportdesk report --type learner-activity --group-by month --measure sum:data.clicks \\
        --event-type content-viewed --from 2013-10-01 --to 2014-06-30 --format excel --output clicks.xlsx
    """
    with connected() as settings:
        database_setup.prepare()
        actor = accounts.user_by_email(email) if email else _administrator()
        parameters = Parameters(
            date_range=DateRange(start_date=_utc(start), end_date=_utc(end)) if start or end else None,
            date_field=date_field,
            time_zone=time_zone,
            filters=ReportFilters(
                department_ids=[_by_code(Department, code) for code in departments],
                course_ids=[_by_code(Course, code) for code in courses],
                class_ids=[_by_code(Class, code) for code in classes],
                statuses=list(statuses),
                event_types=list(event_types),
            ),
            group_by=list(group_by),
            measures=list(measures),
            slicers=list(slicers),
            sort=list(sort),
            top=top,
            limit=limit,
            detail=detail,
            subtotals=subtotals,
            include_inactive=include_inactive,
            as_of_job_id=_job_id(as_of),
        )
        request = ReportRequest(
            report_type=report_type,
            parameters=parameters,
            format=format_key,
            options=dict.fromkeys(options, True),
            name=name,
        )
        job = asking.create(actor, request, insist=True)
        job = _finished(settings, job, show=not quiet and sys.stderr.isatty())
        if not job.state.has_file:
            reason = job.error.message if job.error and job.error.message else f"The report was {job.status}."
            raise click.ClickException(f"{reason}\nReport job {job.id}.")
        _write(actor, job, output, quiet=quiet)


def _finished(settings: Settings, job: ReportJob, *, show: bool) -> ReportJob:
    """Wait until the job has ended; be its worker when there is none."""
    own: _OwnWorker | None = None
    try:
        while not job.is_finished:
            if own is None and job.state.is_waiting and not any(not each.is_paused for each in workers.alive()):
                own = _OwnWorker(settings)
            if show:
                _show(job)
            time.sleep(LOOK_EVERY)
            job = ReportJob.objects.get(id=job.id)
    except KeyboardInterrupt:
        changing.cancel(User.objects.get(id=job.requested_by), job.id, "cancelled in the terminal")
        raise
    finally:
        if own is not None:
            own.stop()
        if show:
            click.echo("\r" + " " * 78 + "\r", nl=False, err=True)
    return job


class _OwnWorker:
    """A worker in this process, for as long as the report takes. It takes what is queued, in the queue's order."""

    def __init__(self, settings: Settings) -> None:
        logs.to_stderr("ERROR")
        self._maintenance = MaintenanceThread()
        self._worker = Worker(
            settings,
            embedded.ensure_running(settings),
            run_job=execution.execute,
            janitor=self._maintenance,
            concurrency=1,
        )
        self._maintenance.start()
        self._thread = Thread(target=self._worker.run, name="own-worker")
        self._thread.start()

    def stop(self) -> None:
        self._worker.stop(at_once=True)
        self._thread.join()
        self._maintenance.stop()


def _show(job: ReportJob) -> None:
    progress = job.progress
    percentage = progress.percentage if progress else 0
    filled = "█" * int(percentage // 5)
    step = (progress.current_step if progress else "") or lookups.label(LookupCategory.REPORT_STATUS, job.status)
    click.echo(f"\r{filled:░<20} {percentage:3.0f} % {step}".ljust(78), nl=False, err=True)


def _write(actor: User, job: ReportJob, output: Path | None, *, quiet: bool) -> None:
    found = downloads.open_download(actor, job.id)
    chunks = found.read()
    if found.redirect_url:
        chunks = open_storage(get_settings().effective_storage_url).read(job.output.storage.key)
    if output is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        return
    # A file that is there stays whole until the new one is.
    draft = output.with_name(f".{output.name}.part")
    with draft.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    draft.replace(output)
    private_home.give_out(output)
    if not quiet:
        rows = (job.provenance or {}).get("rowsWritten", 0)
        click.echo(f"{output}: {rows:,} rows, {output.stat().st_size:,} bytes (report job {job.id})", err=True)


def _administrator() -> User:
    """The first administrator; on a new installation without people, an account that cannot sign in."""
    user = User.objects(roles="system-admin", is_active=True).order_by("_id").first()
    if user is None:
        user = accounts.create_user(name="Terminal", email="terminal@reportdesk.local", roles=["system-admin"])
    return user


def _by_code(document: Any, code: str) -> ObjectId:
    found = document.objects(code=code).first() or document.objects(external_id=code).first()
    if found is None:
        raise click.BadParameter(f"There is no {document.__name__.lower()} with the code “{code[:100]}”.")
    found_id: ObjectId = found.id
    return found_id


def _job_id(text: str | None) -> ObjectId | None:
    if text is None:
        return None
    if not ObjectId.is_valid(text):
        raise click.BadParameter(f"“{text[:60]}” is not the id of a report job.")
    return ObjectId(text)


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day else None
