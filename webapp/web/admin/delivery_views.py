"""Everything that went out or is to go, with filters; what failed can be tried again."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import Channel, DeliveryState
from webapp.documents.ids import id_or_none
from webapp.errors import ConflictError
from webapp.services.deliveries import overview
from webapp.services.deliveries.overview import DeliveryQuery
from webapp.services.permissions import Permission
from webapp.settings import get_settings
from webapp.web.access import current_actor, local_path, permission_required
from webapp.web.admin.page_args import address, plain
from webapp.web.delivery_words import channel_words, state_words
from webapp.web.fragments import redirect_after


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The newest first."""
    query = DeliveryQuery(
        state=plain("state"),
        channel=plain("channel"),
        recipient=plain("recipient").lower(),
        job_id=id_or_none(plain("report")),
        before=request.args.get("before", "")[:60],
    )
    return render_template(
        "admin/deliveries.html",
        query=query,
        page=overview.page(current_actor(), query),
        states=[(each.value, state_words()[each]) for each in DeliveryState],
        channels=[(each.value, channel_words()[each]) for each in Channel],
        address=address,
        has_mail=get_settings().smtp_host is not None,
    )


@permission_required(Permission.ADMINISTER)
def again(delivery_id: str) -> ResponseReturnValue:
    """Try it again now."""
    back = local_path(request.form.get("back")) or url_for("admin.deliveries")
    try:
        found = overview.again(current_actor(), delivery_id)
    except ConflictError as error:
        return redirect_after(back, error.with_hint, "error")
    return redirect_after(back, _("It is tried again now: “%(name)s”.", name=found.job_name or _("Test")))


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/deliveries/", "deliveries", index)
    admin.add_url_rule("/deliveries/<delivery_id>/again", "delivery_again", again, methods=["POST"])
