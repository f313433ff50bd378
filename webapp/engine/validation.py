"""Does a question keep to the declarations? Every fault at once, each under the name of the parameter it is in."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.declarations import Dataset, Field, Measure, Unit
from webapp.engine.errors import QueryError
from webapp.engine.query import Filter, Query
from webapp.messages import Message

MAX_DIMENSIONS = 5
MAX_SLICERS = 3
MAX_MEASURES = 20
MAX_TOP = 1_000

_ONE_VALUE = {"eq", "ne", "gt", "gte", "lt", "lte", "contains", "starts-with"}
_OPERATORS = _ONE_VALUE | {"in", "not-in", "between", "is-null", "is-not-null"}
_ORDERED_UNITS = (Unit.INSTANT, Unit.DATE)


def field_of(dataset: Dataset, key: str) -> Field | None:
    """The field `key` of the dataset, `data.<name>` included; None when there is none."""
    if dataset.has_data and key.startswith("data.") and len(key) > 5:
        from webapp.engine.catalogue.tables import data_column

        column = data_column(key[5:])
        return Field(key, key[5:].replace("_", " ").capitalize(), Unit.NUMBER, lambda table: table[column])
    return dataset.fields.get(key)


def split_measure(text: str) -> tuple[str, str]:
    """`sum:data.clicks` -> (`sum`, `data.clicks`)."""
    key, _, field = text.partition(":")
    return key, field


def measure_of(query: Query, dataset: Dataset, key: str) -> Measure | None:
    """The dataset's measure, or one that administrators made: its aggregate applied to its own field."""
    for custom in query.custom_measures:
        if custom.key == key and dataset.key in custom.datasets and custom.aggregate in AGGREGATES:
            base = AGGREGATES[custom.aggregate]
            return replace(
                base,
                key=key,
                label=custom.label,
                unit=Unit(custom.unit) if custom.unit in ("ratio", "seconds") else Unit.NUMBER,
                definition=Message("%(definition)s Field: %(field)s.", definition=base.definition, field=custom.field),
            )
    return dataset.measures.get(key)


def field_of_measure(query: Query, text: str) -> str:
    """The field that a measure is of: its own, or for one that administrators made, the one they named."""
    key, field = split_measure(text)
    for custom in query.custom_measures:
        if custom.key == key:
            return custom.field
    return field


def applicable_measures(query: Query, dataset: Dataset) -> list[str]:
    return [*dataset.measures, *(each.key for each in query.custom_measures if dataset.key in each.datasets)]


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
    start, end = query.date_range.start, query.date_range.end
    if start is not None and end is not None and end <= start:
        errors["parameters.date_range"] = Message("The period ends before it starts.")
    try:
        ZoneInfo(query.time_zone)
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = Message(
            "“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=query.time_zone[:60]
        )
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
    possible = fields_for(dataset, key if key in AGGREGATES else _aggregate_of(query, key))
    if wanted not in possible and not (dataset.has_data and wanted.startswith("data.") and len(wanted) > 5):
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


def _aggregate_of(query: Query, key: str) -> str:
    return next((custom.aggregate for custom in query.custom_measures if custom.key == key), key)


def fields_for(dataset: Dataset, aggregate: str) -> list[str]:
    """What `aggregate` can be of: numbers; for the extremes instants too; for a distinct count everything."""
    if aggregate == "count-distinct":
        plain = (key for key in dataset.dimensions if DIMENSIONS[key].many is None and not DIMENSIONS[key].attribute)
        return [*plain, *dataset.fields]
    if aggregate in ("min", "max"):
        return [key for key, field in dataset.fields.items() if field.is_numeric or field.unit in _ORDERED_UNITS]
    return [key for key, field in dataset.fields.items() if field.is_numeric]


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
