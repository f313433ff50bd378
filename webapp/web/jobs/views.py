"""Reports: the lists, one report's page, and everything that can be done to it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import ReportJob, When
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.renderers.filenames import content_disposition
from webapp.services.bursting import overview
from webapp.services.deliveries import wishes
from webapp.services.files import downloads
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs import parts
from webapp.services.jobs.facts import JobFacts
from webapp.services.jobs.lists import JobList
from webapp.services.requests import asking, bulk, changing
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.requests.behind import rows_behind
from webapp.services.requests.bulk import Wish
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights import visibility
from webapp.web import partial
from webapp.web.access import current_actor, local_path
from webapp.web.fragments import fragment, is_htmx, redirect_after, tag_of, unchanged
from webapp.web.jobs import ask_views, list_views, report_view, result_args
from webapp.web.jobs.forms import EditForm
from webapp.web.languages import in_readers_language

jobs = Blueprint("jobs", __name__, url_prefix="/reports")
ask_views.register(jobs)


# --- lists ------------------------------------------------------------------------------------------------------------


@jobs.get("/")
def index() -> ResponseReturnValue:
    """What I have asked for."""
    return list_views.show_list(JobList.OWN, "jobs/index.html", bulk_address=url_for("jobs.bulk"))


@jobs.get("/shared")
def shared() -> ResponseReturnValue:
    """What others let me see."""
    return list_views.show_list(JobList.SHARED, "jobs/shared.html", bulk_address="")


@jobs.get("/rows")
def rows() -> ResponseReturnValue:
    """The poll of a list."""
    return list_views.poll_rows()


@jobs.post("/bulk", endpoint="bulk")
def act_on_many() -> ResponseReturnValue:
    """Act on many reports at once."""
    return list_views.bulk(JobList.OWN)


@jobs.post("/undo/<act_id>")
def undo(act_id: str) -> ResponseReturnValue:
    """Take back what was done a moment ago."""
    return list_views.undo(act_id)


# --- one report -------------------------------------------------------------------------------------------------------


@jobs.get("/<job_id>")
def show(job_id: str) -> ResponseReturnValue:
    """The report's page; its table alone for htmx, which turns, sorts and searches it."""
    actor, query = current_actor(), result_args.read()
    job = visibility.visible_job(actor, job_id)
    if is_htmx() and (found := report_view.result_context(actor, job, query)) is not None:
        return fragment("jobs/_result.html", **found)
    return _page(job, query=query)


@jobs.get("/<job_id>/live")
def live(job_id: str) -> ResponseReturnValue:
    """The part of the page that moves while the report is made; 304 while it has not moved."""
    facts = job_lists.facts_of(current_actor(), job_id)
    if (nothing_new := unchanged(_tag(facts))) is not None:
        return nothing_new
    job = job_lists.shared_document(facts)
    return fragment("jobs/_report.html", tag=_tag(job), **report_view.context(current_actor(), job))


@jobs.get("/<job_id>/parts")
def show_parts(job_id: str) -> ResponseReturnValue:
    """The table of the parts of a report, while they are made; 304 while none has moved."""
    actor = current_actor()
    whole = visibility.visible_job(actor, job_id)
    found = overview.of_whole(actor, whole)
    tag = report_view.tag_of_parts(whole, found)
    if (nothing_new := unchanged(tag)) is not None:
        return nothing_new
    context = report_view.part_context(actor, whole)
    context |= {"parts_tag": tag, "parts_left": found.is_moving or report_view.may_be_made(whole)}
    return fragment("jobs/_parts.html", tag=tag, job=whole, parts=found, **context)


@jobs.get("/<job_id>/row")
def row(job_id: str) -> ResponseReturnValue:
    """One row of a list."""
    actor = current_actor()
    job = visibility.visible_job(actor, job_id)
    names, row_chips = job_lists.names_of([job], besides=actor), job_lists.chips_of(actor, [job])
    context: dict[str, Any] = {"names": names, "row_chips": row_chips, "row_parts": parts.counts_of(actor, [job])}
    return fragment("jobs/_rows.html", tag=_tag(job), jobs=[job], which=JobList.OWN, **context)


@jobs.get("/<job_id>/download")
def download(job_id: str) -> ResponseReturnValue:
    """The finished file: whole, in parts, or not again when the browser has it."""
    found = downloads.open_download(current_actor(), job_id)
    if found.redirect_url:
        return redirect(found.redirect_url)
    named = content_disposition(found.name)
    return partial.answer(found.read, size=found.size, etag=found.sha256, mime_type=found.mime_type, disposition=named)


@jobs.get("/<job_id>/behind/<int:row>/<int:place>")
@jobs.get("/<job_id>/behind/total/<int:place>")
def behind(job_id: str, place: int, row: int | None = None) -> ResponseReturnValue:
    """The rows that a number was made of: the form filled in with that question."""
    return ask_views.filled(rows_behind(current_actor(), job_id, row, place))


@jobs.get("/<job_id>/changes")
def changes(job_id: str) -> ResponseReturnValue:
    """What came, went and changed since the report before, row by row; found when the report was made."""
    actor = current_actor()
    job = visibility.visible_job(actor, job_id)
    return render_template("jobs/changes.html", job=job, changes=report_view.changes_of(actor, job))


@jobs.get("/<job_id>/chart.svg")
def chart(job_id: str) -> ResponseReturnValue:
    """The report's chart as a picture; drawn when the report was made, or now as a chart of another kind."""
    page = downloads.page_result(current_actor(), job_id)
    svg = report_view.chart_svg(page, request.args.get("theme"), request.args.get("kind", ""))
    if svg is None:
        raise NotFoundError(_("This report has no chart."))
    response = Response(svg, mimetype="image/svg+xml")
    # A picture on its own may style itself, and do nothing else.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    # Kept by the browser, and asked about at each use: who may no longer see the report sees no picture of it.
    response.cache_control.private = True
    response.cache_control.no_cache = True
    response.add_etag()
    return response.make_conditional(request)


# --- what is done to it -----------------------------------------------------------------------------------------------


@jobs.post("/<job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """Stop a waiting or running report."""
    return _act(job_id, Wish("cancel", request.form.get("reason")))


@jobs.post("/<job_id>/retry")
def retry(job_id: str) -> ResponseReturnValue:
    """Make a failed, cancelled or expired report again."""
    return _act(job_id, Wish("retry"))


@jobs.post("/<job_id>/duplicate")
def duplicate(job_id: str) -> ResponseReturnValue:
    """Ask for the same again."""
    submission_id = request.form.get("submission", "")[:100]
    job = asking.duplicate(current_actor(), job_id, submission_id=submission_id, say=in_readers_language)
    return _back_to(job, _("The same report is asked for again. This is the new one."))


@jobs.get("/<job_id>/change")
def change(job_id: str) -> ResponseReturnValue:
    """The form filled in as this report was asked for: to ask for something similar."""
    return ask_views.change(visibility.visible_job(current_actor(), job_id))


@jobs.post("/<job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Delete a report and its file."""
    job = visibility.visible_job(current_actor(), job_id)
    changing.delete(current_actor(), job_id)
    return redirect_after(url_for("jobs.index"), _("“%(name)s” was deleted.", name=job.name))


@jobs.post("/<job_id>/edit")
def edit(job_id: str) -> ResponseReturnValue:
    """Change the name and the description."""
    form = EditForm()
    actor = current_actor()
    try:
        if form.validate():
            job = changing.update(actor, job_id, name=form.name.data, description=form.description.data or "")
            return _back_to(job, _("Saved."))
    except InvalidRequestError as error:
        form.add_errors(error.fields)
    return _page(visibility.visible_job(actor, job_id), edit_form=form), HTTPStatus.UNPROCESSABLE_ENTITY


@jobs.post("/<job_id>/share")
def share(job_id: str) -> ResponseReturnValue:
    """Say who may see it; what everyone would see is asked about first."""
    actor, wanted = current_actor(), request.form.get("visibility", "")
    try:
        job = changing.share(actor, job_id, wanted, agreed=bool(request.form.get("agreed")))
    except NotAgreedError as error:
        job = visibility.visible_job(actor, job_id)
        page = render_template("jobs/share_everyone.html", job=job, question=str(error), visibility=wanted)
        return page, error.status
    except InvalidRequestError as error:
        return _back_to(visibility.visible_job(actor, job_id), str(error), "error")
    return _back_to(job, _("Saved: who may see this report."))


@jobs.post("/<job_id>/priority")
def priority(job_id: str) -> ResponseReturnValue:
    """Move a waiting report forward or back."""
    return _act(job_id, Wish("priority", priority=request.form.get("priority", "")))


@jobs.post("/<job_id>/chart")
def keep_chart(job_id: str) -> ResponseReturnValue:
    """The same file from the same data, with a chart of another kind, or without one."""
    actor = current_actor()
    job, kind = visibility.visible_job(actor, job_id), request.form.get("kind", "")
    try:
        made = asking.sibling(actor, job_id, job.output.format, chart=kind, say=in_readers_language)
    except AlreadyAskedError as error:
        return _back_to(error.job, str(error), "info")
    except InvalidRequestError as error:
        return _back_to(job, str(error), "error")
    return _back_to(made, _("This is the file with that chart, from the same data."))


@jobs.post("/<job_id>/notify")
def notify(job_id: str) -> ResponseReturnValue:
    """Have oneself told, in one's inbox, when it is ready, or only if it fails."""
    actor = current_actor()
    when = When.FAILED if request.form.get("when") == When.FAILED else When.ENDED
    try:
        job = wishes.add(actor, job_id, wishes.notify(actor, when))
    except ConflictError as error:
        return _back_to(visibility.visible_job(actor, job_id), str(error), "info")
    return _back_to(job, _("You will be told in your inbox."))


@jobs.post("/<job_id>/sibling")
def sibling(job_id: str) -> ResponseReturnValue:
    """The same answer in another format, from the same data."""
    try:
        job = asking.sibling(current_actor(), job_id, request.form.get("format", ""), say=in_readers_language)
    except AlreadyAskedError as error:
        return _back_to(error.job, str(error), "info")
    return _back_to(job, _("This is the same answer in the other format, from the same data."))


def _act(job_id: str, wish: Wish) -> ResponseReturnValue:
    """Do it, and offer to undo it, on the page where it was done."""
    actor = current_actor()
    job = visibility.visible_job(actor, job_id)
    back = local_path(request.form.get("back")) or url_for("jobs.show", job_id=job.id)
    return list_views.answer(back, wish.action, bulk.act(actor, [job.id], wish))


def _page(job: ReportJob, **more: Any) -> str:
    return render_template("jobs/show.html", tag=_tag(job), **report_view.context(current_actor(), job, **more))


def _tag(job: ReportJob | JobFacts) -> str:
    return tag_of(job.id, job.updated_at, job.event_count, job.download_count, report_view.queue_fact(job))


def _back_to(job: ReportJob, message: str, category: str = "success") -> ResponseReturnValue:
    return redirect_after(url_for("jobs.show", job_id=job.id), message, category)
