"""Who would get what of a schedule whose reports are made in parts: on demand, for its form and its page."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webapp.documents import ReportSchedule, User
from webapp.errors import InvalidRequestError
from webapp.services import database_clock
from webapp.services.permissions import Permission
from webapp.services.schedules import asked
from webapp.services.schedules.rights import editable
from webapp.web import parts_plan
from webapp.web.access import current_actor, permission_required
from webapp.web.fragments import fragment, is_htmx
from webapp.web.languages import in_readers_language as said
from webapp.web.schedules import form_views
from webapp.web.schedules.schedule_form import ScheduleForm


@permission_required(Permission.REQUEST_REPORTS)
def of_new() -> ResponseReturnValue:
    """Of what stands in the form of a new schedule."""
    actor = current_actor()
    return _of_form(ScheduleForm.build(actor, actor), None, actor)


@permission_required(Permission.REQUEST_REPORTS)
def of_changed(schedule_id: str) -> ResponseReturnValue:
    """Of what stands in the form of one that is there; by its owner's rights."""
    actor = current_actor()
    found = editable(actor, schedule_id)
    owner = form_views.owner_of(found)
    return _of_form(ScheduleForm.build(actor, owner, found), found, owner)


@permission_required(Permission.REQUEST_REPORTS)
def show_parts(schedule_id: str) -> ResponseReturnValue:
    """Of a schedule as it is."""
    actor = current_actor()
    found = editable(actor, schedule_id)
    owner = form_views.owner_of(found)
    told = parts_plan.told(actor, owner, found.burst, lambda: asked.meant_at(owner, found, database_clock.now())[0])
    context = {**told, "schedule": found, "on_empty": found.on_empty}
    return render_template("schedules/parts.html", **context), told["status"]


def _of_form(form: ScheduleForm, found: ReportSchedule | None, owner: User) -> ResponseReturnValue:
    """The table alone for htmx; else the whole form with it, in which nothing that was typed is lost."""
    try:
        burst = form.to_burst()
    except InvalidRequestError as error:
        told = parts_plan.nothing([said(text) for text in error.fields.values()])
    else:
        told = parts_plan.told(current_actor(), owner, burst, lambda: form.meant())
    context = {**told, "on_empty": form.on_empty.data}
    if is_htmx():
        return fragment("_parts_plan.html", **context)
    return form_views.page(form, found, plan_context=context), told["status"]


def register(blueprint: Blueprint) -> None:
    """The addresses."""
    blueprint.post("/new/parts")(of_new)
    blueprint.post("/<schedule_id>/edit/parts")(of_changed)
    blueprint.get("/<schedule_id>/parts")(show_parts)
