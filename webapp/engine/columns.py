"""What the columns of an answer are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from webapp.engine import compiler
from webapp.engine.asked_measures import field_of_measure, measure_of, split_measure, unit_of
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.measures import COUNT_DISTINCT
from webapp.engine.declarations import Dataset, Field, Measure
from webapp.engine.fields import field_of
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.engine.result import ROW_TYPE, Column
from webapp.engine.words import OTHER, ROW_TYPES, in_words, words_of
from webapp.messages import Message


def group_columns(
    query: Query,
    combos: Sequence[str],
    values: Sequence[tuple[Any, ...]],
    keys: Sequence[tuple[str | None, ...]],
    *,
    has_row_type: bool,
) -> list[Column]:
    """The columns of groups. `combos` are the keys of the slicers' combinations, `values` what is in each, `keys` what
    is behind that."""
    columns: list[Column] = []
    for key in query.dimensions:
        columns.append(dimension_column(query, key, "dimension"))
        if (entity := DIMENSIONS[key].entity) and ENTITIES[entity].number and DIMENSIONS[key].attribute is None:
            columns.append(number_column(key, "dimension"))
    if has_row_type:
        definition = Message("group, subtotal or other")
        columns.append(Column(ROW_TYPE, Message("Row"), "string", "text", "dimension", definition, words=ROW_TYPES))
        if query.top is not None:
            columns[0] = replace(columns[0], words={**columns[0].words, **OTHER})
    for text in query.measures:
        columns.append(_measure_column(query, text))
    times = tuple(DIMENSIONS[key].time for key in query.slicers)
    for combo, told, behind in zip(combos, values, keys, strict=True):
        over = tuple(in_words(query, key, value) for key, value in zip(query.slicers, told, strict=True))
        for text in query.measures:
            base = _measure_column(query, text)
            label = Message.joined([base.label, *over], " · ")
            above: dict[str, Any] = {"heading": base.label, "over": over, "over_keys": behind, "over_times": times}
            columns.append(replace(base, key=f"{text}[{combo}]", label=label, **above))
    return columns


def _measure_column(query: Query, text: str) -> Column:
    dataset = dataset_of(query)
    measure = measure_of(query, dataset, split_measure(text)[0])
    assert measure is not None  # noqa: S101 - the query is checked
    label = measure.label
    if measure.requires_field and split_measure(text)[1]:
        label = label_of_field(dataset, measure, field_of_measure(query, text))
    unit, is_long = unit_of(query, dataset, text)
    kind: Any = compiler.type_of(unit)
    return Column(text, label, kind, unit.value, "measure", measure.definition, is_long=is_long)


def label_of_field(dataset: Dataset, measure: Measure, key: str) -> str:
    """What `measure` of the field `key` is called: “Highest score”, “Different contents”."""
    field = field_of(dataset, key)
    if measure.key == COUNT_DISTINCT.key and key in DIMENSIONS and DIMENSIONS[key].different:
        return DIMENSIONS[key].different
    return Message(str(measure.of), field=field.label if field is not None else DIMENSIONS[key].label)


def field_column(field: Field) -> Column:
    kind: Any = compiler.type_of(field.unit)
    return Column(
        field.key, field.label, kind, field.unit.value, "field", field.definition or None, is_long=field.is_long
    )


def dimension_column(query: Query, key: str, role: Any) -> Column:
    dimension = DIMENSIONS[key]
    kind: Any = ("date", "date") if dimension.time == "day" else ("string", "text")
    return Column(
        key,
        dimension.label,
        kind[0],
        kind[1],
        role,
        words=words_of(query, key),
        time=None if dimension.time == "day" else dimension.time,
    )


def number_column(key: str, role: Any) -> Column:
    entity = ENTITIES[DIMENSIONS[key].entity or ""]
    return Column(f"{key}-number", entity.number_label, "string", "text", role)


def typed(value: Any, column: Column) -> Any:
    if column.type == "integer":
        return value.cast("int64")
    if column.type == "number":
        return value.cast("float64")
    if column.type == "datetime":
        return value.cast("timestamp('UTC')")
    return value
