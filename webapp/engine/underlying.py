"""The rows that a report counted, one by one: what each is, and whether it is the same as in another version."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import ibis

from webapp.engine import compiler
from webapp.engine.backends import DUCKDB, Limits, open_backend
from webapp.engine.catalogue.tables import DATA_PREFIX
from webapp.engine.declarations import Table, Value
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query, Scope
from webapp.engine.sources import Files, open_tables

#: What a row is about, empty where rows of its kind have none of it.
ABOUT = ("learner_id", "class_id", "content_id", "department_id")
#: Of a row, what may differ without the row being another: keys, stamps, the moment of asking; what sources gave where
#: the record has something better (`given_…`), and the numbers of `data`, which no version changes.
_NO_CONTENT = frozenset({"id", "key", "source", "changed_at", "import_id", "month", "moment", "is_first", "why"})
_BEGINNINGS = (DATA_PREFIX, "given_")


def write(
    query: Query,
    files: Files,
    path: Path,
    *,
    within: Scope = Scope(),  # noqa: B008 - frozen
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Write the rows that a checked `query` is about into `path` (Parquet): `id`, `state` (equal for equal contents)
    and the columns of `ABOUT`. Its limits, and its conditions on results, take nothing away.

    `within` narrows the query's own scope.
    """
    backend = open_backend(engine, path.with_suffix(".spill"), limits)
    try:
        tables = open_tables(backend, query, files)
        rows = compiler.matching_rows(query, tables)
        allowed = compiler.in_scope(within, rows)
        is_once = dataset_of(query).once is not None
        if is_once:
            allowed.append(rows.is_first)
        if allowed:
            rows = rows.filter(allowed)
        backend.write(_told(rows, without=("learner_id",) if is_once else ()), path)
    finally:
        backend.close()


def _told(rows: Table, without: tuple[str, ...]) -> Table:
    names = sorted({*rows.columns} - _NO_CONTENT - {*without})
    content = [rows[name] for name in names if not name.startswith(_BEGINNINGS)]
    about = {
        name: rows[name] if name in rows.columns and name not in without else ibis.null("string") for name in ABOUT
    }
    return rows.select(id=rows.id, state=_state(content), **about)


def _state(content: list[Value]) -> Value:
    """One short text for all of it. An empty value is told from an empty text."""
    texts = [ibis.coalesce(ibis.literal("=") + value.cast("string"), ibis.literal("-")) for value in content]
    return reduce(lambda left, right: left + "\x1f" + right, texts).hexdigest("md5")
