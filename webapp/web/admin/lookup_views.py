"""The lists that administrators keep: names, order, what is offered, and new values."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import LookupCategory
from webapp.documents.lookup_value import CachedLookup
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.services.files import sweep_figures
from webapp.services.lookups import rules as lookup_rules
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.web.access import current_actor, permission_required
from webapp.web.admin.lookup_forms import LookupForm, form_of, may_add_to
from webapp.web.fragments import redirect_after


def _categories() -> dict[LookupCategory, str]:
    return {
        LookupCategory.REPORT_TYPE: _("Report types"),
        LookupCategory.MEASURE_TYPE: _("Measures"),
        LookupCategory.OUTPUT_FORMAT: _("Formats"),
        LookupCategory.REPORT_PRIORITY: _("Priorities"),
        LookupCategory.REPORT_VISIBILITY: _("Visibilities"),
        LookupCategory.REPORT_STATUS: _("Report states"),
        LookupCategory.DIMENSION_ENTITY: _("Things to group by"),
        LookupCategory.ACTIVITY_EVENT: _("Learning events"),
        LookupCategory.ROLE: _("Roles"),
    }


def _meaning(category: LookupCategory) -> str:
    """What deactivating a value of this list means, for the question that is asked before."""
    return {
        LookupCategory.REPORT_TYPE: _("Nobody can ask for it any more, and those that still wait are refused."),
        LookupCategory.MEASURE_TYPE: _("New reports cannot use it any more; finished ones keep it."),
        LookupCategory.OUTPUT_FORMAT: _("No new file of this format is made; finished ones stay until their time."),
        LookupCategory.REPORT_PRIORITY: _("New reports cannot have it any more; those that wait keep their place."),
        LookupCategory.REPORT_VISIBILITY: _("Nothing new is shared this way; what is shared already stays so."),
        LookupCategory.REPORT_STATUS: _("The desk needs every state."),
        LookupCategory.DIMENSION_ENTITY: _("The word is no longer offered; reports that use it stay as they are."),
        LookupCategory.ACTIVITY_EVENT: _("Imports no longer give it to events; events that have it keep it."),
        LookupCategory.ROLE: _("People keep the role, but it allows nothing until it is activated again."),
    }[category]


@permission_required(Permission.ADMINISTER)
def index(category: str = LookupCategory.REPORT_TYPE.value) -> ResponseReturnValue:
    """The values of one list, in their order, with what uses them."""
    chosen = _category(category)
    figures = sweep_figures.read()
    return render_template(
        "admin/lookups.html",
        category=chosen,
        categories=_categories(),
        values=lookups.every(chosen),
        uses=sweep_figures.uses_of(figures, chosen),
        counted_at=figures.swept_at if figures else None,
        may_add=may_add_to(chosen),
    )


@permission_required(Permission.ADMINISTER)
def add(category: str) -> ResponseReturnValue:
    """A new value, for lists whose values need no new code."""
    chosen = _category(category)
    if not may_add_to(chosen):
        raise NotFoundError(_("The values of this list are made by the program."))
    form = form_of(chosen)
    if form.validate_on_submit() and _saved(form, chosen, None):
        return redirect_after(url_for("admin.lookups", category=category), _("Added."))
    return _page(form, chosen, None)


@permission_required(Permission.ADMINISTER)
def value(category: str, key: str) -> ResponseReturnValue:
    """Change a value's name, description and what its list needs besides."""
    chosen = _category(category)
    found = _value(chosen, key)
    form = form_of(chosen, dict(found.metadata))
    if request.method != "POST":
        form.display_as.data, form.description.data = found.display_as, found.description
        form.fill(dict(found.metadata))
    elif form.validate() and _saved(form, chosen, found):
        return redirect_after(_row(chosen, key), _("Saved. Running processes know it within a minute."))
    return _page(form, chosen, found)


@permission_required(Permission.ADMINISTER)
def move(category: str, key: str) -> ResponseReturnValue:
    """One place up or down."""
    chosen = _category(category)
    lookups.move(chosen.value, key, up=request.form.get("to") == "up", by=current_actor())
    return redirect(_row(chosen, key), code=303)


@permission_required(Permission.ADMINISTER)
def set_active(category: str, key: str) -> ResponseReturnValue:
    """Offer a value no more, or again; what the desk cannot do without is refused, with the reason."""
    chosen, is_active = _category(category), request.form.get("active") == "yes"
    try:
        lookups.change(chosen.value, key, by=current_actor(), is_active=is_active)
    except ConflictError as error:
        return redirect_after(_row(chosen, key), error.with_hint, "error")
    return redirect_after(_row(chosen, key), _("It is active again.") if is_active else _("It is inactive now."))


def _saved(form: LookupForm, category: LookupCategory, found: CachedLookup | None) -> bool:
    """Whether it was; otherwise the form says why not."""
    actor = current_actor()
    texts: dict[str, Any] = {"display_as": form.display_as.data, "description": form.description.data or ""}
    metadata = form.to_metadata(dict(found.metadata) if found else {})
    try:
        if found is None:
            key = form.key.data or ""
            lookups.add(category.value, key, texts.pop("display_as"), **texts, metadata=metadata, by=actor)
        else:
            lookups.change(category.value, found.key, by=actor, **texts, metadata=metadata)
    except InvalidRequestError as error:
        form.add_errors(error.fields)
    except ConflictError as error:
        form.add_errors({"key" if found is None else "permissions": error.with_hint})
    else:
        return True
    return False


def _page(form: LookupForm, category: LookupCategory, found: CachedLookup | None) -> ResponseReturnValue:
    page = render_template(
        "admin/lookup_value.html",
        form=form,
        category=category,
        category_name=_categories()[category],
        value=found,
        meaning=_meaning(category),
        report_types=lookup_rules.report_types_measuring(found.key)
        if found is not None and category == LookupCategory.MEASURE_TYPE
        else [],
    )
    return page, HTTPStatus.OK if request.method != "POST" else HTTPStatus.UNPROCESSABLE_ENTITY


def _category(text: str) -> LookupCategory:
    if text not in {category.value for category in LookupCategory}:
        raise NotFoundError(_("There is no such list."))
    return LookupCategory(text)


def _value(category: LookupCategory, key: str) -> CachedLookup:
    for found in lookups.every(category):
        if found.key == key:
            return found
    raise NotFoundError(_("The list has no such value."))


def _row(category: LookupCategory, key: str) -> str:
    return url_for("admin.lookups", category=category.value, _anchor=f"value-{key}")


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/lookups/", "lookups", index)
    admin.add_url_rule("/lookups/<category>/", "lookups", index)
    admin.add_url_rule("/lookups/<category>/add", "add_lookup", add, methods=["GET", "POST"])
    admin.add_url_rule("/lookups/<category>/<key>", "lookup", value, methods=["GET", "POST"])
    admin.add_url_rule("/lookups/<category>/<key>/move", "move_lookup", move, methods=["POST"])
    admin.add_url_rule("/lookups/<category>/<key>/active", "activate_lookup", set_active, methods=["POST"])
