"""What a template's page shows, gathered once for the page itself and for what is wrong with what was sent from it."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import ReportTemplate, User
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.rights import data_scope, organisation, visibility
from webapp.services.rights.data_scope import DataScope
from webapp.services.schedules import lists as schedule_lists
from webapp.services.templates import kept, seeing, standing, telling, using
from webapp.services.templates.telling import Told
from webapp.web.access import current_actor
from webapp.web.fragments import redirect_after
from webapp.web.languages import in_readers_language as said
from webapp.web.report_templates.forms import ShareForm


def show(
    actor: User,
    template: ReportTemplate,
    version: ReportTemplate | None = None,
    *,
    share_form: ShareForm | None = None,
    problem: str = "",
) -> str:
    """The page of a template, or of one of its versions. `problem`: why what was asked for could not be done."""
    shown = version or template
    scope, may_edit = data_scope.data_scope(actor), seeing.may_edit(actor, template)
    question, output = _in_words(shown, scope)
    history, used_by = telling.history(template, scope), using.used_by(actor, template)
    # On its own page alone: an earlier version is looked at for what it asked.
    schedules = schedule_lists.of_template(actor, template.id) if version is None else []
    people = (
        {each.saved_by for each in history}
        | {each.requested_by for each in used_by}
        | {each.owner_id for each in schedules}
    )
    people |= {template.created_by, template.retired_by, template.last_used_by} - {None}
    return render_template(
        "report_templates/show.html",
        template=template,
        version=shown,
        is_newest=shown.version == template.version,
        question=question,
        output=output,
        history=history,
        used_by=used_by,
        schedules=schedules,
        names=organisation.names_of_people(each for each in people if each is not None),
        problem=problem,
        problems=using.problems_of(actor, template, shown) if template.is_active else [],
        can_change=standing.is_type_offered(shown.report_type),
        may_edit=may_edit,
        is_favourite=template.id in actor.favourite_template_ids,
        share_form=(share_form or ShareForm.build(actor, template)) if may_edit else None,
        share_open=share_form is not None,
        audiences=visibility.audiences(actor, template.created_by, template.department_id) if may_edit else {},
    )


def _in_words(version: ReportTemplate, scope: DataScope) -> tuple[Told, Told]:
    try:
        request = kept.request_of(version)
        return telling.question(request, scope), telling.output(request)
    except InvalidRequestError as error:
        return [(_("Question"), str(error))], []


def refused(template_id: str, error: InvalidRequestError | ConflictError) -> ResponseReturnValue:
    """The template's page, with why it could not be done."""
    actor = current_actor()
    template = seeing.visible_template(actor, template_id)
    text = said(str(error) if isinstance(error, InvalidRequestError) else error.with_hint)
    return show(actor, template, problem=text), error.status


def back_to(template: ReportTemplate, message: str) -> ResponseReturnValue:
    """To its page, which says what was done."""
    return redirect_after(url_for("report_templates.show", template_id=template.id), message)
