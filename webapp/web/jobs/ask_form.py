"""The form that asks for a report. Its fields have the names of the address that shows it filled in, and are read as
that: `questions.ways` makes the one `ReportRequest` of both. What it offers depends on the report type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone, gettext
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Length, Optional

from webapp import clock, statuses
from webapp.documents import DeliveryWish, LookupCategory, User, When
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import Dataset, ReportType
from webapp.engine.query import MAX_DIMENSIONS, MAX_SLICERS
from webapp.errors import InvalidRequestError
from webapp.services.deliveries import wishes
from webapp.services.plain_text import folded
from webapp.services.questions import chosen_filters, conditions, in_words, part_words, period, report_types, ways
from webapp.services.questions.conditions import ConditionTexts
from webapp.services.questions.request import FIELDS, ReportRequest, fault_name
from webapp.services.requests import usual
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings
from webapp.web import part_fields
from webapp.web.delivery_words import when_words
from webapp.web.jobs import ask_offers, ask_typed
from webapp.web.jobs.ask_offers import MeasureChoice
from webapp.web.jobs.ask_typed import Typed
from webapp.web.jobs.periods import period_choices
from webapp.web.languages import in_readers_language as said
from webapp.web.part_fields import PartFields
from webapp.web.zones import ZoneField

#: Which field of the form shows what is wrong with which part of the request.
FIELD_OF = {fault_name(name): written.address for name, written in FIELDS.items()} | {
    period.FIELD: "end",
    "parameters.filters": "where",
    "options": "with_zip",
    wishes.FIELD: "send_to",
    **part_fields.FIELD_OF,
}
SEND_TO_LENGTH = 4_000
#: Every way that `ways` writes a moment; the last one for the hour that the clocks show twice.
_WHAT = ("top", "limit", "sort", "result", "detail")
_MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


class AskForm(PartFields):
    """Everything that can be asked. Built for one report type and one person by `build`."""

    type = HiddenField()
    submission = HiddenField()
    name = StringField(_l("Name"), [Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters."))])
    description = TextAreaField(
        _l("Description"),
        [Length(max=DESCRIPTION_LENGTH, message=_l("A description has at most %(max)d characters."))],
        render_kw={"rows": 2},
    )
    period = SelectField(_l("Period"), default="all")
    start = DateField(_l("From"), [Optional()])
    end = DateField(_l("to (included)"), [Optional()])
    date_field = SelectField(_l("By which date"), default="")
    time_zone = ZoneField(_l("Time zone"), default="")
    # Whether there are such records, dimensions and measures is judged by the service, which says what would do.
    department = SelectMultipleField(_l("Departments (with those below)"), validate_choice=False)
    course = SelectMultipleField(_l("Courses"), validate_choice=False)
    class_ = SelectMultipleField(_l("Classes"), validate_choice=False)
    learner = SelectMultipleField(_l("Learners"), validate_choice=False)
    content = SelectMultipleField(_l("Contents"), validate_choice=False)
    term = SelectMultipleField(_l("Terms"), validate_choice=False)
    event = SelectMultipleField(_l("Events"), validate_choice=False)
    status = SelectMultipleField(_l("Statuses"), validate_choice=False)
    where = SelectMultipleField(_l("Only where"), validate_choice=False)
    group = SelectMultipleField(_l("Group by"), validate_choice=False)
    slicer = SelectMultipleField(_l("Slicers"), validate_choice=False)
    measure = SelectMultipleField(_l("Measures"), validate_choice=False)
    result = SelectMultipleField(_l("Only groups where"), validate_choice=False)
    column = SelectMultipleField(_l("Columns"), validate_choice=False)
    sort = SelectMultipleField(_l("Sort by"), validate_choice=False)
    top = IntegerField(_l("Only the top"), [Optional()], render_kw={"min": 1, "max": 1000})
    limit = IntegerField(_l("At most so many rows"), [Optional()], render_kw={"min": 1})
    detail = BooleanField(_l("Every row by itself, not grouped"), render_kw={"data-reload": True})
    no_totals = BooleanField(_l("Without the row of totals"))
    subtotals = BooleanField(_l("Subtotals"))
    inactive = BooleanField(_l("Count deactivated records too"))
    format = SelectField(_l("Format"), default="excel")
    filename = StringField(
        _l("File name"),
        [Length(max=FILENAME_LENGTH, message=_l("A file name has at most %(max)d characters."))],
    )
    with_bom = BooleanField(_l("CSV for old spreadsheet programs (with a byte order mark)"))
    with_words = BooleanField(_l("CSV, JSON, Parquet: states and events in words, in a column of their own"))
    with_changes = BooleanField(_l("What changed since the report before (Excel: on a sheet of its own)"))
    with_zip = BooleanField(_l("As a zip"))
    with_meta = BooleanField(_l("With a file that says what it means, both in a zip"))
    visibility = SelectField(_l("Who may see it"), default="private")
    priority = SelectField(_l("Priority"), default="normal")
    scheduled = DateTimeLocalField(_l("Not before"), [Optional()], format=_MOMENTS)
    filed_under = SelectField(_l("Filed under"), default="")
    notify = SelectField(_l("Notify me in my inbox"), default="")
    send_to = StringField(
        _l("Send it by e-mail to"),
        [Length(max=SEND_TO_LENGTH, message=_l("At most %(max)d characters of addresses are possible."))],
        render_kw={"inputmode": "email", "autocomplete": "off"},
    )
    part = SelectField(_l("Only a part"), default="", validate_choice=False)
    as_of = HiddenField()
    chart = HiddenField()
    # The template that it began as, and which version of it.
    template = HiddenField()
    template_version = HiddenField()

    typed: Typed
    measures: list[MeasureChoice]
    aggregates: list[tuple[str, str]]
    aggregate_fields: list[tuple[str, str]]
    has_detail: bool
    offered_filters: list[str]
    searched: set[str]
    left_out: dict[str, str]
    condition_rows: list[ConditionTexts]
    condition_fields: list[tuple[str, str]]
    #: What can be picked as the value of a condition, by its field.
    condition_values: dict[str, list[str]]
    result_rows: list[ConditionTexts]
    result_fields: list[tuple[str, str]]
    #: What is wrong and is about no field that shows it.
    others: list[str]

    @classmethod
    def build(cls, actor: User, report_type: str, source: Typed | None) -> AskForm:
        """The form for `report_type`, filled from `source` (an address or a post). Raises InvalidRequestError for a
        type that nobody has declared."""
        declared = report_types.report_type_of(report_type)
        dataset = report_types.dataset_of_type(report_type)
        typed = ask_typed.completed(source, declared, dataset, _here())
        if ask_typed.is_fresh(source) and not typed.getlist("column"):
            typed.setlist("column", usual.last_columns(actor, declared.key))
        form = cls(formdata=typed)
        form.typed, form.others = typed, []
        form._offer(actor, declared, dataset)
        form._offer_records(dataset, data_scope.data_scope(actor))
        form._offer_conditions(dataset)
        form.offer_parts(actor)
        return form

    def _offer(self, actor: User, declared: ReportType, dataset: Dataset) -> None:
        typed = self.typed
        self.period.choices = period_choices(period.today_in(self.zone.key, clock.utcnow()))
        self.date_field.choices = ask_offers.dates(dataset, typed.get("date_field", ""))
        self.time_zone.offer(*ask_offers.first_zones(_here(), typed.get("time_zone", "")))
        self.group.choices = [(key, said(DIMENSIONS[key].label)) for key in dataset.dimensions]
        self.slicer.choices = self.group.choices
        self.sort.choices = ask_offers.sorts(dataset, ask_typed.columns(typed, declared), self.sort.data)
        self.measures = ask_offers.measures(dataset, declared, self.measure.data)
        self.measure.choices = [(each.key, each.label) for each in self.measures]
        self.aggregates = ask_offers.aggregates(dataset)
        self.aggregate_fields = ask_offers.aggregate_fields(dataset)
        self.has_detail = bool(declared.detail)
        self.column.choices = ask_offers.columns(dataset, declared, self.column.data)
        self.format.choices = ask_offers.of_category(LookupCategory.OUTPUT_FORMAT)
        self.visibility.choices = ask_offers.of_category(LookupCategory.REPORT_VISIBILITY)
        self.priority.choices = ask_offers.priorities(actor)
        self.notify.choices = list(when_words().items())
        if get_settings().smtp_host is None:
            del self.send_to
        self.filed_under.choices = ask_offers.filing(actor, typed.get("filed_under", ""))

    def _offer_records(self, dataset: Dataset, scope: DataScope) -> None:
        self.offered_filters, self.searched, self.left_out = [], set(), {}
        whole = [("", gettext("no, all rows that I may read"))]
        given = (self.part.data or "")[:60]
        self.part.choices = [*whole, (given, said(part_words.in_words(given, scope)))] if given else whole
        for chosen in chosen_filters.CHOSEN_FILTERS:
            if chosen.kind not in dataset.dimensions:
                continue
            field = self._fields[FIELDS[chosen.name].address]
            found = ask_offers.records(chosen.kind, field.data, scope)
            field.choices = found.choices
            self.offered_filters.append(chosen.kind)
            if found.is_searched:
                self.searched.add(chosen.kind)
            if found.left_out:
                self.left_out[field.name] = found.left_out
        self.term.choices = ask_offers.terms(self.term.data) if "term" in dataset.dimensions else []
        has_events = "event-type" in dataset.dimensions
        self.event.choices = ask_offers.of_category(LookupCategory.ACTIVITY_EVENT) if has_events else []
        self.status.choices = [(key, said(statuses.WORDS[key])) for key in dataset.statuses]

    def _offer_conditions(self, dataset: Dataset) -> None:
        self.condition_rows, self.result_rows = (
            conditions.rows(*(self.typed.getlist(column) for column in columns))
            for columns in ways.CONDITION_COLUMNS.values()
        )
        data_fields = report_types.data_fields() if dataset.has_data else []
        known = {key: said(words) for key, words in conditions.fields(dataset, data_fields)}
        # An address may name a field that the list does not offer: it is kept, and judged like the others.
        more = {row.field: row.field[:60] for row in self.condition_rows if row.field and row.field not in known}
        self.condition_fields = [*known.items(), *more.items()]
        asked = {row.field for row in self.condition_rows}
        self.condition_values = {key: found for key in asked if (found := ask_offers.values(dataset, key))}
        measured = {key: said(in_words.result_label(dataset, key)) for key in self.measure.data}
        more = {row.field: row.field[:60] for row in self.result_rows if row.field and row.field not in measured}
        self.result_fields = [*measured.items(), *more.items()]

    @property
    def group_definitions(self) -> list[tuple[str, str]]:
        """What the chosen groups mean, where their name does not say it: (group, definition)."""
        return [
            (said(DIMENSIONS[key].label), said(DIMENSIONS[key].definition))
            for key in [*self.group.data, *self.slicer.data]
            if key in DIMENSIONS and DIMENSIONS[key].definition
        ]

    @property
    def says_more_of_what(self) -> bool:
        """Whether anything is said in the panel that is else closed; so of the other two."""
        many = len(self.group.data) > 2 or len(self.slicer.data) > 1 or len(self.sort.data) > 1
        return many or bool(self.result_rows) or self._is_said("top", "limit", "subtotals", "no_totals", wrong=_WHAT)

    @property
    def says_more_of_whom(self) -> bool:
        declared = report_types.report_type_of(self.type.data or "")
        of_type = {field for field, _, _ in declared.where}
        own = any(row.field not in of_type for row in self.condition_rows)
        own |= bool(self.status.data) and "status" not in of_type
        said = ("term", "class_", "content", "event", "date_field", "time_zone", "inactive")
        return own or self._is_said(*said, wrong=(*said, "where", "status"))

    @property
    def says_more_of_how(self) -> bool:
        own = self.visibility.data != "private" or self._is_said(
            "with_changes", "with_zip", "with_meta", "with_bom", "with_words"
        )
        told = [name for name in ("notify", "send_to") if name in self._fields]
        return own or self._is_said(
            *told, wrong=("visibility", "filename", "description", "scheduled", "priority", "filed_under", *told)
        )

    @property
    def says_more_of_parts(self) -> bool:
        return self._is_said("each", wrong=("each", "each_from", "each_named"))

    def _is_said(self, *names: str, wrong: Sequence[str] = ()) -> bool:
        return any(self._fields[name].data for name in names) or any(self._fields[name].errors for name in wrong)

    @property
    def chosen_measures(self) -> list[str]:
        """What the measures that are ticked are called."""
        return [each.label for each in self.measures if each.key in self.measure.data]

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose days are meant: the one chosen, else the person's."""
        return period.zone_of(self.time_zone.data or _here())

    def validate(self, extra_validators: Any = None) -> bool:
        """As WTForms; and what was typed is a request."""
        valid = bool(super().validate(extra_validators))
        try:
            self._request = ways.from_address(
                ask_typed.asked(self.typed),
                time_zone=_here(),
                now=clock.utcnow(),
                words=_words(),
            )
        except InvalidRequestError as error:
            self.add_errors(error.fields)
            return False
        if not self.detail.data and not self.typed.getlist("measure"):
            self.measure.errors = [gettext("Choose at least one measure.")]
            return False
        return valid

    def to_wishes(self, actor: User) -> tuple[DeliveryWish, ...]:
        """To whom it goes when it has ended. Call it after `validate`."""
        own = [wishes.notify(actor, When(self.notify.data))] if self.notify.data else []
        return (*own, *wishes.letters((self.send_to.data or "") if "send_to" in self._fields else ""))

    def to_request(self) -> ReportRequest:
        """What was asked. Call it after `validate` has found it valid."""
        return self._request

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """Put what is wrong under the fields it is about; what no field is about is among the `others`. A field that
        has an error keeps that one."""
        for name, text in errors.items():
            field = self._fields.get(FIELD_OF.get(name, name))
            if name == period.FIELD and self.period.data != period.CUSTOM:
                field = self.period
            if field is None or field.type == "HiddenField":
                self.others.append(said(text))
            elif not field.errors:
                field.errors = [said(text)]


def _words() -> dict[str, Any]:
    """What the reader's language has for the values of conditions that are the program's own."""
    flags = {folded(gettext("Yes")): True, folded(gettext("No")): False}
    return {folded(str(said(words))): key for key, words in statuses.COMPLETION.items()} | flags


def _here() -> str:
    return str(get_timezone() or "UTC")


__all__ = ["MAX_DIMENSIONS", "MAX_SLICERS", "AskForm"]
