"""The tree of departments, their teams, and who is in them."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Any

from bson import ObjectId
from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import Department, Team
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.people import departments, directory
from webapp.services.permissions import Permission
from webapp.services.rights import organisation
from webapp.web.access import current_actor, permission_required
from webapp.web.admin.department_forms import DepartmentForm, TeamForm
from webapp.web.fragments import redirect_after

MEMBERS_SHOWN = 100


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The whole tree."""
    teams = Counter(team.department_id for team in departments.teams() if team.is_active)
    return render_template("admin/departments.html", tree=departments.tree(departments.every()), teams=teams)


@permission_required(Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """A new department."""
    form = _form(None)
    if form.validate_on_submit():
        try:
            found = departments.add(
                current_actor(), name=form.name.data or "", code=form.code.data or "", parent_id=form.parent_id
            )
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.department", department_id=found.id), _("Added."))
    elif request.method != "POST":
        form.parent.data = request.args.get("under", "")
    return _page(None, form=form)


@permission_required(Permission.ADMINISTER)
def department(department_id: str) -> ResponseReturnValue:
    """Rename or move a department; see its teams and its staff."""
    found = departments.find(department_id)
    form = _form(found)
    if request.method != "POST":
        form.name.data, form.code.data = found.name, found.code
        form.parent.data = str(found.parent_id or "")
    elif form.validate():
        try:
            departments.change(
                found, by=current_actor(), name=form.name.data or "", code=form.code.data or "",
                parent_id=form.parent_id,
            )  # fmt: skip
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.department", department_id=found.id), _("Saved."))
    return _page(found, form=form)


@permission_required(Permission.ADMINISTER)
def set_active(department_id: str) -> ResponseReturnValue:
    """Offer a department no more, or again."""
    found, is_active = departments.find(department_id), request.form.get("active") == "yes"
    here = url_for("admin.department", department_id=found.id)
    try:
        departments.set_active(found, is_active, by=current_actor())
    except ConflictError as error:
        return redirect_after(here, error.with_hint, "error")
    return redirect_after(here, _("The department is active again.") if is_active else _("It is inactive now."))


@permission_required(Permission.ADMINISTER)
def add_team(department_id: str) -> ResponseReturnValue:
    """A new team of a department."""
    found = departments.find(department_id)
    form = TeamForm(formdata=request.form)
    del form.department
    if form.validate():
        try:
            departments.add_team(current_actor(), name=form.name.data or "", department_id=found.id)
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.department", department_id=found.id), _("The team is added."))
    shown = _form(found, is_posted=False)
    shown.name.data, shown.code.data, shown.parent.data = found.name, found.code, str(found.parent_id or "")
    return _page(found, form=shown, team_form=form)


@permission_required(Permission.ADMINISTER)
def team(team_id: str) -> ResponseReturnValue:
    """Rename a team or give it to another department; see who is in it."""
    found = departments.find_team(team_id)
    form = TeamForm()
    form.offer(departments.tree(departments.every()))
    if request.method != "POST":
        form.name.data, form.department.data = found.name, str(found.department_id or "")
    elif form.validate():
        try:
            departments.change_team(
                found, by=current_actor(), name=form.name.data or "", department_id=ObjectId(form.department.data)
            )
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.team", team_id=found.id), _("Saved."))
    return _team_page(found, form)


@permission_required(Permission.ADMINISTER)
def set_team_active(team_id: str) -> ResponseReturnValue:
    """Let a team rest, or wake it."""
    found, is_active = departments.find_team(team_id), request.form.get("active") == "yes"
    departments.set_team_active(found, is_active, by=current_actor())
    words = _("The team is active again.") if is_active else _("It is inactive now.")
    return redirect_after(url_for("admin.team", team_id=found.id), words)


def _form(found: Department | None, *, is_posted: bool = True) -> DepartmentForm:
    everything = departments.every()
    form = DepartmentForm() if is_posted else DepartmentForm(formdata=None)
    form.offer(departments.tree(everything), set(organisation.below([found.id], everything)) if found else set())
    return form


def _page(found: Department | None, **context: Any) -> ResponseReturnValue:
    if found is not None:
        members = directory.of_department(found.id, bound=MEMBERS_SHOWN + 1)
        context |= {"teams": departments.teams(found.id), "members": members, "most": MEMBERS_SHOWN}
        context.setdefault("team_form", TeamForm(formdata=None))
    return render_template("admin/department.html", department=found, **context), _status()


def _team_page(found: Team, form: TeamForm) -> ResponseReturnValue:
    members = directory.of_team(found.id)
    return render_template("admin/team.html", team=found, form=form, members=members, most=MEMBERS_SHOWN), _status()


def _status() -> HTTPStatus:
    return HTTPStatus.OK if request.method != "POST" else HTTPStatus.UNPROCESSABLE_ENTITY


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/departments/", "departments", index)
    admin.add_url_rule("/departments/add", "add_department", add, methods=["GET", "POST"])
    admin.add_url_rule("/departments/<department_id>", "department", department, methods=["GET", "POST"])
    admin.add_url_rule("/departments/<department_id>/active", "activate_department", set_active, methods=["POST"])
    admin.add_url_rule("/departments/<department_id>/teams", "add_team", add_team, methods=["POST"])
    admin.add_url_rule("/teams/<team_id>", "team", team, methods=["GET", "POST"])
    admin.add_url_rule("/teams/<team_id>/active", "activate_team", set_team_active, methods=["POST"])
