"""From what a person asked (`Parameters` of a job) to what the engine answers (`Query`).

`to_query` adds the day that makes an end date exclusive, and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from webapp import clock
from webapp.documents import (
    LookupCategory,
    Parameters,
)
from webapp.documents.lookup_value import lookup_cache
from webapp.engine import compiler, validation
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Dataset, ReportType
from webapp.engine.errors import QueryError
from webapp.engine.query import DateRange, Filter, Query, Scope, Sort
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS, ChosenFilter
from webapp.services.questions.in_words import some_of
from webapp.services.questions.report_types import base_key, custom_measures, report_type_of
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings


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
        report_type=declared.key if declared.key in REPORT_TYPES else base_key(declared),
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
    for chosen in CHOSEN_FILTERS:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        name = f"parameters.filters.{chosen.name}"
        if chosen.dimension not in dataset.dimensions:
            errors[name] = Message(
                "%(rows)s cannot be filtered by “%(field)s”. Possible: %(possible)s.",
                rows=dataset.label,
                field=chosen.label,
                possible=[each.label for each in CHOSEN_FILTERS if each.dimension in dataset.dimensions],
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


def _check_values(
    dataset: Dataset, chosen: ChosenFilter, values: Sequence[Any], name: str, errors: dict[str, str]
) -> None:
    if chosen.document is not None:
        known = set(chosen.document.objects(id__in=values).scalar("id"))
        missing = [str(value) for value in values if value not in known]
    else:
        allowed: Iterable[str] = (
            lookup_cache.category(LookupCategory.ACTIVITY_EVENT) if chosen.name == "event_types" else dataset.statuses
        )
        missing = [str(value) for value in values if value not in allowed]
    if missing:
        errors[name] = Message(
            "%(field)s: there is no %(values)s.",
            field=chosen.label,
            values=some_of([each[:60] for each in missing], 3, len(missing)),
        )


def tables_for(query: Query) -> tuple[str, ...]:
    """The tables of the extract that answering `query` reads."""
    return compiler.tables_of(query)


def question_hash(report_type: str, parameters: Parameters, scope: DataScope, format: str) -> str:
    """Equal for equal questions of people with equal scope, in the same format."""
    facts = [report_type, parameters.to_mongo().to_dict(), scope.to_document(), format]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
