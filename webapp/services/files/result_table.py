"""The table of a finished report, read from the rows that were kept with it: sorted and searched over all of them, one
page at a time. Nothing is worked out again; visibility and the data scope are checked at every read."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from webapp import storage
from webapp.documents import ReportJob, User
from webapp.engine.result import ROW_TYPE
from webapp.renderers import kept_rows
from webapp.renderers.kept_rows import KeptRows, Rows
from webapp.services.files import downloads
from webapp.services.plain_text import folded
from webapp.settings import get_settings
from webapp.storage import FileGoneError

ROWS_ON_A_PAGE = 50
#: More words than this nobody searches for.
MOST_WORDS = 8
#: Files of rows that stay mapped, and orders of rows that stay known, in each process.
FILES_KEPT, ORDERS_KEPT = 16, 32
#: Units that can be added up over rows one by one. Of everything else a mean says more.
_ADDED = ("count", "seconds")
#: Whole numbers that count nothing: which try it was.
_NOT_ADDED = ("attempt",)

#: By column, the words of ours that stand for its keys: what people read for each.
Words = Mapping[int, Mapping[str, str]]


@dataclass(frozen=True)
class TableQuery:
    """What of a table is looked at. `sort` is a column's place, None the report's own order."""

    sort: int | None = None
    descending: bool = False
    find: str = ""
    page: int = 1
    compared: bool = False  # beside the report before it
    chart: str = ""  # the kind of the chart above it; "" the file's own

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(folded(self.find).split())[:MOST_WORDS]

    @property
    def untouched(self) -> TableQuery:
        """The report's own order, without a search."""
        return TableQuery(compared=self.compared, chart=self.chart)


@dataclass(frozen=True)
class Total:
    """What stands under a column. `kind` is total (worked out from all rows with the report), sum or mean (of the rows
    that were found)."""

    value: Any
    kind: str


@dataclass(frozen=True)
class TablePage:
    """One page of a table. `rows` are (number in the report's order, cells by column)."""

    query: TableQuery
    columns: list[dict[str, Any]]
    rows: list[tuple[int, list[Any]]]
    count: int  # rows that were found
    row_count: int  # rows of the report
    has_all_rows: bool
    totals: list[Total | None]
    knows_groups: bool  # what each row is about, so that a number leads to what it was made of

    @property
    def leads_behind(self) -> list[bool]:
        """By column: do its numbers lead to the rows that they were made of?"""
        return [
            self.knows_groups and column["role"] == "measure" and ("[" not in column["key"] or "slice" in column)
            for column in self.columns
        ]

    @property
    def without_question(self) -> frozenset[int]:
        """The rows shown that put other groups together: no question leads to theirs."""
        keys = [column["key"] for column in self.columns]
        if ROW_TYPE not in keys:
            return frozenset()
        return frozenset(number for number, cells in self.rows if cells[keys.index(ROW_TYPE)] == "other")

    @property
    def has_totals(self) -> bool:
        return any(total is not None for total in self.totals)

    @property
    def is_of_groups(self) -> bool:
        return any(column["role"] == "measure" for column in self.columns)

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // ROWS_ON_A_PAGE))

    @property
    def first(self) -> int:
        """The place of the first row shown, from 1."""
        return (self.query.page - 1) * ROWS_ON_A_PAGE + 1


def table_of(actor: User, job: ReportJob, query: TableQuery, words: Words | None = None) -> TablePage | None:
    """A page of the result's table; None when the storage has no result for the page.

    What is asked for and does not exist (a column, a page) is as if it had not been asked. Where not all rows are kept,
    the first ones are shown as they stand. Raises NotReadyError and ScopeError.
    """
    document = downloads.page_of(actor, job)
    rows = kept_of(job, document)
    if document is None or rows is None:
        return None
    columns = document["columns"]
    if not document["has_all_rows"]:
        query = replace(query, sort=None, find="")
    if query.sort is not None and query.sort >= len(columns):
        query = replace(query, sort=None)
    keys = [column["key"] for column in columns]
    row_type = keys.index(ROW_TYPE) if ROW_TYPE in keys else None
    meant = _meant(words or {}, query.words)
    found = _in_order(rows, query.words, query.sort, query.descending, row_type, meant)
    last = max(1, -(-len(found) // ROWS_ON_A_PAGE))
    query = replace(query, page=min(max(query.page, 1), last))
    shown = found[(query.page - 1) * ROWS_ON_A_PAGE : query.page * ROWS_ON_A_PAGE]
    return TablePage(
        query,
        columns,
        list(zip((int(row) for row in shown), rows.cells(shown), strict=True)),
        len(found),
        document["row_count"],
        document["has_all_rows"],
        _totals(document, rows, query.words, meant),
        rows.has_keys or all(column["role"] == "measure" for column in columns),
    )


def kept_of(job: ReportJob, document: Mapping[str, Any] | None) -> KeptRows | None:
    """The rows kept with the page `document` of a report that somebody may read."""
    if document is None:
        return None
    if "rows" in document:
        return kept_rows.of_rows(document["rows"], [column["key"] for column in document["columns"]], folded)
    key = f"{str(job.output.storage.key).rpartition('/')[0]}/rows.arrow"
    return _opened(get_settings().effective_storage_url, key)


@lru_cache(maxsize=FILES_KEPT)
def _opened(url: str, key: str) -> KeptRows | None:
    # A key has the fence in its name: what lies under it never changes.
    files = storage.open_storage(url)
    try:
        if (path := files.path(key)) is not None:
            return KeptRows.open(path)
        folder = get_settings().scratch_folder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix="rows-", dir=folder) as copy:
            for chunk in files.read(key):
                copy.write(chunk)
            copy.flush()
            # Its name goes at once; what is mapped stays until nobody looks at it any more.
            return KeptRows.open(Path(copy.name))
    except FileGoneError:
        return None


class _Meant(dict[int, Mapping[str, Collection[str]]]):
    """Which keys a word stands for. It depends on the reader's language, so that an order is known by it too."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(str(sorted(self.items())))


def _meant(told: Words, words: tuple[str, ...]) -> _Meant:
    return _Meant(
        {
            place: {word: [key for key, text in texts.items() if word in folded(text)] for word in words}
            for place, texts in told.items()
        }
    )


@lru_cache(maxsize=ORDERS_KEPT)
def _in_order(
    rows: KeptRows, words: tuple[str, ...], sort: int | None, descending: bool, row_type: int | None, meant: _Meant
) -> Rows:
    found = rows.found(words, meant) if words else rows.all
    return found if sort is None else rows.ordered(found, sort, descending=descending, row_type=row_type)


def _totals(document: Mapping[str, Any], rows: KeptRows, words: tuple[str, ...], meant: _Meant) -> list[Total | None]:
    """Of groups, what was worked out with the report: it cannot be had from them. Of rows one by one, sums and means of
    those found."""
    columns = document["columns"]
    if document["totals"] is not None:
        return [
            Total(value, "total") if column["role"] == "measure" else None
            for column, value in zip(columns, document["totals"], strict=True)
        ]
    if not document["has_all_rows"] or any(column["role"] == "measure" for column in columns):
        return [None] * len(columns)
    return list(_sums(rows, words, meant, tuple(_how_added(column) for column in columns)))


def _how_added(column: Mapping[str, Any]) -> str:
    if column["type"] not in ("integer", "number") or column["key"] in _NOT_ADDED:
        return ""
    return "sum" if column["unit"] in _ADDED and not column["key"].startswith("days-") else "mean"


@lru_cache(maxsize=ORDERS_KEPT)
def _sums(rows: KeptRows, words: tuple[str, ...], meant: _Meant, kinds: tuple[str, ...]) -> tuple[Total | None, ...]:
    # In the report's order, in which reading them is quickest.
    found = _in_order(rows, words, None, False, None, meant)
    values = [rows.total(found, place, is_mean=kind == "mean") if kind else None for place, kind in enumerate(kinds)]
    return tuple(None if value is None else Total(value, kind) for value, kind in zip(values, kinds, strict=True))


__all__ = ["ROWS_ON_A_PAGE", "TablePage", "TableQuery", "Total", "kept_of", "table_of"]
