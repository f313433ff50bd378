"""Making and changing a schedule; the next runs as one types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import ReportSchedule, ReportTemplate, User
from webapp.documents.ids import id_or_none
from webapp.errors import InvalidRequestError, ReportdeskError
from webapp.services.permissions import Permission
from webapp.services.questions import in_words, ways
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights import data_scope, visibility
from webapp.services.schedules import asked, checking, keeping, lists
from webapp.services.schedules.in_words import rule_in_words
from webapp.services.schedules.lists import ListQuery
from webapp.services.schedules.rights import editable
from webapp.services.templates import facts, seeing, using
from webapp.settings import get_settings
from webapp.web.access import current_actor, permission_required
from webapp.web.fragments import fragment, redirect_after
from webapp.web.languages import in_readers_language as said
from webapp.web.schedules import shown
from webapp.web.schedules.schedule_form import FIELDS_OF, ScheduleForm
from webapp.web.typed_numbers import whole_number

_OF_EVERY_FREQUENCY = ("frequency", "time_zone", "start_date", "end_date", "calendar", "on_closed", "trigger")
#: The priority of what nobody waits for.
_UNHURRIED = "scheduled"


@permission_required(Permission.REQUEST_REPORTS)
def new() -> ResponseReturnValue:
    """A schedule of a report's question (`job`), or of the question in the address; without one, where to begin."""
    actor = current_actor()
    template = _template(actor)
    question = _of_template(actor, template) if template else _question(actor)
    if question is None:
        return render_template("schedules/begin.html")
    # A page of them, those that run next first.
    own = lists.page(actor, ListQuery()).schedules if request.args.get("job") else []
    return page(ScheduleForm.build(actor, actor, asked=question, follows=template), replaceable=own)


@permission_required(Permission.REQUEST_REPORTS)
def create() -> ResponseReturnValue:
    """Make it; what is wrong is told under its field."""
    actor = current_actor()
    form = ScheduleForm.build(actor, actor)
    if form.validate():
        try:
            made = keeping.create(actor, form.to_wish(), agreed=bool(form.agreed.data))
        except NotAgreedError as error:
            return page(form, everyone_text=str(error)), error.status
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("schedules.show", schedule_id=made.id), _("It runs from now on."))
    return page(form), HTTPStatus.UNPROCESSABLE_ENTITY


@permission_required(Permission.REQUEST_REPORTS)
def edit(schedule_id: str) -> ResponseReturnValue:
    """The form of a schedule; with `job`, what that report asked takes the place of its question."""
    actor = current_actor()
    found = editable(actor, schedule_id)
    if question := _question(actor):
        return page(ScheduleForm.build(actor, owner_of(found), found, question), found)
    owner = owner_of(found)
    question = shown.asks_now(owner, found)
    return page(ScheduleForm.build(actor, owner, found, question, asked.template_of(found)), found)


@permission_required(Permission.REQUEST_REPORTS)
def change(schedule_id: str) -> ResponseReturnValue:
    """Make of it what the form says."""
    actor = current_actor()
    found = editable(actor, schedule_id)
    form = ScheduleForm.build(actor, owner_of(found), found)
    if form.validate():
        revision = whole_number(form.revision.data) or 0
        agreed = bool(form.agreed.data)
        try:
            keeping.change(actor, found.id, form.to_wish(found), revision=revision, agreed=agreed)
        except NotAgreedError as error:
            return page(form, found, everyone_text=str(error)), error.status
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("schedules.show", schedule_id=found.id), _("Saved."))
    return page(form, found), HTTPStatus.UNPROCESSABLE_ENTITY


@permission_required(Permission.REQUEST_REPORTS)
def when() -> ResponseReturnValue:
    """The part of the form that says when, with the next runs of what is chosen in it."""
    actor = current_actor()
    form = ScheduleForm.build(actor, actor)
    form.validate()
    return fragment("schedules/_when.html", form=form, **_preview(form))


def _question(actor: User) -> ReportRequest | None:
    """What is to be asked: as a report that `actor` may see, or as the address says; without a hurry."""
    if job_id := request.args.get("job"):
        question = asking.again(actor, visibility.visible_job(actor, job_id))
    elif request.args.get("type"):
        question = ways.from_address(request.args.to_dict(flat=False), time_zone=get_settings().time_zone)
    else:
        return None
    priority = _UNHURRIED if question.priority == "normal" else question.priority
    return question.model_copy(update={"priority": priority, "scheduled_for": None, "as_of_job_id": None})


def _template(actor: User) -> ReportTemplate | None:
    """The template whose page led here. Raises TemplateNotFoundError."""
    template_id = request.args.get("template")
    return seeing.visible_template(actor, template_id) if template_id else None


def _of_template(actor: User, template: ReportTemplate) -> ReportRequest:
    found = using.unmeant_for(actor, template, template)
    return found.model_copy(update={"name": said(facts.name_of(template)), "priority": _UNHURRIED})


def owner_of(found: ReportSchedule) -> User:
    """Whose rights it runs with; of one that has left, the reader's."""
    return User.objects(id=found.owner_id).first() or current_actor()


def page(
    form: ScheduleForm,
    found: ReportSchedule | None = None,
    *,
    everyone_text: str = "",
    replaceable: Sequence[ReportSchedule] = (),
    plan_context: Mapping[str, Any] | None = None,
) -> str:
    """The page with the form. `plan_context`: who would get what, where that was asked for."""
    return render_template(
        "schedules/form.html",
        form=form,
        schedule=found,
        everyone_text=everyone_text,
        replaceable=replaceable,
        question=_in_words(form),
        plan_context=plan_context,
        **_preview(form),
    )


def _in_words(form: ScheduleForm) -> list[tuple[str, str]]:
    try:
        return in_words.describe(form.request(), data_scope.data_scope(current_actor()))
    except ReportdeskError as error:
        return [(_("Question"), said(str(error)))]


def _preview(form: ScheduleForm) -> dict[str, Any]:
    """The rule in words and the next runs, or what is wrong with the times."""
    wanted = FIELDS_OF.get(form.frequency.data or "", ())
    told: dict[str, Any] = {"wanted": wanted, "runs": [], "rule": "", "problems": []}
    if any(form[name].errors for name in (*wanted, *_OF_EVERY_FREQUENCY)):
        return told  # it stands under the field
    try:
        schedule = ReportSchedule(
            schedule=form.timing(_class_ids(form)),
            calendar_id=id_or_none(form.calendar.data),
            on_closed=form.on_closed.data,
            trigger=form.trigger.data,
        )
        problems = checking.timing_problems(schedule.schedule)
        if not problems:
            told |= {"rule": rule_in_words(schedule), "runs": shown.next_runs(schedule)}
    except ReportdeskError as error:
        problems = {"": str(error)}
    return told | {"problems": list(problems.values())}


def _class_ids(form: ScheduleForm) -> Any:
    try:
        return form.request().class_ids
    except InvalidRequestError:
        return ()


def register(blueprint: Blueprint) -> None:
    """The addresses of the form."""
    blueprint.get("/new")(new)
    blueprint.post("/new")(create)
    blueprint.post("/new/when")(when)
    blueprint.get("/<schedule_id>/edit")(edit)
    blueprint.post("/<schedule_id>/edit")(change)
