"""The inbox: what one was told, how much of it is unread, and reading it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.documents.ids import ids_of
from webapp.documents.notice import Notice, SubjectKind
from webapp.services.deliveries import inbox as notices
from webapp.services.deliveries.mail import unsubscribing
from webapp.web.access import current_actor, public
from webapp.web.admin.page_args import page_number
from webapp.web.fragments import fragment, redirect_after, tag_of, unchanged

inbox = Blueprint("inbox", __name__)

#: Where a notice leads: the page of what it is about, and what that page calls its id.
PAGES: dict[SubjectKind, tuple[str, str]] = {
    SubjectKind.REPORT: ("jobs.show", "job_id"),
    SubjectKind.SCHEDULE: ("schedules.show", "schedule_id"),
}
#: What one click in a program for mail sends (RFC 8058).
ONE_CLICK = "One-Click"


@inbox.get("/inbox")
def index() -> ResponseReturnValue:
    """What one was told, the newest first."""
    page = notices.page(current_actor(), page_number())
    return render_template("inbox/index.html", page=page, leads_somewhere=lambda notice: _address(notice) is not None)


@inbox.get("/inbox/unread")
def unread() -> ResponseReturnValue:
    """The number in the page's head, for its poll; 304 while it stays."""
    count = notices.unread(current_actor())
    return unchanged(tag_of(count)) or fragment("inbox/_link.html", tag=tag_of(count))


@inbox.get("/inbox/<notice_id>")
def follow(notice_id: str) -> ResponseReturnValue:
    """To what the notice is about; it is read then."""
    notice = notices.find(current_actor(), notice_id)
    notices.mark_read(current_actor(), [notice.id])
    return redirect(_address(notice) or url_for("inbox.index"))


@inbox.post("/inbox/read")
def mark_read() -> ResponseReturnValue:
    """Those that are named, or all."""
    actor = current_actor()
    if request.form.get("all"):
        count = notices.mark_all_read(actor)
    else:
        count = notices.mark_read(actor, ids_of(request.form.getlist("notice")[: notices.PAGE_SIZE]))
    told = ngettext("%(num)d notice is marked as read.", "%(num)d notices are marked as read.", count)
    return redirect_after(url_for("inbox.index"), told)


@inbox.get("/unsubscribe/<token>")
@public
def unsubscribe(token: str) -> ResponseReturnValue:
    """Ask first: programs for mail follow links by themselves."""
    letter = unsubscribing.letter_of(token)
    return render_template("inbox/unsubscribe.html", letter=letter, token=token, is_done=False)


@inbox.post("/unsubscribe/<token>")
@public
def unsubscribe_now(token: str) -> ResponseReturnValue:
    """With one click, of a program for mail (RFC 8058) or of the page; and back again."""
    if request.form.get("again"):
        letter = unsubscribing.subscribe_again(token)
        return render_template("inbox/unsubscribe.html", letter=letter, token=token, is_done=False, is_back=True)
    letter = unsubscribing.unsubscribe(token)
    if request.form.get("List-Unsubscribe") == ONE_CLICK:
        return _("Unsubscribed."), HTTPStatus.OK, {"Content-Type": "text/plain; charset=utf-8"}
    return render_template("inbox/unsubscribe.html", letter=letter, token=token, is_done=True)


def _address(notice: Notice) -> str | None:
    if notice.about_kind is None or SubjectKind(notice.about_kind) not in PAGES:
        return None
    endpoint, name = PAGES[SubjectKind(notice.about_kind)]
    values: dict[str, Any] = {name: notice.about_id}
    return url_for(endpoint, **values)
