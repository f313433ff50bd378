"""Lists of schedules, one schedule's page, and what can be done to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents.ids import id_or_nobody
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services import database_clock
from webapp.services.permissions import Permission
from webapp.services.schedules import feed, firing, keeping, lists
from webapp.services.schedules.lists import ListQuery, State, Whose
from webapp.services.schedules.rights import Reach, visible_schedule
from webapp.web.access import current_actor, permission_required, permissions, public
from webapp.web.admin.page_args import page_number, plain
from webapp.web.fragments import fragment, is_htmx, redirect_after
from webapp.web.schedules import form_views, part_views, shown
from webapp.web.typed_numbers import whole_number

schedules = Blueprint("schedules", __name__, url_prefix="/schedules")
form_views.register(schedules)
part_views.register(schedules)

#: How far ahead runs are told.
AHEAD = timedelta(days=14)


@schedules.get("/")
def index() -> ResponseReturnValue:
    """One's own schedules; a manager's departments' too."""
    query = ListQuery(_whose(), plain("q"), _state(), page_number())
    page = lists.page(current_actor(), query)
    context: dict[str, Any] = {
        "page": page,
        "query": query,
        "whose": Whose,
        "states": shown.STATES,
        "outcomes": shown.OUTCOMES,
        "rules": shown.rules(page.schedules),
    }
    if is_htmx():
        return fragment("schedules/_list.html", **context)
    return render_template("schedules/index.html", **context)


@schedules.get("/upcoming")
def upcoming() -> ResponseReturnValue:
    """The runs of the next weeks, by the reader's clocks."""
    return _upcoming()


@schedules.post("/feed")
@permission_required(Permission.REQUEST_REPORTS)
def renew_feed() -> ResponseReturnValue:
    """A new secret link for a calendar program; it is shown this once."""
    if request.form.get("end"):
        feed.end(current_actor())
        return redirect_after(url_for("schedules.upcoming"), _("The calendar link works no more."))
    return _upcoming(link=url_for("schedules.read_feed", secret=feed.renew(current_actor()), _external=True))


@schedules.get("/feed/<secret>.ics")
@public
def read_feed(secret: str) -> ResponseReturnValue:
    """Upcoming runs for a calendar program that has the link."""
    response = Response(feed.read(secret), mimetype="text/calendar")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _upcoming(link: str = "") -> str:
    actor, whose = current_actor(), _whose()
    found = lists.upcoming(actor, whose, database_clock.about_now(), AHEAD)
    context = {"runs": found, "days": AHEAD.days, "link": link, "has_link": feed.has_link(actor)}
    return render_template("schedules/upcoming.html", **context)


@schedules.get("/<schedule_id>")
def show(schedule_id: str) -> ResponseReturnValue:
    """One schedule with its history."""
    return _page(schedule_id)


@schedules.post("/<schedule_id>/run")
def run(schedule_id: str) -> ResponseReturnValue:
    """Make its report now."""
    try:
        job = firing.run_now(current_actor(), schedule_id, submission_id=request.form.get("submission", "")[:100])
    except (InvalidRequestError, ConflictError) as error:
        return _back(schedule_id, error.with_hint, "error")
    return redirect_after(
        url_for("schedules.show", schedule_id=schedule_id), _("“%(name)s” is being made.", name=job.name)
    )


@schedules.post("/<schedule_id>/pause")
def pause(schedule_id: str) -> ResponseReturnValue:
    """Stop it until somebody resumes it."""
    try:
        keeping.pause(current_actor(), schedule_id, request.form.get("reason", ""))
    except ConflictError as error:
        return _back(schedule_id, error.with_hint, "error")
    return _back(schedule_id, _("It is paused."))


@schedules.post("/<schedule_id>/resume")
def resume(schedule_id: str) -> ResponseReturnValue:
    """Let it go on."""
    try:
        keeping.resume(current_actor(), schedule_id, revision=whole_number(request.form.get("revision")))
    except ConflictError as error:
        return _back(schedule_id, error.with_hint, "error")
    return _back(schedule_id, _("It runs again."))


@schedules.post("/<schedule_id>/hand-over")
def hand_over(schedule_id: str) -> ResponseReturnValue:
    """Give it to somebody else; whoever cannot see it any more is led to the list."""
    actor = current_actor()
    try:
        handed = keeping.hand_over(actor, schedule_id, id_or_nobody(request.form.get("new_owner", "")))
    except (InvalidRequestError, ConflictError) as error:
        return _back(schedule_id, error.with_hint, "error")
    to = url_for("schedules.show", schedule_id=handed.id) if Reach(actor).sees(handed) else url_for("schedules.index")
    return redirect_after(to, _("It is handed over, and waits until its new owner resumes it."))


@schedules.post("/<schedule_id>/delete")
def delete(schedule_id: str) -> ResponseReturnValue:
    """End it; its reports stay."""
    found = keeping.delete(current_actor(), schedule_id)
    return redirect_after(url_for("schedules.index"), _("“%(name)s” was deleted.", name=found.name))


def _page(schedule_id: str) -> str:
    actor = current_actor()
    found = visible_schedule(actor, schedule_id)
    reach = Reach(actor)
    zone = shown.zone_of(found)
    return render_template(
        "schedules/show.html",
        **shown.context(actor, found),
        may_edit=reach.edits(found),
        may_steer=reach.steers(found),
        waits_for_owner=found.must_be_resumed_by not in (None, actor.id),
        candidates=keeping.candidates(found) if reach.steers(found) else {},
        run_text=lambda moment: shown.run_text(moment, zone),
    )


def _back(schedule_id: str, text: str, category: str = "success") -> ResponseReturnValue:
    return redirect_after(url_for("schedules.show", schedule_id=schedule_id), text, category)


def _whose() -> Whose:
    manages = Permission.MANAGE_DEPARTMENT in permissions() or Permission.ADMINISTER in permissions()
    wanted = request.args.get("whose") == Whose.DEPARTMENT.value
    return Whose.DEPARTMENT if manages and wanted else Whose.OWN


def _state() -> State:
    typed = request.args.get("state", "")
    return State(typed) if typed in {each.value for each in State} else State.ALL
