"""Saving templates: from a report, from the form that asks, over an earlier version, and as a copy."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_timezone
from flask_babel import gettext as _

from webapp.documents import ReportTemplate
from webapp.errors import InvalidRequestError
from webapp.services.permissions import Permission
from webapp.services.questions import ways
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.services.rights import data_scope, visibility
from webapp.services.templates import kept, saving, telling
from webapp.services.templates.versions import ChangedMeanwhileError
from webapp.web.access import current_actor, permission_required
from webapp.web.jobs import ask_views
from webapp.web.jobs.ask_form import AskForm
from webapp.web.languages import in_readers_language as said
from webapp.web.report_templates import page
from webapp.web.report_templates.forms import SaveForm
from webapp.web.typed_numbers import whole_number


def register(blueprint: Blueprint) -> None:
    blueprint.get("/new")(new)
    blueprint.post("/new")(new_from_question)
    blueprint.post("/")(create)
    blueprint.route("/<template_id>/edit", methods=["GET", "POST"])(edit)
    blueprint.post("/<template_id>/question")(change_question)
    blueprint.post("/<template_id>/restore")(restore)
    blueprint.post("/<template_id>/clone")(clone)


@permission_required(Permission.REQUEST_REPORTS)
def new() -> ResponseReturnValue:
    """Keep the question of a report."""
    actor, job_id = current_actor(), request.args.get("job", "")
    if not job_id:
        return redirect(url_for("jobs.new"))
    return _save_page(asking.again(actor, visibility.visible_job(actor, job_id)))


@permission_required(Permission.REQUEST_REPORTS)
def new_from_question() -> ResponseReturnValue:
    """Keep the question that stands in the form."""
    form = AskForm.build(current_actor(), request.form.get("type", ""), request.form)
    if not form.validate():
        return ask_views.page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    return _save_page(form.to_request())


@permission_required(Permission.REQUEST_REPORTS)
def create() -> ResponseReturnValue:
    """Save it; what is wrong is told under its field, and what was typed stays."""
    actor = current_actor()
    asked = ways.from_address(request.form.to_dict(flat=False), time_zone=str(get_timezone() or "UTC"))
    form = SaveForm.build(asked, is_sent=True)
    if form.validate():
        visible, sent = form.template_visibility.data, (form.submission.data or "")[:100]
        try:
            saved = saving.create(actor, form.to_texts(), asked, visibility=visible, submission_id=sent, say=said)
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return page.back_to(saved, _("Saved. This is the template."))
    return _save_page(asked, form), HTTPStatus.UNPROCESSABLE_ENTITY


def edit(template_id: str) -> ResponseReturnValue:
    """Change its name and what it says of itself; of its question only what its reports are called."""
    actor = current_actor()
    template = saving.editable(actor, template_id)
    asked = kept.request_of(template)
    form = SaveForm.of_template(template, asked, is_sent=request.method == "POST")
    if request.method != "POST":
        return _save_page(asked, form, template)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if form.validate():
        try:
            titled = asked.model_copy(update={"name": form.name.data or "", "filename": form.filename.data or ""})
            base = whole_number(form.base.data) or 0
            saved = saving.edit(actor, template_id, base, texts=form.to_texts(template), request=titled, say=said)
        except ChangedMeanwhileError as error:
            form.others.append(said(error.with_hint))
            form.base.data, status = str(error.version), HTTPStatus.CONFLICT
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return page.back_to(saved, _saved_words(template, saved))
    return _save_page(asked, form, template), status


def change_question(template_id: str) -> ResponseReturnValue:
    """The question that stands in the form, as the template's next version."""
    actor = current_actor()
    template = saving.editable(actor, template_id)
    form = AskForm.build(actor, request.form.get("type", ""), request.form)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if form.validate():
        base = whole_number(form.template_version.data) or 0
        try:
            saved = saving.edit(actor, template_id, base, request=form.to_request(), say=said)
        except ChangedMeanwhileError as error:
            form.others.append(said(error.with_hint))
            form.template_version.data, status = str(error.version), HTTPStatus.CONFLICT
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return page.back_to(saved, _saved_words(template, saved))
    return ask_views.page(form), status


def restore(template_id: str) -> ResponseReturnValue:
    """An earlier version again, as the newest."""
    number, base = whole_number(request.form.get("version")) or 0, whole_number(request.form.get("base")) or 0
    try:
        saved = saving.restore(current_actor(), template_id, number, base)
    except ChangedMeanwhileError as error:
        return page.refused(template_id, error)
    return page.back_to(saved, _("Version %(number)s is the newest again.", number=number))


def clone(template_id: str) -> ResponseReturnValue:
    """A copy of one's own."""
    actor, number = current_actor(), whole_number(request.form.get("version"))
    sent = request.form.get("submission", "")[:100]
    try:
        copy = saving.clone(actor, template_id, number, submission_id=sent, say=said)
    except InvalidRequestError as error:
        return page.refused(template_id, error)
    return page.back_to(copy, _("This is your copy. Nobody else sees it until you share it."))


def _save_page(asked: ReportRequest, form: SaveForm | None = None, template: ReportTemplate | None = None) -> str:
    actor = current_actor()
    if form is None:
        name = saving.suggested_name(actor, asked, said)
        form = SaveForm.build(asked, template_name=name, name=asked.name, filename=asked.filename)
    return render_template(
        "report_templates/save.html",
        form=form,
        template=template,
        question=telling.question(asked, data_scope.data_scope(actor)),
        output=telling.output(asked),
    )


def _saved_words(before: ReportTemplate, saved: ReportTemplate) -> str:
    if saved.version == before.version:
        return _("Nothing was changed, so there is no new version.")
    return _("Saved as version %(number)s.", number=saved.version)
