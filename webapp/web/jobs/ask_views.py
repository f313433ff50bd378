"""Asking for a report: choose what to know, fill in one page with a preview beside it, send it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.documents import LookupCategory, ReportJob, User
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.errors import InvalidRequestError, NotFoundError, ReportdeskError
from webapp.services import permissions
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.services.questions import filter_choices
from webapp.services.queue import status as queue_status
from webapp.services.requests import asking, previews
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.rights import data_scope
from webapp.web import preview_slots
from webapp.web.access import current_actor, permission_required
from webapp.web.formatting import describe
from webapp.web.fragments import fragment, redirect_after
from webapp.web.jobs import conditions, periods, pre_flight
from webapp.web.jobs.ask_form import AskForm

#: When a preview that found no room is asked for again.
ASK_AGAIN_SECONDS = 2


def register(blueprint: Blueprint) -> None:
    blueprint.get("/new")(new)
    blueprint.post("/new")(create)
    blueprint.post("/new/form")(form_part)
    blueprint.post("/new/preview")(preview)
    blueprint.get("/new/choices/<kind>")(choices)
    blueprint.record_once(_register_resume)


def _register_resume(state: Any) -> None:
    """A form that was sent after its session had ended is shown again, filled in, after signing in."""
    app = state.app
    app.extensions.setdefault("reportdesk-resumed", {})["/reports/new"] = _show_again


@permission_required(Permission.REQUEST_REPORTS)
def new() -> ResponseReturnValue:
    """Choose what to know; then the form for that."""
    report_type = request.args.get("type")
    if not report_type:
        return render_template(
            "jobs/choose.html",
            types=lookups.active(LookupCategory.REPORT_TYPE),
            usual=queue_status.typical_seconds_by_type(),
            samples=REPORT_TYPES,
        )
    if report_type not in {each.key for each in lookups.active(LookupCategory.REPORT_TYPE)}:
        raise NotFoundError(_("There is no report type “%(key)s”.", key=report_type[:60]))
    filter_choices.read_ahead(data_scope.data_scope(current_actor()))
    form = AskForm.build(current_actor(), report_type, request.args)
    return _page(form)


@permission_required(Permission.REQUEST_REPORTS)
def create() -> ResponseReturnValue:
    """Ask for the report; what is wrong is told under its field, and what was typed stays."""
    actor = current_actor()
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    others: list[str] = []
    if form.validate():
        try:
            job = asking.create(actor, form.to_request(), insist=bool(request.form.get("insist")))
        except AlreadyAskedError as error:
            return _page(form, same=error.job, same_text=str(error)), HTTPStatus.CONFLICT
        except InvalidRequestError as error:
            others = form.add_errors(error)
        else:
            return redirect_after(url_for("jobs.show", job_id=job.id), _("Asked for. This page shows how far it is."))
    return _page(form, others=others), HTTPStatus.UNPROCESSABLE_ENTITY


@permission_required(Permission.REQUEST_REPORTS)
def form_part() -> ResponseReturnValue:
    """The part of the form that depends on what is chosen in it."""
    form = AskForm.build(current_actor(), request.form.get("type", ""), request.form)
    return fragment("jobs/_ask_question.html", form=form, operators=conditions.operators())


@permission_required(Permission.REQUEST_REPORTS)
def preview() -> ResponseReturnValue:
    """First rows and what asking would give, from the extract as it is; nothing is queued."""
    actor = current_actor()
    with preview_slots.slot(actor.id) as is_free:
        return _previewed(actor) if is_free else _later()


def _later() -> ResponseReturnValue:
    answer = fragment("jobs/_preview_later.html", status=HTTPStatus.TOO_MANY_REQUESTS, seconds=ASK_AGAIN_SECONDS)
    answer.headers["Retry-After"] = str(ASK_AGAIN_SECONDS)
    return answer


def _previewed(actor: User) -> ResponseReturnValue:
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    context: dict[str, Any] = {"form": form, "found": None, "problems": []}
    if not form.validate():
        context["problems"] = [text for errors in form.errors.values() for text in errors]
        return fragment("jobs/_preview.html", **context)
    asked = form.to_request()
    try:
        found = previews.preview(asked.report_type, asked.parameters, data_scope.data_scope(actor))
    except InvalidRequestError as error:
        context["problems"] = list(error.fields.values())
    except ReportdeskError as error:
        context["problems"] = [error.with_hint]
    else:
        context |= pre_flight.context(actor, asked, found)
        context["period"] = periods.in_words(*form.days(), form.zone.key)
    return fragment("jobs/_preview.html", **context)


@permission_required(Permission.REQUEST_REPORTS)
def choices(kind: str) -> ResponseReturnValue:
    """What a filter offers for what is typed, as JSON."""
    if kind not in filter_choices.KINDS:
        raise NotFoundError(_("There is no such filter."))
    found = filter_choices.search(kind, request.args.get("q", ""), data_scope.data_scope(current_actor()))
    return jsonify([{"value": str(each.id), "text": each.name, "note": each.note} for each in found])


def _page(form: AskForm, *, others: list[str] | None = None, same: ReportJob | None = None, same_text: str = "") -> str:
    return render_template(
        "jobs/new.html",
        form=form,
        others=others or [],
        same=same,
        same_text=same_text,
        types=lookups.active(LookupCategory.REPORT_TYPE),
        type_description=_described(form),
        operators=conditions.operators(),
    )


def _described(form: AskForm) -> str:
    return describe("report-type", form.type.data)


def _show_again(typed: MultiDict[str, str]) -> ResponseReturnValue:
    actor = current_actor()
    if Permission.REQUEST_REPORTS not in permissions.permissions_of(actor) or not typed.get("type"):
        return redirect(url_for("home.index"))
    return _page(AskForm.build(actor, typed["type"], typed))
