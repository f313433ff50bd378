"""From what a person asked (`Parameters` of a job) to what the engine answers (`Query`), and back into words.

`to_query` adds the day that makes an end date exclusive, and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from webapp import clock, extract
from webapp.documents import (
    AssessmentResult,
    Class,
    Content,
    Course,
    Department,
    Enrollment,
    LookupCategory,
    Parameters,
    ScormAttempt,
    User,
)
from webapp.documents.lookup_value import active_lookups, lookup_cache
from webapp.engine import compiler, validation
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Dataset, ReportType, Unit
from webapp.engine.errors import QueryError
from webapp.engine.query import CustomMeasure, DateRange, Filter, Query, Scope, Sort
from webapp.engine.validation import field_of, split_measure
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services import lookups
from webapp.services.visibility import DataScope
from webapp.settings import get_settings

#: More chosen values than this are told by their number.
VALUES_TOLD = 8

#: What the states of enrollments, results, attempts and certificates are called.
STATUS_WORDS: dict[str, str] = {
    "not-started": Message("Not started"),
    "in-progress": Message("In progress"),
    "completed": Message("Completed"),
    "not-completed": Message("Not completed"),
    "incomplete": Message("Incomplete"),
    "failed": Message("Did not pass"),
    "passed": Message("Passed"),
    "withdrawn": Message("Withdrawn"),
    "submitted": Message("Submitted"),
    "graded": Message("Graded"),
    "exempt": Message("Exempt"),
    "not-submitted": Message("Not submitted"),
    "not-attempted": Message("Not attempted"),
    "valid": Message("Valid"),
    "expiring": Message("Expiring"),
    "expired": Message("Expired"),
    "revoked": Message("Revoked"),
}

STATUSES: dict[str, tuple[str, ...]] = {
    "enrollments": Enrollment.STATUSES,
    "assessments": AssessmentResult.STATUSES,
    "scorm-attempts": ScormAttempt.STATUSES,
    "certificates": ("valid", "expiring", "expired", "revoked"),
}

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


@dataclass(frozen=True)
class _Chosen:
    """One of the seed's filters: its list in `ReportFilters`, the dimension it narrows, and how to name its values."""

    name: str
    dimension: str
    label: str
    document: Any = None
    text: str = "name"


_CHOSEN = (
    _Chosen("department_ids", "department-tree", Message("Departments"), Department),
    _Chosen("course_ids", "course", Message("Courses"), Course),
    _Chosen("class_ids", "class", Message("Classes"), Class, "code"),
    _Chosen("learner_ids", "learner", Message("Learners"), User),
    _Chosen("content_ids", "content", Message("Contents"), Content),
    _Chosen("event_types", "event-type", Message("Events")),
    _Chosen("statuses", "status", Message("Statuses")),
)


def report_type_of(key: str) -> ReportType:
    """The declaration of a report type; one that administrators added names another in `metadata.basedOn`.

    Raises InvalidRequestError for a type without a declaration.
    """
    if key in REPORT_TYPES:
        return REPORT_TYPES[key]
    value = lookup_cache.category(LookupCategory.REPORT_TYPE).get(key)
    base = str(value.metadata.get("basedOn", "")) if value is not None else ""
    if value is None or base not in REPORT_TYPES:
        raise InvalidRequestError(
            {
                "report_type": Message(
                    "The report type “%(key)s” does not say what it counts: its lookup value needs the metadata "
                    "“basedOn” with one of %(possible)s.",
                    key=key[:60],
                    possible=list(REPORT_TYPES),
                )
            }
        )
    declared = REPORT_TYPES[base]
    return replace(
        declared,
        key=key,
        label=value.display_as,
        group_by=tuple(value.metadata.get("groupBy") or declared.group_by),
        measures=tuple(value.metadata.get("measures") or declared.measures),
    )


def dataset_of_type(key: str) -> Dataset:
    """What the rows of this report type are. Raises InvalidRequestError."""
    return DATASETS[report_type_of(key).dataset]


def custom_measures() -> tuple[CustomMeasure, ...]:
    """Measures that administrators made: `measure-type` lookups whose metadata names an aggregate and a field."""
    found = []
    for value in lookup_cache.category(LookupCategory.MEASURE_TYPE).values():
        aggregate = value.metadata.get("aggregate")
        if aggregate not in AGGREGATES:
            continue
        named = value.metadata.get("datasets") or value.metadata.get("dataset") or ()
        datasets = (named,) if isinstance(named, str) else tuple(named)
        unit = {"percent": "ratio", "duration": "seconds"}.get(str(value.metadata.get("format")), "number")
        field = str(value.metadata.get("field") or "")
        found.append(CustomMeasure(value.key, value.display_as, aggregate, field, datasets, unit))
    return tuple(found)


def measures_for(dataset: Dataset) -> list[str]:
    """Keys of the active measures that apply to `dataset`, in the lookups' order."""
    custom = {each.key for each in custom_measures() if dataset.key in each.datasets}
    return [key for key in active_lookups(LookupCategory.MEASURE_TYPE) if key in dataset.measures or key in custom]


def data_fields() -> list[str]:
    """`data.<name>` for every number that the extract has found in the events."""
    return extract.data_fields()


def to_query(report_type: str, parameters: Parameters, scope: DataScope, *, moment: datetime | None = None) -> Query:
    """The engine's question. Raises InvalidRequestError with every fault under the name of its parameter."""
    declared = report_type_of(report_type)
    dataset = DATASETS[declared.dataset]
    errors: dict[str, str] = {}
    time_zone = parameters.time_zone or get_settings().time_zone
    filters = _filters(dataset, parameters, errors)
    given = parameters.date_range
    if given is not None and given.start_date and given.end_date and given.end_date < given.start_date:
        errors["parameters.date_range"] = Message(
            "The end date %(end)s is before the start date %(start)s.",
            end=given.end_date.date(),
            start=given.start_date.date(),
        )
    details = parameters.detail or (declared.detail_first and not parameters.group_by and not parameters.measures)
    if parameters.detail and not declared.detail:
        errors["parameters.detail"] = Message("%(report)s has no detail rows.", report=declared.label)
    if parameters.detail and parameters.group_by:
        errors["parameters.detail"] = Message("Detail rows are not grouped: take the grouping or the detail away.")
    query = Query(
        report_type=declared.key if declared.key in REPORT_TYPES else _base_key(declared),
        dataset=dataset.key,
        filters=filters,
        date_field=parameters.date_field or None,
        time_zone=time_zone,
        include_inactive=bool(parameters.include_inactive),
        limit=parameters.limit,
        scope=Scope(scope.department_ids, scope.class_ids),
        moment=moment or clock.utcnow(),
        custom_measures=custom_measures(),
        title=declared.label,
    )
    sort = tuple(Sort(text.removeprefix("-"), text.startswith("-")) for text in parameters.sort or ())
    if details:
        query = replace(query, fields=declared.detail, sort=sort or tuple(Sort(key) for key in declared.detail_sort))
    else:
        query = _grouped(query, declared, dataset, parameters, sort)
    try:
        query = replace(query, date_range=_date_range(parameters, ZoneInfo(time_zone)))
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = Message(
            "“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=time_zone[:60]
        )
        query = replace(query, time_zone="UTC")
    try:
        validation.check(query)
    except QueryError as error:
        errors = error.fields | errors
    if errors:
        raise InvalidRequestError(errors)
    return query


def _base_key(declared: ReportType) -> str:
    value = lookup_cache.category(LookupCategory.REPORT_TYPE)[declared.key]
    return str(value.metadata["basedOn"])


def _grouped(
    query: Query, declared: ReportType, dataset: Dataset, parameters: Parameters, sort: tuple[Sort, ...]
) -> Query:
    dimensions = tuple(parameters.group_by) or declared.group_by
    slicers = tuple(parameters.slicers)
    if not slicers and not parameters.group_by:
        slicers = declared.slicers
    measures = tuple(parameters.measures) or declared.measures
    # What is grouped by time stays in the order of time.
    is_over_time = bool(dimensions) and dimensions[0] in DIMENSIONS and DIMENSIONS[dimensions[0]].time is not None
    if not sort and not parameters.subtotals and not is_over_time:
        usual = [Sort(text.removeprefix("-"), text.startswith("-")) for text in declared.sort]
        sort = tuple(each for each in usual if each.column in (*dimensions, *measures))
    return replace(
        query,
        dimensions=dimensions,
        slicers=slicers,
        measures=tuple(dict.fromkeys(measures)),
        sort=sort,
        top=parameters.top,
        totals=parameters.totals is not False,
        subtotals=bool(parameters.subtotals),
    )


def _date_range(parameters: Parameters, zone: ZoneInfo) -> DateRange:
    """Calendar days, both included, as instants: local midnight to local midnight."""
    given = parameters.date_range
    if given is None:
        return DateRange()
    start = given.start_date.date() if given.start_date else None
    end = given.end_date.date() + timedelta(days=1) if given.end_date else None
    return DateRange(
        datetime.combine(start, time(), tzinfo=zone) if start else None,
        datetime.combine(end, time(), tzinfo=zone) if end else None,
    )


def _filters(dataset: Dataset, parameters: Parameters, errors: dict[str, str]) -> tuple[Filter, ...]:
    given = parameters.filters
    found: list[Filter] = []
    if given is None:
        return ()
    for chosen in _CHOSEN:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        name = f"parameters.filters.{chosen.name}"
        if chosen.dimension not in dataset.dimensions:
            errors[name] = Message(
                "%(rows)s cannot be filtered by “%(field)s”. Possible: %(possible)s.",
                rows=dataset.label,
                field=chosen.label,
                possible=[each.label for each in _CHOSEN if each.dimension in dataset.dimensions],
            )
            continue
        _check_values(dataset, chosen, values, name, errors)
        found.append(Filter(chosen.dimension, "in", tuple(str(value) for value in values)))
    for condition in given.conditions or ():
        value = condition.value
        values = [] if value is None else value if isinstance(value, list) else [value]
        found.append(Filter(condition.field, condition.operator, tuple(_plain(each) for each in values)))
    return tuple(found)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, ObjectId) else value


def _check_values(dataset: Dataset, chosen: _Chosen, values: Sequence[Any], name: str, errors: dict[str, str]) -> None:
    if chosen.document is not None:
        known = set(chosen.document.objects(id__in=values).scalar("id"))
        missing = [str(value) for value in values if value not in known]
    else:
        allowed: Iterable[str] = (
            lookup_cache.category(LookupCategory.ACTIVITY_EVENT)
            if chosen.name == "event_types"
            else STATUSES.get(dataset.key, ())
        )
        missing = [str(value) for value in values if value not in allowed]
    if missing:
        errors[name] = Message(
            "%(field)s: there is no %(values)s.",
            field=chosen.label,
            values=_some([each[:60] for each in missing], 3, len(missing)),
        )


def _some(values: Sequence[str], most: int, count: int) -> Message:
    """The first `most` of `values`, and how many more of the `count` there are."""
    shown = _listed(values[:most])
    return shown if count <= most else Message("%(shown)s and %(count)s more", shown=shown, count=count - most)


def tables_for(query: Query) -> tuple[str, ...]:
    """The tables of the extract that answering `query` reads."""
    return compiler.tables_of(query)


def question_hash(report_type: str, parameters: Parameters, scope: DataScope, format: str) -> str:
    """Equal for equal questions of people with equal scope, in the same format."""
    facts = [report_type, parameters.to_mongo().to_dict(), scope.to_document(), format]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


# --- in words ---------------------------------------------------------------------------------------------------------


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
        told.append((Message("Grouped by"), _listed(_label(key) for key in dimensions) or nothing))
        slicers = parameters.slicers or ([] if parameters.group_by else list(declared.slicers))
        if slicers:
            told.append((Message("Columns"), _listed(_label(key) for key in slicers)))
        measures = parameters.measures or list(declared.measures)
        told.append((Message("Measures"), _listed(measure_label(dataset, text) for text in measures)))
    if parameters.sort:
        told.append((Message("Sorted by"), _listed(_sort_in_words(dataset, text) for text in parameters.sort)))
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


def _listed(texts: Iterable[str]) -> Message:
    return Message.joined(texts, ", ")


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
    for chosen in _CHOSEN:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        if chosen.document is not None:
            named = _names(chosen, values)
        elif chosen.name == "event_types":
            named = [lookups.label(LookupCategory.ACTIVITY_EVENT, value) for value in values]
        else:
            named = [STATUS_WORDS.get(value, value) for value in values]
        told.append((chosen.label, _some(named, VALUES_TOLD, len(values))))
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


def _names(chosen: _Chosen, values: Sequence[ObjectId]) -> list[str]:
    shown = list(values[:VALUES_TOLD])
    found = {each.id: each for each in chosen.document.objects(id__in=shown)}
    return [
        str(getattr(found[value], chosen.text, None) or found[value].name) if value in found else str(value)
        for value in shown
    ]
