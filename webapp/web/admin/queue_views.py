"""The queue at a glance, and what an administrator does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import User
from webapp.errors import NotFoundError
from webapp.services.permissions import Permission
from webapp.services.queue import status as queue_status
from webapp.services.queue import workers
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import queue_chart
from webapp.web.fragments import fragment, is_htmx, redirect_after

HOURS = 24
WISHES: dict[str, Callable[[User, str], None]] = {
    "pause": workers.pause,
    "resume": workers.resume,
    "drain": workers.drain,
}


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The queue: states, waiting, throughput, workers, failures."""
    periods = queue_status.history(hours=HOURS, periods=HOURS)
    context: dict[str, Any] = {
        "overview": queue_status.overview(),
        "periods": periods,
        "chart": queue_chart.draw(periods),
        "failures": queue_status.failures_by_code(hours=HOURS),
        "hours": HOURS,
    }
    return fragment("admin/_queue.html", **context) if is_htmx() else render_template("admin/queue.html", **context)


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
    admin.post("/workers/<worker_id>/<wish>")(ask_worker)
