"""Does a question keep to the declarations? Every fault at once, each under the name of the parameter it is in."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.declarations import Dataset, Field, Measure, Unit
from webapp.engine.errors import QueryError
from webapp.engine.query import Filter, Query

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
            return Measure(
                key,
                custom.label,
                Unit(custom.unit) if custom.unit in ("ratio", "seconds") else Unit.NUMBER,
                f"{base.definition} Field: {custom.field}.",
                base.compute,
                requires_field=base.requires_field,
                zero_if_empty=base.zero_if_empty,
                rolls_up=base.rolls_up,
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
            errors["parameters.detail"] = f"“{key}” is not a field of {dataset.label.lower()}."
    if len(query.measures) > MAX_MEASURES:
        errors["parameters.measures"] = f"At most {MAX_MEASURES} measures can be had; {len(query.measures)} are asked."
    if not query.fields and not query.measures:
        errors["parameters.measures"] = "Choose at least one measure."
    if query.date_field is not None and query.date_field not in dataset.dates:
        errors["parameters.date_field"] = (
            f"“{query.date_field}” is not a date of {dataset.label.lower()}. Possible: {_listed(dataset.dates)}."
        )
    if query.top is not None and query.top > MAX_TOP:
        errors["parameters.top"] = f"“Top” takes at most {MAX_TOP:,} groups."
    if query.top is not None and not query.dimensions:
        errors["parameters.top"] = "“Top” needs something to group by."
    if query.subtotals and query.top is not None:
        errors["parameters.top"] = "“Top” and subtotals cannot be had together: choose one."
    if query.subtotals and query.sort:
        errors["parameters.sort"] = "With subtotals, groups stay in their own order: take the sort away."
    start, end = query.date_range.start, query.date_range.end
    if start is not None and end is not None and end <= start:
        errors["parameters.date_range"] = "The period ends before it starts."
    try:
        ZoneInfo(query.time_zone)
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = f"“{query.time_zone[:60]}” is not a time zone, such as Europe/Madrid."
    _check_sort(query, errors)
    if errors:
        raise QueryError(errors)


def _check_dimensions(query: Query, dataset: Dataset, errors: dict[str, str]) -> None:
    for name, keys, most in (
        ("parameters.group_by", query.dimensions, MAX_DIMENSIONS),
        ("parameters.slicers", query.slicers, MAX_SLICERS),
    ):
        if len(keys) > most:
            errors[name] = f"At most {most} are possible; {len(keys)} are asked."
        if len(set(keys)) < len(keys) or (name.endswith("slicers") and set(keys) & set(query.dimensions)):
            errors[name] = "Each can be used once, as a row or as a column."
        for key in keys:
            if key not in dataset.dimensions:
                errors[name] = (
                    f"{dataset.label} cannot be grouped by “{key[:60]}”. Possible: {_listed(dataset.dimensions)}."
                )
    if query.slicers and query.fields:
        errors["parameters.slicers"] = "Detail rows have no columns to slice by."


def _check_measure(query: Query, dataset: Dataset, text: str, errors: dict[str, str]) -> None:
    key, given = split_measure(text)
    measure = measure_of(query, dataset, key)
    name = "parameters.measures"
    if measure is None:
        errors[name] = (
            f"The measure “{key[:60]}” does not apply to {dataset.label.lower()}. "
            f"Possible: {_listed(applicable_measures(query, dataset))}."
        )
        return
    wanted = field_of_measure(query, text)
    if not measure.requires_field:
        if given:
            errors[name] = f"The measure “{key}” takes no field; “{given[:60]}” was given."
        return
    if given and given != wanted:
        errors[name] = f"The measure “{key}” has its own field; “{given[:60]}” was given."
        return
    possible = fields_for(dataset, key if key in AGGREGATES else _aggregate_of(query, key))
    if wanted not in possible and not (dataset.has_data and wanted.startswith("data.") and len(wanted) > 5):
        more = " or data.<name>" if dataset.has_data else ""
        said = f"does not apply to “{wanted[:60]}”" if wanted else "needs a field, as in " + f"“{key}:{possible[0]}”"
        errors[name] = f"The measure “{key}” {said}. Possible: {_listed(possible)}{more}."


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
        errors[name] = f"“{str(condition.operator)[:30]}” is not an operator. Possible: {_listed(sorted(_OPERATORS))}."
        return
    field = field_of(dataset, condition.field)
    if field is None and condition.field not in dataset.dimensions:
        errors[name] = (
            f"{dataset.label} cannot be filtered by “{condition.field[:60]}”. "
            f"Possible: {_listed([*dataset.dimensions, *dataset.fields])}."
        )
        return
    count = len(condition.values)
    expected = {"between": 2, "is-null": 0, "is-not-null": 0}.get(
        condition.operator, 1 if condition.operator in _ONE_VALUE else None
    )
    if expected is not None and count != expected:
        errors[name] = f"“{condition.field} {condition.operator}” takes {expected} value(s); {count} given."
    numeric = field is not None and field.is_numeric
    for value in condition.values:
        if numeric and (isinstance(value, bool) or not isinstance(value, int | float)):
            errors[name] = f"“{condition.field}” is compared with numbers; “{str(value)[:60]}” is none."
        elif field is not None and field.unit is Unit.FLAG and not isinstance(value, bool):
            errors[name] = f"“{condition.field}” is compared with true or false; “{str(value)[:60]}” is neither."
    if numeric and condition.operator in ("contains", "starts-with"):
        errors[name] = f"“{condition.field}” is a number; “{condition.operator}” is for texts."


def _check_sort(query: Query, errors: dict[str, str]) -> None:
    if query.slicers:
        return  # columns of slicers are known only when the values are; the compiler checks
    known = {*query.dimensions, *(f"{key}-number" for key in query.dimensions), *query.measures, *query.fields}
    for sort in query.sort:
        if sort.column not in known:
            errors["parameters.sort"] = (
                f"“{sort.column[:60]}” is not a column of this report. Possible: {_listed(sorted(known))}."
            )


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(keys)
