"""From what a person asked (`ReportRequest`) to what the engine answers (`Query`).

`to_query` adds the day that makes an end date exclusive, and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import MAXYEAR, MINYEAR, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from webapp import clock
from webapp.documents import LookupCategory
from webapp.documents.lookup_value import lookup_cache
from webapp.engine import compiler, validation
from webapp.engine.asked_measures import fields_of_measure, unit_of
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Dataset, ReportType, Unit
from webapp.engine.errors import QueryError
from webapp.engine.fields import DATA
from webapp.engine.query import MAX_TOP, DateRange, Filter, Operator, Query, Scope, Sort
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.questions import conditions, filter_choices, part_words, period, report_types, terms
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS, ChosenFilter
from webapp.services.questions.in_words import some_of
from webapp.services.questions.period import Period
from webapp.services.questions.report_types import base_key, custom_measures, event_words, report_type_of, standing
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.questions.ways import to_document
from webapp.services.rights import parts
from webapp.services.rights.data_scope import DataScope

MOST_ROWS = 10**9
FIELDS_TOLD = 30


def to_query(
    request: ReportRequest, scope: DataScope, *, moment: datetime | None = None, is_record_new: bool = True
) -> Query:
    """The engine's question. Raises InvalidRequestError with every fault under the name of its parameter.

    A record outside of `scope` is treated as one that does not exist. When the record is not as new as the question
    may be, nothing is said of what it lacks (`is_record_new`). A question about a part counts the rows of that part
    alone; what else it names is judged by what its asker may read, because parts of one report ask the same.
    """
    declared = report_type_of(request.report_type)
    dataset = DATASETS[declared.dataset]
    errors: dict[str, str] = {}
    moment = moment or clock.utcnow()
    if request.part and scope.within is None:
        scope = parts.narrowed(scope, request.part)
    filters = _filters(dataset, request, scope.outer if is_record_new else None, errors, moment)
    if request.part and is_record_new and (problem := part_words.problem_of(request.part, scope.outer)):
        errors[part_words.FIELD] = problem
    filters += tuple(Filter(name, cast(Operator, operator), values) for name, operator, values in standing(request))
    if wrong_period := request.period.problem():
        errors[period.FIELD] = wrong_period
    _check_numbers(request, errors)
    details = request.detail or (declared.detail_first and not request.group_by and not request.measures)
    if request.detail and not declared.detail:
        errors["parameters.detail"] = Message("%(report)s has no detail rows.", report=declared.label)
    if request.detail and request.group_by:
        errors["parameters.detail"] = Message("Detail rows are not grouped: take the grouping or the detail away.")
    if request.columns and not details:
        errors["parameters.columns"] = Message("Columns are chosen for rows one by one: ask for these, too.")
    if request.results and details:
        errors["parameters.results"] = Message("Rows one by one are no groups: take the conditions on results away.")
    query = Query(
        report_type=declared.key if declared.key in REPORT_TYPES else base_key(declared),
        dataset=dataset.key,
        filters=filters,
        date_field=request.date_field or None,
        time_zone=request.time_zone,
        include_inactive=request.include_inactive,
        limit=request.limit,
        scope=_scope(scope),
        moment=moment,
        custom_measures=custom_measures(),
        event_words=event_words(),
        title=declared.label,
    )
    sort = _sorts(request.sort)
    if details:
        columns = request.columns or declared.detail
        usual = tuple(each for each in _sorts(declared.detail_sort) if each.column in columns)
        query = replace(query, fields=columns, sort=sort or usual)
    else:
        query = _grouped(query, declared, dataset, request, sort)
    try:
        # Days that are wrong in themselves are told already, and no clock can be asked about some of them.
        if not wrong_period:
            query = replace(query, date_range=_date_range(request.period, ZoneInfo(request.time_zone)))
        else:
            ZoneInfo(request.time_zone)
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = Message(
            "“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=request.time_zone[:60]
        )
        query = replace(query, time_zone="UTC")
    try:
        validation.check(query)
    except QueryError as error:
        errors = error.fields | errors
    if is_record_new and "parameters.measures" not in errors:
        _check_data_fields(query, errors)
    if errors:
        raise InvalidRequestError(errors)
    return query


def _scope(scope: DataScope) -> Scope:
    within = None if scope.within is None else _scope(scope.within)
    return Scope(scope.department_ids, scope.class_ids, within)


def _check_data_fields(query: Query, errors: dict[str, str]) -> None:
    """A number that no event has would never count, whoever named it."""
    known = report_types.data_fields() if DATASETS[query.dataset].has_data else []
    places = [("parameters.measures", fields_of_measure(query, text)) for text in query.measures]
    places += [("parameters.filters", [each.field]) for each in query.filters]
    for name, fields in places:
        for field in fields:
            if field.startswith(DATA) and field not in known:
                errors[name] = Message(
                    "No event has a number “%(field)s”. Possible: %(possible)s.",
                    field=field[:60],
                    possible=known[:FIELDS_TOLD] or Message("none"),
                )


def _sorts(texts: Iterable[str]) -> tuple[Sort, ...]:
    return tuple(Sort(text.removeprefix("-"), text.startswith("-")) for text in texts)


def _grouped(
    query: Query, declared: ReportType, dataset: Dataset, request: ReportRequest, sort: tuple[Sort, ...]
) -> Query:
    dimensions = request.group_by or declared.group_by
    slicers = request.slicers
    if not slicers and not request.group_by:
        slicers = declared.slicers
    measures = request.measures or declared.measures
    # What is grouped by time stays in the order of time.
    is_over_time = bool(dimensions) and dimensions[0] in DIMENSIONS and DIMENSIONS[dimensions[0]].time is not None
    if not sort and not request.subtotals and not is_over_time:
        sort = tuple(each for each in _sorts(declared.sort) if each.column in (*dimensions, *measures))
    return replace(
        query,
        dimensions=dimensions,
        slicers=slicers,
        measures=measures,
        sort=sort,
        top=request.top,
        totals=request.totals,
        subtotals=request.subtotals,
        results=tuple(_result(query, dataset, each) for each in request.results),
    )


def _result(query: Query, dataset: Dataset, condition: Condition) -> Filter:
    """A condition on a measure, as the engine has its values: rates are fractions there, percent to people; times are
    seconds there, hours or days to people."""
    unit, is_long = unit_of(query, dataset, condition.field)

    def as_engine_has_it(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if unit is Unit.SECONDS:
            return conditions.seconds_of(value, is_long=is_long)
        return value / 100 if unit is Unit.RATIO else value

    values = tuple(map(as_engine_has_it, condition.values))
    return Filter(condition.field, cast(Operator, condition.operator), values)


def _date_range(given: Period, zone: ZoneInfo) -> DateRange:
    """Calendar days, both included, as instants: local midnight to local midnight."""
    # Nothing lies beyond the first and the last year: there a bound is none, and has no midnight in every zone.
    start = given.first if given.first and given.first.year > MINYEAR else None
    end = given.last + timedelta(days=1) if given.last and given.last.year < MAXYEAR else None
    return DateRange(
        datetime.combine(start, time(), tzinfo=zone) if start else None,
        datetime.combine(end, time(), tzinfo=zone) if end else None,
    )


def _check_numbers(request: ReportRequest, errors: dict[str, str]) -> None:
    for name, value, most in (("limit", request.limit, MOST_ROWS), ("top", request.top, MAX_TOP)):
        if value is not None and not 1 <= value <= most:
            errors[f"parameters.{name}"] = Message(
                "This must be a number between %(least)s and %(most)s.", least=1, most=most
            )


def _filters(
    dataset: Dataset, request: ReportRequest, scope: DataScope | None, errors: dict[str, str], moment: datetime
) -> tuple[Filter, ...]:
    found: list[Filter] = []
    for chosen in CHOSEN_FILTERS:
        values = getattr(request, chosen.name)
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
        _check_values(dataset, chosen, values, scope, name, errors)
        found.append(Filter(chosen.dimension, "in", tuple(str(value) for value in values), is_exact=True))
    if request.period.term:
        found.append(Filter("term", "in", (request.period.term,), is_exact=True))
    for each in request.conditions:
        operator, values = each.operator, each.values
        if operator in conditions.RELATIVE:
            operator, values = conditions.instants(each, moment, period.zone_of(request.time_zone))
        found.append(Filter(each.field, cast(Operator, operator), values))
    return tuple(found)


def _check_values(
    dataset: Dataset,
    chosen: ChosenFilter,
    values: Sequence[Any],
    scope: DataScope | None,
    name: str,
    errors: dict[str, str],
) -> None:
    if chosen.kind:
        known = filter_choices.reached(chosen.kind, values, scope) if scope is not None else values
        missing = [str(value) for value in values if value not in known]
    else:
        allowed = _allowed(dataset, chosen)
        # A record that lags behind may know a term tomorrow.
        is_judged = scope is not None or chosen.name != "terms"
        missing = [str(value) for value in values if is_judged and value not in allowed]
    if missing:
        errors[name] = Message(
            "%(field)s: there is no %(values)s.",
            field=chosen.label,
            values=some_of([each[:60] for each in missing], 3, len(missing)),
        )


def _allowed(dataset: Dataset, chosen: ChosenFilter) -> Iterable[str]:
    if chosen.name == "terms":
        return terms.names()
    return lookup_cache.category(LookupCategory.ACTIVITY_EVENT) if chosen.name == "event_types" else dataset.statuses


def tables_for(query: Query) -> tuple[str, ...]:
    """The tables of the record that answering `query` reads."""
    return compiler.tables_of(query)


def question_hash(request: ReportRequest, scope: DataScope) -> str:
    """Equal for equal questions of people with equal scope, in the same format. A period counts by what it means."""
    parameters = to_document(request)["parameters"]
    parameters.pop("period")
    if request.period.term:
        parameters.pop("dateField", None)
    facts = [request.report_type, parameters, scope.to_document(), request.format]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
