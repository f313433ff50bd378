"""The forms of departments and teams."""

from __future__ import annotations

from collections.abc import Iterable

from bson import ObjectId
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from webapp.documents import Department
from webapp.services.people.departments import Node
from webapp.web.forms import DeskForm


class _NamedForm(DeskForm):
    name = StringField(
        _l("Name"),
        [InputRequired(_l("It needs a name.")), Length(max=255, message=_l("A name has at most %(max)d characters."))],
    )


class DepartmentForm(_NamedForm):
    code = StringField(
        _l("Code"),
        [
            InputRequired(_l("A department needs a code.")),
            Length(max=100, message=_l("A code has at most %(max)d characters.")),
        ],
    )
    parent = SelectField(_l("Under"))

    def offer(self, tree: Iterable[Node[Department]], besides: set[ObjectId]) -> None:
        """The departments it may be under."""
        self.parent.choices = [("", _l("Nothing: it is at the top")), *_choices(tree, besides)]

    @property
    def parent_id(self) -> ObjectId | None:
        return ObjectId(self.parent.data) if self.parent.data else None


class TeamForm(_NamedForm):
    department = SelectField(_l("Department"))

    def offer(self, tree: Iterable[Node[Department]]) -> None:
        self.department.choices = _choices(tree, set())


def _choices(tree: Iterable[Node[Department]], besides: set[ObjectId]) -> list[tuple[str, str]]:
    return [
        (str(node.department.id), "\u2003" * node.depth + node.department.name)
        for node in tree
        if node.department.id not in besides
    ]
