"""Imports: send files, see what they would do, apply that; follow how far a worker is, see what was refused and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.http import dump_options_header

from webapp import record
from webapp.documents import AdminArea, Order, OrderKind, User
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.renderers import csv_file
from webapp.scratch import scratch
from webapp.services import sources as lms
from webapp.services.orders import dry_runs, orders, pulls, uploads
from webapp.services.orders.pulls import Pullable
from webapp.services.orders.told import Told
from webapp.services.orders.uploads import Upload
from webapp.services.permissions import Permission
from webapp.services.queue import status as queue_status
from webapp.services.record import history
from webapp.settings import get_settings
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import record_words
from webapp.web.fragments import fragment, is_htmx, redirect_after, tag_of, unchanged
from webapp.web.uploading import accepts_upload

LMS = "lms"
ORDERS_SHOWN, VERSIONS_SHOWN = 10, 25


@accepts_upload(lambda: get_settings().upload_limit_mb * 1_000_000, permission=Permission.MANAGE_CONTENT)
@permission_required(Permission.MANAGE_CONTENT)
def index() -> ResponseReturnValue:
    """Send files; what was sent, the sources that are asked, and the record's versions so far."""
    problem = ""
    if request.method == "POST":
        try:
            order = _receive()
        except InvalidRequestError as error:
            problem = str(error)
        else:
            said = (
                _("The files are here. A worker looks at them.")
                if order.dry_run
                else _("The files are here. A worker reads them.")
            )
            return redirect_after(url_for("admin.import_", order_id=order.id), said)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    latest = orders.latest(AdminArea.IMPORTS, bound=ORDERS_SHOWN)
    return render_template(
        "admin/imports.html",
        orders=latest,
        told={order.id: Told.from_document(order.summary) for order in latest},
        names=_names(latest),
        problem=problem,
        limit=get_settings().upload_limit_mb * 1_000_000,
        versions=history.latest(VERSIONS_SHOWN),
        shown=VERSIONS_SHOWN,
        sources=_sources(),
        given=record_words.given,
        forms=record_words.forms_taken(),
        **_words(),
    ), status


@permission_required(Permission.MANAGE_CONTENT)
def show(order_id: str) -> ResponseReturnValue:
    """One order: how far it is, then what it did, or would do. A poll that has nothing new is a 304."""
    order = orders.find(order_id, AdminArea.IMPORTS)
    tag = tag_of(order.id, order.state, order.share, order.doing, order.done_count, order.attempts, order.settled)
    if is_htmx():
        return unchanged(tag) or fragment("admin/_import.html", tag=tag, order=order, alarm=None, **_of_order(order))
    waits_for_nobody = not order.is_finished and (alarm := queue_status.alarm()) is not None
    return render_template(
        "admin/import.html",
        tag=tag,
        order=order,
        names=_names([order]),
        alarm=alarm if waits_for_nobody else None,
        **_of_order(order),
    )


@permission_required(Permission.MANAGE_CONTENT)
def again(order_id: str) -> ResponseReturnValue:
    """Carry out a failed order once more, with the same files."""
    order = orders.find(order_id, AdminArea.IMPORTS)
    orders.again(current_actor(), order)
    return redirect_after(url_for("admin.import_", order_id=order.id), _("It is in line again."))


@permission_required(Permission.MANAGE_CONTENT)
def apply(order_id: str) -> ResponseReturnValue:
    """Import what a dry run looked at."""
    applied = dry_runs.apply(current_actor(), orders.find(order_id, AdminArea.IMPORTS))
    return redirect_after(url_for("admin.import_", order_id=applied.id), _("Ordered: a worker imports these files."))


@permission_required(Permission.MANAGE_CONTENT)
def discard(order_id: str) -> ResponseReturnValue:
    """Let a dry run's files go."""
    dry_runs.discard(current_actor(), orders.find(order_id, AdminArea.IMPORTS))
    return redirect_after(url_for("admin.imports"), _("Discarded: the files were deleted, and nothing was changed."))


@permission_required(Permission.MANAGE_CONTENT)
def changes(order_id: str) -> ResponseReturnValue:
    """Everything a dry run would change, as CSV."""
    order = orders.find(order_id, AdminArea.IMPORTS)
    response = Response(dry_runs.changes(current_actor(), order), mimetype=csv_file.FORMAT.mime_type)
    name = f"changes-{order.id}.csv"
    response.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": name})
    response.headers["Cache-Control"] = "no-store"
    return response


@permission_required(Permission.MANAGE_CONTENT)
def sync(source: str) -> ResponseReturnValue:
    """Order a source that is asked to be read now."""
    found = next((each for each in _sources() if each.name == source), None)
    if found is None:
        raise NotFoundError(_("No such source is set up."))
    asked = orders.ask(current_actor(), OrderKind.SYNC, found.name, source=found.name)
    said = (
        _("Ordered: a worker reads it.")
        if asked.is_new
        else _("That has been ordered already and is not done yet, so nothing was added.")
    )
    return redirect_after(url_for("admin.import_", order_id=asked.order.id), said)


def _receive() -> Order:
    with scratch("upload-") as place:
        found: list[Upload] = []
        for number, sent in enumerate(each for each in request.files.getlist("files") if each.filename):
            # The name is kept for people to read; where it lies is ours to say.
            path = place / str(number)
            sent.save(path)
            found.append(Upload(sent.filename or "", path))
        # Whoever presses Enter looks first: nothing is changed by that.
        is_dry = request.form.get("do") != "import"
        return uploads.receive(current_actor(), found, dry_run=is_dry, strict="strict" in request.form)


def _of_order(order: Order) -> dict[str, Any]:
    told = Told.from_document(order.summary)
    is_open = dry_runs.is_open(order)
    return {
        "told": told,
        "kinds": record_words.kinds_in_order(told),
        "others_that_end": record_words.others_that_end(told),
        "is_open": is_open,
        "has_moved_on": is_open and history.has_moved_on(told.base),
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {
        "table_words": record_words.tables(),
        "change_words": record_words.changes(),
        "column_words": record_words.columns(),
        "said": record_words.value,
        "source_words": record_words.sources(),
        "doing_words": record_words.doings(),
    }


def _sources() -> list[Pullable]:
    """The systems that are set up, with when each was last read to the end."""
    asked = [Pullable(LMS, record_words.sources()[LMS], "", lms.last_read_at())] if lms.is_set() else []
    return [
        replace(each, last_at=_latest(each.last_at, orders.last_synced(each.name)))
        for each in [*asked, *pulls.pullable(record.current())]
    ]


def _latest(*moments: datetime | None) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)


def _names(found: list[Order]) -> dict[object, str]:
    asked = {order.asked_by for order in found if order.asked_by}
    return dict(User.objects(id__in=list(asked)).scalar("id", "name")) if asked else {}


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/imports/", "imports", index, methods=["GET", "POST"])
    admin.add_url_rule("/imports/sync/<source>", "import_sync", sync, methods=["POST"])
    admin.add_url_rule("/imports/<order_id>", "import_", show)
    admin.add_url_rule("/imports/<order_id>/again", "import_again", again, methods=["POST"])
    admin.add_url_rule("/imports/<order_id>/apply", "import_apply", apply, methods=["POST"])
    admin.add_url_rule("/imports/<order_id>/discard", "import_discard", discard, methods=["POST"])
    admin.add_url_rule("/imports/<order_id>/changes.csv", "import_changes", changes)
