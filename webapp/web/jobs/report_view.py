"""What a report's page shows, gathered once for the page and for its poll."""

from __future__ import annotations

import time
from typing import Any

from flask_babel import gettext, ngettext

from webapp.documents import LookupCategory, ReportJob, User
from webapp.documents.lookup_value import active_lookups
from webapp.errors import ReportdeskError
from webapp.services import permissions
from webapp.services.files import downloads
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.facts import JobFacts
from webapp.services.permissions import Permission
from webapp.services.questions import in_words, ways
from webapp.services.queue import status as queue_status
from webapp.services.queue.status import Waiting, Why
from webapp.services.requests import rules as request_rules
from webapp.services.rights import data_scope, visibility
from webapp.web.formatting import instant_text
from webapp.web.jobs.forms import EditForm

#: A table of more rows makes a page slow to read and to sort; the file has them all.
ROWS_SHOWN = 1_000
#: Places in the queue move all the time: a poll tells of it this often.
QUEUE_FACT_SECONDS = 5


def context(actor: User, job: ReportJob, *, edit_form: EditForm | None = None) -> dict[str, Any]:
    """Everything the templates `jobs/show.html` and `jobs/_report.html` need."""
    may_edit = visibility.may_edit(actor, job)
    may_manage = may_edit or visibility.may_manage(actor, job)
    page, problem = _page_result(actor, job)
    return {
        "job": job,
        "waiting": waiting_words(queue_status.explain(job)) if job.state.is_waiting else None,
        "ready_at": queue_status.ready_at(job) if job.state.is_running else None,
        "timeline": job_events.timeline(job),
        "question": _question(actor, job),
        "names": job_lists.names_of([job], besides=actor),
        "result": page,
        "result_problem": problem,
        "has_chart": chart_svg(page, None) is not None,
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
        "audiences": _audiences(actor, job) if may_edit else {},
        "rows_shown": ROWS_SHOWN,
    }


def _audiences(actor: User, job: ReportJob) -> dict[str, tuple[int, str]]:
    """For each visibility how many people it means, and who they are; by key."""
    requester = actor if job.requested_by == actor.id else User.objects(id=job.requested_by).first()
    if requester is None:
        return {}
    keys = active_lookups(LookupCategory.REPORT_VISIBILITY)
    return {key: visibility.audience(requester, key, job.department_id) for key in keys}


def queue_fact(job: ReportJob | JobFacts) -> int:
    """What makes a waiting report's page new now and then, although its document has not changed."""
    return int(time.time() // QUEUE_FACT_SECONDS) if job.state.is_waiting else 0


def chart_svg(page: dict[str, Any] | None, theme: str | None) -> str | None:
    """The chart's drawing in a stored page, for a light or a dark page."""
    chart = (page or {}).get("chart") or {}
    if theme == "dark" and chart.get("svg_dark"):
        return str(chart["svg_dark"])
    return str(chart["svg"]) if chart.get("svg") else None


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
