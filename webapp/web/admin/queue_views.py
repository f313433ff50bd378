"""The queue at a glance, and what an administrator does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.documents import User
from webapp.errors import NotFoundError
from webapp.services.permissions import Permission
from webapp.services.queue import status as queue_status
from webapp.services.queue import workers
from webapp.services.requests import bulk
from webapp.services.requests.bulk import BulkOutcome, Selection
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import queue_chart
from webapp.web.fragments import fragment, is_htmx, redirect_after

HOURS = 24
WISHES: dict[str, Callable[[User, str], None]] = {
    "pause": workers.pause,
    "resume": workers.resume,
    "drain": workers.drain,
}
MOST_FILTER_VALUES = 20


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


@permission_required(Permission.ADMINISTER)
def act_on_matching() -> ResponseReturnValue:
    """Cancel or retry everything that matches, not just what a page shows."""
    actor = current_actor()
    selection = Selection(
        statuses=tuple(request.form.getlist("status")[:MOST_FILTER_VALUES]),
        report_types=tuple(each for each in request.form.getlist("type")[:MOST_FILTER_VALUES] if each),
        error_codes=tuple(each for each in request.form.getlist("code")[:MOST_FILTER_VALUES] if each),
    )
    if request.form.get("action") == "cancel":
        outcome = bulk.cancel_matching(actor, selection, reason=request.form.get("reason"))
        words = ngettext("%(num)d report was cancelled.", "%(num)d reports were cancelled.", outcome.changed)
    elif request.form.get("action") == "retry":
        outcome = bulk.retry_matching(actor, selection)
        words = ngettext("%(num)d report starts again.", "%(num)d reports start again.", outcome.changed)
    else:
        raise NotFoundError(_("Reports can be cancelled and retried here."))
    return redirect_after(url_for("admin.index"), _told(words, outcome), "success" if outcome.changed else "info")


def _told(words: str, outcome: BulkOutcome) -> str:
    if outcome.skipped:
        words += " " + ngettext("%(num)d had moved on.", "%(num)d had moved on.", outcome.skipped)
    if outcome.is_partial:
        words += " " + _("More match: do it again for the rest.")
    return words


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/", view_func=index)
    admin.post("/workers/<worker_id>/<wish>")(ask_worker)
    admin.post("/bulk", endpoint="bulk")(act_on_matching)
