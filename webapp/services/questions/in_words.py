"""A question in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from webapp import statuses
from webapp.documents import LookupCategory
from webapp.documents.lookup_value import lookup_cache
from webapp.engine.asked_measures import split_measure
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.columns import label_of_field
from webapp.engine.declarations import Dataset, Unit
from webapp.engine.fields import field_of
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.questions import filter_choices, part_words
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS
from webapp.services.questions.conditions import UNIT_WORDS, seconds_of, times_in_words
from webapp.services.questions.report_types import report_type_of, standing, unit_of_measure
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.rights.data_scope import DataScope

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
    "days-ago-over": Message("is more than … days ago"),
    "last-days": Message("is in the last … days"),
    "next-days": Message("is in the next … days"),
    "days-ahead-over": Message("is more than … days ahead"),
    "is-null": Message("is empty"),
    "is-not-null": Message("is not empty"),
}


#: What people mean by the number that a result is compared with; of times, whether they are long or not.
_TOLD_UNITS = {Unit.RATIO: ("%", "%"), Unit.SECONDS: UNIT_WORDS}

RELATIVE_WORDS = {
    "days-ago-over": Message("is more than %(days)s days ago"),
    "last-days": Message("is in the last %(days)s days"),
    "next-days": Message("is in the next %(days)s days"),
    "days-ahead-over": Message("is more than %(days)s days ahead"),
}


def describe(request: ReportRequest, scope: DataScope) -> list[tuple[str, str]]:
    """The question in words, as (what, said), for somebody who may read `scope`: chosen records outside of it are told
    by their number alone. Raises InvalidRequestError for a type without a declaration."""
    declared = report_type_of(request.report_type)
    dataset = DATASETS[declared.dataset]
    details = request.detail or (declared.detail_first and not request.group_by and not request.measures)
    told: list[tuple[str, str]] = [
        (Message("Rows"), dataset.label),
        (Message("Period"), request.period.in_words(request.time_zone)),
    ]
    if request.date_field in dataset.dates and not request.period.term:
        told.append((Message("Date"), dataset.fields[request.date_field].label))
    if request.part:
        told.append((Message("Only"), part_words.in_words(request.part, scope)))
    told += _filters_in_words(dataset, request, scope)
    if details:
        told.append((Message("Shown"), Message("every row by itself")))
        if request.columns:
            told.append((Message("Columns"), listed(column_label(dataset, key) for key in request.columns)))
    else:
        dimensions = request.group_by or declared.group_by
        nothing = Message("nothing: one row for everything")
        told.append((Message("Grouped by"), listed(_label(key) for key in dimensions) or nothing))
        slicers = request.slicers or (() if request.group_by else declared.slicers)
        if slicers:
            told.append((Message("Slicers"), listed(_label(key) for key in slicers)))
        measures = request.measures or declared.measures
        told.append((Message("Measures"), listed(measure_label(dataset, text) for text in measures)))
        told += [(Message("Only groups where"), _result_in_words(dataset, each)) for each in request.results]
    if request.sort:
        told.append((Message("Sorted by"), listed(sort_in_words(dataset, text) for text in request.sort)))
    if request.top:
        told.append((Message("Top"), Message("the first %(top)s groups, the others as one", top=request.top)))
    if request.limit:
        told.append((Message("Limit"), Message("at most %(limit)s rows", limit=request.limit)))
    if not request.totals:
        told.append((Message("Totals"), Message("no")))
    if request.subtotals:
        told.append((Message("Subtotals"), Message("yes")))
    included = Message("included") if request.include_inactive else Message("left out")
    told.append((Message("Inactive records"), included))
    if request.as_of_job_id:
        told.append((Message("Data"), Message("as report %(id)s saw it", id=str(request.as_of_job_id))))
    return told


def _result_in_words(dataset: Dataset, condition: Condition) -> str:
    values, said = condition.values, [", ".join(str(each) for each in condition.values)]
    unit, is_long = unit_of_measure(dataset, condition.field)
    if unit is Unit.SECONDS:
        known = (seconds_of(each, is_long=is_long) if isinstance(each, int | float) else each for each in values)
        said = [times_in_words(known, is_long=is_long)]
    elif unit is Unit.RATIO and values:
        said.append("%")
    operator = OPERATOR_WORDS.get(condition.operator, condition.operator)
    return Message.joined([measure_label(dataset, condition.field), operator, *said])


def result_label(dataset: Dataset, text: str) -> str:
    """A measure as it stands in a condition on results, with what its numbers are there."""
    unit, is_long = unit_of_measure(dataset, text)
    label = measure_label(dataset, text)
    return (
        Message.joined([label, Message("(%(unit)s)", unit=_TOLD_UNITS[unit][is_long])])
        if unit in _TOLD_UNITS
        else label
    )


def measure_label(dataset: Dataset, text: str) -> str:
    """`sum:data.clicks` -> “Total clicks”; by the name that an administrator gave the measure, where one did."""
    key, field = split_measure(text)
    label = lookups.label(LookupCategory.MEASURE_TYPE, key)
    if not field:
        return label
    if key in dataset.measures and dataset.measures[key].label == label and _is_named(dataset, field):
        return label_of_field(dataset, dataset.measures[key], field)
    known = field_of(dataset, field)
    about = known.label if known is not None else _label(field)
    return Message("%(measure)s of %(field_)s", measure=label, field=about)


def _is_named(dataset: Dataset, key: str) -> bool:
    return field_of(dataset, key) is not None or key in DIMENSIONS


def listed(texts: Iterable[str]) -> Message:
    return Message.joined(texts, ", ")


def some_of(values: Sequence[str], most: int, count: int) -> Message:
    """The first `most` of `values`, and how many more of the `count` there are; their number where none is named."""
    if not values:
        return Message.counted("%(num)s chosen", "%(num)s chosen", count)
    shown = listed(values[:most])
    more = count - min(len(values), most)
    return Message("%(shown)s and %(count)s more", shown=shown, count=more) if more else shown


def _label(key: str) -> str:
    return DIMENSIONS[key].label if key in DIMENSIONS else _sentence(key)


def _sentence(key: str) -> str:
    text = key.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def sort_in_words(dataset: Dataset, text: str) -> str:
    label = column_label(dataset, text.removeprefix("-"))
    if text.startswith("-"):
        return Message("%(column)s, highest first", column=label)
    return Message("%(column)s, lowest first", column=label)


def column_label(dataset: Dataset, key: str) -> str:
    """What a column is called: a group, a measure, or a field of rows one by one."""
    if key in DIMENSIONS:
        return DIMENSIONS[key].label
    if key in dataset.fields:
        return dataset.fields[key].label
    base = DIMENSIONS.get(key.removesuffix("-number"))
    if base is not None and base.entity and ENTITIES[base.entity].number_label:
        return ENTITIES[base.entity].number_label
    measure, _ = split_measure(key)
    is_measure = measure in lookup_cache.category(LookupCategory.MEASURE_TYPE)
    return measure_label(dataset, key) if is_measure else _sentence(key)


def _filters_in_words(dataset: Dataset, request: ReportRequest, scope: DataScope) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    own = [Condition(field=name, operator=operator, value=values) for name, operator, values in standing(request)]
    for chosen in CHOSEN_FILTERS:
        values = getattr(request, chosen.name)
        if not values:
            continue
        if chosen.kind:
            named = [choice.name for choice in filter_choices.named(chosen.kind, values[:VALUES_TOLD], scope)]
        elif chosen.name == "event_types":
            named = [lookups.label(LookupCategory.ACTIVITY_EVENT, value) for value in values]
        elif chosen.name == "terms":
            named = list(values)
        else:
            named = [statuses.WORDS.get(value, value) for value in values]
        told.append((chosen.label, some_of(named, VALUES_TOLD, len(values))))
    for condition in (*own, *request.conditions):
        about = field_of(dataset, condition.field)
        label = about.label if about is not None else _label(condition.field)
        if condition.operator in RELATIVE_WORDS:
            days = Message(RELATIVE_WORDS[condition.operator], days=condition.value)
            told.append((Message("Only where"), Message.joined([label, days])))
            continue
        operator = OPERATOR_WORDS.get(condition.operator, condition.operator)
        # Of an instant, people mean the day.
        is_instant = about is not None and about.unit is Unit.INSTANT
        values = [str(each)[:10] if is_instant else str(each) for each in condition.values if each is not None]
        said: str = listed(statuses.WORDS.get(each, each) if condition.field == "status" else each for each in values)
        if about is not None and about.unit is Unit.SECONDS:
            said = times_in_words(condition.values, is_long=about.is_long)
        told.append((Message("Only where"), Message.joined([label, operator, said])))
    return told
