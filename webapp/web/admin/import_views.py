"""Imports of LMS files: send them, follow how far the worker is, see what was refused and why."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import AdminArea, Order, User
from webapp.errors import InvalidRequestError
from webapp.services.orders import orders, uploads
from webapp.services.orders.uploads import Upload
from webapp.services.permissions import Permission
from webapp.services.queue import status as queue_status
from webapp.settings import get_settings
from webapp.web.access import current_actor, permission_required
from webapp.web.fragments import fragment, is_htmx, redirect_after, tag_of, unchanged
from webapp.web.uploading import accepts_upload


@accepts_upload(lambda: get_settings().upload_limit_mb * 1_000_000, permission=Permission.MANAGE_CONTENT)
@permission_required(Permission.MANAGE_CONTENT)
def index() -> ResponseReturnValue:
    """Send files, and the imports so far."""
    problem = ""
    if request.method == "POST":
        try:
            order = _receive()
        except InvalidRequestError as error:
            problem = str(error)
        else:
            return redirect_after(
                url_for("admin.import_", order_id=order.id), _("The files are here. A worker reads them.")
            )
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    latest = orders.latest(AdminArea.IMPORTS)
    limit = get_settings().upload_limit_mb * 1_000_000
    return render_template(
        "admin/imports.html", orders=latest, shown=orders.SHOWN, names=_names(latest), problem=problem, limit=limit
    ), status


@permission_required(Permission.MANAGE_CONTENT)
def show(order_id: str) -> ResponseReturnValue:
    """One import: how far it is, then what it did. A poll that has nothing new is a 304."""
    order = orders.find(order_id, AdminArea.IMPORTS)
    tag = tag_of(order.id, order.state, order.share, order.done_count, order.attempts)
    if is_htmx():
        return unchanged(tag) or fragment("admin/_import.html", tag=tag, order=order, alarm=None)
    waits_for_nobody = not order.is_finished and (alarm := queue_status.alarm()) is not None
    return render_template(
        "admin/import.html", tag=tag, order=order, names=_names([order]), alarm=alarm if waits_for_nobody else None
    )


@permission_required(Permission.MANAGE_CONTENT)
def again(order_id: str) -> ResponseReturnValue:
    """Carry out a failed import once more, with the same files."""
    order = orders.find(order_id, AdminArea.IMPORTS)
    orders.again(current_actor(), order)
    return redirect_after(url_for("admin.import_", order_id=order.id), _("It is in line again."))


def _receive() -> Order:
    folder = get_settings().scratch_folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="upload-", dir=folder) as place:
        found: list[Upload] = []
        for number, sent in enumerate(each for each in request.files.getlist("files") if each.filename):
            # The name is kept for people to read; where it lies is ours to say.
            path = Path(place) / str(number)
            sent.save(path)
            found.append(Upload(sent.filename or "", path))
        return uploads.receive(current_actor(), found)


def _names(found: list[Order]) -> dict[object, str]:
    asked = {order.asked_by for order in found if order.asked_by}
    return dict(User.objects(id__in=list(asked)).scalar("id", "name")) if asked else {}


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/imports/", "imports", index, methods=["GET", "POST"])
    admin.add_url_rule("/imports/<order_id>", "import_", show)
    admin.add_url_rule("/imports/<order_id>/again", "import_again", again, methods=["POST"])
