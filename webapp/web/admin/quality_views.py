"""What in the record leads nowhere, is there twice or is not understood, each with its list; verbs are mapped here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp import record
from webapp.documents import LookupCategory, OrderKind
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.renderers import csv_file
from webapp.renderers.csv_file import NEW_LINE, harmless_cell
from webapp.services.lookups import values as lookups
from webapp.services.orders import orders, verbs
from webapp.services.permissions import Permission
from webapp.services.record import quality
from webapp.web.access import current_actor, permission_required
from webapp.web.fragments import fragment, is_htmx, redirect_after
from webapp.web.languages import in_readers_language


@permission_required(Permission.MANAGE_CONTENT)
def index() -> ResponseReturnValue:
    """The findings about the record of now; while they are counted, a page that asks again."""
    facts = _facts()
    return fragment("admin/_quality.html", **facts) if is_htmx() else render_template("admin/quality.html", **facts)


@permission_required(Permission.ADMINISTER)
def map_verbs() -> ResponseReturnValue:
    """Keep the rules that were chosen, and order the kept events to follow them."""
    pairs = zip(request.form.getlist("verb"), request.form.getlist("event"), strict=False)
    chosen = {verb: event for verb, event in pairs if event}
    try:
        order = verbs.map_verbs(current_actor(), chosen)
    except InvalidRequestError as error:
        return render_template("admin/quality.html", problem=str(error), **_facts()), HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect_after(
        url_for("admin.import_", order_id=order.id), _("The rules are kept. A worker gives the events their kind.")
    )


@permission_required(Permission.MANAGE_CONTENT)
def export(key: str) -> ResponseReturnValue:
    """Every row of one list, as CSV."""
    rows = quality.export(current_actor(), key)
    # While there is a reader: what is sent later is sent to nobody in particular.
    headings = _line(next(rows))
    response = Response(chain([headings], map(_line, rows)), mimetype=csv_file.FORMAT.mime_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{key}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _facts() -> dict[str, Any]:
    return {
        "found": quality.of_now(),
        "version": record.current(),
        "events": lookups.active(LookupCategory.ACTIVITY_EVENT),
        "is_deriving": orders.is_unfinished(OrderKind.REDERIVE),
    }


def _line(row: Sequence[Any]) -> str:
    return ",".join(harmless_cell(_text(cell)) for cell in row) + NEW_LINE


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return "" if cell is None else str(in_readers_language(cell) if isinstance(cell, Message) else cell)


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/quality/", "quality", index)
    admin.add_url_rule("/quality/verbs", "quality_verbs", map_verbs, methods=["POST"])
    admin.add_url_rule("/quality/<key>.csv", "quality_list", export)
