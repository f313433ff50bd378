"""What a measure in a question is: `count`, `sum:data.clicks`, or one that administrators made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis

from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES, quotient, share_of, total
from webapp.engine.conditions import compared
from webapp.engine.declarations import Dataset, Measure, Table, Unit, Value
from webapp.engine.fields import field_of
from webapp.engine.keys import bucket
from webapp.engine.query import CustomMeasure, Query
from webapp.messages import Message

#: What a measure of administrators can be beside an aggregate of a field.
SHARE, RATIO = "share", "ratio"


def split_measure(text: str) -> tuple[str, str]:
    """`sum:data.clicks` -> (`sum`, `data.clicks`)."""
    key, _, field = text.partition(":")
    return key, field


def measure_of(query: Query, dataset: Dataset, key: str) -> Measure | None:
    """The dataset's measure, or one that administrators made; None where neither is."""
    for custom in query.custom_measures:
        if custom.key == key and dataset.key in custom.datasets:
            return _made(query, dataset, custom)
    return dataset.measures.get(key)


def _made(query: Query, dataset: Dataset, custom: CustomMeasure) -> Measure | None:
    if custom.aggregate == SHARE and custom.where is not None:
        return _share(dataset, custom)
    if custom.aggregate == RATIO:
        return _ratio(query, dataset, custom)
    if custom.aggregate not in AGGREGATES:
        return None
    base = AGGREGATES[custom.aggregate]
    field, named = field_of(dataset, custom.field), DIMENSIONS.get(custom.field)
    about = field.label if field is not None else named.label if named is not None else custom.field
    definition = Message("%(definition)s Field: %(field)s.", definition=base.definition, field=about)
    return replace(base, key=custom.key, label=custom.label, unit=Unit(custom.unit), definition=definition)


def _share(dataset: Dataset, custom: CustomMeasure) -> Measure | None:
    condition = custom.where
    field = field_of(dataset, condition.field) if condition is not None else None
    if condition is None or field is None:
        return None

    def parts(table: Table, _: Any) -> tuple[Value, ...]:
        every = table.is_first if dataset.once else table.id.notnull()
        return share_of(compared(field.value(table), condition).fill_null(False), every)

    definition = Message(
        "Rows where %(field)s %(operator)s %(value)s / all rows; empty without rows.",
        field=field.label,
        operator=OPERATOR_SIGNS.get(condition.operator, condition.operator),
        value=", ".join(str(each) for each in condition.values),
    )
    return Measure(custom.key, custom.label, Unit.RATIO, definition, parts, quotient, combine=total)


def _ratio(query: Query, dataset: Dataset, custom: CustomMeasure) -> Measure | None:
    of, over = (dataset.measures.get(split_measure(text)[0]) for text in (custom.of, custom.over))
    if of is None or over is None or of.prepare is not None or over.prepare is not None:
        return None

    def number(measure: Measure, text: str, table: Table) -> Value:
        value = value_of(query, dataset, split_measure(text)[1], table) if measure.requires_field else None
        return measure.value(*measure.parts(table, value))

    def parts(table: Table, _: Any) -> tuple[Value, ...]:
        return number(of, custom.of, table), number(over, custom.over, table)

    definition = Message(
        "%(of)s / %(over)s; empty where there is nothing to divide by.", of=custom.of, over=custom.over
    )
    needs = tuple(dict.fromkeys([*of.needs, *over.needs]))
    return Measure(custom.key, custom.label, Unit(custom.unit), definition, parts, quotient, needs=needs)


#: How conditions are written in a definition.
OPERATOR_SIGNS = {"eq": "=", "ne": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def value_of(query: Query, dataset: Dataset, key: str, rows: Table) -> Value:
    """What a measure of the field or dimension `key` is of, row by row."""
    field = field_of(dataset, key)
    if field is None:
        dimension = DIMENSIONS[key]
        if dimension.time is not None:
            return bucket(dimension.time, rows, query)
        return rows[dimension.column] if dimension.entity else dimension.value(rows)  # type: ignore[misc]
    value = field.value(rows)
    if dataset.once and field.is_numeric:
        value = rows.is_first.ifelse(value, ibis.null(value.type()))
    if field.is_numeric:
        value = value.cast("float64")
    return value


def unit_of(query: Query, dataset: Dataset, text: str) -> tuple[Unit, bool]:
    """What the numbers of a measure count; and of seconds, whether people count them in days. Plain numbers, for a
    measure that there is not."""
    measure = measure_of(query, dataset, split_measure(text)[0])
    if measure is None:
        return Unit.NUMBER, False
    unit = measure.unit or Unit.NUMBER
    field = field_of(dataset, field_of_measure(query, text)) if measure.requires_field else None
    if measure.unit is None and field is not None:
        # A sum or a mean of whole numbers need not be one; the mean of scores is a score.
        is_whole = field.unit is not Unit.COUNT or measure.key in ("sum", "min", "max")
        unit = field.unit if is_whole else Unit.NUMBER
    return unit, unit is Unit.SECONDS and (measure.is_long or (field is not None and field.is_long))


def field_of_measure(query: Query, text: str) -> str:
    """The field that a measure is of: its own, or for one that administrators made, the one they named."""
    key, field = split_measure(text)
    for custom in query.custom_measures:
        if custom.key == key:
            return custom.field
    return field


def fields_of_measure(query: Query, text: str) -> list[str]:
    """Every field that the measure reads: several for a ratio."""
    key = split_measure(text)[0]
    for custom in query.custom_measures:
        if custom.key == key and custom.where is not None:
            return [custom.where.field]
        if custom.key == key and custom.aggregate == RATIO:
            return [field for _, field in map(split_measure, (custom.of, custom.over)) if field]
    field = field_of_measure(query, text)
    return [field] if field else []


def applicable_measures(query: Query, dataset: Dataset) -> list[str]:
    return [*dataset.measures, *(each.key for each in query.custom_measures if dataset.key in each.datasets)]


def aggregate_of(query: Query, key: str) -> str:
    """The base aggregate of a measure that administrators made; any other is its own."""
    return next((custom.aggregate for custom in query.custom_measures if custom.key == key), key)
