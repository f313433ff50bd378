"""A question to Ibis expressions: pure functions of the query and the tables.

The rows of a question (`matching_rows`) keep to the requester's scope and, beside it, to everything else that is asked
(inactive rows, the period, the question's own filters): each only takes rows away, so no filter can widen the scope.
Everything else is built on those rows. Group keys are ids and truncated instants; the texts people read are joined when
the groups, which are few, are known (`webapp.engine.labels`).

Names of columns: `k0`, `k1`… keys of the dimensions; `s0`… keys of the slicers; `m0`… measures; `p0_0`, `p0_1`… the
parts that the first measure is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ibis

from webapp.clock import naive
from webapp.engine.asked_measures import field_of_measure, fields_of_measure, measure_of, split_measure, value_of
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.tables import TABLES, TYPES
from webapp.engine.conditions import condition_of
from webapp.engine.declarations import Field, Measure, Table, Unit, Value
from webapp.engine.keys import (
    DEPARTMENT_TREE,
    Tables,
    dataset_of,
    date_column,
    keyed,
    literal,
    same_keys,
)
from webapp.engine.query import Query, Scope


def tables_of(query: Query) -> tuple[str, ...]:
    """The tables that answering `query` reads, each once, the dataset's own first; those included that are looked at
    only where things that it shows are called the same."""
    beside: list[str] = []
    for key in (*query.dimensions, *query.slicers, *query.fields):
        if key in dataset_of(query).dimensions and DIMENSIONS[key].entity and DIMENSIONS[key].attribute is None:
            entity = ENTITIES[DIMENSIONS[key].entity or ""]
            beside += [table for each in entity.beside for _, table in each.way]
    return tuple(dict.fromkeys((*tables_counted(query), *beside)))


def tables_counted(query: Query) -> tuple[str, ...]:
    """The same without those."""
    dataset = dataset_of(query)
    names = [dataset.table, *dataset.needs]
    dimensions = {*query.dimensions, *query.slicers, *(each.field for each in query.filters), *query.fields}
    for text in query.measures:
        measure = measure_of(query, dataset, split_measure(text)[0])
        names += measure.needs if measure else ()
    for field in fields_of(query):
        names += field.needs
    for key in sorted(dimensions):
        dimension = DIMENSIONS.get(key.removesuffix("-number"))
        if dimension is not None and key in (*dataset.dimensions, "learner-number"):
            names += [ENTITIES[dimension.entity].table] if dimension.entity else []
            names += {"instructor": ["classes"], DEPARTMENT_TREE: ["departments"]}.get(dimension.many or "", [])
    return tuple(dict.fromkeys(names))


def fields_of(query: Query) -> list[Field]:
    """The dataset's own fields that answering `query` looks at, each once."""
    keys = [each.field for each in query.filters] + list(query.fields)
    keys += [key for text in query.measures for key in fields_of_measure(query, text)]
    fields = dataset_of(query).fields
    return [fields[key] for key in dict.fromkeys(keys) if key in fields]


def data_columns_of(query: Query) -> tuple[str, ...]:
    """Columns of `data` that the question names; the record may not have them."""
    from webapp.engine.catalogue.tables import data_column

    keys = [key for text in query.measures for key in fields_of_measure(query, text)]
    keys += [each.field for each in query.filters] + list(query.fields)
    return tuple(dict.fromkeys(data_column(key[5:]) for key in keys if key.startswith("data.")))


def schema_of(name: str, more: Sequence[str] = ()) -> ibis.Schema:
    """The declared columns of a table of the record, and `more` numbers."""
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
        moment = ibis.literal(naive(query.moment), "timestamp(6)")
        tables = {**tables, dataset.table: tables[dataset.table].mutate(moment=moment)}
    rows = dataset.prepare(tables) if dataset.prepare else tables[dataset.table]
    if dataset.has_moment:
        # What is no row of its own table has it too.
        rows = rows.mutate(moment=moment)
    allowed = in_scope(query.scope, rows)
    if not query.include_inactive:
        allowed.append(rows.is_active.fill_null(True))
    if dataset.settle is not None:
        rows, allowed = dataset.settle(rows.filter(allowed) if allowed else rows), []
    instant = rows[date_column(query)]
    if not in_period:
        allowed.append(instant.isnull())
    if in_period and query.date_range.start is not None:
        allowed.append(instant >= literal(query.date_range.start))
    if in_period and query.date_range.end is not None:
        allowed.append(instant < literal(query.date_range.end))
    preparations = dict.fromkeys(field.prepare for field in fields_of(query) if field.prepare is not None)
    if preparations:
        rows, allowed = rows.filter(allowed) if allowed else rows, []
        for prepare in preparations:
            rows = prepare(rows, tables)
    allowed += [condition_of(dataset, condition, rows, tables, query) for condition in query.filters]
    if allowed:
        rows = rows.filter(allowed)
    if dataset.once:
        rows = rows.mutate(is_first=ibis.row_number().over(group_by=rows[dataset.once]) == 0)
    return rows


def in_scope(scope: Scope, rows: Table) -> list[Value]:
    """What a row must be to be counted at all, whatever else is asked. What is not known to be so, is not."""
    return [_in_one(each, rows) for each in scope.each]


def _in_one(scope: Scope, rows: Table) -> Value:
    allowed = ibis.literal(False)
    if scope.department_ids:
        allowed |= rows.department_id.isin(list(scope.department_ids))
    if scope.class_ids:
        allowed |= rows.class_id.isin(list(scope.class_ids))
    return allowed


# --- measures ---------------------------------------------------------------------------------------------------------


def with_measure_columns(query: Query, tables: Tables, rows: Table) -> Table:
    """`rows` with what some measures must know of them."""
    start, end = (None if each is None else literal(each) for each in (query.date_range.start, query.date_range.end))
    prepared = set()
    for text in query.measures:
        measure = measure_of(query, dataset_of(query), split_measure(text)[0])
        if measure is not None and measure.prepare is not None and measure.key not in prepared:
            rows = measure.prepare(rows, tables, start, end)
            prepared.add(measure.key)
    return rows


def measures_of(query: Query) -> list[Measure]:
    """The measures of a checked `query`, in its order."""
    dataset = dataset_of(query)
    found = [(text, measure_of(query, dataset, split_measure(text)[0])) for text in query.measures]
    if unknown := [text for text, measure in found if measure is None]:
        raise ValueError(f"an unchecked query: {unknown}")
    return [measure for _, measure in found if measure is not None]


def aggregates(query: Query, rows: Table) -> dict[str, Value]:
    """`p0_0`, `p0_1`…, the parts of each measure over the groups of `rows`, and `matched`: how many rows."""
    found: dict[str, Value] = {}
    for number, (text, measure) in enumerate(zip(query.measures, measures_of(query), strict=True)):
        key = field_of_measure(query, text)
        value = value_of(query, dataset_of(query), key, rows) if measure.requires_field else None
        found |= {f"p{number}_{n}": part for n, part in enumerate(measure.parts(rows, value))}
    return found | {"matched": count_rows(query, rows)}


def measured(query: Query, groups: Table) -> Table:
    """`groups` with the measures `m0`, `m1`… in the place of their parts."""
    numbers: dict[str, Value] = {}
    parts: list[str] = []
    for number, measure in enumerate(measures_of(query)):
        mine = [name for name in groups.columns if name.startswith(f"p{number}_")]
        numbers[f"m{number}"] = measure.filled(measure.value(*(groups[name] for name in mine)))
        parts += mine
    return groups.select(*(name for name in groups.columns if name not in parts), **numbers)


def aggregated(query: Query, tables: Tables, rows: Table, keys: Sequence[str], slicers: Sequence[str]) -> Table:
    """A row for each group of the dimensions `keys` and `slicers`, with the parts of all measures."""
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
            f"p{number}_0": _different(query, tables, rows, keys, slicers, text)
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
    thin = rows.select(
        *names, *several, value=value_of(query, dataset_of(query), field_of_measure(query, text), rows)
    ).distinct()
    for dimensions, prefix in ((keys, "k"), (slicers, "s")):
        thin = keyed(query, tables, thin, dimensions, prefix, only=lambda dimension: dimension.many is not None)
    return thin


def can_roll_up(query: Query, merged: Iterable[str]) -> bool:
    """Whether groups that differ in the dimensions `merged` can be put together without going back to their rows: a
    median of medians is none, and a row that belongs to several groups must count once."""
    return all(measure.combine is not None for measure in measures_of(query)) and not any(
        DIMENSIONS[key].many for key in merged
    )


def rolled_up(query: Query, groups: Table) -> dict[str, Value]:
    """As `aggregates`, from groups where `can_roll_up`."""
    found: dict[str, Value] = {}
    for number, measure in enumerate(measures_of(query)):
        if measure.combine is None:
            raise ValueError(f"cannot be put together from groups: {measure.key}")
        found |= {name: measure.combine(groups[name]) for name in groups.columns if name.startswith(f"p{number}_")}
    return found | {"matched": groups.matched.sum().fill_null(0)}


def count_rows(query: Query, rows: Table) -> Value:
    """How many things `rows` are."""
    return rows.is_first.ifelse(1, 0).sum().fill_null(0) if dataset_of(query).once else rows.count()


def type_of(unit: Unit) -> str:
    """The column type of a measure or field of this unit."""
    return {
        Unit.COUNT: "integer",
        Unit.TEXT: "string",
        Unit.DATE: "date",
        Unit.INSTANT: "datetime",
        Unit.FLAG: "boolean",
    }.get(unit, "number")
