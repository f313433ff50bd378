"""Where files and tables are, how long they stay, and what can be ordered: a sweep, a compacted record."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlparse

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp import clock
from webapp.documents import AdminArea, OrderKind, User
from webapp.services.files import sweep_figures
from webapp.services.orders import orders
from webapp.services.permissions import Permission
from webapp.services.record import reading
from webapp.settings import get_settings
from webapp.web.access import current_actor, permission_required
from webapp.web.fragments import fragment, redirect_after, tag_of, unchanged

ORDERS_SHOWN = 10


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """As the last sweep counted it; nothing is counted here."""
    settings = get_settings()
    return render_template(
        "admin/storage.html",
        figures=sweep_figures.read(),
        now=clock.utcnow(),
        settings=settings,
        storage_place=_place(settings.effective_storage_url),
        record_place=_place(settings.effective_record_url),
        version=reading.current(),
        **_orders(),
    )


@permission_required(Permission.ADMINISTER)
def order_list() -> ResponseReturnValue:
    """The last orders, for the poll of the page; 304 when nothing moved."""
    found = _orders()
    return unchanged(str(found["tag"])) or fragment("admin/_orders.html", **found)


@permission_required(Permission.ADMINISTER)
def compact() -> ResponseReturnValue:
    """Order a worker to join the record's small files, and to delete those that no version needs."""
    asked = orders.ask(current_actor(), OrderKind.COMPACT, _("learning record"))
    return _told(_("Ordered: a worker compacts it.") if asked.is_new else _already_ordered())


@permission_required(Permission.ADMINISTER)
def sweep() -> ResponseReturnValue:
    """Order a sweep now, rather than at its time."""
    asked = orders.ask(current_actor(), OrderKind.SWEEP, _("storage"))
    return _told(_("Ordered: a worker sweeps and counts.") if asked.is_new else _already_ordered())


def _already_ordered() -> str:
    return _("That has been ordered already and is not done yet, so nothing was added.")


def _told(text: str) -> ResponseReturnValue:
    return redirect_after(url_for("admin.storage", _anchor="orders"), text)


def _orders() -> dict[str, Any]:
    found = orders.latest(AdminArea.STORAGE, bound=ORDERS_SHOWN)
    asked = {order.asked_by for order in found}
    names = dict(User.objects(id__in=list(asked)).scalar("id", "name")) if asked else {}
    facts = [(order.id, order.state, order.share, order.done_count) for order in found]
    return {"orders": found, "names": names, "tag": tag_of(*facts)}


def _place(url: str) -> str:
    """An address as people read it: a folder, or a bucket; never a user or password that stands in it."""
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return unquote(parsed.path)
    return f"{parsed.scheme}://{parsed.hostname or ''}{parsed.path}"


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/storage/", "storage", index)
    admin.add_url_rule("/storage/orders", "storage_orders", order_list)
    admin.add_url_rule("/storage/compact", "compact", compact, methods=["POST"])
    admin.add_url_rule("/storage/sweep", "sweep", sweep, methods=["POST"])
