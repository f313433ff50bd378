"""The home page: what is mine, what is shared with me, how the desk is doing."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webapp.documents import LookupCategory
from webapp.documents.lookup_value import active_lookups
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.lists import JobList
from webapp.services.requests import usual
from webapp.web.access import current_actor
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
        desk=desk_state(),
        own_list=JobList.OWN,
        start_with=usual.first_the_most_asked(actor, list(active_lookups(LookupCategory.REPORT_TYPE)))[:RECENT],
    )
