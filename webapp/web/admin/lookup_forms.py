"""The forms of lookup values: what every value has, and what the values of some lists have besides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import IntegerField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from webapp.documents import LookupCategory
from webapp.engine.asked_measures import OPERATOR_SIGNS, RATIO, SHARE
from webapp.engine.catalogue import AGGREGATES, DATASETS, REPORT_TYPES
from webapp.engine.declarations import UNITS_SHOWN
from webapp.services.lookups import rules as lookup_rules
from webapp.services.lookups.rules import HIGHEST_RANK
from webapp.web.forms import DeskForm

#: What roles allow, in words.
PERMISSION_WORDS = {
    "request-reports": _l("Ask for reports"),
    "manage-department": _l("See and steer the reports of their departments and those below"),
    "manage-content": _l("Import data"),
    "read-billing": _l("Read usage"),
    "use-high-priority": _l("Use the priority High"),
    "use-critical-priority": _l("Use the priority Critical"),
    "administer": _l("Administer the desk: see and do everything"),
}
MOST_RULES = 200
RULES_LENGTH = 20_000


class LookupForm(DeskForm):
    """`key` is typed once, when the value is added: documents carry it for ever."""

    field_names = MappingProxyType({"basedOn": "based_on", "xapiVerbs": "rules", "displayAs": "display_as"})
    field_of_the_rest = "display_as"

    key = StringField(
        _l("Key"),
        [
            InputRequired(_l("A value needs a key.")),
            Length(max=100, message=_l("A key has at most %(max)d characters.")),
            Regexp(
                r"^[a-z0-9]+(-[a-z0-9]+)*$", message=_l("Use small letters, digits and single hyphens: study-time.")
            ),
        ],
    )
    display_as = StringField(
        _l("Name"),
        [
            InputRequired(_l("A value needs a name.")),
            Length(max=255, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    description = TextAreaField(
        _l("Description"),
        [Length(max=2000, message=_l("A description has at most %(max)d characters."))],
        render_kw={"rows": 2},
    )

    def offer(self) -> None:
        """Set what can be chosen."""

    def fill(self, metadata: dict[str, Any]) -> None:
        """Show what the value's metadata says."""

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        """The metadata as the form has it; what it does not show stays."""
        return dict(before)


class ReportTypeForm(LookupForm):
    based_on = SelectField(
        _l("Counts like"), choices=[(key, _l(declared.label)) for key, declared in REPORT_TYPES.items()]
    )

    def fill(self, metadata: dict[str, Any]) -> None:
        self.based_on.data = metadata.get("basedOn")

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        return {**before, "basedOn": self.based_on.data}


class RankField(IntegerField):
    """A whole number of a few digits; Python counts without end, forms do not."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist and len(valuelist[0].strip()) > 6:
            raise ValueError(self.gettext("Not a valid integer value."))
        super().process_formdata(valuelist)


class PriorityForm(LookupForm):
    rank = RankField(
        _l("Rank"),
        [
            InputRequired(_l("A rank is a whole number.")),
            NumberRange(0, HIGHEST_RANK, _l("A rank is from %(min)d to %(max)d.")),
        ],
        render_kw={"inputmode": "numeric"},
    )
    permission = SelectField(_l("Only with the permission"))

    def offer(self) -> None:
        self.permission.choices = [("", _l("None: everyone may use it")), *PERMISSION_WORDS.items()]

    def fill(self, metadata: dict[str, Any]) -> None:
        self.rank.data, self.permission.data = metadata.get("rank"), metadata.get("permission") or ""

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in before.items() if name != "permission"}
        needs = {"permission": self.permission.data} if self.permission.data else {}
        return {**kept, "rank": self.rank.data, **needs}


class MeasureForm(LookupForm):
    aggregate = SelectField(_l("Computes"))
    field = StringField(_l("Of the field"), [Length(max=100, message=_l("A field has at most %(max)d characters."))])
    operator = SelectField(_l("How it is compared"), default="lt")
    value = StringField(_l("With what"), [Length(max=100, message=_l("A value has at most %(max)d characters."))])
    of = StringField(_l("The measure"), [Length(max=200, message=_l("A measure has at most %(max)d characters."))])
    over = StringField(
        _l("divided by the measure"), [Length(max=200, message=_l("A measure has at most %(max)d characters."))]
    )
    datasets = SelectMultipleField(_l("In"))
    format = RadioField(_l("Shown as"), default="number")

    def offer(self) -> None:
        self.aggregate.choices = [
            *((key, _l(measure.label)) for key, measure in AGGREGATES.items()),
            (SHARE, _l("Share of rows where a field is so")),
            (RATIO, _l("One measure divided by another")),
        ]
        self.operator.choices = list(OPERATOR_SIGNS.items())
        self.datasets.choices = [(key, _l(dataset.label)) for key, dataset in DATASETS.items()]
        self.format.choices = list(zip(UNITS_SHOWN, (_l("Number"), _l("Percent"), _l("Duration")), strict=True))

    def fill(self, metadata: dict[str, Any]) -> None:
        named = metadata.get("datasets") or metadata.get("dataset") or []
        self.aggregate.data, self.field.data = metadata.get("aggregate"), metadata.get("field")
        self.operator.data, self.value.data = metadata.get("operator") or "lt", str(metadata.get("value", ""))
        self.of.data, self.over.data = metadata.get("of"), metadata.get("over")
        self.datasets.data = [named] if isinstance(named, str) else list(named)
        self.format.data = metadata.get("format") or "number"

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        own = ("dataset", "field", "operator", "value", "of", "over")
        kept = {name: value for name, value in before.items() if name not in own}
        names = {SHARE: ("field",), RATIO: ("of", "over")}.get(self.aggregate.data, ("field",))
        typed = {name: (self._fields[name].data or "").strip() for name in names}
        of: dict[str, Any] = {name: text for name, text in typed.items() if text}
        if self.aggregate.data == SHARE:
            of |= {"operator": self.operator.data, "value": _number_or_text((self.value.data or "").strip())}
        return {
            **kept, "aggregate": self.aggregate.data, **of, "datasets": list(self.datasets.data or ()),
            "format": self.format.data,
        }  # fmt: skip


def _number_or_text(text: str) -> float | int | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number


class ActivityEventForm(LookupForm):
    rules = TextAreaField(
        _l("xAPI verbs"),
        [Optional(), Length(max=RULES_LENGTH, message=_l("The rules have at most %(max)d characters."))],
        render_kw={"rows": 6, "spellcheck": "false"},
    )

    def validate_rules(self, field: TextAreaField) -> None:
        lines = [line for line in (field.data or "").splitlines() if line.strip()]
        if len(lines) > MOST_RULES:
            raise ValidationError(str(_l("A value has at most %(most)d rules.", most=MOST_RULES)))

    def fill(self, metadata: dict[str, Any]) -> None:
        self.rules.data = "\n".join(_line(rule) for rule in metadata.get("xapiVerbs") or ())

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        return {**before, "xapiVerbs": list(_rules((self.rules.data or "").splitlines()))}


class RoleForm(LookupForm):
    permissions = SelectMultipleField(_l("Allows"))

    def offer(self) -> None:
        self.permissions.choices = list(PERMISSION_WORDS.items())

    def fill(self, metadata: dict[str, Any]) -> None:
        self.permissions.data = list(metadata.get("permissions") or ())

    def to_metadata(self, before: dict[str, Any]) -> dict[str, Any]:
        return {**before, "permissions": list(self.permissions.data or ())}


_FORMS: dict[LookupCategory, type[LookupForm]] = {
    LookupCategory.REPORT_PRIORITY: PriorityForm,
    LookupCategory.ACTIVITY_EVENT: ActivityEventForm,
    LookupCategory.ROLE: RoleForm,
}


def form_of(category: LookupCategory, metadata: dict[str, Any] | None = None) -> LookupForm:
    """The form of a new value (no `metadata`), or of one that is there. The program's own measures and report types
    have their computing in code: of them only the name and the description can be changed."""
    is_new = metadata is None
    kind = _FORMS.get(category, LookupForm)
    if category == LookupCategory.MEASURE_TYPE and (is_new or "aggregate" in (metadata or {})):
        kind = MeasureForm
    if category == LookupCategory.REPORT_TYPE and (is_new or "basedOn" in (metadata or {})):
        kind = ReportTypeForm
    form = kind()
    form.offer()
    if not is_new:
        del form.key
    return form


def may_add_to(category: LookupCategory) -> bool:
    return category in lookup_rules.EXTENSIBLE


def _line(rule: dict[str, Any]) -> str:
    types = " ".join(str(each) for each in rule.get("activityTypes") or ())
    return f"{rule.get('verb', '')} {types}".strip()


def _rules(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    """`completed video lesson` is the verb `completed` with the activity types `video` and `lesson`."""
    for line in lines:
        verb, *types = line.split()[:20] or [""]
        if verb:
            yield (
                {"verb": verb[:300], "activityTypes": [each[:300] for each in types]} if types else {"verb": verb[:300]}
            )
