"""The form of an account: who somebody is, and what they may do where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from bson import ObjectId
from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    EmailField,
    FieldList,
    Form,
    FormField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, Length

from webapp.documents import Department, LookupCategory, Membership, Team, User
from webapp.documents.ids import id_or_none
from webapp.services.lookups import values as lookups
from webapp.services.people import persons
from webapp.services.people.departments import Node
from webapp.services.permissions import is_global
from webapp.services.questions.filter_choices import Choice
from webapp.web.formatting import label
from webapp.web.forms import DeskForm
from webapp.web.languages import LANGUAGES, in_readers_language
from webapp.web.zones import ZoneField

#: Nobody belongs to more departments; of a page that was tampered with the rest is not read.
MOST_MEMBERSHIPS = 50
#: It has no account: offered to nobody, and kept where an account has it.
LEARNER = "learner"


class MembershipForm(Form):
    """One department of a person, and what they are there. Without a department it is no membership."""

    department = SelectField(_l("Department"), default="")
    roles = SelectMultipleField(_l("Roles there"))
    is_active = BooleanField(_l("Active"), default=True)


class PersonForm(DeskForm):
    field_names = MappingProxyType({"team_ids": "teams", "person_id": "person"})

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
    roles = SelectMultipleField(_l("Roles for the whole desk"))
    memberships = FieldList(FormField(MembershipForm), max_entries=MOST_MEMBERSHIPS)
    primary = StringField()  # the name of the membership that is it
    teams = SelectMultipleField(_l("Teams"))
    person = RadioField(_l("In the learning record"), default="")
    person_search = StringField(_l("Find a person by name, number or e-mail address"))
    time_zone = ZoneField(_l("Time zone"))
    locale = SelectField(_l("Language"))

    #: How many lines show memberships that the account has.
    had = 0
    #: How many persons of the record the search has found.
    found = 0
    #: What is wrong with the memberships together.
    memberships_errors: Sequence[str] = ()

    @classmethod
    def build(cls, person: User | None, tree: Sequence[Node[Department]], teams: Sequence[Team]) -> PersonForm:
        """With what can be chosen: active roles, departments and teams, and what the person has already."""
        form = cls()
        if person is not None and request.method != "POST":
            form._fill(person)
        if not form.memberships.entries or request.form.get("more"):
            form._add_membership()
        had = list(person.memberships) if person else []
        form.had = len(had)
        form._offer_roles(person, had)
        places = {each.department_id for each in had}
        departments = [
            (str(node.department.id), "\u2003" * node.depth + node.department.name)
            for node in tree
            if node.department.is_active or node.department.id in places
        ]
        for row in form.memberships.entries:
            row.form.department.choices = [("", _l("None")), *departments]
        has_teams = set(person.team_ids) if person else set()
        form.teams.choices = [(str(team.id), team.name) for team in teams if team.is_active or team.id in has_teams]
        form.time_zone.offer(("", _l("As this installation")))
        form.locale.choices = [("", _l("As the browser asks")), *LANGUAGES.items()]
        form._offer_persons(person)
        return form

    @property
    def is_unfinished(self) -> bool:
        """Was it sent to be shown with another line, or with the persons who were looked for, not to be saved?"""
        asked = any(request.form.get(name) for name in ("more", "find"))
        return bool(asked or (self.person_search.data or "").strip())

    def validate(self, extra_validators: Any = None) -> bool:
        """Roles in a new line without a department are a slip; of one that was there, that is how it is taken away."""
        is_valid = bool(super().validate(extra_validators))
        for row in self.memberships.entries[self.had :]:
            if row.form.roles.data and not row.form.department.data:
                row.form.department.errors = [_l("Choose the department in which these roles are held.")]
                is_valid = False
        return is_valid

    def to_fields(self) -> dict[str, Any]:
        """As the service wants them."""
        return {
            "name": (self.name.data or "").strip(),
            "email": (self.email.data or "").strip().lower() or None,
            "roles": list(self.roles.data or ()),
            "memberships": [
                Membership(
                    department_id=ObjectId(row.form.department.data),
                    roles=list(row.form.roles.data or ()),
                    is_primary=row.name == self.primary.data,
                    is_active=bool(row.form.is_active.data),
                )
                for row in self.memberships.entries
                if row.form.department.data
            ],
            "team_ids": [ObjectId(each) for each in self.teams.data or ()],
            "person_id": id_or_none(self.person.data),
            "time_zone": self.time_zone.data or None,
            "locale": self.locale.data or None,
        }

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """As for every form; what is wrong with memberships stands over them."""
        if "memberships" in errors:
            self.memberships_errors = [*self.memberships_errors, in_readers_language(errors["memberships"])]
        super().add_errors({name: text for name, text in errors.items() if name != "memberships"})

    def _fill(self, person: User) -> None:
        self.name.data, self.email.data = person.name, person.email
        self.roles.data = list(person.roles)
        for each in person.memberships:
            row = self._add_membership()
            row.department.data, row.roles.data = str(each.department_id), list(each.roles)
            row.is_active.data = bool(each.is_active)
            if each.is_primary:
                self.primary.data = self.memberships.entries[-1].name
        self.teams.data = [str(each) for each in person.team_ids]
        self.person.data = str(person.person_id or "")
        self.time_zone.data, self.locale.data = person.time_zone or "", person.locale or ""

    def _add_membership(self) -> MembershipForm:
        """One more line, as far as there is room for it."""
        if len(self.memberships.entries) < MOST_MEMBERSHIPS:
            self.memberships.append_entry()
        return cast("MembershipForm", self.memberships.entries[-1].form)

    def _offer_roles(self, person: User | None, had: Sequence[Membership]) -> None:
        held = {role for each in had for role in each.roles}
        known = lookups.every(LookupCategory.ROLE)
        self.roles.choices = _roles(
            each.key
            for each in known
            if (each.is_active and is_global(each.key)) or (person and each.key in person.roles)
        )
        here = _roles(
            each.key
            for each in known
            if (each.is_active and each.key != LEARNER and not is_global(each.key)) or each.key in held
        )
        for row in self.memberships.entries:
            row.form.roles.choices = here

    def _offer_persons(self, person: User | None) -> None:
        """Nobody, whom the account is tied to, and whom the search finds."""
        chosen = id_or_none(self.person.data)
        matching = persons.search(self.person_search.data or "")
        found, self.found = [each for each in (persons.find(chosen),) if each] + matching, len(matching)
        choices: dict[str, Any] = {"": _l("Nobody")}
        if person is not None and chosen and chosen == person.person_id:
            choices[str(chosen)] = _l("Somebody who is not in the record now (%(id)s)", id=str(chosen))
        self.person.choices = list((choices | {str(each.id): _in_words(each) for each in found}).items())


def _roles(keys: Any) -> list[tuple[str, str]]:
    return [(key, label("role", key)) for key in keys]


def _in_words(person: Choice) -> str:
    return f"{person.name} ({person.note})" if person.note else person.name
