"""A question in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bson import ObjectId

from webapp import statuses
from webapp.documents import (
    LookupCategory,
    Parameters,
)
from webapp.engine.asked_measures import split_measure
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import Dataset, Unit
from webapp.engine.fields import field_of
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS, ChosenFilter
from webapp.services.questions.report_types import report_type_of
from webapp.settings import get_settings

#: More chosen values than this are told by their number.
VALUES_TOLD = 8


OPERATOR_WORDS = {
    "eq": Message("is"),
    "ne": Message("is not"),
    "gt": Message("is over"),
    "gte": Message("is at least"),
    "lt": Message("is under"),
    "lte": Message("is at most"),
    "in": Message("is one of"),
    "not-in": Message("is none of"),
    "between": Message("is between"),
    "contains": Message("contains"),
    "starts-with": Message("starts with"),
    "is-null": Message("is empty"),
    "is-not-null": Message("is not empty"),
}


def describe(report_type: str, parameters: Parameters) -> list[tuple[str, str]]:
    """The question in words, as (what, said). Raises InvalidRequestError for a type without a declaration."""
    declared = report_type_of(report_type)
    dataset = DATASETS[declared.dataset]
    details = parameters.detail or (declared.detail_first and not parameters.group_by and not parameters.measures)
    time_zone = parameters.time_zone or get_settings().time_zone
    told: list[tuple[str, str]] = [
        (Message("Rows"), dataset.label),
        (Message("Period"), _period_in_words(parameters, time_zone)),
    ]
    if parameters.date_field and parameters.date_field in dataset.dates:
        told.append((Message("Date"), dataset.fields[parameters.date_field].label))
    told += _filters_in_words(dataset, parameters)
    if details:
        told.append((Message("Shown"), Message("every row by itself")))
    else:
        dimensions = parameters.group_by or list(declared.group_by)
        nothing = Message("nothing: one row for everything")
        told.append((Message("Grouped by"), listed(_label(key) for key in dimensions) or nothing))
        slicers = parameters.slicers or ([] if parameters.group_by else list(declared.slicers))
        if slicers:
            told.append((Message("Columns"), listed(_label(key) for key in slicers)))
        measures = parameters.measures or list(declared.measures)
        told.append((Message("Measures"), listed(measure_label(dataset, text) for text in measures)))
    if parameters.sort:
        told.append((Message("Sorted by"), listed(_sort_in_words(dataset, text) for text in parameters.sort)))
    if parameters.top:
        told.append((Message("Top"), Message("the first %(top)s groups, the others as one", top=parameters.top)))
    if parameters.limit:
        told.append((Message("Limit"), Message("at most %(limit)s rows", limit=parameters.limit)))
    if parameters.subtotals:
        told.append((Message("Subtotals"), Message("yes")))
    included = Message("included") if parameters.include_inactive else Message("left out")
    told.append((Message("Inactive records"), included))
    if parameters.as_of_job_id:
        told.append((Message("Data"), Message("as report %(id)s saw it", id=str(parameters.as_of_job_id))))
    return told


def measure_label(dataset: Dataset, text: str) -> str:
    """`sum:data.clicks` -> “Sum of clicks”."""
    key, field = split_measure(text)
    label = lookups.label(LookupCategory.MEASURE_TYPE, key)
    if not field:
        return label
    known = field_of(dataset, field)
    about = known.label if known is not None else _label(field)
    return Message("%(measure)s of %(field_)s", measure=label, field=about)


def listed(texts: Iterable[str]) -> Message:
    return Message.joined(texts, ", ")


def some_of(values: Sequence[str], most: int, count: int) -> Message:
    """The first `most` of `values`, and how many more of the `count` there are."""
    shown = listed(values[:most])
    return shown if count <= most else Message("%(shown)s and %(count)s more", shown=shown, count=count - most)


def _label(key: str) -> str:
    return DIMENSIONS[key].label if key in DIMENSIONS else _sentence(key)


def _sentence(key: str) -> str:
    text = key.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def _sort_in_words(dataset: Dataset, text: str) -> str:
    key = text.removeprefix("-")
    label = dataset.fields[key].label if key in dataset.fields else None
    label = label or (_label(key) if key in DIMENSIONS else measure_label(dataset, key))
    if text.startswith("-"):
        return Message("%(column)s, highest first", column=label)
    return Message("%(column)s, lowest first", column=label)


def _period_in_words(parameters: Parameters, time_zone: str) -> str:
    given = parameters.date_range
    start = given.start_date.date() if given and given.start_date else None
    end = given.end_date.date() if given and given.end_date else None
    if start and end:
        return Message("%(start)s to %(end)s, both included (days of %(zone)s)", start=start, end=end, zone=time_zone)
    if start:
        return Message("from %(start)s (days of %(zone)s)", start=start, zone=time_zone)
    if end:
        return Message("up to %(end)s (days of %(zone)s)", end=end, zone=time_zone)
    return Message("all time (days of %(zone)s)", zone=time_zone)


def _filters_in_words(dataset: Dataset, parameters: Parameters) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    given = parameters.filters
    if given is None:
        return told
    for chosen in CHOSEN_FILTERS:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        if chosen.document is not None:
            named = _names(chosen, values)
        elif chosen.name == "event_types":
            named = [lookups.label(LookupCategory.ACTIVITY_EVENT, value) for value in values]
        else:
            named = [statuses.WORDS.get(value, value) for value in values]
        told.append((chosen.label, some_of(named, VALUES_TOLD, len(values))))
    for condition in given.conditions or ():
        about = field_of(dataset, condition.field)
        label = about.label if about is not None else _label(condition.field)
        value = condition.value if isinstance(condition.value, list) else [condition.value]
        operator = OPERATOR_WORDS.get(condition.operator, condition.operator)
        # Of an instant, people mean the day.
        is_instant = about is not None and about.unit is Unit.INSTANT
        said = ", ".join(str(each)[:10] if is_instant else str(each) for each in value if each is not None)
        told.append((Message("Only where"), Message.joined([label, operator, said])))
    return told


def _names(chosen: ChosenFilter, values: Sequence[ObjectId]) -> list[str]:
    shown = list(values[:VALUES_TOLD])
    found = {each.id: each for each in chosen.document.objects(id__in=shown)}
    return [
        str(getattr(found[value], chosen.text, None) or found[value].name) if value in found else str(value)
        for value in shown
    ]
