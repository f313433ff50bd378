"""The form of a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from bson import ObjectId
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from webapp.documents import Department, LookupCategory, Team, User
from webapp.services.lookups import values as lookups
from webapp.services.people.departments import Node
from webapp.web.formatting import label
from webapp.web.forms import DeskForm
from webapp.web.languages import LANGUAGES, in_readers_language


class PersonForm(DeskForm):
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A person needs a name.")),
            Length(max=255, message=_l("A name has at most %(max)d characters.")),
        ],
        render_kw={"autocomplete": "off"},
    )
    email = EmailField(
        _l("E-mail address"),
        [Length(max=320, message=_l("An e-mail address has at most %(max)d characters."))],
        render_kw={"autocomplete": "off"},
    )
    roles = SelectMultipleField(_l("Roles"))
    departments = SelectMultipleField(_l("Departments"))
    teams = SelectMultipleField(_l("Teams"))
    time_zone = SelectField(_l("Time zone"))
    locale = SelectField(_l("Language"))

    @classmethod
    def build(cls, person: User | None, tree: Sequence[Node[Department]], teams: Sequence[Team]) -> PersonForm:
        """With what can be chosen: active roles, departments and teams, and what the person has already."""
        form = cls()
        has_roles, has_departments, has_teams = (
            (set(person.roles), set(person.department_ids), set(person.team_ids)) if person else (set(), set(), set())
        )
        form.roles.choices = [
            (role.key, label("role", role.key))
            for role in lookups.every(LookupCategory.ROLE)
            if role.is_active or role.key in has_roles
        ]
        form.departments.choices = [
            (str(node.department.id), "\u2003" * node.depth + node.department.name)
            for node in tree
            if node.department.is_active or node.department.id in has_departments
        ]
        form.teams.choices = [(str(team.id), team.name) for team in teams if team.is_active or team.id in has_teams]
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        form.time_zone.choices = [("", _l("As this installation")), *((zone, zone) for zone in zones)]
        form.locale.choices = [("", _l("As the browser asks")), *LANGUAGES.items()]
        return form

    def fill(self, person: User) -> None:
        self.name.data, self.email.data = person.name, person.email
        self.roles.data = list(person.roles)
        self.departments.data = [str(each) for each in person.department_ids]
        self.teams.data = [str(each) for each in person.team_ids]
        self.time_zone.data, self.locale.data = person.time_zone or "", person.locale or ""

    def to_fields(self) -> dict[str, Any]:
        """As the service wants them."""
        return {
            "name": (self.name.data or "").strip(),
            "email": (self.email.data or "").strip().lower() or None,
            "roles": list(self.roles.data or ()),
            "department_ids": [ObjectId(each) for each in self.departments.data or ()],
            "team_ids": [ObjectId(each) for each in self.teams.data or ()],
            "time_zone": self.time_zone.data or None,
            "locale": self.locale.data or None,
        }

    def add_errors(self, errors: dict[str, str]) -> None:
        """Put what the service found wrong under the fields it names; the rest under the name."""
        names = {"department_ids": "departments", "team_ids": "teams"}
        for name, text in errors.items():
            field = self._fields.get(names.get(name, name), self.name)
            field.errors = [*field.errors, in_readers_language(text)]
