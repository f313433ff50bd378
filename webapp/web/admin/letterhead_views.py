"""The organisation's name and logo, as files show them."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField
from wtforms.validators import Length

from webapp.documents.letterhead import MOST_NAME
from webapp.errors import InvalidRequestError
from webapp.renderers.pdf_file import PNG
from webapp.services.files import letterhead
from webapp.services.permissions import Permission
from webapp.web.access import current_actor, permission_required
from webapp.web.forms import DeskForm
from webapp.web.fragments import redirect_after


class LetterheadForm(DeskForm):
    name = StringField(
        _l("Name of the organisation"),
        [Length(max=MOST_NAME, message=_l("A name has at most %(max)d characters."))],
    )
    logo = FileField(_l("Logo (PNG or SVG, at most 500 kB)"))
    without_logo = BooleanField(_l("Without a logo"))


@permission_required(Permission.ADMINISTER)
def show() -> ResponseReturnValue:
    """What is set, and the form that changes it."""
    found = letterhead.read()
    form = LetterheadForm(obj=found)
    if form.validate_on_submit():
        sent = form.logo.data.read(letterhead.MOST_BYTES + 1) if form.logo.data else None
        try:
            letterhead.change(
                current_actor(), name=form.name.data or "", logo=sent, without_logo=bool(form.without_logo.data)
            )
            return redirect_after(url_for("admin.letterhead"), _("Saved: files made from now on have it."))
        except InvalidRequestError as error:
            form.add_errors(error.fields)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render_template("admin/letterhead.html", form=form, has_logo=bool(found.logo_key)), status


@permission_required(Permission.ADMINISTER)
def logo() -> ResponseReturnValue:
    """The logo itself, as a picture that runs nothing; no content where there is none."""
    found = letterhead.logo()
    if found is None:
        return Response(status=HTTPStatus.NO_CONTENT)
    kind = "image/png" if found.startswith(PNG) else "image/svg+xml"
    return Response(
        found, mimetype=kind, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/letterhead/", "letterhead", show, methods=["GET", "POST"])
    admin.add_url_rule("/letterhead/logo", "letterhead_logo", logo)
