"""The queue at a glance, and what an administrator does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import User
from webapp.errors import NotFoundError
from webapp.services.jobs.lists import JobList
from webapp.services.permissions import Permission
from webapp.services.queue import status as queue_status
from webapp.services.queue import workers
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import queue_chart
from webapp.web.fragments import fragment, is_htmx, redirect_after
from webapp.web.jobs.list_views import bulk as act_on_many
from webapp.web.jobs.list_views import show_list

HOURS = 24
#: What the list of jobs shows at first.
AT_WORK = ("running", "waiting", "failed")
WISHES: dict[str, Callable[[User, str], None]] = {
    "pause": workers.pause,
    "resume": workers.resume,
    "drain": workers.drain,
}


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The queue: states, workers, throughput, failures; and the jobs themselves, those at work at first."""
    context = {} if is_htmx() else _overview()
    return show_list(
        JobList.DEPARTMENT,
        "admin/queue.html",
        bulk_address=url_for("admin.queue_bulk"),
        usual_states=AT_WORK,
        shows_work=True,
        **context,
    )


@permission_required(Permission.ADMINISTER)
def now() -> ResponseReturnValue:
    """What moves by itself on the page, for its poll."""
    return fragment("admin/_queue.html", **_overview())


@permission_required(Permission.ADMINISTER)
def queue_bulk() -> ResponseReturnValue:
    """Act on many reports of the queue at once."""
    return act_on_many(JobList.DEPARTMENT)


def _overview() -> dict[str, Any]:
    periods = queue_status.history(hours=HOURS, periods=HOURS)
    return {
        "overview": queue_status.overview(),
        "periods": periods,
        "chart": queue_chart.draw(periods),
        "failures": queue_status.failures_by_code(hours=HOURS),
        "hours": HOURS,
    }


@permission_required(Permission.ADMINISTER)
def ask_worker(worker_id: str, wish: str) -> ResponseReturnValue:
    """Pause, resume or drain a worker; it does so at its next beat."""
    if wish not in WISHES:
        raise NotFoundError(_("Workers can be paused, resumed and drained."))
    WISHES[wish](current_actor(), worker_id)
    return redirect_after(url_for("admin.index"), _("Asked; the worker does so within seconds."))


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/", view_func=index)
    admin.get("/now")(now)
    admin.post("/bulk")(queue_bulk)
    admin.post("/workers/<worker_id>/<wish>")(ask_worker)
