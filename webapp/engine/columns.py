"""What the columns of an answer are, and what a chart of it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webapp.engine import compiler
from webapp.engine.asked_measures import field_of_measure, measure_of, split_measure
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Unit
from webapp.engine.fields import field_of
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.engine.result import ROW_TYPE, ChartKind, ChartSpec, Column
from webapp.messages import Message

#: A chart with more series than this is a tangle.
MAX_SERIES = 8


def group_columns(query: Query, combos: Sequence[str], *, has_row_type: bool) -> list[Column]:
    columns: list[Column] = []
    for key in query.dimensions:
        columns.append(dimension_column(key, "dimension"))
        if (entity := DIMENSIONS[key].entity) and ENTITIES[entity].number and DIMENSIONS[key].attribute is None:
            columns.append(number_column(key, "dimension"))
    if has_row_type:
        columns.append(
            Column(ROW_TYPE, Message("Row"), "string", "text", "dimension", Message("group, subtotal or other"))
        )
    for text in query.measures:
        columns.append(_measure_column(query, text))
    for combo in combos:
        for text in query.measures:
            base = _measure_column(query, text)
            label = Message.joined([base.label, combo], " · ")
            columns.append(Column(f"{text}[{combo}]", label, base.type, base.unit, "measure", base.definition))
    return columns


def _measure_column(query: Query, text: str) -> Column:
    dataset = dataset_of(query)
    measure = measure_of(query, dataset, split_measure(text)[0])
    assert measure is not None  # noqa: S101 - the query is checked
    key = field_of_measure(query, text)
    label, unit, definition = measure.label, measure.unit or Unit.NUMBER, measure.definition
    if measure.requires_field:
        field = field_of(dataset, key)
        about = field.label if field is not None else DIMENSIONS[key].label
        if split_measure(text)[1]:
            label = Message("%(measure)s of %(field_)s", measure=label, field=about)
        if measure.unit is None:
            unit = field.unit if field is not None else Unit.NUMBER
            # A sum or a mean of whole numbers need not be one; the mean of scores is a score.
            unit = Unit.NUMBER if unit is Unit.COUNT and measure.key not in ("sum", "min", "max") else unit
    return Column(text, label, compiler.type_of(unit), unit.value, "measure", definition)  # type: ignore[arg-type]


def chart_of(query: Query, columns: Sequence[Column]) -> ChartSpec | None:
    if not query.dimensions:
        return None
    declared = REPORT_TYPES[query.report_type].chart if query.report_type in REPORT_TYPES else None
    by_time = (key for key in query.dimensions if DIMENSIONS[key].time)
    x = declared.x if declared and declared.x in query.dimensions else next(by_time, query.dimensions[0])
    y = declared.y if declared and declared.y in query.measures else query.measures[0]
    chosen = next(column for column in columns if column.key == y)
    if chosen.type not in ("integer", "number"):
        return None
    x_label = next(column.label for column in columns if column.key == x)
    title = Message("%(measure)s by %(dimension_)s", measure=chosen.label, dimension=x_label)
    sliced = [column.key for column in columns if column.key.startswith(f"{y}[")]
    if sliced and len(sliced) <= MAX_SERIES:
        additive = chosen.type == "integer" and y == "count"
        kind: ChartKind = "stacked-bar" if additive else "bar"
        return ChartSpec("line" if DIMENSIONS[x].time else kind, x, tuple(sliced), None, title)
    kind = "line" if DIMENSIONS[x].time else "bar"
    series = next((key for key in query.dimensions if key != x), None)
    return ChartSpec(kind, x, (y,), series, title)


def field_column(key: str, label: str, unit: Unit, definition: str) -> Column:
    return Column(key, label, compiler.type_of(unit), unit.value, "field", definition or None)  # type: ignore[arg-type]


def dimension_column(key: str, role: Any) -> Column:
    dimension = DIMENSIONS[key]
    kind: Any = ("date", "date") if dimension.time == "day" else ("string", "text")
    return Column(key, dimension.label, kind[0], kind[1], role)


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
