"""Asking for a report: choose what to know, fill in one page with a preview beside it, send it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.documents import LookupCategory, ReportJob, ReportTemplate, User
from webapp.documents.lookup_value import CachedLookup
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.errors import InvalidRequestError, NotFoundError, ReportdeskError
from webapp.services import permissions
from webapp.services.bursting import checking
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.services.questions import filter_choices, ways
from webapp.services.questions.conditions import OF_RESULTS
from webapp.services.questions.in_words import OPERATOR_WORDS
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import status as queue_status
from webapp.services.requests import asking, previews, usual
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.requests.rules import Circumstances
from webapp.services.rights import data_scope
from webapp.services.templates import seeing, using
from webapp.web import parts_plan, preview_slots
from webapp.web.access import current_actor, permission_required
from webapp.web.formatting import describe, readers
from webapp.web.fragments import fragment, is_htmx, redirect_after
from webapp.web.jobs import pre_flight
from webapp.web.jobs.ask_form import AskForm
from webapp.web.languages import in_readers_language as said

#: What servers and browsers take without a word; the page keeps to the same (static/js/ask.js).
LONGEST_ADDRESS = 8_000

#: When a preview that found no room is asked for again.
ASK_AGAIN_SECONDS = 2


def register(blueprint: Blueprint) -> None:
    blueprint.get("/new")(new)
    blueprint.post("/new")(create)
    blueprint.post("/new/form")(form_part)
    blueprint.post("/new/preview")(preview)
    blueprint.post("/new/parts")(plan_parts)
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
            types=_types(),
            usual=queue_status.typical_seconds_by_type(),
            samples=REPORT_TYPES,
        )
    if report_type not in {each.key for each in lookups.active(LookupCategory.REPORT_TYPE)}:
        raise NotFoundError(_("There is no report type “%(key)s”.", key=report_type[:60]))
    filter_choices.read_ahead(data_scope.data_scope(current_actor()))
    form = AskForm.build(current_actor(), report_type, request.args)
    return page(form)


@permission_required(Permission.REQUEST_REPORTS)
def change(job: ReportJob) -> ResponseReturnValue:
    """The form filled in as `job` was asked for."""
    return filled(asking.again(current_actor(), job))


def filled(asked: ReportRequest, began_as: dict[str, str] | None = None) -> ResponseReturnValue:
    """The form filled in with a question, under the question's address unless it is too long for one. `began_as`: the
    fields that name the template whose question it is."""
    texts = ways.to_address(asked) | {name: [value] for name, value in (began_as or {}).items()}
    address = f"{url_for('jobs.new')}?{urlencode(texts, doseq=True)}"
    if len(address) < LONGEST_ADDRESS:
        return redirect(address)
    return page(AskForm.build(current_actor(), asked.report_type, MultiDict(texts)))


@permission_required(Permission.REQUEST_REPORTS)
def create() -> ResponseReturnValue:
    """Ask for the report; what is wrong is told under its field, and what was typed stays."""
    actor = current_actor()
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    if form.validate():
        agreed = bool(request.form.get("agreed"))
        try:
            circumstances = _circumstances(form)
            job = _asked(form, circumstances, insist=bool(request.form.get("insist")), agreed=agreed)
        except NotAgreedError as error:
            return page(form, everyone_text=str(error)), HTTPStatus.CONFLICT
        except AlreadyAskedError as error:
            return page(form, same=error.job, same_text=str(error), is_agreed=agreed), HTTPStatus.CONFLICT
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("jobs.show", job_id=job.id))
    return page(form), HTTPStatus.UNPROCESSABLE_ENTITY


def _circumstances(form: AskForm) -> Circumstances:
    """Beside the question. Raises InvalidRequestError."""
    actor, burst = current_actor(), form.to_burst()
    if problems := checking.problems(actor, burst, form.to_request()):
        raise InvalidRequestError(problems)
    submission_id = (form.submission.data or "")[:100]
    return Circumstances(submission_id=submission_id, deliver_to=form.to_wishes(actor), burst=burst)


def _asked(form: AskForm, of: Circumstances, *, insist: bool, agreed: bool) -> ReportJob:
    actor, asked = current_actor(), form.to_request()
    if not form.template.data:
        return asking.create(actor, asked, insist=insist, agreed=agreed, of=of, say=said)
    began_as = form.template.data, form.template_version.data or ""
    return using.use_with_changes(actor, *began_as, asked, of=of, insist=insist, agreed=agreed, say=said)


@permission_required(Permission.REQUEST_REPORTS)
def form_part() -> ResponseReturnValue:
    """The part of the form that depends on what is chosen in it."""
    form = AskForm.build(current_actor(), request.form.get("type", ""), request.form)
    return fragment("jobs/_ask_question.html", form=form, **_operators())


@permission_required(Permission.REQUEST_REPORTS)
def preview() -> ResponseReturnValue:
    """First rows and what asking would give, from the record as it is; nothing is queued."""
    actor = current_actor()
    with preview_slots.slot(actor.id) as is_free:
        return _previewed(actor) if is_free else _later()


@permission_required(Permission.REQUEST_REPORTS)
def plan_parts() -> ResponseReturnValue:
    """Who would get what if it were made in parts, too; without htmx the whole form with it."""
    actor = current_actor()
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    try:
        wrong = [] if form.validate() else [*(text for errors in form.errors.values() for text in errors), *form.others]
        told = parts_plan.nothing(wrong) if wrong else parts_plan.told(actor, actor, form.to_burst(), form.to_request)
    except InvalidRequestError as error:
        told = parts_plan.nothing([said(text) for text in error.fields.values()])
    context = {**told, "on_empty": "send"}
    if is_htmx():
        return fragment("_parts_plan.html", **context)
    return page(form, plan_context=context), told["status"]


def _later() -> ResponseReturnValue:
    answer = fragment("jobs/_preview_later.html", status=HTTPStatus.TOO_MANY_REQUESTS, seconds=ASK_AGAIN_SECONDS)
    answer.headers["Retry-After"] = str(ASK_AGAIN_SECONDS)
    return answer


def _previewed(actor: User) -> ResponseReturnValue:
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    context: dict[str, Any] = {"form": form, "found": None, "problems": []}
    if not form.validate():
        context["problems"] = [*(text for errors in form.errors.values() for text in errors), *form.others]
        return fragment("jobs/_preview.html", **context)
    asked = form.to_request()
    try:
        found = previews.preview(asked, data_scope.data_scope(actor), readers())
    except InvalidRequestError as error:
        context["problems"] = list(error.fields.values())
    except ReportdeskError as error:
        context["problems"] = [error.with_hint]
    else:
        context |= pre_flight.context(actor, asked, found)
        context["period"] = asked.period.in_words(asked.time_zone)
    return fragment("jobs/_preview.html", **context)


@permission_required(Permission.REQUEST_REPORTS)
def choices(kind: str) -> ResponseReturnValue:
    """What a filter offers for what is typed, as JSON."""
    if kind not in filter_choices.KINDS:
        raise NotFoundError(_("There is no such filter."))
    found = filter_choices.search(kind, request.args.get("q", ""), data_scope.data_scope(current_actor()))
    return jsonify([{"value": str(each.id), "text": each.name, "note": each.note} for each in found])


def page(
    form: AskForm,
    *,
    same: ReportJob | None = None,
    same_text: str = "",
    everyone_text: str = "",
    is_agreed: bool = False,
    plan_context: dict[str, Any] | None = None,
) -> str:
    """The page with the form. `plan_context`: who would get what, where that was asked for."""
    return render_template(
        "jobs/new.html",
        form=form,
        same=same,
        same_text=same_text,
        everyone_text=everyone_text,
        is_agreed=is_agreed,
        began_as=_began_as(form),
        plan_context=plan_context,
        types=_types(),
        type_description=_described(form),
        **_operators(),
    )


def _began_as(form: AskForm) -> ReportTemplate | None:
    """The template that the form began as, where this person may save another version of it."""
    actor = current_actor()
    try:
        template = seeing.visible_template(actor, form.template.data) if form.template.data else None
    except NotFoundError:
        return None
    return template if template is not None and seeing.may_edit(actor, template) else None


def _operators() -> dict[str, Any]:
    words = {key: said(text) for key, text in OPERATOR_WORDS.items()}
    return {"operators": [*words.items()], "result_operators": [(key, words[key]) for key in OF_RESULTS]}


def _types() -> list[CachedLookup]:
    active = {each.key: each for each in lookups.active(LookupCategory.REPORT_TYPE)}
    return [active[key] for key in usual.first_the_most_asked(current_actor(), list(active))]


def _described(form: AskForm) -> str:
    return describe("report-type", form.type.data)


def _show_again(typed: MultiDict[str, str]) -> ResponseReturnValue:
    actor = current_actor()
    if Permission.REQUEST_REPORTS not in permissions.permissions_of(actor) or not typed.get("type"):
        return redirect(url_for("home.index"))
    return page(AskForm.build(actor, typed["type"], typed))
