"""Does a question keep to the declarations? Every fault at once, each under the name of the parameter it is in."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from webapp.engine.asked_measures import aggregate_of, applicable_measures, field_of_measure, measure_of, split_measure
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.declarations import Dataset, Unit
from webapp.engine.errors import QueryError
from webapp.engine.fields import field_of, fields_for, is_data_field
from webapp.engine.query import MAX_DIMENSIONS, MAX_MEASURES, MAX_SLICERS, MAX_TOP, Filter, Query
from webapp.messages import Message

_ONE_VALUE = {"eq", "ne", "gt", "gte", "lt", "lte", "contains", "starts-with"}
#: How a result is compared, and with how many numbers.
_OF_RESULTS = dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte"), 1) | {"between": 2, "is-null": 0, "is-not-null": 0}
_OPERATORS = _ONE_VALUE | {"in", "not-in", "between", "is-null", "is-not-null"}


def check(query: Query) -> None:
    """Raises QueryError with every fault. Names what would be possible instead."""
    dataset = DATASETS[query.dataset]
    errors: dict[str, str] = {}
    _check_dimensions(query, dataset, errors)
    for text in query.measures:
        _check_measure(query, dataset, text, errors)
    for condition in query.filters:
        _check_filter(dataset, condition, errors)
    for key in query.fields:
        if field_of(dataset, key) is None and key not in dataset.dimensions and key != "learner-number":
            errors["parameters.detail"] = Message(
                "“%(field)s” is not a field of %(rows_)s.", field=key, rows=dataset.label
            )
    if len(query.measures) > MAX_MEASURES:
        errors["parameters.measures"] = Message(
            "At most %(most)s measures can be had; %(asked)s are asked.", most=MAX_MEASURES, asked=len(query.measures)
        )
    if not query.fields and not query.measures:
        errors["parameters.measures"] = Message("Choose at least one measure.")
    if query.date_field is not None and query.date_field not in dataset.dates:
        errors["parameters.date_field"] = Message(
            "“%(date)s” is not a date of %(rows_)s. Possible: %(possible)s.",
            date=query.date_field,
            rows=dataset.label,
            possible=list(dataset.dates),
        )
    if query.top is not None and query.top > MAX_TOP:
        errors["parameters.top"] = Message("“Top” takes at most %(most)s groups.", most=MAX_TOP)
    if query.top is not None and not query.dimensions:
        errors["parameters.top"] = Message("“Top” needs something to group by.")
    if query.subtotals and query.top is not None:
        errors["parameters.top"] = Message("“Top” and subtotals cannot be had together: choose one.")
    if query.subtotals and query.sort:
        errors["parameters.sort"] = Message("With subtotals, groups stay in their own order: take the sort away.")
    try:
        ZoneInfo(query.time_zone)
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = Message(
            "“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=query.time_zone[:60]
        )
    _check_results(query, errors)
    _check_sort(query, errors)
    if errors:
        raise QueryError(errors)


def _check_dimensions(query: Query, dataset: Dataset, errors: dict[str, str]) -> None:
    for name, keys, most in (
        ("parameters.group_by", query.dimensions, MAX_DIMENSIONS),
        ("parameters.slicers", query.slicers, MAX_SLICERS),
    ):
        if len(keys) > most:
            errors[name] = Message("At most %(most)s are possible; %(asked)s are asked.", most=most, asked=len(keys))
        if len(set(keys)) < len(keys) or (name.endswith("slicers") and set(keys) & set(query.dimensions)):
            errors[name] = Message("Each can be used once, as a row or as a column.")
        for key in keys:
            if key not in dataset.dimensions:
                errors[name] = Message(
                    "%(rows)s cannot be grouped by “%(dimension)s”. Possible: %(possible)s.",
                    rows=dataset.label,
                    dimension=key[:60],
                    possible=dataset.dimensions,
                )
    if query.slicers and query.fields:
        errors["parameters.slicers"] = Message("Detail rows have no columns to slice by.")


def _check_measure(query: Query, dataset: Dataset, text: str, errors: dict[str, str]) -> None:
    key, given = split_measure(text)
    measure = measure_of(query, dataset, key)
    name = "parameters.measures"
    if measure is None:
        errors[name] = Message(
            "The measure “%(measure)s” does not apply to %(rows_)s. Possible: %(possible)s.",
            measure=key[:60],
            rows=dataset.label,
            possible=applicable_measures(query, dataset),
        )
        return
    wanted = field_of_measure(query, text)
    if not measure.requires_field:
        if given:
            errors[name] = Message(
                "The measure “%(measure)s” takes no field; “%(given)s” was given.", measure=key, given=given[:60]
            )
        return
    if given and given != wanted:
        errors[name] = Message(
            "The measure “%(measure)s” has its own field; “%(given)s” was given.", measure=key, given=given[:60]
        )
        return
    possible = fields_for(dataset, key if key in AGGREGATES else aggregate_of(query, key))
    if wanted not in possible and not is_data_field(dataset, wanted):
        possible = [*possible, "data.<name>"] if dataset.has_data else possible
        errors[name] = (
            Message(
                "The measure “%(measure)s” does not apply to “%(field)s”. Possible: %(possible)s.",
                measure=key,
                field=wanted[:60],
                possible=possible,
            )
            if wanted
            else Message(
                "The measure “%(measure)s” needs a field, as in “%(example)s”. Possible: %(possible)s.",
                measure=key,
                example=f"{key}:{possible[0]}",
                possible=possible,
            )
        )


def _check_filter(dataset: Dataset, condition: Filter, errors: dict[str, str]) -> None:
    name = "parameters.filters"
    if condition.operator not in _OPERATORS:
        errors[name] = Message(
            "“%(operator)s” is not an operator. Possible: %(possible)s.",
            operator=str(condition.operator)[:30],
            possible=sorted(_OPERATORS),
        )
        return
    field = field_of(dataset, condition.field)
    if field is None and condition.field not in dataset.dimensions:
        errors[name] = Message(
            "%(rows)s cannot be filtered by “%(field)s”. Possible: %(possible)s.",
            rows=dataset.label,
            field=condition.field[:60],
            possible=[*dataset.dimensions, *dataset.fields],
        )
        return
    count = len(condition.values)
    expected = {"between": 2, "is-null": 0, "is-not-null": 0}.get(
        condition.operator, 1 if condition.operator in _ONE_VALUE else None
    )
    if expected is not None and count != expected:
        errors[name] = Message(
            "“%(condition)s” takes %(expected)s value(s); %(count)s given.",
            condition=f"{condition.field} {condition.operator}",
            expected=expected,
            count=count,
        )
    numeric = field is not None and field.is_numeric
    for value in condition.values:
        if numeric and (isinstance(value, bool) or not isinstance(value, int | float)):
            errors[name] = Message(
                "“%(field)s” is compared with numbers; “%(value)s” is none.",
                field=condition.field,
                value=str(value)[:60],
            )
        elif field is not None and field.unit is Unit.FLAG and not isinstance(value, bool):
            errors[name] = Message(
                "“%(field)s” is compared with true or false; “%(value)s” is neither.",
                field=condition.field,
                value=str(value)[:60],
            )
    if numeric and condition.operator in ("contains", "starts-with"):
        errors[name] = Message(
            "“%(field)s” is a number; “%(operator)s” is for texts.", field=condition.field, operator=condition.operator
        )


def _check_results(query: Query, errors: dict[str, str]) -> None:
    name = "parameters.results"
    for condition in query.results:
        measured = condition.field in query.measures
        if not measured:
            errors[name] = Message(
                "“%(measure)s” is not among the measures of this report. Possible: %(possible)s.",
                measure=condition.field[:60],
                possible=query.measures,
            )
        elif condition.operator not in _OF_RESULTS or len(condition.values) != _OF_RESULTS[condition.operator]:
            errors[name] = Message(
                "“%(condition)s” takes %(expected)s value(s); %(count)s given.",
                condition=f"{condition.field} {condition.operator}"[:100],
                expected=_OF_RESULTS.get(condition.operator, 0),
                count=len(condition.values),
            )
        elif any(isinstance(each, bool) or not isinstance(each, int | float) for each in condition.values):
            errors[name] = Message("“%(field)s” is compared with numbers.", field=condition.field[:60])
    if query.results and (query.subtotals or query.top is not None):
        errors[name] = Message("Conditions on results go with neither “top” nor subtotals: take these away.")


def _check_sort(query: Query, errors: dict[str, str]) -> None:
    if query.slicers:
        return  # columns of slicers are known only when the values are; the compiler checks
    known = {*query.dimensions, *(f"{key}-number" for key in query.dimensions), *query.measures, *query.fields}
    for sort in query.sort:
        if sort.column not in known:
            errors["parameters.sort"] = Message(
                "“%(column)s” is not a column of this report. Possible: %(possible)s.",
                column=sort.column[:60],
                possible=sorted(known),
            )
