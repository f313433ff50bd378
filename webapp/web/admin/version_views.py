"""One version of the learning record: what brought it, what it changed, and the way back to before it."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp import record
from webapp.errors import NotFoundError, ReportdeskError
from webapp.services.orders.told import Told
from webapp.services.permissions import Permission
from webapp.services.record import history
from webapp.services.rights import record_changes
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import record_words
from webapp.web.fragments import redirect_after

#: More digits than any version's number has: what is longer is none.
LONGEST = 12


@permission_required(Permission.MANAGE_CONTENT)
def show(number: str) -> ResponseReturnValue:
    """What this version brought, and what going back to before it would change."""
    listed = history.find(_number(number))
    newest = record.current()
    differences, gone = [], ""
    if not listed.is_undone:
        try:
            differences = history.differences(listed.version.number - 1)
        except (record.VersionGoneError, NotFoundError) as error:
            gone = str(error)
    told = Told(source=listed.version.source, summary=listed.version.summary)
    return render_template(
        "admin/version.html",
        listed=listed,
        version=listed.version,
        newest=newest,
        told=told,
        kinds=record_words.kinds_in_order(told),
        differences=differences,
        gone=gone,
        table_words=record_words.tables(),
        source_words=record_words.sources(),
    )


@permission_required(Permission.MANAGE_CONTENT)
def undo(number: str) -> ResponseReturnValue:
    """Publish what was there before this version."""
    listed = history.find(_number(number))
    newest = _number(request.form.get("newest", ""))
    try:
        made = record_changes.take_back(listed.version.number, newest=newest, by=current_actor())
    except record.RecordBusyError as error:
        return redirect_after(url_for("admin.version", number=number), _told(error), "warning")
    return redirect_after(
        url_for("admin.version", number=made.number),
        _("The record is as it was before version %(number)s.", number=listed.version.number),
    )


def _told(error: ReportdeskError) -> str:
    return error.with_hint


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST) or int(text) == 0:
        raise NotFoundError(_("There is no such version."))
    return int(text)


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/imports/versions/<number>", "version", show)
    admin.add_url_rule("/imports/versions/<number>/undo", "version_undo", undo, methods=["POST"])
