"""What a report's page shows, gathered once for the page and for its poll."""

from __future__ import annotations

import time
from typing import Any

from flask_babel import gettext, ngettext

from webapp import renderers
from webapp.documents import LookupCategory, ReportJob, ReportTemplate, User
from webapp.documents.lookup_value import active_lookups
from webapp.engine.charts import CHART_KINDS, NO_CHART
from webapp.errors import NotFoundError, ReportdeskError
from webapp.renderers.about import ChangeTable
from webapp.services import permissions
from webapp.services.bursting import overview as part_overview
from webapp.services.bursting.overview import PartLines
from webapp.services.changes import words
from webapp.services.changes.changes import Changes
from webapp.services.deliveries import overview, wishes
from webapp.services.files import comparison, downloads, result_table
from webapp.services.files.result_table import TablePage, TableQuery
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.facts import JobFacts
from webapp.services.permissions import Permission
from webapp.services.questions import in_words, ways
from webapp.services.queue import status as queue_status
from webapp.services.queue.status import Waiting, Why
from webapp.services.requests import rules as request_rules
from webapp.services.rights import data_scope, visibility
from webapp.services.schedules import lists as schedule_lists
from webapp.services.templates import seeing
from webapp.web.formatting import instant_text, readers, words_of
from webapp.web.fragments import tag_of
from webapp.web.jobs import result_args
from webapp.web.jobs.forms import EditForm

FROM_THE_TOP = TableQuery()
#: Places in the queue move all the time: a poll tells of it this often.
QUEUE_FACT_SECONDS = 5


def context(
    actor: User, job: ReportJob, *, query: TableQuery = FROM_THE_TOP, edit_form: EditForm | None = None
) -> dict[str, Any]:
    """Everything the templates `jobs/show.html` and `jobs/_report.html` need. `query` is what the table shows."""
    may_edit = visibility.may_edit(actor, job)
    may_manage = may_edit or visibility.may_manage(actor, job)
    page, problem = _page_result(actor, job)
    parts = part_overview.of_whole(actor, job)
    return part_context(actor, job) | {
        "job": job,
        "waiting": waiting_words(queue_status.explain(job)) if job.state.is_waiting else None,
        "ready_at": queue_status.ready_at(job) if job.state.is_running else None,
        "timeline": job_events.timeline(job),
        "question": _question(actor, job),
        "names": job_lists.names_of([job], besides=actor),
        "asked_by": _template(actor, job),
        "result": page,
        **(_table_context(actor, job, query, page) if page is not None else {}),
        "result_problem": problem,
        "may_edit": may_edit,
        "may_manage": may_manage,
        "may_ask": Permission.REQUEST_REPORTS in permissions.permissions_of(actor),
        "is_administrator": permissions.is_administrator(actor),
        "other_formats": _other_formats(job),
        "priorities": request_rules.usable_priorities_in(actor, job.department_id)
        if may_manage and job.state.is_waiting
        else [],
        "edit_form": edit_form or EditForm(formdata=None, obj=job),
        "edit_open": edit_form is not None,
        "schedule": schedule_lists.of_job(actor, job.schedule_id),
        "whole": _whole(actor, job),
        "parts": parts,
        "parts_tag": tag_of_parts(job, parts),
        "parts_left": parts.is_moving or may_be_made(job),
        "notice_when": None if job.is_finished else wishes.own_notice(actor, job),
        "deliveries": overview.of_job(actor, job),
        "audiences": visibility.audiences(actor, job.requested_by, job.department_id) if may_edit else {},
    }


def part_context(actor: User, whole: ReportJob) -> dict[str, Any]:
    """What the template `jobs/_parts.html` needs beside the parts."""
    return {"manages_parts": visibility.may_manage(actor, whole), "edits_parts": visibility.may_edit(actor, whole)}


def may_be_made(whole: ReportJob) -> bool:
    """Are there parts of it still to be made, or on their way?"""
    return bool(whole.parts_state) and whole.state.has_file


def tag_of_parts(whole: ReportJob, found: PartLines) -> str:
    """Changes when one of the parts does, or what went out of them."""
    facts = [
        (line.made.text, line.job.id, line.job.updated_at, line.job.event_count) for line in found.lines if line.job
    ]
    sent = [(each.id, each.state) for line in found.lines for each in line.deliveries]
    return tag_of(whole.id, whole.parts_state, len(found.lines), facts, sent)


def _whole(actor: User, job: ReportJob) -> ReportJob | None:
    """The report of which it is a part, if `actor` may know about that."""
    if job.parent_id is None:
        return None
    try:
        return visibility.visible_job(actor, job.parent_id)
    except NotFoundError:
        return None


def result_context(actor: User, job: ReportJob, query: TableQuery) -> dict[str, Any] | None:
    """What the template `jobs/_result.html` needs, or None where there is no result (any more)."""
    page, _problem = _page_result(actor, job)
    if page is None:
        return None
    return {
        "job": job,
        "result": page,
        **_table_context(actor, job, query, page),
        "may_ask": Permission.REQUEST_REPORTS in permissions.permissions_of(actor),
    }


def _table_context(actor: User, job: ReportJob, query: TableQuery, page: dict[str, Any]) -> dict[str, Any]:
    """The page of the table, by whose words the search goes too, and the report before it, compared where asked."""
    words = {place: words_of(column) for place, column in enumerate(page["columns"])} if query.find else {}
    table = result_table.table_of(actor, job, query, words)
    before = comparison.report_before(actor, job) if comparison.is_comparable(page["columns"]) else None
    compared = None
    if table is not None and before is not None and table.query.compared:
        compared = _compared(actor, job, table, before)
    told = {
        "changes": _changes(page),
        "table": table,
        "table_args": result_args,
        "before": before,
        "compared": compared,
    }
    return told | _chart_context(job, query, page)


def _changes(page: dict[str, Any]) -> ChangeTable | None:
    """What is different from the report before, as it was found when the report was made."""
    stored = page.get("changes")
    return words.table(Changes.from_document(stored), readers()) if stored else None


def changes_of(actor: User, job: ReportJob) -> ChangeTable:
    """The same, for a page of its own. Raises NotFoundError where nothing was compared, and as `downloads.page_of`."""
    page = downloads.page_of(actor, job)
    found = _changes(page) if page is not None else None
    if found is None:
        raise NotFoundError(gettext("This report was not compared with one before it."))
    return found


def _compared(actor: User, job: ReportJob, table: TablePage, before: ReportJob) -> comparison.Comparison | None:
    try:
        return comparison.compare(actor, job, table, before)
    except ReportdeskError:
        return None  # the page says that there is nothing to compare with


def queue_fact(job: ReportJob | JobFacts) -> int:
    """What makes a waiting report's page new now and then, although its document has not changed."""
    return int(time.time() // QUEUE_FACT_SECONDS) if job.state.is_waiting else 0


def chart_svg(page: dict[str, Any] | None, theme: str | None, kind: str = "") -> str | None:
    """The chart's drawing in a stored page, for a light or a dark page; of another `kind`, drawn now."""
    if sketch := ((page or {}).get("kinds") or {}).get(kind):
        light, dark = sketch["specifications"]
        return renderers.chart_svg.drawn(dark if theme == "dark" else light)
    chart = (page or {}).get("chart") or {}
    if theme == "dark" and chart.get("svg_dark"):
        return str(chart["svg_dark"])
    return str(chart["svg"]) if chart.get("svg") else None


def _chart_context(job: ReportJob, query: TableQuery, page: dict[str, Any]) -> dict[str, Any]:
    """The chart that is shown, and the kinds that can be. `chart_kept`: it is the file's; `can_keep`: a file of this
    format has one."""
    own = page["chart"] or {}
    own_kind = (own.get("kind") or "") if own else NO_CHART
    kinds = [kind for kind in CHART_KINDS if kind in page["kinds"] or kind == own_kind]
    shown = query.chart if query.chart in (*kinds, NO_CHART) else own_kind
    return {
        "chart_kinds": [*kinds, NO_CHART] if page["kinds"] else [],
        "chart_kind": shown,
        "chart": None if shown == NO_CHART else page["kinds"].get(shown, own) or None,
        "can_keep_chart": shown != own_kind and renderers.FORMATS[job.output.format].has_chart
        if job.output.format in renderers.FORMATS
        else False,
    }


def _page_result(actor: User, job: ReportJob) -> tuple[dict[str, Any] | None, str]:
    """The stored page, and why there is none."""
    if not job.state.has_file:
        return None, ""
    try:
        return downloads.page_of(actor, job), ""
    except ReportdeskError as error:
        return None, error.with_hint


def _question(actor: User, job: ReportJob) -> list[tuple[str, str]]:
    try:
        return in_words.describe(ways.from_job(job), data_scope.data_scope(actor))
    except ReportdeskError as error:
        return [(gettext("Question"), str(error))]


def _template(actor: User, job: ReportJob) -> ReportTemplate | None:
    """The template that it was asked for by, if `actor` may know about that."""
    if job.template_id is None:
        return None
    try:
        return seeing.visible_template(actor, job.template_id)
    except NotFoundError:
        return None


def _other_formats(job: ReportJob) -> list[str]:
    if not job.state.has_file:
        return []
    return [key for key in active_lookups(LookupCategory.OUTPUT_FORMAT) if key != job.output.format]


def waiting_words(waiting: Waiting | None) -> str:
    """Why it waits, in one or two sentences."""
    if waiting is None:
        return ""
    words = {
        Why.NOT_DUE: lambda: gettext("It starts on %(moment)s.", moment=_moment(waiting.until)),
        Why.RETRY_LATER: lambda: gettext(
            "The last attempt failed; the next one starts at %(moment)s.", moment=_moment(waiting.until)
        ),
        Why.AT_YOUR_LIMIT: lambda: gettext(
            "%(limit)s reports of the same person are already queued or being made; this one follows.",
            limit=waiting.limit,
        ),
        Why.NO_WORKER: lambda: gettext(
            "No worker is running, so nothing is made at the moment. It starts as soon as one runs."
        ),
        Why.WORKERS_PAUSED: lambda: gettext("All workers are paused. It starts when an administrator resumes one."),
        Why.AHEAD_OF_YOU: lambda: ngettext(
            "%(num)d report is before it.", "%(num)d reports are before it.", waiting.ahead
        ),
        Why.NEXT: lambda: gettext("It is next."),
    }[waiting.why]()
    if waiting.ready_at is not None:
        words += " " + gettext("Ready at about %(moment)s.", moment=_moment(waiting.ready_at))
    return words


def _moment(moment: Any) -> str:
    return instant_text(moment) if moment else ""
