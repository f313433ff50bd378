"""The columns that rows are grouped by: ids and truncated instants; and the texts and the order people read them in."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from types import MappingProxyType

import ibis

from webapp.clock import naive
from webapp.engine import zones
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.declarations import Dataset, Dimension, Table, Value
from webapp.engine.functions import without_accents
from webapp.engine.query import Query

#: Not a collection: (member_id, group_id) for each department and itself and each department above it.
DEPARTMENT_TREE = "department-tree"

Tables = dict[str, Table]


def dataset_of(query: Query) -> Dataset:
    return DATASETS[query.dataset]


def date_column(query: Query) -> str:
    dates = dataset_of(query).dates
    return dates[query.date_field] if query.date_field else next(iter(dates.values()))


def literal(moment: datetime) -> Value:
    return ibis.literal(naive(moment), "timestamp(6)")


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
    wanted = {f"{prefix}{n}": DIMENSIONS[key] for n, key in enumerate(keys) if only(DIMENSIONS[key])}
    for name, dimension in wanted.items():
        if dimension.many is not None:
            relation = relation_of(dimension, tables)
            related = relation.select(**{f"{name}_member": relation.member_id, name: relation.group_id})
            rows = rows.left_join(related, rows[dimension.column] == related[f"{name}_member"]).drop(f"{name}_member")
        elif dimension.attribute is not None:
            known = tables[ENTITIES[dimension.entity or ""].table]
            found = known.select(**{f"{name}_id": known.id, name: known[dimension.attribute].nullif("")})
            rows = rows.left_join(found, rows[dimension.column] == found[f"{name}_id"]).drop(f"{name}_id")
    # In one step: every step is one more for Ibis to take away again.
    own: dict[str, Value] = {}
    for name, dimension in wanted.items():
        if dimension.many is not None or dimension.attribute is not None:
            continue
        if dimension.entity is not None:
            own[name] = rows[dimension.column]
        elif dimension.time is not None:
            own[name] = bucket(dimension.time, rows, query)
        elif dimension.value is not None:
            own[name] = dimension.value(rows).nullif("")
    return rows.mutate(**own) if own else rows


def bucket(unit: str, rows: Table, query: Query) -> Value:
    """The beginning of the hour, day, ISO week… of the row's date, on the clocks of the report's zone."""
    instant = rows[date_column(query)]
    start = max(filter(None, (query.date_range.start, query.span.start)), default=None)
    end = min(filter(None, (query.date_range.end, query.span.end)), default=None)
    letter = {"hour": "h", "day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}[unit]
    return zones.local(instant, query.time_zone, start=start, end=end).truncate(letter)


def bucket_text(unit: str, begin: Value) -> Value:
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


Words = Mapping[str, Iterable[str]]


def order_of(table: Table, columns: Iterable[tuple[str, bool]], words: Words = MappingProxyType({})) -> list[Value]:
    """Order by (column, descending), the first one first; a column that comes again changes nothing. `words` has the
    values of columns that have an order of their own."""
    first: dict[str, bool] = {}
    for column, descending in columns:
        first.setdefault(column, descending)
    return [
        key
        for column, descending in first.items()
        for key in sort_keys(table, column, descending=descending, words=words.get(column, ()))
    ]


def sort_keys(table: Table, column: str, *, descending: bool = False, words: Iterable[str] = ()) -> list[Value]:
    """Order by `column`, empty cells last; texts as people sort them, without regard to case and accents, after those
    of `words`, which come in their order."""
    value = table[column]
    order = ibis.desc if descending else ibis.asc
    keys = [order(value, nulls_first=False)]
    if value.type().is_string():
        keys.insert(0, order(without_accents(value.lower()), nulls_first=False))
    if places := [(value == word, place) for place, word in enumerate(words)]:
        unknown = (value.notnull(), len(places))
        keys.insert(0, order(ibis.cases(*places, unknown), nulls_first=False))
    return keys


def same_keys(left: Table, right: Table, names: Sequence[str]) -> Value:
    """Equal in all key columns, empty equal to empty."""
    return reduce(operator.and_, (left[name].identical_to(right[f"{name}_same"]) for name in names))
