"""Asking for a report: choose what to know, fill in one page with a preview beside it, send it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp import clock, renderers
from webapp.documents import LookupCategory, ReportJob
from webapp.errors import InvalidRequestError, NotFoundError, ReportdeskError
from webapp.services import filter_choices, lookups, queue_status, report_questions, report_requests, visibility
from webapp.services.report_requests import AlreadyAskedError
from webapp.web.access import current_actor, permission_required
from webapp.web.auth.views import sign_in_with_form
from webapp.web.fragments import fragment, redirect_after
from webapp.web.jobs.ask_form import AskForm

PREVIEW_ROWS = 15


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
    app.extensions.setdefault("reportdesk-resume", {})["jobs.create"] = lambda: sign_in_with_form("/reports/new")
    app.extensions.setdefault("reportdesk-resumed", {})["/reports/new"] = _show_again


@permission_required(visibility.REQUEST_REPORTS)
def new() -> ResponseReturnValue:
    """Choose what to know; then the form for that."""
    report_type = request.args.get("type")
    if not report_type:
        return render_template("jobs/choose.html", types=lookups.active(LookupCategory.REPORT_TYPE))
    if report_type not in {each.key for each in lookups.active(LookupCategory.REPORT_TYPE)}:
        raise NotFoundError(_("There is no report type “%(key)s”.", key=report_type[:60]))
    form = AskForm.build(current_actor(), report_type, request.args)
    return _page(form)


@permission_required(visibility.REQUEST_REPORTS)
def create() -> ResponseReturnValue:
    """Ask for the report; what is wrong is told under its field, and what was typed stays."""
    actor = current_actor()
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    others: list[str] = []
    if form.validate():
        try:
            job = report_requests.create(actor, form.to_request(), insist=bool(request.form.get("insist")))
        except AlreadyAskedError as error:
            return _page(form, same=error.job, same_text=str(error)), HTTPStatus.CONFLICT
        except InvalidRequestError as error:
            others = form.add_errors(error)
        else:
            return redirect_after(url_for("jobs.show", job_id=job.id), _("Asked for. This page shows how far it is."))
    return _page(form, others=others), HTTPStatus.UNPROCESSABLE_ENTITY


@permission_required(visibility.REQUEST_REPORTS)
def form_part() -> ResponseReturnValue:
    """The part of the form that depends on what is chosen in it."""
    form = AskForm.build(current_actor(), request.form.get("type", ""), request.form)
    return fragment("jobs/_ask_question.html", form=form, type_description=_described(form))


@permission_required(visibility.REQUEST_REPORTS)
def preview() -> ResponseReturnValue:
    """First rows and what asking would give, from the extract as it is; nothing is queued."""
    actor = current_actor()
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    context: dict[str, Any] = {"form": form, "found": None, "problems": [], "estimate": None, "limit_text": None}
    if not form.validate():
        context["problems"] = [text for errors in form.errors.values() for text in errors]
        return fragment("jobs/_preview.html", **context)
    asked = form.to_request()
    try:
        found = report_questions.preview(asked.report_type, asked.parameters, visibility.data_scope(actor))
    except InvalidRequestError as error:
        context["problems"] = list(error.fields.values())
    except ReportdeskError as error:
        context["problems"] = [f"{error} {error.hint}"]
    else:
        columns = [vars(column) for column in found.result.columns]
        context |= {
            "found": found,
            "columns": columns,
            "rows": found.rows[:PREVIEW_ROWS],
            "estimate": report_questions.estimate(asked.report_type, found.result.row_count),
            "limit_text": renderers.limits_in_words(asked.format, found.result.row_count, len(columns)),
            "age": clock.utcnow() - found.refreshed_at if found.refreshed_at else None,
            "alarm": queue_status.alarm(),
            "audience": visibility.audience(
                actor, asked.visibility, asked.department_id or (actor.department_ids or [None])[0]
            ),
        }
    return fragment("jobs/_preview.html", **context)


@permission_required(visibility.REQUEST_REPORTS)
def choices(kind: str) -> ResponseReturnValue:
    """What a filter offers for what is typed, as JSON."""
    if kind not in filter_choices.KINDS:
        raise NotFoundError(_("There is no such filter."))
    found = filter_choices.search(kind, request.args.get("q", ""), visibility.data_scope(current_actor()))
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
    )


def _described(form: AskForm) -> str:
    found = {each.key: each for each in lookups.every(LookupCategory.REPORT_TYPE)}.get(form.type.data or "")
    return found.description if found else ""


def _show_again(typed: MultiDict[str, str]) -> ResponseReturnValue:
    actor = current_actor()
    if visibility.REQUEST_REPORTS not in lookups.permissions_of(actor) or not typed.get("type"):
        return redirect(url_for("home.index"))
    return _page(AskForm.build(actor, typed["type"], typed))
