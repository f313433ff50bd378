"""Lists of reports: their pages, their polls, and what is done to many at once. Department pages use them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bson import ObjectId
from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from webapp.documents import ReportJob, User
from webapp.documents.ids import ids_of
from webapp.errors import ReportdeskError
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.facts import JobFacts
from webapp.services.jobs.list_filters import STATE_GROUPS
from webapp.services.jobs.lists import COUNT_BOUND, JobList
from webapp.services.requests import changing
from webapp.services.requests import rules as request_rules
from webapp.web.access import current_actor, local_path
from webapp.web.formatting import number
from webapp.web.fragments import fragment, is_htmx, redirect_after, tag_of, unchanged
from webapp.web.jobs import list_args
from webapp.web.jobs.list_args import Choices
from webapp.web.languages import in_readers_language

#: What can be done to many at once: (actor, id, the form that was sent).
BULK_ACTIONS: dict[str, Callable[[User, ObjectId, MultiDict[str, str]], object]] = {
    "cancel": lambda actor, job_id, form: changing.cancel(actor, job_id, reason=form.get("reason")),
    "priority": lambda actor, job_id, form: changing.reprioritise(actor, job_id, form.get("priority", "")),
    "retry": lambda actor, job_id, _form: changing.retry(actor, job_id),
    "delete": lambda actor, job_id, _form: changing.delete(actor, job_id),
}


def show_list(which: JobList, template: str, *, choices: Choices | None = None, **context: Any) -> ResponseReturnValue:
    """The list as a page, or only the list when htmx filters it. `choices`: what filters offer besides lookups."""
    query = list_args.read()
    offered = choices or {}
    found = job_lists.page(current_actor(), which, query)
    context |= {
        "page": found,
        "query": query,
        "which": which,
        "args": list_args,
        "fields": list(list_args.fields(query, offered)),
        "chips": list(list_args.chips(query, offered)),
        "states": STATE_GROUPS,
        "bound": COUNT_BOUND,
        "tag": rows_tag(found.jobs),
        "pickable": which is not JobList.SHARED,
        "priorities": request_rules.usable_priorities(current_actor()),
    }
    if is_htmx():
        return fragment("jobs/_list.html", **context)
    return render_template(template, **context)


def poll_rows() -> ResponseReturnValue:
    """The rows that a list shows, when one of them has changed; else 304."""
    shown = job_lists.row_facts(current_actor(), ids_of(request.args.get("ids", "").split(",")))
    tag = rows_tag(shown)
    if (nothing_new := unchanged(tag)) is not None:
        return nothing_new
    jobs = job_lists.rows(current_actor(), [job.id for job in shown])
    which = request.args.get("which", JobList.OWN.value)
    which = JobList(which) if which in set(JobList) else JobList.OWN
    names = job_lists.names_of(jobs, besides=current_actor())
    return fragment("jobs/_rows.html", tag=tag, jobs=jobs, names=names, which=which, pickable="pick" in request.args)


def rows_tag(jobs: Iterable[ReportJob | JobFacts]) -> str:
    """Changes when one of the rows does."""
    return tag_of(*(fact for job in jobs for fact in (job.id, job.updated_at)))


def bulk(which: JobList) -> ResponseReturnValue:
    """Cancel, move, retry or delete what is chosen, or all that match the filters; say what was done and what not."""
    actor = current_actor()
    action = BULK_ACTIONS.get(request.form.get("action", ""))
    back = local_path(request.form.get("back")) or local_path(request.referrer) or "/"
    is_all = bool(request.form.get("all_matching"))
    if is_all:
        job_ids = job_lists.matching_ids(actor, which, list_args.read(request.form))
    else:
        job_ids = [job.id for job in job_lists.row_facts(actor, ids_of(request.form.getlist("id")))]
    if action is None or not job_ids:
        return redirect_after(back, _("Nothing was chosen, so nothing was changed."), "info")
    done, refused = 0, []
    for job_id in job_ids:
        try:
            action(actor, job_id, request.form)
            done += 1
        except ReportdeskError as error:
            refused.append(in_readers_language(str(error)))
    told = _told(request.form["action"], done, refused)
    if is_all and len(job_ids) == COUNT_BOUND:
        told += " " + _("These were the first %(count)s; do it once more for the rest.", count=number(COUNT_BOUND))
    return redirect_after(back, told, "success" if done else "error")


def _told(action: str, done: int, refused: list[str]) -> str:
    words = {
        "cancel": ngettext("%(num)d report was cancelled.", "%(num)d reports were cancelled.", done),
        "priority": ngettext("%(num)d report was moved.", "%(num)d reports were moved.", done),
        "retry": ngettext("%(num)d report starts again.", "%(num)d reports start again.", done),
        "delete": ngettext("%(num)d report was deleted.", "%(num)d reports were deleted.", done),
    }[action]
    if not refused:
        return words
    left = ngettext("%(num)d was left as it is:", "%(num)d were left as they are:", len(refused))
    shown = " ".join(dict.fromkeys(refused[:3]))
    return f"{words} {left} {shown}{' …' if len(refused) > 3 else ''}"
