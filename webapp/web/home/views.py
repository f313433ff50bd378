"""The home page: what is mine, what is shared with me, how the desk is doing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webapp.documents import LookupCategory
from webapp.documents.lookup_value import active_lookups
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs import parts
from webapp.services.jobs.lists import JobList
from webapp.services.requests import usual
from webapp.web.access import current_actor
from webapp.web.fragments import fragment, is_htmx
from webapp.web.home import finding
from webapp.web.home.desk import desk_state

home = Blueprint("home", __name__)
RECENT = 6


@home.get("/")
def index() -> ResponseReturnValue:
    """Home."""
    actor = current_actor()
    recent = job_lists.recent(actor, (JobList.OWN, JobList.SHARED), RECENT)
    own, shared = recent[JobList.OWN], recent[JobList.SHARED]
    names = job_lists.names_of([*own, *shared], besides=actor)
    return render_template(
        "home/index.html",
        own=own,
        shared=shared,
        names=names,
        row_chips=job_lists.chips_of(actor, own),
        row_parts=parts.counts_of(actor, own),
        desk=desk_state(),
        own_list=JobList.OWN,
        start_with=usual.first_the_most_asked(actor, list(active_lookups(LookupCategory.REPORT_TYPE)))[:RECENT],
    )


@home.get("/find")
def find() -> ResponseReturnValue:
    """Go to a page, a report type, a report or a person by typing; the palette asks here too."""
    typed = "".join(letter for letter in request.args.get("q", "")[: finding.LONGEST] if letter.isprintable())
    groups = finding.find(current_actor(), typed)
    context: dict[str, Any] = {"groups": groups, "typed": typed, "total": sum(len(group.places) for group in groups)}
    return fragment("home/_found.html", **context) if is_htmx() else render_template("home/find.html", **context)
