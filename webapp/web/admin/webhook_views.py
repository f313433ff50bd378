"""Where other programs are told of reports: addresses, secrets, tests."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from webapp.documents import WebhookEndpoint
from webapp.documents.webhook_endpoint import NAME_LENGTH, URL_LENGTH
from webapp.errors import InvalidRequestError
from webapp.messages import from_document
from webapp.services import database_clock
from webapp.services.deliveries import overview
from webapp.services.deliveries.overview import DeliveryQuery
from webapp.services.deliveries.webhooks import endpoints, signing
from webapp.services.permissions import Permission
from webapp.web.access import current_actor, permission_required
from webapp.web.forms import DeskForm
from webapp.web.fragments import redirect_after


class WebhookForm(DeskForm):
    """What a webhook is called, and where it goes."""

    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A webhook needs a name.")),
            Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    url = StringField(
        _l("Address"),
        [
            InputRequired(_l("A webhook needs an address.")),
            Length(max=URL_LENGTH, message=_l("An address has at most %(max)d characters.")),
        ],
        render_kw={"inputmode": "url", "autocomplete": "off", "placeholder": "https://"},
    )
    active = BooleanField(_l("Reports are told to it"), default=True)


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """All of them, and a new one."""
    form = WebhookForm()
    if form.validate_on_submit():
        try:
            made = endpoints.add(current_actor(), name=form.name.data or "", url=form.url.data or "")
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(
                url_for("admin.webhook", endpoint_id=made.id),
                _("Added. Give its secret to whoever keeps the receiver."),
            )
    page = render_template("admin/webhooks.html", form=form, endpoints=endpoints.every(current_actor()))
    return page, HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


@permission_required(Permission.ADMINISTER)
def webhook(endpoint_id: str) -> ResponseReturnValue:
    """One: its secret, what went there last, and what can be changed."""
    actor = current_actor()
    found = endpoints.find(actor, endpoint_id)
    form = WebhookForm()
    if request.method != "POST":
        form.name.data, form.url.data, form.active.data = found.name, found.url, found.is_active
    elif form.validate():
        try:
            endpoints.change(
                actor, endpoint_id, name=form.name.data or "", url=form.url.data or "", is_active=form.active.data
            )
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.webhook", endpoint_id=found.id), _("Saved."))
    return _page(found, form), HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


@permission_required(Permission.ADMINISTER)
def rotate(endpoint_id: str) -> ResponseReturnValue:
    """A new secret; the one before signs too for a day."""
    found = endpoints.rotate(current_actor(), endpoint_id)
    told = _("This is the new secret. Until tomorrow both sign, so that the receiver can change over.")
    return redirect_after(url_for("admin.webhook", endpoint_id=found.id), told)


@permission_required(Permission.ADMINISTER)
def test(endpoint_id: str) -> ResponseReturnValue:
    """Have a worker send a test there."""
    endpoints.test(current_actor(), endpoint_id)
    told = _("A worker sends a test now. What came of it stands below: reload the page in a moment.")
    return redirect_after(url_for("admin.webhook", endpoint_id=endpoint_id, _anchor="sent"), told)


@permission_required(Permission.ADMINISTER)
def delete(endpoint_id: str) -> ResponseReturnValue:
    """Nothing is told to it any more."""
    found = endpoints.delete(current_actor(), endpoint_id)
    return redirect_after(url_for("admin.webhooks"), _("“%(name)s” was deleted.", name=found.name))


def _page(found: WebhookEndpoint, form: WebhookForm) -> str:
    now = database_clock.about_now()
    former = found.former_until if found.former_until is not None and found.former_until > now else None
    return render_template(
        "admin/webhook.html",
        endpoint=found,
        form=form,
        secret=signing.secret_of(found),
        former_until=former,
        ended_why=from_document(found.ended_why) if found.ended_why else "",
        page=overview.page(current_actor(), DeliveryQuery(channel="webhook", recipient=str(found.id))),
    )


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/webhooks/", "webhooks", index, methods=["GET", "POST"])
    admin.add_url_rule("/webhooks/<endpoint_id>", "webhook", webhook, methods=["GET", "POST"])
    for act in (rotate, test, delete):
        admin.add_url_rule(f"/webhooks/<endpoint_id>/{act.__name__}", f"webhook_{act.__name__}", act, methods=["POST"])
