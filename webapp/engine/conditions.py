"""A question's filters as conditions on its rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import ibis

from webapp.clock import aware
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.declarations import Dataset, Dimension, Table, Value
from webapp.engine.fields import field_of
from webapp.engine.functions import folded
from webapp.engine.keys import Tables, bucket, bucket_text, literal, relation_of
from webapp.engine.query import Filter, Query

HEX_ID = 24


def condition_of(dataset: Dataset, condition: Filter, rows: Table, tables: Tables, query: Query) -> Value:
    """True for the rows that fit; for others false, or empty where there is nothing to compare. Plain comparisons, as
    far as they go: an engine can tell by them which parts of a file it need not read."""
    field = field_of(dataset, condition.field)
    if field is not None:
        return compared(field.value(rows), condition)
    dimension = DIMENSIONS[condition.field]
    if dimension.many is not None:
        return _related(dimension, condition, rows, tables)
    if dimension.entity is not None:
        by_id = condition.operator in ("is-null", "is-not-null") or all(_is_id(value) for value in condition.values)
        if by_id and dimension.attribute is None:
            return compared(rows[dimension.column], condition)
        return _by_label(dimension, condition, rows[dimension.column], tables)
    if dimension.time is not None:
        return compared(bucket_text(dimension.time, bucket(dimension.time, rows, query)), condition)
    assert dimension.value is not None  # noqa: S101 - a dimension has one of the four
    return compared(_filled(dimension.value(rows), condition), condition)


def result_of(value: Value, condition: Filter) -> Value:
    """True for the groups whose measure fits; a group without a result fits only where that is asked for."""
    return compared(value, condition) & (value.notnull() | (condition.operator == "is-null"))


def _filled(text: Value, condition: Filter) -> Value:
    """An empty text is none, as in groups. Where that makes no difference, the column is left as plain as it is."""
    return text if condition.operator in ("eq", "in") and all(condition.values) else text.nullif("")


def _is_exact(condition: Filter) -> bool:
    """Ids and keys are compared as they are."""
    return condition.is_exact or all(_is_id(value) for value in condition.values)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == HEX_ID and all(letter in "0123456789abcdef" for letter in value)


def _by_label(dimension: Dimension, condition: Filter, column: Value, tables: Tables) -> Value:
    """Rows whose entity's text, or attribute, fits. A row without an entity has an empty one."""
    entity = ENTITIES[dimension.entity or ""]
    known = tables[entity.table]
    text = _filled(known[dimension.attribute], condition) if dimension.attribute else entity.label(known)
    keeps_empty = condition.operator in ("ne", "not-in", "is-null")
    if keeps_empty:
        # Rows whose text is certainly another stay out; all else, unknown ones too, stays in.
        opposite = {"ne": "eq", "not-in": "in", "is-null": "is-not-null"}[condition.operator]
        refused = known.filter(compared(text, replace(condition, operator=opposite)))  # type: ignore[arg-type]
        return ~column.isin(refused.id).fill_null(False)
    return column.isin(known.filter(compared(text, condition)).id)


def _related(dimension: Dimension, condition: Filter, rows: Table, tables: Tables) -> Value:
    """Rows that belong, among others, to a fitting one; with a negation, rows that belong to none such."""
    relation = relation_of(dimension, tables)
    negated = condition.operator in ("ne", "not-in", "is-null")
    plain = {"ne": "eq", "not-in": "in", "is-null": "is-not-null"}.get(condition.operator, condition.operator)
    wanted = replace(condition, operator=plain)  # type: ignore[arg-type]
    if plain == "is-not-null" or all(_is_id(value) for value in condition.values):
        chosen = relation.filter(compared(relation.group_id, wanted))
    else:
        entity = ENTITIES[dimension.entity or ""]
        known = tables[entity.table]
        chosen = relation.filter(relation.group_id.isin(known.filter(compared(entity.label(known), wanted)).id))
    belongs = rows[dimension.column].isin(chosen.member_id).fill_null(False)
    return ~belongs if negated else belongs


def compared(value: Value, condition: Filter) -> Value:
    """Whether `value` fits; empty where it is empty, unless the condition is about that."""
    given = [_value(each, value) for each in condition.values]
    plain = value
    if value.type().is_string() and condition.operator in ("eq", "ne", "in", "not-in") and not _is_exact(condition):
        plain, given = folded(value), [folded(ibis.literal(each)) for each in given]
    match condition.operator:
        case "is-null":
            return value.isnull()
        case "is-not-null":
            return value.notnull()
        case "eq":
            return plain == given[0]
        case "ne":
            return (plain != given[0]).fill_null(True)
        case "in":
            return plain.isin(given) if given else ibis.literal(False)
        case "not-in":
            return plain.notin(given).fill_null(True) if given else ibis.literal(True)
        case "between":
            return value.between(given[0], given[1])
        case "contains":
            return folded(value.cast("string")).contains(folded(ibis.literal(str(given[0]))))
        case "starts-with":
            return folded(value.cast("string")).startswith(folded(ibis.literal(str(given[0]))))
        case "gt" | "gte" | "lt" | "lte":
            compare: Callable[[Any, Any], Any] = {
                "gt": operator.gt,
                "gte": operator.ge,
                "lt": operator.lt,
                "lte": operator.le,
            }[condition.operator]
            return compare(value, given[0])
    raise ValueError(f"unknown operator {condition.operator}")


def _value(given: Any, column: Value) -> Any:
    """A filter's value as its column has it."""
    if column.type().is_timestamp():
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
        return literal(aware(moment))
    return str(given) if column.type().is_string() else given
