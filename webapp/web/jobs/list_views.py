"""Lists of reports: their pages, their polls, and what is done to many at once. Department pages use them too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bson import ObjectId
from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.documents import ReportJob
from webapp.documents.ids import ids_of
from webapp.errors import ReportdeskError
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs import parts
from webapp.services.jobs.facts import JobFacts
from webapp.services.jobs.list_filters import STATE_GROUPS
from webapp.services.jobs.lists import COUNT_BOUND, WORK_FIELDS, JobList
from webapp.services.jobs.parts import PartCounts
from webapp.services.requests import bulk as bulk_acts
from webapp.services.requests import rules as request_rules
from webapp.services.requests.bulk import Done, Wish
from webapp.web.access import current_actor, local_path
from webapp.web.formatting import number
from webapp.web.fragments import UNDO, fragment, is_htmx, redirect_after, tag_of, unchanged
from webapp.web.jobs import list_args
from webapp.web.jobs.list_args import Choices
from webapp.web.languages import in_readers_language

#: So many names are said of what was done.
NAMES_SAID = 3


def show_list(
    which: JobList,
    template: str,
    *,
    choices: Choices | None = None,
    usual_states: tuple[str, ...] = (),
    shows_work: bool = False,
    **context: Any,
) -> ResponseReturnValue:
    """The list as a page, or only the list when htmx filters it. `choices`: what filters offer besides lookups;
    `usual_states`: what is shown while the address names no state; `shows_work`: rows say what was done for them."""
    query = list_args.read(usual_states=usual_states)
    offered = choices or {}
    found = job_lists.page(current_actor(), which, query, WORK_FIELDS if shows_work else ())
    context |= {
        "page": found,
        "query": query,
        "which": which,
        "args": list_args,
        "fields": list(list_args.fields(query, offered)),
        "chips": list(list_args.chips(query, offered)),
        "states": STATE_GROUPS,
        "bound": COUNT_BOUND,
        "tag": rows_tag(found.jobs, found.parts),
        "pickable": which is not JobList.SHARED,
        "usual_states": usual_states,
        "shows_work": shows_work,
        "priorities": request_rules.usable_priorities(current_actor()),
    }
    if is_htmx():
        return fragment("jobs/_list.html", **context)
    return render_template(template, **context)


def poll_rows() -> ResponseReturnValue:
    """The rows that a list shows, when one of them has changed; else 304."""
    shown = job_lists.row_facts(current_actor(), ids_of(request.args.get("ids", "").split(",")))
    row_parts = parts.counts_of(current_actor(), shown)
    tag = rows_tag(shown, row_parts)
    if (nothing_new := unchanged(tag)) is not None:
        return nothing_new
    shows_work = "work" in request.args
    jobs = job_lists.rows(current_actor(), [job.id for job in shown], WORK_FIELDS if shows_work else ())
    which = request.args.get("which", JobList.OWN.value)
    which = JobList(which) if which in set(JobList) else JobList.OWN
    actor = current_actor()
    names, row_chips = job_lists.names_of(jobs, besides=actor), job_lists.chips_of(actor, jobs)
    return fragment(
        "jobs/_rows.html",
        tag=tag,
        jobs=jobs,
        names=names,
        row_chips=row_chips,
        row_parts=row_parts,
        which=which,
        pickable="pick" in request.args,
        shows_work=shows_work,
    )


def rows_tag(jobs: Iterable[ReportJob | JobFacts], row_parts: Mapping[ObjectId, PartCounts]) -> str:
    """Changes when one of the rows does, or the parts under it."""
    return tag_of(*(fact for job in jobs for fact in (job.id, job.updated_at, row_parts.get(job.id))))


def bulk(which: JobList) -> ResponseReturnValue:
    """Cancel, move, retry or delete what is chosen, or all that match the filters; say what was done and what not."""
    actor, action = current_actor(), request.form.get("action", "")
    back = local_path(request.form.get("back")) or local_path(request.referrer) or "/"
    is_all = bool(request.form.get("all_matching"))
    if is_all:
        job_ids = job_lists.matching_ids(actor, which, list_args.read(request.form))
    else:
        job_ids = [job.id for job in job_lists.row_facts(actor, ids_of(request.form.getlist("id")))]
    if action not in bulk_acts.ACTIONS or not job_ids:
        return redirect_after(back, _("Nothing was chosen, so nothing was changed."), "info")
    more = ""
    if is_all and len(job_ids) == COUNT_BOUND:
        more = _("These were the first %(count)s; do it once more for the rest.", count=number(COUNT_BOUND))
    wish = Wish(action, request.form.get("reason"), request.form.get("priority", ""))
    try:
        done = bulk_acts.act(actor, job_ids, wish)
    except ReportdeskError as error:  # of the only one
        done = Done((), (str(error),))
    return answer(back, action, done, more)


def answer(back: str, action: str, done: Done, more: str = "") -> ResponseReturnValue:
    """Say what was done, with names, and offer to undo it where it can be."""
    category = "success" if done.names else "error"
    if done.act_id is not None:
        category = f"{UNDO}{done.act_id}"
    return redirect_after(back, f"{_told(action, done)} {more}".strip(), category)


def undo(act_id: str) -> ResponseReturnValue:
    """Take back what was done a moment ago."""
    done = bulk_acts.undo(current_actor(), act_id)
    back = local_path(request.form.get("back")) or local_path(request.referrer) or url_for("jobs.index")
    count = len(done.names)
    words = (
        ngettext(
            "Undone for %(num)d report: %(names)s.",
            "Undone for %(num)d reports: %(names)s.",
            count,
            names=_names(done.names),
        )
        if count
        else _("Nothing could be undone.")
    )
    return redirect_after(back, f"{words} {_left(done.refused)}".strip(), "success" if count else "error")


def _told(action: str, done: Done) -> str:
    count, names = len(done.names), _names(done.names)
    if not count:
        return f"{_('Nothing was changed.')} {_left(done.refused)}".strip()
    words = {
        "cancel": ngettext(
            "%(num)d report was cancelled: %(names)s.", "%(num)d reports were cancelled: %(names)s.", count, names=names
        ),
        "priority": ngettext(
            "%(num)d report was moved: %(names)s.", "%(num)d reports were moved: %(names)s.", count, names=names
        ),
        "retry": ngettext(
            "%(num)d report was started again: %(names)s.",
            "%(num)d reports were started again: %(names)s.",
            count,
            names=names,
        ),
        "delete": ngettext(
            "%(num)d report was deleted: %(names)s.", "%(num)d reports were deleted: %(names)s.", count, names=names
        ),
    }[action]
    return f"{words} {_left(done.refused)}".strip()


def _names(names: tuple[str, ...]) -> str:
    """“A”, “B” and 5 more."""
    said = ", ".join(f"“{name}”" for name in names[:NAMES_SAID])
    more = len(names) - NAMES_SAID
    return _("%(names)s and %(count)s more", names=said, count=number(more)) if more > 0 else said


def _left(refused: tuple[str, ...]) -> str:
    if not refused:
        return ""
    left = ngettext("%(num)d was left as it is:", "%(num)d were left as they are:", len(refused))
    shown = " ".join(dict.fromkeys(str(in_readers_language(each)) for each in refused[:3]))
    return f"{left} {shown}{' …' if len(refused) > 3 else ''}"
