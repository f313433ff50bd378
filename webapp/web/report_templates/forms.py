"""What one says of a template: its name and tags, and who may see it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from webapp.documents import LookupCategory, ReportTemplate, User
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH
from webapp.services.questions import ways
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import organisation
from webapp.services.templates import facts, sharing
from webapp.services.templates.saving import Texts
from webapp.services.templates.sharing import Sharing
from webapp.web.formatting import label
from webapp.web.forms import DeskForm
from webapp.web.jobs import ask_offers
from webapp.web.languages import in_readers_language as said

#: Of e-mail addresses no more is read.
MOST_TYPED = 20_000


class SaveForm(DeskForm):
    """A template's own texts, and those of its reports, which have the names of the question's address."""

    template_name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A template needs a name.")),
            Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    template_description = TextAreaField(
        _l("What it is for"),
        [Length(max=DESCRIPTION_LENGTH, message=_l("A description has at most %(max)d characters."))],
        render_kw={"rows": 2},
    )
    tags = StringField(_l("Tags"), [Length(max=1_000, message=_l("Tags have at most %(max)d characters together."))])
    template_visibility = SelectField(_l("Who may see and use it"), default="private")
    name = StringField(
        _l("Reports are called"), [Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters."))]
    )
    filename = StringField(
        _l("File name"), [Length(max=FILENAME_LENGTH, message=_l("A file name has at most %(max)d characters."))]
    )
    submission = HiddenField()
    base = HiddenField()

    #: What is wrong and is about no field that shows it.
    others: list[str]
    #: The rest of the question, as fields that nobody sees.
    question: list[tuple[str, str]]

    @classmethod
    def build(cls, request: ReportRequest, *, is_sent: bool = False, **shown: Any) -> SaveForm:
        """The form of this question, as it was sent, or with `shown` in its own fields."""
        form = cls(data={**shown, "submission": secrets.token_urlsafe(12)}, **_source(is_sent))
        form.template_visibility.choices = ask_offers.of_category(LookupCategory.REPORT_VISIBILITY)
        form.others = []
        form.question = [
            (name, text)
            for name, texts in ways.to_address(request).items()
            if name not in form._fields
            for text in texts
        ]
        return form

    @classmethod
    def of_template(cls, template: ReportTemplate, request: ReportRequest, *, is_sent: bool) -> SaveForm:
        form = cls.build(
            request,
            is_sent=is_sent,
            template_name=said(facts.name_of(template)),
            template_description=said(facts.description_of(template)),
            tags=", ".join(template.tags),
            name=request.name,
            filename=request.filename,
            base=str(template.version),
        )
        del form.template_visibility
        return form

    def to_texts(self, template: ReportTemplate | None = None) -> Texts:
        """Texts of the desk's own that were left as they are shown stay what they were, in whatever language."""
        name, description = self.template_name.data or "", self.template_description.data or ""
        if template is not None:
            name = template.name if name == said(facts.name_of(template)) else name
            shown = said(facts.description_of(template))
            description = template.description or "" if description == shown else description
        return Texts(name, description, tuple((self.tags.data or "").split(",")))

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """Put what is wrong under the fields it is about; what no field is about is among the `others`."""
        for name, text in errors.items():
            field = self._fields.get(name)
            if field is None or field.type == "HiddenField":
                self.others.append(said(text))
            elif not field.errors:
                field.errors = [said(text)]


class ShareForm(DeskForm):
    """Who may see a template."""

    visibility = SelectField(_l("Who may see and use it"))
    people = TextAreaField(
        _l("People, by their e-mail addresses"),
        [Length(max=MOST_TYPED, message=_l("The addresses have at most %(max)d characters together."))],
        render_kw={"rows": 2, "autocomplete": "off", "spellcheck": "false"},
    )
    departments = SelectMultipleField(_l("Departments"), validate_choice=False)
    roles = SelectMultipleField(_l("Roles"), validate_choice=False)

    #: Departments that it is shared with and that this person does not name.
    other_departments = 0

    @classmethod
    def build(cls, actor: User, template: ReportTemplate, *, is_sent: bool = False) -> ShareForm:
        now = sharing.now_shared(template)
        shown = {"visibility": now.visibility, "people": "\n".join(now.addresses)}
        form = cls(data={**shown, "departments": list(now.departments), "roles": list(now.roles)}, **_source(is_sent))
        form.visibility.choices = ask_offers.of_category(LookupCategory.REPORT_VISIBILITY)
        places, offered = organisation.departments(), sharing.offered_departments(actor)
        form.departments.choices = [(str(each), places[each].name) for each in offered]
        form.other_departments = len(set(template.shared_with.departments) - set(offered))
        roles = dict.fromkeys([*sharing.offered_roles(), *now.roles])
        form.roles.choices = [(key, label(LookupCategory.ROLE, key)) for key in roles]
        return form

    def to_sharing(self) -> Sharing:
        addresses = re.split(r"[\s,;]+", self.people.data or "")
        return Sharing(
            self.visibility.data or "", tuple(addresses), _texts(self.departments.data), _texts(self.roles.data)
        )


def _source(is_sent: bool) -> dict[str, Any]:
    """A form that another one's page shows is not filled from what was sent."""
    return {} if is_sent else {"formdata": None}


def _texts(data: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(data or ())
