"""People: who they are, what they may do, and whether they may sign in."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import LookupCategory, User
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.lookups import values as lookups
from webapp.services.lookups.administrators import LastAdministratorError
from webapp.services.people import departments, directory, resets
from webapp.services.people.directory import PeopleQuery
from webapp.services.permissions import Permission
from webapp.settings import get_settings
from webapp.web import access
from webapp.web.access import current_actor, permission_required
from webapp.web.admin.page_args import page_number, plain
from webapp.web.admin.people_forms import LEARNER, PersonForm
from webapp.web.fragments import redirect_after


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """Everyone who has an account, by name."""
    query = PeopleQuery(
        text=plain("q"),
        role=plain("role"),
        state=plain("state") if plain("state") in ("active", "inactive") else "",
        page=page_number(),
    )
    names = {each.id: each.name for each in departments.every()}
    # A learner is a person of the record, and has no account.
    roles = [each.key for each in lookups.active(LookupCategory.ROLE) if each.key != LEARNER]
    return render_template("admin/people.html", query=query, page=directory.page(query), departments=names, roles=roles)


@permission_required(Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """A new account; its password is shown once."""
    form = PersonForm.build(None, departments.tree(departments.every()), departments.teams())
    if request.method == "POST" and not form.is_unfinished and form.validate():
        try:
            person, password = directory.add(current_actor(), **form.to_fields())
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        except ConflictError as error:
            form.add_errors({"email": error.with_hint})
        else:
            return render_template("admin/person_password.html", person=person, password=password, is_new=True)
    return _page(form, None)


@permission_required(Permission.ADMINISTER)
def person(user_id: str) -> ResponseReturnValue:
    """Change a person; what they may do changes with their next request."""
    found = directory.find(user_id)
    form = PersonForm.build(found, departments.tree(departments.every()), departments.teams())
    if request.method == "POST" and not form.is_unfinished and form.validate() and _changed(form, found):
        access.forget(found)
        return redirect_after(url_for("admin.person", user_id=found.id), _("Saved."))
    return _page(form, found)


@permission_required(Permission.ADMINISTER)
def set_active(user_id: str) -> ResponseReturnValue:
    """End a person's access, or give it back."""
    found, is_active = directory.find(user_id), request.form.get("active") == "yes"
    here = url_for("admin.person", user_id=found.id)
    try:
        directory.set_active(found, is_active, by=current_actor())
    except ConflictError as error:
        return redirect_after(here, error.with_hint, "error")
    access.forget(found)
    words = _("The account is active again.") if is_active else _("The account is inactive; its sessions have ended.")
    return redirect_after(here, words)


@permission_required(Permission.ADMINISTER)
def password(user_id: str) -> ResponseReturnValue:
    """A new password, shown once; the person's sessions end."""
    found = directory.find(user_id)
    try:
        new = directory.give_new_password(found, by=current_actor())
    except InvalidRequestError as error:
        return redirect_after(url_for("admin.person", user_id=found.id), str(error), "error")
    access.forget(found)
    if found.id == current_actor().id:
        access.sign_in(found)  # the session that asked goes on
    return render_template("admin/person_password.html", person=found, password=new, is_new=False)


@permission_required(Permission.ADMINISTER)
def reset_link(user_id: str) -> ResponseReturnValue:
    """A link by which the person chooses a new password, to be handed over; shown once."""
    found = directory.find(user_id)
    try:
        token = resets.make(found, by=current_actor())
    except InvalidRequestError as error:
        return redirect_after(url_for("admin.person", user_id=found.id), str(error), "error")
    settings = get_settings()
    link = resets.link(token, settings.public_url or request.host_url)
    return render_template("admin/person_link.html", person=found, link=link, minutes=settings.reset_link_minutes)


def _changed(form: PersonForm, found: User) -> bool:
    """Whether it was saved; otherwise the form says why not."""
    try:
        directory.change(found, by=current_actor(), **form.to_fields())
    except InvalidRequestError as error:
        form.add_errors(error.fields)
    except LastAdministratorError as error:
        form.add_errors({"roles": error.with_hint})
    except ConflictError as error:
        form.add_errors({"email": error.with_hint})
    else:
        return True
    return False


def _page(form: PersonForm, found: User | None) -> ResponseReturnValue:
    is_refused = request.method == "POST" and not form.is_unfinished
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK
    return render_template("admin/person.html", form=form, person=found), status


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/people/", "people", index)
    admin.add_url_rule("/people/add", "add_person", add, methods=["GET", "POST"])
    admin.add_url_rule("/people/<user_id>", "person", person, methods=["GET", "POST"])
    admin.add_url_rule("/people/<user_id>/active", "activate_person", set_active, methods=["POST"])
    admin.add_url_rule("/people/<user_id>/reset-link", "person_link", reset_link, methods=["POST"])
    admin.add_url_rule("/people/<user_id>/password", "person_password", password, methods=["POST"])
