"""The files of a record version as the tables that a question reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import pyarrow.parquet

from webapp.clock import aware
from webapp.engine import compiler
from webapp.engine.backends import Backend
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.tables import TABLES, TYPES
from webapp.engine.declarations import Table
from webapp.engine.keys import DEPARTMENT_TREE, Tables
from webapp.engine.query import Query

Files = Mapping[str, Sequence[str]]


def open_tables(backend: Backend, query: Query, files: Files) -> Tables:
    """The tables that `query` counts, with every declared column."""
    tables: Tables = {}
    wanted = compiler.data_columns_of(query)
    for name in compiler.tables_counted(query):
        tables[name] = open_table(backend, files, name, wanted if name == "events" else ())
    if DEPARTMENT_TREE in {DIMENSIONS[key].many for key in _dimensions_named(query)}:
        tables[DEPARTMENT_TREE] = _department_tree(backend, tables["departments"])
    return tables


@dataclass(frozen=True)
class Dates:
    """What is known of a table's instants without reading them: none is before `first` or after `last` (None: not
    known, or there are none), and whether some, or all, are empty."""

    first: datetime | None = None
    last: datetime | None = None
    may_be_empty: bool = True
    are_all_empty: bool = False


def dates_in(files: Files, table: str, column: str) -> Dates:
    """From the statistics that stand at the end of every Parquet file; nothing is known of files far away."""
    paths = list(files.get(table, ()))
    if any("://" in path for path in paths):
        return Dates()
    firsts: list[datetime] = []
    lasts: list[datetime] = []
    may_be_empty = False
    for path in paths:
        parquet = pyarrow.parquet.read_metadata(path)
        place = next((n for n in range(parquet.num_columns) if parquet.schema.column(n).path == column), None)
        if place is None:
            may_be_empty = True
            continue
        for group in range(parquet.num_row_groups):
            statistics: Any = parquet.row_group(group).column(place).statistics
            if statistics is None or not statistics.has_null_count:
                return Dates()
            may_be_empty |= statistics.null_count > 0
            if statistics.has_min_max:
                firsts.append(aware(statistics.min))
                lasts.append(aware(statistics.max))
            elif statistics.null_count < parquet.row_group(group).num_rows:
                return Dates()
    return Dates(min(firsts, default=None), max(lasts, default=None), may_be_empty, not firsts)


def _dimensions_named(query: Query) -> set[str]:
    named = {*query.dimensions, *query.slicers, *query.fields, *(each.field for each in query.filters)}
    return {key for key in named if key in DIMENSIONS}


def open_table(backend: Backend, files: Files, name: str, more: Sequence[str] = ()) -> Table:
    """The table `name`, with every declared column and the numbers `more`."""
    paths = list(files.get(name, ()))
    if not paths:
        return backend.rows(name, [], compiler.schema_of(name, more))
    found = backend.files(name, paths)
    missing = {column: ibis.null(TYPES[kind]) for column, kind in TABLES[name].items() if column not in found.columns}
    missing |= {column: ibis.null("float64") for column in more if column not in found.columns}
    return found.mutate(**missing) if missing else found


def _department_tree(backend: Backend, departments: Table) -> Table:
    """(member_id, group_id): each department with itself and with each one above it. A cycle does no harm."""
    parents = {row["id"]: row["parent_id"] for row in backend.fetch(departments.select("id", "parent_id")).to_pylist()}
    pairs: list[dict[str, str]] = []
    for member in parents:
        above: str | None = member
        seen: set[str] = set()
        while above is not None and above in parents and above not in seen:
            seen.add(above)
            pairs.append({"member_id": member, "group_id": above})
            above = parents[above]
    return backend.rows("department_tree", pairs, ibis.schema({"member_id": "string", "group_id": "string"}))
