"""The form that asks for a report. It converts once, and hands over a `ReportRequest`.

What it offers depends on the report type. Its fields have the names of the address that shows it filled in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from bson import ObjectId
from flask_babel import get_timezone, gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    Field,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Length, Optional, ValidationError

from webapp import renderers, statuses
from webapp.documents import DateRange, LookupCategory, Parameters, ReportFilters, User
from webapp.documents.report_job import DESCRIPTION_LENGTH, FILENAME_LENGTH, NAME_LENGTH, Condition
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.fields import fields_for
from webapp.engine.query import MAX_DIMENSIONS, MAX_SLICERS
from webapp.errors import InvalidRequestError
from webapp.services.lookups import values as lookups
from webapp.services.questions import filter_choices, in_words, report_types
from webapp.services.requests import rules as request_rules
from webapp.services.requests.rules import ReportRequest
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.web.formatting import describe, label
from webapp.web.jobs import conditions
from webapp.web.jobs.conditions import ConditionRow
from webapp.web.jobs.periods import period_choices, period_days
from webapp.web.languages import in_readers_language as said

CHOSEN = ("department", "course", "class", "learner", "content")
EXTRA_MEASURES = 2
#: Of so many courses or classes a list is still read; of more, one searches.
MOST_LISTED = 200
#: Which field of the form shows what the service says about which part of the request.
FIELD_OF = {
    "parameters.group_by": "group",
    "parameters.slicers": "slicer",
    "parameters.measures": "measure",
    "parameters.date_range": "end",
    "parameters.date_field": "date_field",
    "parameters.time_zone": "time_zone",
    "parameters.sort": "sort",
    "parameters.top": "top",
    "parameters.limit": "limit",
    "parameters.detail": "detail",
    "parameters.filters.department_ids": "department",
    "parameters.filters.course_ids": "course",
    "parameters.filters.class_ids": "class_",
    "parameters.filters.learner_ids": "learner",
    "parameters.filters.content_ids": "content",
    "parameters.filters.event_types": "event",
    "parameters.filters.statuses": "status",
    "parameters.filters": "where",
    "department_id": "filed_under",
    "scheduled_for": "scheduled",
    "report_type": "type",
}


@dataclass(frozen=True)
class MeasureChoice:
    key: str
    label: str
    definition: str


def _are_ids(_form: FlaskForm, field: Field) -> None:
    for value in field.data or ():
        if not ObjectId.is_valid(value):
            raise ValidationError(gettext("“%(value)s” is not the id of a record.", value=value[:60]))


def _between(least: int, most: int) -> Callable[[FlaskForm, Field], None]:
    def check(_form: FlaskForm, field: Field) -> None:
        if field.data is not None and not least <= field.data <= most:
            text = gettext("This must be a number between %(least)s and %(most)s.", least=least, most=most)
            raise ValidationError(text)

    return check


class AskForm(FlaskForm):
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
    time_zone = SelectField(_l("Time zone"), default="")
    # Whether there are such records, dimensions and measures is judged by the service, which says what would do.
    department = SelectMultipleField(_l("Departments (with those below)"), [_are_ids], validate_choice=False)
    course = SelectMultipleField(_l("Courses"), [_are_ids], validate_choice=False)
    class_ = SelectMultipleField(_l("Classes"), [_are_ids], validate_choice=False)
    learner = SelectMultipleField(_l("Learners"), [_are_ids], validate_choice=False)
    content = SelectMultipleField(_l("Contents"), [_are_ids], validate_choice=False)
    event = SelectMultipleField(_l("Events"), validate_choice=False)
    status = SelectMultipleField(_l("Statuses"), validate_choice=False)
    where = SelectMultipleField(_l("Only where"), validate_choice=False)
    group = SelectMultipleField(_l("Group by"), validate_choice=False)
    slicer = SelectMultipleField(_l("Columns"), validate_choice=False)
    measure = SelectMultipleField(_l("Measures"), validate_choice=False)
    sort = SelectField(_l("Sort by"), default="")
    top = IntegerField(_l("Only the top"), [Optional(), _between(1, 1_000)], render_kw={"min": 1, "max": 1000})
    limit = IntegerField(_l("At most so many rows"), [Optional(), _between(1, 10**9)], render_kw={"min": 1})
    detail = BooleanField(_l("Every row by itself, not grouped"))
    subtotals = BooleanField(_l("Subtotals"))
    inactive = BooleanField(_l("Count deactivated records too"))
    format = SelectField(_l("Format"), default="excel")
    filename = StringField(
        _l("File name"),
        [Length(max=FILENAME_LENGTH, message=_l("A file name has at most %(max)d characters."))],
    )
    with_bom = BooleanField(_l("CSV for old spreadsheet programs (with a byte order mark)"))
    with_zip = BooleanField(_l("As a zip"))
    with_meta = BooleanField(_l("With a file that says what it means, both in a zip"))
    visibility = SelectField(_l("Who may see it"), default="private")
    priority = SelectField(_l("Priority"), default="normal")
    scheduled = DateTimeLocalField(_l("Not before"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    filed_under = SelectField(_l("Filed under"), default="")
    as_of = HiddenField()

    measures: list[MeasureChoice]
    aggregates: list[tuple[str, str]]
    aggregate_fields: list[tuple[str, str]]
    extra: list[tuple[str, str]]
    has_detail: bool
    offered_filters: list[str]
    searched: set[str]
    condition_rows: list[ConditionRow]
    condition_fields: list[tuple[str, str]]
    conditions: list[Condition]

    @classmethod
    def build(cls, actor: User, report_type: str, source: MultiDict[str, str] | None) -> AskForm:
        """The form for `report_type`, filled from `source` (an address or a post). Raises InvalidRequestError for a
        type that nobody has declared."""
        declared = report_types.report_type_of(report_type)
        dataset = report_types.dataset_of_type(report_type)
        source = MultiDict(source or {})
        fresh = not any(source.getlist(name) for name in ("group", "measure", "detail", "submission"))
        if fresh or source.get("type_changed"):
            for name in ("detail", "sort", "top", "subtotals", "aggregate", "aggregate_field", "date_field"):
                source.poplist(name)
            source.setlist("group", list(declared.group_by))
            source.setlist("slicer", list(declared.slicers))
            source.setlist("measure", list(declared.measures))
            if declared.detail_first:
                source["detail"] = "y"
            if declared.sort:
                source.setdefault("sort", declared.sort[0])
        source.setdefault("submission", secrets.token_urlsafe(12))
        source["type"] = report_type
        # Selects of which several stand side by side send empty values for those not used.
        for name in ("group", "slicer"):
            source.setlist(name, list(dict.fromkeys(each for each in source.getlist(name) if each)))
        form = cls(formdata=source)
        form._offer(actor, declared, dataset, source)
        return form

    def _offer(self, actor: User, declared: Any, dataset: Any, source: MultiDict[str, str]) -> None:
        scope = data_scope.data_scope(actor)
        self.period.choices = period_choices(datetime.now(self.zone).date())
        self.date_field.choices = [
            (key if n else "", said(dataset.fields[key].label)) for n, key in enumerate(dataset.dates)
        ]
        here = _here()
        self.time_zone.choices = [("", here), ("UTC", "UTC"), *((zone, zone) for zone in zone_names())]
        dimensions = [(key, said(DIMENSIONS[key].label)) for key in dataset.dimensions]
        self.group.choices = self.slicer.choices = dimensions
        self.offered_filters = [name for name in CHOSEN if name in dataset.dimensions]
        self.searched = {"learner", "content"}
        for name in self.offered_filters:
            self._offer_chosen(name, scope)
        self._offer_conditions(dataset, source)
        self.event.choices = (
            _lookup_choices(LookupCategory.ACTIVITY_EVENT) if "event-type" in dataset.dimensions else []
        )
        self.status.choices = [(key, said(statuses.WORDS[key])) for key in dataset.statuses]
        self._offer_measures(dataset, declared, source)
        columns = [*dict.fromkeys([*self.group.data, *self.measure.data])]
        sorts = [("", gettext("The groups' own order"))]
        for key in columns:
            column = said(DIMENSIONS[key].label if key in DIMENSIONS else in_words.measure_label(dataset, key))
            sorts += [(key, gettext("%(column)s, lowest first", column=column))]
            sorts += [(f"-{key}", gettext("%(column)s, highest first", column=column))]
        self.sort.choices = sorts
        if self.sort.data and self.sort.data not in dict(sorts):
            self.sort.data = ""  # the column it sorted by was taken away
        self.has_detail = bool(declared.detail)
        self.format.choices = _lookup_choices(LookupCategory.OUTPUT_FORMAT)
        self.visibility.choices = _lookup_choices(LookupCategory.REPORT_VISIBILITY)
        labels = dict(_lookup_choices(LookupCategory.REPORT_PRIORITY))
        self.priority.choices = [(key, labels[key]) for key in request_rules.usable_priorities(actor)]
        departments = filter_choices.named("department", actor.department_ids)
        self.filed_under.choices = [("", gettext("Nothing"))] if not departments else []
        self.filed_under.choices += [(str(each.id) if n else "", each.name) for n, each in enumerate(departments)]

    def _offer_chosen(self, name: str, scope: DataScope) -> None:
        """Few ones are all offered; of many, those already chosen, and the page searches for more."""
        field = self._fields["class_" if name == "class" else name]
        ids = [ObjectId(each) for each in field.data if ObjectId.is_valid(each)]
        offered = filter_choices.every(name, scope) if name in ("department", "course", "class") else []
        if len(offered) > MOST_LISTED:
            offered = []
            self.searched.add(name)
        known = {choice.id: choice for choice in [*filter_choices.named(name, ids), *offered]} if ids or offered else {}
        field.choices = [
            (str(choice.id), f"{choice.name} ({choice.note})" if choice.note else choice.name)
            for choice in known.values()
        ]

    @property
    def group_definitions(self) -> list[tuple[str, str]]:
        """What the chosen groups mean, where their name does not say it: (group, definition)."""
        return [
            (said(DIMENSIONS[key].label), said(DIMENSIONS[key].definition))
            for key in [*self.group.data, *self.slicer.data]
            if key in DIMENSIONS and DIMENSIONS[key].definition
        ]

    def _offer_conditions(self, dataset: Any, source: MultiDict[str, str]) -> None:
        self.condition_rows = conditions.typed(source)
        self.condition_fields = conditions.fields(dataset, report_types.data_fields() if dataset.has_data else [])
        # An address may name a field that the list does not offer: it is kept, and judged like the others.
        known = dict(self.condition_fields)
        more = dict.fromkeys(row.field for row in self.condition_rows if row.field and row.field not in known)
        self.condition_fields += [(key, key[:60]) for key in more]
        self.conditions, self._condition_problems = conditions.read(self.condition_rows, dataset, self.zone)

    def _offer_measures(self, dataset: Any, declared: Any, source: MultiDict[str, str]) -> None:
        keys = report_types.measures_for(dataset)
        plain = [key for key in keys if key not in AGGREGATES or not AGGREGATES[key].requires_field]
        self.aggregates = [
            (key, label(LookupCategory.MEASURE_TYPE, key))
            for key in keys
            if key in AGGREGATES and AGGREGATES[key].requires_field
        ]
        names = dict.fromkeys([*dataset.fields, *fields_for(dataset, "count-distinct")])
        self.aggregate_fields = [
            (key, said(dataset.fields[key].label if key in dataset.fields else DIMENSIONS[key].label)) for key in names
        ]
        if dataset.has_data:
            self.aggregate_fields += [(key, key) for key in report_types.data_fields()]
        self.extra = list(zip(source.getlist("aggregate"), source.getlist("aggregate_field"), strict=False))[
            :EXTRA_MEASURES
        ]
        added = [f"{aggregate}:{field}" for aggregate, field in self.extra if aggregate and field]
        chosen = [text for text in [*self.measure.data, *added] if text]
        # The report's own first, in its order: the columns of the file, and what its chart draws, follow it.
        offered = dict.fromkeys([*declared.measures, *plain, *chosen])
        self.measures = [
            MeasureChoice(text, said(in_words.measure_label(dataset, text)), self._definition(dataset, text))
            for text in offered
        ]
        self.measure.choices = [(each.key, each.label) for each in self.measures]
        self.measure.data = list(dict.fromkeys(chosen))

    @staticmethod
    def _definition(dataset: Any, text: str) -> str:
        key = text.partition(":")[0]
        if key in dataset.measures:
            return str(said(dataset.measures[key].definition))
        return describe(LookupCategory.MEASURE_TYPE, key)

    def validate(self, extra_validators: Any = None) -> bool:
        """As WTForms; the rows of conditions are judged too."""
        valid = bool(super().validate(extra_validators))
        self.where.errors = [*self.where.errors, *self._condition_problems]
        return valid and not self._condition_problems

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose days are meant: the one chosen, else the person's."""
        try:
            return ZoneInfo(self.time_zone.data or _here())
        except (KeyError, ValueError, OSError):
            return ZoneInfo("UTC")  # `validate` says what is wrong with it

    # --- what was typed, as a request ---------------------------------------------------------------------------------

    def to_request(self) -> ReportRequest:
        """What was asked. Call it after `validate`."""
        zone = self.time_zone.data or _here()
        days = self.days()
        scheduled = self.scheduled.data
        return ReportRequest(
            report_type=self.type.data or "",
            parameters=Parameters(
                date_range=DateRange(start_date=_midnight(days[0]), end_date=_midnight(days[1])) if any(days) else None,
                date_field=self.date_field.data or None,
                time_zone=zone,
                filters=ReportFilters(
                    department_ids=_ids(self.department.data),
                    course_ids=_ids(self.course.data),
                    class_ids=_ids(self.class_.data),
                    learner_ids=_ids(self.learner.data),
                    content_ids=_ids(self.content.data),
                    event_types=self.event.data,
                    statuses=self.status.data,
                    conditions=self.conditions,
                ),
                group_by=[] if self.detail.data else self.group.data,
                slicers=[] if self.detail.data else self.slicer.data,
                measures=[] if self.detail.data else self.measure.data,
                sort=[self.sort.data] if self.sort.data and not self.detail.data and not self.subtotals.data else [],
                top=None if self.detail.data else self.top.data,
                limit=self.limit.data,
                detail=bool(self.detail.data),
                subtotals=bool(self.subtotals.data) and not self.detail.data,
                include_inactive=bool(self.inactive.data),
                as_of_job_id=ObjectId(self.as_of.data) if ObjectId.is_valid(self.as_of.data or "") else None,
            ),
            format=self.format.data or "",
            name=(self.name.data or "").strip() or label(LookupCategory.REPORT_TYPE, self.type.data),
            description=self.description.data,
            filename=self.filename.data,
            options={name: True for name in renderers.OPTIONS if self._fields[f"with_{name}"].data},
            priority=self.priority.data or "normal",
            visibility=self.visibility.data or "private",
            department_id=ObjectId(self.filed_under.data) if ObjectId.is_valid(self.filed_under.data or "") else None,
            # A moment on the clocks of the person's zone.
            scheduled_for=scheduled.replace(tzinfo=ZoneInfo(zone)) if scheduled else None,
            submission_id=(self.submission.data or "")[:100],
        )

    def days(self) -> tuple[date | None, date | None]:
        """The period as days, both included; None where it is open."""
        today = datetime.now(self.zone).date()
        return period_days(self.period.data or "all", today, (self.start.data, self.end.data))

    def add_errors(self, error: InvalidRequestError) -> list[str]:
        """Put what the service found wrong under the fields it is about; returns what no field is about."""
        others: list[str] = []
        for name, text in error.fields.items():
            field = self._fields.get(FIELD_OF.get(name, name))
            if field is None or field.type == "HiddenField":
                others.append(text)
            else:
                field.errors = [*field.errors, said(text)]
        return others


@cache
def zone_names() -> tuple[str, ...]:
    """Time zones by place. Read once: the standard library goes through hundreds of files for them."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))


def _here() -> str:
    return str(get_timezone() or "UTC")


def _lookup_choices(category: LookupCategory) -> list[tuple[str, str]]:
    return [(each.key, label(category, each.key)) for each in lookups.active(category)]


def _ids(values: list[str]) -> list[ObjectId]:
    return [ObjectId(value) for value in values if ObjectId.is_valid(value)]


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


__all__ = ["EXTRA_MEASURES", "MAX_DIMENSIONS", "MAX_SLICERS", "AskForm"]
