"""`reportdesk report`: ask for a report from the terminal, wait, write the file."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import click

from webapp import embedded, logs, private_home
from webapp.cli.session import connected
from webapp.documents import LookupCategory, ReportJob, User
from webapp.services import database_setup
from webapp.services.files import downloads
from webapp.services.lookups import administrators
from webapp.services.lookups import values as lookups
from webapp.services.people import accounts
from webapp.services.permissions import TERMINAL
from webapp.services.questions import filter_choices, ways
from webapp.services.questions.request import FIELDS, Kind, ReportRequest, Written
from webapp.services.queue import workers
from webapp.services.requests import asking, changing
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights import data_scope
from webapp.settings import Settings, get_settings
from webapp.storage import open_storage
from webapp.worker import execution
from webapp.worker.child_process import warm_up
from webapp.worker.drawing import Drawer
from webapp.worker.loop import Worker
from webapp.worker.maintenance import MaintenanceThread

LOOK_EVERY = 0.2


def _option(name: str, written: Written) -> click.Option:
    """The option that says this field, as the request declares it."""
    declarations = [name, written.option, *_ALIASES.get(name, ())]
    if written.kind is Kind.FLAG:
        return click.Option(declarations, is_flag=True, default=False, help=written.help)
    several: dict[str, Any] = {"multiple": written.kind in (Kind.TEXTS, Kind.IDS, Kind.CONDITIONS, Kind.OPTIONS)}
    if written.kind is Kind.CONDITIONS:
        several |= {"nargs": 3, "metavar": "FIELD HOW VALUE"}
    return _Option(declarations, required=name == "report_type", help=written.help, **several)


class _Option(click.Option):
    """Its further names are taken, and not told."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


#: Names that options had before, for the scripts that use them.
_ALIASES = {"slicers": ("--column",)}
_PERIOD_DAYS = [
    click.Option([ways.FIRST_DAY, ways.FIRST_DAY_OPTION], help="The first day of the period."),
    click.Option([ways.LAST_DAY, ways.LAST_DAY_OPTION], help="The last day of the period, included."),
]
_AROUND = [
    click.Option(["email", "--as"], help="Whose report it is; default: the first system administrator."),
    click.Option(
        ["output", "--output"],
        type=click.Path(dir_okay=False, path_type=Path),
        help="The file; default: standard output.",
    ),
    click.Option(["quiet", "--quiet"], is_flag=True, help="No progress."),
    click.Option(["agreed", "--yes"], is_flag=True, help="Do not ask before it is shared with everyone."),
]


def _options() -> list[click.Parameter]:
    options: list[click.Parameter] = []
    for name, written in FIELDS.items():
        options.append(_option(name, written))
        if written.kind is Kind.PERIOD:
            options += _PERIOD_DAYS
    return [*options, *_AROUND]


@click.command("report", params=_options())
def command(email: str | None, output: Path | None, quiet: bool, agreed: bool, **question: Any) -> None:
    """Ask for a report, wait for it, write its file.

    The report is a job like any other: workers make it, and it is in its owner's list. When no worker is alive, this
    command makes it itself. Exits 0 with the file, 1 with the reason.

    \b
    reportdesk report --type completion-rates --group-by class --measure count --measure completion-rate
    reportdesk report --type enrollment-summary --period last-term --where score gte 60 --sort=-count
    reportdesk report --type learner-activity --group-by month --measure sum:data.clicks \\
        --event-type content-viewed --from 2013-10-01 --to 2014-06-30 --format excel --output clicks.xlsx
    """
    with connected() as settings:
        if not _has_worker():
            warm_up(execution.execute)
        database_setup.prepare()
        actor = accounts.user_by_email(email) if email else administrator()
        job = _asked(actor, request_of(actor, question), agreed=agreed)
        deliver(settings, actor, job, output, quiet=quiet)


def deliver(settings: Settings, actor: User, job: ReportJob, output: Path | None, *, quiet: bool) -> None:
    """Wait for the job and write its file. Raises ClickException with the reason where it has none."""
    job = _finished(settings, job, show=not quiet and sys.stderr.isatty())
    if not job.state.has_file:
        reason = job.error.message if job.error and job.error.message else f"The report was {job.status}."
        raise click.ClickException(f"{reason}\nReport job {job.id}.")
    _write(actor, job, output, quiet=quiet)


def request_of(actor: User, question: Mapping[str, Any]) -> ReportRequest:
    """The request of these options. A code means what `actor` may read; CSV where no format is given.

    Raises InvalidRequestError.
    """
    scope = data_scope.data_scope(actor)
    given = {**question, "format": question.get("format") or "csv"}
    return ways.from_options(given, find=lambda kind, text: filter_choices.find(kind, text, scope))


def _asked(actor: User, request: ReportRequest, *, agreed: bool) -> ReportJob:
    """The job; whoever would share it with everyone is asked first, as in the form."""
    try:
        return asking.create(actor, request, insist=True, agreed=agreed)
    except NotAgreedError as error:
        click.confirm(f"{error} Share it with them?", abort=True, err=True)
        return asking.create(actor, request, insist=True, agreed=True)


def _finished(settings: Settings, job: ReportJob, *, show: bool) -> ReportJob:
    """Wait until the job has ended; be its worker when there is none."""
    own: _OwnWorker | None = None
    try:
        while not job.is_finished:
            if own is None and job.state.is_waiting and not _has_worker():
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


def _has_worker() -> bool:
    """Does anybody make reports now?"""
    return any(not each.is_paused for each in workers.alive())


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
            drawer=Drawer(),
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


def administrator() -> User:
    """The first administrator; on a new installation without people, an account that cannot sign in."""
    return administrators.first_administrator() or accounts.create_user(
        TERMINAL, name="Terminal", email=accounts.TERMINAL_ADDRESS, roles=["system-admin"]
    )
