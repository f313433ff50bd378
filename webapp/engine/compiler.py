"""A question to Ibis expressions: pure functions of the query and the tables.

The rows of a question (`matching_rows`) keep to the requester's scope and, beside it, to everything else that is asked
(inactive rows, the period, the question's own filters): each only takes rows away, so no filter can widen the scope.
Everything else is built on those rows. Group keys are ids and truncated instants; the texts people read are joined when
the groups, which are few, are known (`labelled`).

Names of columns: `k0`, `k1`… keys of the dimensions; `s0`… keys of the slicers; `m0`… measures.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import ibis

from webapp.engine import zones
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.tables import TABLES, TYPES
from webapp.engine.declarations import Dataset, Dimension, Table, Unit, Value
from webapp.engine.functions import without_accents
from webapp.engine.query import Filter, Query
from webapp.engine.validation import field_of, field_of_measure, measure_of, split_measure

#: Not a collection: (member_id, group_id) for each department and itself and each department above it.
DEPARTMENT_TREE = "department-tree"
HEX_ID = 24

Tables = dict[str, Table]


def dataset_of(query: Query) -> Dataset:
    return DATASETS[query.dataset]


def tables_of(query: Query) -> tuple[str, ...]:
    """The tables that answering `query` reads, each once, the dataset's own first."""
    dataset = dataset_of(query)
    names = [dataset.table, *dataset.needs]
    dimensions = {*query.dimensions, *query.slicers, *(each.field for each in query.filters), *query.fields}
    for text in query.measures:
        measure = measure_of(query, dataset, split_measure(text)[0])
        names += measure.needs if measure else ()
    for key in sorted(dimensions):
        dimension = DIMENSIONS.get(key.removesuffix("-number"))
        if dimension is not None and key in (*dataset.dimensions, "learner-number"):
            names += [ENTITIES[dimension.entity].table] if dimension.entity else []
            names += {"instructor": ["classes"], DEPARTMENT_TREE: ["departments"]}.get(dimension.many or "", [])
    return tuple(dict.fromkeys(names))


def data_columns_of(query: Query) -> tuple[str, ...]:
    """Columns of `data` that the question names; the extract may not have them."""
    from webapp.engine.catalogue.tables import data_column

    keys = [field_of_measure(query, text) for text in query.measures]
    keys += [each.field for each in query.filters] + list(query.fields)
    return tuple(dict.fromkeys(data_column(key[5:]) for key in keys if key.startswith("data.")))


def schema_of(name: str, more: Sequence[str] = ()) -> ibis.Schema:
    """The declared columns of a table of the extract, and `more` numbers."""
    columns = {column: TYPES[kind] for column, kind in TABLES[name].items()}
    return ibis.schema(columns | dict.fromkeys(more, "float64"))


# --- rows -------------------------------------------------------------------------------------------------------------


def matching_rows(query: Query, tables: Tables) -> Table:
    """The rows that the question is about."""
    return _filtered(query, tables, in_period=True)


def undated_rows(query: Query, tables: Tables) -> Table | None:
    """Rows left out only because they have no date to be in the period by; None without a period."""
    if query.date_range.start is None and query.date_range.end is None:
        return None
    return _filtered(query, tables, in_period=False)


def _filtered(query: Query, tables: Tables, *, in_period: bool) -> Table:
    dataset = dataset_of(query)
    if dataset.has_moment:
        moment = ibis.literal(_naive(query.moment), "timestamp(6)")
        tables = {**tables, dataset.table: tables[dataset.table].mutate(moment=moment)}
    rows = dataset.prepare(tables) if dataset.prepare else tables[dataset.table]
    allowed = _in_scope(query, rows)
    if not query.include_inactive:
        allowed.append(rows.is_active.fill_null(True))
    instant = rows[_date_column(query)]
    if not in_period:
        allowed.append(instant.isnull())
    if in_period and query.date_range.start is not None:
        allowed.append(instant >= _literal(query.date_range.start))
    if in_period and query.date_range.end is not None:
        allowed.append(instant < _literal(query.date_range.end))
    allowed += [_condition(dataset, condition, rows, tables, query) for condition in query.filters]
    if allowed:
        rows = rows.filter(allowed)
    if dataset.once:
        rows = rows.mutate(is_first=ibis.row_number().over(group_by=rows[dataset.once]) == 0)
    return rows


def dates_of(query: Query, tables: Tables) -> Table | None:
    """One row about the dates of all rows, matching or not: `first`, `last`, and how many have none (`undated`).

    None where it makes no difference. Knowing the first and the last, most of a zone's clock changes need not be
    looked at in every row.
    """
    named = {*query.dimensions, *query.slicers, *query.fields, *(each.field for each in query.filters)}
    named |= {split_measure(text)[1] for text in query.measures}
    by_clock = any(DIMENSIONS[key].time for key in named if key in DIMENSIONS)
    is_open = query.date_range.start is None and query.date_range.end is None
    if is_open and not (by_clock and len(zones.offsets(query.time_zone)) > 1):
        return None
    instant = tables[dataset_of(query).table][_date_column(query)]
    return instant.as_table().aggregate(
        first=instant.min(), last=instant.max(), undated=instant.isnull().ifelse(1, 0).sum()
    )


def _date_column(query: Query) -> str:
    dates = dataset_of(query).dates
    return dates[query.date_field] if query.date_field else next(iter(dates.values()))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _literal(moment: datetime) -> Value:
    return ibis.literal(_naive(moment), "timestamp(6)")


def _in_scope(query: Query, rows: Table) -> list[Value]:
    """What a row must be to be counted at all, whatever else is asked."""
    scope = query.scope
    if scope.is_everything:
        return []
    allowed = ibis.literal(False)
    if scope.department_ids:
        allowed |= rows.department_id.isin(list(scope.department_ids)).fill_null(False)
    if scope.class_ids:
        allowed |= rows.class_id.isin(list(scope.class_ids)).fill_null(False)
    return [allowed]


# --- filters ----------------------------------------------------------------------------------------------------------


def _condition(dataset: Dataset, condition: Filter, rows: Table, tables: Tables, query: Query) -> Value:
    field = field_of(dataset, condition.field)
    if field is not None:
        return _compared(field.value(rows), condition)
    dimension = DIMENSIONS[condition.field]
    if dimension.many is not None:
        return _related(dimension, condition, rows, tables)
    if dimension.entity is not None:
        by_id = condition.operator in ("is-null", "is-not-null") or all(_is_id(value) for value in condition.values)
        if by_id and dimension.attribute is None:
            return _compared(rows[dimension.column], condition)
        return _by_label(dimension, condition, rows[dimension.column], tables)
    if dimension.time is not None:
        return _compared(_bucket_text(dimension.time, _bucket(dimension.time, rows, query)), condition)
    assert dimension.value is not None  # noqa: S101 - a dimension has one of the four
    return _compared(dimension.value(rows), condition)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == HEX_ID and all(letter in "0123456789abcdef" for letter in value)


def _by_label(dimension: Dimension, condition: Filter, column: Value, tables: Tables) -> Value:
    """Rows whose entity's text, or attribute, fits. A row without an entity has an empty one."""
    entity = ENTITIES[dimension.entity or ""]
    known = tables[entity.table]
    text = known[dimension.attribute] if dimension.attribute else entity.label(known)
    keeps_empty = condition.operator in ("ne", "not-in", "is-null")
    if keeps_empty:
        # Rows whose text is certainly another stay out; all else, unknown ones too, stays in.
        opposite = {"ne": "eq", "not-in": "in", "is-null": "is-not-null"}[condition.operator]
        refused = known.filter(_compared(text, Filter(condition.field, opposite, condition.values)))  # type: ignore[arg-type]
        return ~column.isin(refused.id).fill_null(False)
    return column.isin(known.filter(_compared(text, condition)).id).fill_null(False)


def _related(dimension: Dimension, condition: Filter, rows: Table, tables: Tables) -> Value:
    """Rows that belong, among others, to a fitting one; with a negation, rows that belong to none such."""
    relation = relation_of(dimension, tables)
    negated = condition.operator in ("ne", "not-in", "is-null")
    plain = {"ne": "eq", "not-in": "in", "is-null": "is-not-null"}.get(condition.operator, condition.operator)
    wanted = Filter(condition.field, plain, condition.values)  # type: ignore[arg-type]
    if plain == "is-not-null" or all(_is_id(value) for value in condition.values):
        chosen = relation.filter(_compared(relation.group_id, wanted))
    else:
        entity = ENTITIES[dimension.entity or ""]
        known = tables[entity.table]
        chosen = relation.filter(relation.group_id.isin(known.filter(_compared(entity.label(known), wanted)).id))
    belongs = rows[dimension.column].isin(chosen.member_id).fill_null(False)
    return ~belongs if negated else belongs


def _compared(value: Value, condition: Filter) -> Value:
    given = [_value(each, value) for each in condition.values]
    match condition.operator:
        case "is-null":
            return value.isnull()
        case "is-not-null":
            return value.notnull()
        case "eq":
            return (value == given[0]).fill_null(False)
        case "ne":
            return (value != given[0]).fill_null(True)
        case "in":
            return value.isin(given).fill_null(False) if given else ibis.literal(False)
        case "not-in":
            return value.notin(given).fill_null(True) if given else ibis.literal(True)
        case "between":
            return value.between(given[0], given[1]).fill_null(False)
        case "contains":
            return value.cast("string").lower().contains(str(given[0]).lower()).fill_null(False)
        case "starts-with":
            return value.cast("string").lower().startswith(str(given[0]).lower()).fill_null(False)
        case "gt" | "gte" | "lt" | "lte":
            compare: Callable[[Any, Any], Any] = {
                "gt": operator.gt,
                "gte": operator.ge,
                "lt": operator.lt,
                "lte": operator.le,
            }[condition.operator]
            return compare(value, given[0]).fill_null(False)
    raise ValueError(f"unknown operator {condition.operator}")


def _value(given: Any, column: Value) -> Any:
    """A filter's value as its column has it."""
    if column.type().is_timestamp():
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
        return _literal(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return str(given) if column.type().is_string() else given


# --- keys and labels --------------------------------------------------------------------------------------------------


def relation_of(dimension: Dimension, tables: Tables) -> Table:
    """(member_id, group_id) of a dimension to several of which a row may belong."""
    if dimension.many == DEPARTMENT_TREE:
        return tables[DEPARTMENT_TREE]
    classes = tables["classes"]
    return classes.select(member_id="id", group_id=classes.instructor_ids.unnest())


def keyed(
    query: Query,
    tables: Tables,
    rows: Table,
    keys: Sequence[str],
    prefix: str = "k",
    *,
    only: Callable[[Dimension], bool] = lambda dimension: True,
) -> Table:
    """`rows` with a key column for each of the dimensions `keys`; once for each group that a row belongs to."""
    for number, key in enumerate(keys):
        dimension, name = DIMENSIONS[key], f"{prefix}{number}"
        if not only(dimension):
            continue
        if dimension.many is not None:
            relation = relation_of(dimension, tables)
            related = relation.select(**{f"{name}_member": relation.member_id, name: relation.group_id})
            rows = rows.left_join(related, rows[dimension.column] == related[f"{name}_member"]).drop(f"{name}_member")
        elif dimension.attribute is not None:
            known = tables[ENTITIES[dimension.entity or ""].table]
            found = known.select(**{f"{name}_id": known.id, name: known[dimension.attribute].nullif("")})
            rows = rows.left_join(found, rows[dimension.column] == found[f"{name}_id"]).drop(f"{name}_id")
        elif dimension.entity is not None:
            rows = rows.mutate(**{name: rows[dimension.column]})
        elif dimension.time is not None:
            rows = rows.mutate(**{name: _bucket(dimension.time, rows, query)})
        elif dimension.value is not None:
            rows = rows.mutate(**{name: dimension.value(rows).nullif("")})
    return rows


def _bucket(unit: str, rows: Table, query: Query) -> Value:
    """The beginning of the hour, day, ISO week… of the row's date, on the clocks of the report's zone."""
    instant = rows[_date_column(query)]
    start, end = query.date_range.start or query.span.start, query.date_range.end or query.span.end
    seconds = zones.offset_seconds(instant, query.time_zone, start=start, end=end)
    letter = {"hour": "h", "day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}[unit]
    return (instant + seconds.as_interval("s")).truncate(letter)


def _bucket_text(unit: str, begin: Value) -> Value:
    """2013-10-27 03:00, 2013-10-27, 2013-W43, 2013-10, 2013-Q4, 2013."""
    # No letters within a pattern: Spark takes each for one of its own.
    if unit == "quarter":
        return begin.strftime("%Y") + "-Q" + begin.quarter().cast("string")
    if unit == "week":
        # The ISO year and number of a week are those of its Thursday; not every engine has words for them.
        thursday = begin + ibis.interval(days=3)
        number = (thursday.day_of_year() - 1) // 7 + 1
        return thursday.strftime("%Y") + "-W" + number.cast("string").lpad(2, "0")
    forms = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
    return begin.strftime(forms[unit])


def labelled(tables: Tables, groups: Table, keys: Sequence[str], prefix: str = "k") -> Table:
    """`groups` with what people read for each key: `<key column>_text`, and `_number` where an entity has one."""
    for number, key in enumerate(keys):
        dimension, name = DIMENSIONS[key], f"{prefix}{number}"
        if dimension.entity is not None and dimension.attribute is None:
            entity = ENTITIES[dimension.entity]
            known = tables[entity.table]
            columns = {f"{name}_id": known.id, f"{name}_text": entity.label(known)}
            if entity.number is not None:
                columns[f"{name}_number"] = entity.number(known)
            found = known.select(**columns)
            groups = groups.left_join(found, groups[name] == found[f"{name}_id"]).drop(f"{name}_id")
            # Who is not in the record any more is still counted, under the id.
            groups = groups.mutate(**{f"{name}_text": ibis.coalesce(groups[f"{name}_text"], groups[name])})
        elif dimension.time == "day":
            groups = groups.mutate(**{f"{name}_text": groups[name].date()})
        elif dimension.time is not None:
            groups = groups.mutate(**{f"{name}_text": _bucket_text(dimension.time, groups[name])})
        else:
            groups = groups.mutate(**{f"{name}_text": groups[name]})
    return groups


def order_of(table: Table, columns: Iterable[tuple[str, bool]]) -> list[Value]:
    """Order by (column, descending), the first one first; a column that comes again changes nothing."""
    first: dict[str, bool] = {}
    for column, descending in columns:
        first.setdefault(column, descending)
    return [key for column, descending in first.items() for key in sort_keys(table, column, descending=descending)]


def sort_keys(table: Table, column: str, *, descending: bool = False) -> list[Value]:
    """Order by `column`, empty cells last; texts as people sort them, without regard to case and accents."""
    value = table[column]
    order = ibis.desc if descending else ibis.asc
    keys = [order(value, nulls_first=False)]
    if value.type().is_string():
        keys.insert(0, order(without_accents(value.lower()), nulls_first=False))
    return keys


# --- measures ---------------------------------------------------------------------------------------------------------


def with_measure_columns(query: Query, tables: Tables, rows: Table) -> Table:
    """`rows` with what some measures must know of them."""
    start, end = (None if each is None else _literal(each) for each in (query.date_range.start, query.date_range.end))
    prepared = set()
    for text in query.measures:
        measure = measure_of(query, dataset_of(query), split_measure(text)[0])
        if measure is not None and measure.prepare is not None and measure.key not in prepared:
            rows = measure.prepare(rows, tables, start, end)
            prepared.add(measure.key)
    return rows


def aggregates(query: Query, rows: Table) -> dict[str, Value]:
    """`m0`, `m1`… over the groups of `rows`, and `matched`: how many rows."""
    dataset = dataset_of(query)
    found: dict[str, Value] = {}
    for number, text in enumerate(query.measures):
        measure = measure_of(query, dataset, split_measure(text)[0])
        if measure is None:
            raise ValueError(f"an unchecked query: {text}")
        value = _measured_value(query, dataset, text, rows) if measure.requires_field else None
        found[f"m{number}"] = measure.compute(rows, value)
    return found | {"matched": count_rows(query, rows)}


def aggregated(query: Query, tables: Tables, rows: Table, keys: Sequence[str], slicers: Sequence[str]) -> Table:
    """A row for each group of the dimensions `keys` and `slicers`, with all measures (see `aggregates`)."""
    names = [*(f"k{number}" for number in range(len(keys))), *(f"s{number}" for number in range(len(slicers)))]
    source = keyed(query, tables, keyed(query, tables, rows, keys), slicers, "s")
    measures = aggregates(query, source)
    if not names:
        return source.aggregate(**measures)
    apart: dict[str, Table] = {}
    if any(DIMENSIONS[key].many for key in (*keys, *slicers)):
        # A row that belongs to several groups brings its values to each. Different values are few: they are found
        # first, and then brought.
        apart = {
            f"m{number}": _different(query, tables, rows, keys, slicers, text)
            for number, text in enumerate(query.measures)
            if _is_distinct_count(query, text)
        }
    found = source.group_by(names).aggregate(**{name: value for name, value in measures.items() if name not in apart})
    for name, thin in apart.items():
        counted = thin.group_by(**{f"{each}_same": each for each in names}).aggregate(**{name: thin.value.nunique()})
        found = found.left_join(counted, same_keys(found, counted, names)).drop(*(f"{each}_same" for each in names))
    return found


def _is_distinct_count(query: Query, text: str) -> bool:
    key = split_measure(text)[0]
    return "count-distinct" in (key, *(each.aggregate for each in query.custom_measures if each.key == key))


def _different(
    query: Query, tables: Tables, rows: Table, keys: Sequence[str], slicers: Sequence[str], text: str
) -> Table:
    """The key columns and `value`, that of the measure `text`: each combination once."""
    for dimensions, prefix in ((keys, "k"), (slicers, "s")):
        rows = keyed(query, tables, rows, dimensions, prefix, only=lambda dimension: dimension.many is None)
    several = {DIMENSIONS[key].column for key in (*keys, *slicers) if DIMENSIONS[key].many}
    names = [
        f"{prefix}{number}"
        for dimensions, prefix in ((keys, "k"), (slicers, "s"))
        for number, key in enumerate(dimensions)
        if not DIMENSIONS[key].many
    ]
    thin = rows.select(*names, *several, value=_measured_value(query, dataset_of(query), text, rows)).distinct()
    for dimensions, prefix in ((keys, "k"), (slicers, "s")):
        thin = keyed(query, tables, thin, dimensions, prefix, only=lambda dimension: dimension.many is not None)
    return thin


def can_roll_up(query: Query, merged: Iterable[str]) -> bool:
    """Whether groups that differ in the dimensions `merged` can be put together without going back to their rows: a
    mean of means is none, and a row that belongs to several groups must count once."""
    dataset = dataset_of(query)
    found = (measure_of(query, dataset, split_measure(text)[0]) for text in query.measures)
    return all(measure is not None and measure.rolls_up is not None for measure in found) and not any(
        DIMENSIONS[key].many for key in merged
    )


def rolled_up(query: Query, groups: Table) -> dict[str, Value]:
    """As `aggregates`, from groups where `can_roll_up`."""
    dataset = dataset_of(query)
    found: dict[str, Value] = {}
    for number, text in enumerate(query.measures):
        measure = measure_of(query, dataset, split_measure(text)[0])
        if measure is None or measure.rolls_up is None:
            raise ValueError(f"cannot be put together from groups: {text}")
        found[f"m{number}"] = measure.rolls_up(groups[f"m{number}"])
    return found | {"matched": groups.matched.sum().cast("int64")}


def _measured_value(query: Query, dataset: Dataset, text: str, rows: Table) -> Value:
    key = field_of_measure(query, text)
    field = field_of(dataset, key)
    if field is None:
        dimension = DIMENSIONS[key]
        if dimension.time is not None:
            return _bucket(dimension.time, rows, query)
        return rows[dimension.column] if dimension.entity else dimension.value(rows)  # type: ignore[misc]
    value = field.value(rows)
    if dataset.once and field.is_numeric:
        value = rows.is_first.ifelse(value, ibis.null(value.type()))
    if field.is_numeric:
        value = value.cast("float64")
    return value


def count_rows(query: Query, rows: Table) -> Value:
    """How many things `rows` are."""
    return rows.is_first.ifelse(1, 0).sum().fill_null(0) if dataset_of(query).once else rows.count()


def same_keys(left: Table, right: Table, names: Sequence[str]) -> Value:
    """Equal in all key columns, empty equal to empty."""
    return reduce(operator.and_, (left[name].identical_to(right[f"{name}_same"]) for name in names))


def type_of(unit: Unit) -> str:
    """The column type of a measure or field of this unit."""
    return {
        Unit.COUNT: "integer",
        Unit.TEXT: "string",
        Unit.DATE: "date",
        Unit.INSTANT: "datetime",
        Unit.FLAG: "boolean",
    }.get(unit, "number")
