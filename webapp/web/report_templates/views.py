"""Templates: the list, one template's page, saving and using them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from webapp.documents import ReportTemplate, User
from webapp.errors import InvalidRequestError
from webapp.services.permissions import Permission
from webapp.services.questions import ways
from webapp.services.questions.period import ALL, CUSTOM, PHRASES
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.schedules import following
from webapp.services.templates import lists, saving, seeing, sharing, using
from webapp.services.templates.lists import TemplateQuery, Whose
from webapp.services.templates.standing import TemplateOutdatedError, TemplateRetiredError
from webapp.web import access
from webapp.web.access import current_actor, local_path, permission_required
from webapp.web.fragments import fragment, is_htmx, redirect_after
from webapp.web.jobs import ask_views
from webapp.web.jobs.ask_form import AskForm
from webapp.web.languages import in_readers_language as said
from webapp.web.report_templates import page, saving_views
from webapp.web.report_templates.forms import ShareForm
from webapp.web.typed_numbers import whole_number

report_templates = Blueprint("report_templates", __name__, url_prefix="/templates")
saving_views.register(report_templates)
LONGEST_SEARCH = 200


# --- the list ---------------------------------------------------------------------------------------------------------


@report_templates.get("/")
@permission_required(Permission.REQUEST_REPORTS)
def index() -> ResponseReturnValue:
    """The templates that I may use, favourites first; the list alone for htmx."""
    query = _query()
    found = lists.page(current_actor(), query, said)
    context: dict[str, Any] = {"page": found, "query": query, "whose_words": _whose_words(), "address": _address}
    context["period_words"] = {key: text for key, text in PHRASES.items() if key not in (ALL, CUSTOM)}
    if is_htmx():
        return fragment("report_templates/_list.html", **context)
    return render_template("report_templates/index.html", **context)


def _query() -> TemplateQuery:
    whose, number = request.args.get("whose", ""), request.args.get("page", "")
    return TemplateQuery(
        text=_line("q"),
        whose=Whose(whose) if whose in set(Whose) else Whose.ALL,
        tag=_line("tag"),
        page=whole_number(number) or 1,
    )


def _line(name: str) -> str:
    typed = request.args.get(name, "")[:LONGEST_SEARCH]
    return "".join(letter for letter in typed if letter.isprintable()).strip()


def _address(query: TemplateQuery, **changes: Any) -> str:
    """The list with some of it otherwise; at its first page unless one is given."""
    wanted = {"q": query.text, "whose": query.whose.value, "tag": query.tag, **changes}
    usual = {"whose": Whose.ALL.value, "page": 1}
    return url_for("report_templates.index", **{n: v for n, v in wanted.items() if v and v != usual.get(n)})


def _whose_words() -> dict[str, str]:
    return {
        Whose.ALL.value: _("All"),
        Whose.FAVOURITES.value: _("Favourites"),
        Whose.MINE.value: _("Mine"),
        Whose.SHARED.value: _("Shared with me"),
        Whose.SYSTEM.value: _("The desk's own"),
        Whose.RETIRED.value: _("Retired"),
    }


# --- one template -----------------------------------------------------------------------------------------------------


@report_templates.get("/<template_id>")
def show(template_id: str) -> ResponseReturnValue:
    """The template: what it asks, its versions, who uses it."""
    actor = current_actor()
    return page.show(actor, seeing.visible_template(actor, template_id))


@report_templates.get("/<template_id>/versions/<int:number>")
def version(template_id: str, number: int) -> ResponseReturnValue:
    """The template as it was in one version."""
    actor = current_actor()
    template = seeing.visible_template(actor, template_id)
    return page.show(actor, template, seeing.version_of(template, number))


@report_templates.post("/<template_id>/use")
def use(template_id: str) -> ResponseReturnValue:
    """Ask for the report as the template stands."""
    actor, number = current_actor(), whole_number(request.form.get("version"))
    sent = request.form.get("submission", "")[:100]
    try:
        job = using.use(
            actor, template_id, number, submission_id=sent, insist=bool(request.form.get("insist")), say=said
        )
    except AlreadyAskedError as error:
        return redirect_after(url_for("jobs.show", job_id=error.job.id), str(error), "info")
    except NotAgreedError as error:
        return _agree_first(actor, template_id, number, str(error)), error.status
    except (TemplateRetiredError, TemplateOutdatedError, InvalidRequestError) as error:
        return page.refused(template_id, error)
    return redirect_after(url_for("jobs.show", job_id=job.id), _("Asked for. This page shows how far it is."))


@report_templates.get("/<template_id>/change")
def change(template_id: str) -> ResponseReturnValue:
    """The form filled in with its question."""
    actor = current_actor()
    template = seeing.visible_template(actor, template_id)
    chosen = seeing.version_of(template, whole_number(request.args.get("version")))
    asked = using.unmeant_for(actor, template, chosen)
    return ask_views.filled(asked, _names_of(template, chosen))


def _agree_first(actor: User, template_id: str, number: int | None, question: str) -> str:
    """What everyone would see is asked about in the form, with all that it asks."""
    template = seeing.visible_template(actor, template_id)
    chosen = seeing.version_of(template, number)
    asked = using.unmeant_for(actor, template, chosen)
    texts = ways.to_address(asked) | {name: [text] for name, text in _names_of(template, chosen).items()}
    form = AskForm.build(actor, asked.report_type, MultiDict(texts))
    return ask_views.page(form, everyone_text=question)


def _names_of(template: ReportTemplate, chosen: ReportTemplate) -> dict[str, str]:
    """The fields of the form that say where the question began."""
    return {"template": str(template.id), "template_version": str(chosen.version)}


@report_templates.post("/<template_id>/share")
def share(template_id: str) -> ResponseReturnValue:
    """Say who may see it."""
    actor = current_actor()
    template = saving.editable(actor, template_id)
    form = ShareForm.build(actor, template, is_sent=True)
    if form.validate():
        try:
            shared = sharing.share(actor, template_id, form.to_sharing())
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return page.back_to(shared, _("Saved: who may see this template."))
    return page.show(actor, template, share_form=form), HTTPStatus.UNPROCESSABLE_ENTITY


@report_templates.post("/<template_id>/active")
def set_active(template_id: str) -> ResponseReturnValue:
    """Retire it, or bring it back."""
    if request.form.get("active") == "yes":
        template = following.bring_back(current_actor(), template_id)
        return page.back_to(template, _("It can be used again."))
    template = following.retire(current_actor(), template_id)
    return page.back_to(template, _("It is retired: nobody can use it until it is brought back."))


@report_templates.post("/<template_id>/favourite")
def favourite(template_id: str) -> ResponseReturnValue:
    """Keep it at the front of my list, or no more."""
    actor, is_favourite = current_actor(), request.form.get("favourite") == "yes"
    template = seeing.visible_template(actor, template_id)
    using.set_favourite(actor, template.id, is_favourite)
    access.forget(actor)
    back = local_path(request.form.get("back")) or url_for("report_templates.show", template_id=template.id)
    words = _("Now one of your favourites.") if is_favourite else _("No longer one of your favourites.")
    return redirect_after(back, words)
