"""The rows of a result as its page reads them: sorted, searched and turned over without being worked out again.

One Arrow file, not compressed, so that a page maps it and reads the few rows that it shows. Columns are told by their
place, never by their label: `c0`, `c1`… the cells as the engine left them; `f0`… a text column's texts as searches
compare them; `r0`… its texts' places in the order in which people sort; `g0`… what the dimensions are grouped by, ids
among it, where the engine told it. Texts that come again and again are kept once (dictionaries).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from webapp.clock import aware
from webapp.engine.result import Result, group_key, neutral

#: A result of more cells, or of more texts, is shown by its first rows alone: its file would weigh more than it helps,
#: and the texts are sorted in the memory of the job (a million rows with five texts each: 600 MB).
MOST_CELLS, MOST_TEXTS = 12_000_000, 6_000_000
#: So many rows are kept of a result that is too large.
FIRST_ROWS = 1_000
_GROUPS_FIRST = {"group": 0, "subtotal": 1, "other": 2}

#: An Arrow array; its kind is known when it runs.
Array = Any

Rows = Sequence[int] | np.ndarray[Any, Any]
Fold = Callable[[str], str]


def write(result: Result, path: Path, folded: Fold) -> bool:
    """Keep the rows of `result`; `folded` makes of a text what searches compare. True when it is all of them."""
    texts = sum(column.type == "string" for column in result.columns)
    is_whole = result.row_count * len(result.columns) <= MOST_CELLS and result.row_count * texts <= MOST_TEXTS
    file = pyarrow.parquet.ParquetFile(result.rows_path)
    table = file.read() if is_whole else pa.Table.from_batches([next(file.iter_batches(batch_size=FIRST_ROWS))])
    with pa.OSFile(str(path), "wb") as sink:
        kept = _kept(table, [list(column.words) for column in result.columns], folded)
        with pa.ipc.new_file(sink, kept.schema) as writer:
            writer.write_table(kept)
    return is_whole


def of_rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str], folded: Fold) -> KeptRows:
    """The same of the rows that older reports keep in their page."""
    columns = [pa.array([row.get(name) for row in rows]) for name in names]
    # A column without any value is one of texts.
    columns = [pc.cast(each, pa.string()) if pa.types.is_null(each.type) else each for each in columns]
    table = pa.Table.from_arrays(columns, names=[f"c{place}" for place in range(len(names))])
    return KeptRows(_kept(table, [[]] * len(names), folded))


def _kept(table: pa.Table, words: Sequence[list[str]], folded: Fold) -> pa.Table:
    """The cells, what goes with them, and the keys of the groups. `words` are those values of each column that have an
    order of their own."""
    arrays: dict[str, Array] = {
        name: _one(table.column(name)) for name in table.column_names if name.startswith(group_key(0)[0])
    }
    for place, ordered in enumerate(words):
        cells = _one(table.column(neutral(place)))
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            arrays |= _text_column(place, cells, ordered, folded)
        else:
            arrays[f"c{place}"] = cells
    return pa.table(arrays)


def _one(column: pa.ChunkedArray) -> Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _text_column(place: int, cells: Array, words: list[str], folded: Fold) -> dict[str, Array]:
    encoded = cells.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    compared = [folded(text) for text in texts]
    order = sorted(
        range(len(texts)),
        key=lambda each: (
            words.index(texts[each]) if texts[each] in words else len(words),
            compared[each],
            texts[each],
        ),
    )
    ranks = np.empty(len(texts), dtype="int32")
    ranks[order] = np.arange(len(texts), dtype="int32")
    return {
        f"c{place}": encoded,
        f"f{place}": pa.DictionaryArray.from_arrays(encoded.indices, pa.array(compared, pa.string())),
        f"r{place}": pc.take(pa.array(ranks), encoded.indices),
    }


class KeptRows:
    """The kept rows, mapped. Rows are told by their number in the order of the report, from 0."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._width = sum(name.startswith("c") for name in table.column_names)
        self.count: int = table.num_rows
        self.all: Rows = np.arange(self.count)

    @classmethod
    def open(cls, path: Path) -> KeptRows:
        """The file that `write` has made. It stays mapped, also when it is deleted, as long as this is used."""
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).read_all())

    def found(self, words: Sequence[str], keys: Mapping[int, Mapping[str, Collection[str]]]) -> Rows:
        """The rows in which each of the folded `words` stands in some text, in the report's order. `keys` says, by
        column and word, which cells are shown as a text that has the word although they are written otherwise."""
        kept = np.ones(self.count, dtype=bool)
        for word in words:
            has = np.zeros(self.count, dtype=bool)
            for place in range(self._width):
                if f"f{place}" not in self._table.column_names:
                    continue
                column = self._array(f"f{place}")
                matching = pc.match_substring(column.dictionary, word)
                if meant := keys.get(place, {}).get(word):
                    matching = pc.or_(matching, pc.is_in(self._array(f"c{place}").dictionary, pa.array(list(meant))))
                has |= pc.take(matching, column.indices).fill_null(False).to_numpy(zero_copy_only=False)
            kept &= has
        return np.flatnonzero(kept)

    def ordered(self, rows: Rows, place: int, *, descending: bool, row_type: int | None = None) -> Rows:
        """`rows` by the column at `place`: empty cells last either way, equal ones in the report's order, and what is
        no group (subtotals, all others; told by the column at `row_type`) after the groups."""
        rows = np.asarray(rows, dtype="int64")
        name = f"r{place}" if f"r{place}" in self._table.column_names else f"c{place}"
        column = self._array(name)
        if not pa.types.is_floating(column.type):
            column = pc.cast(column, pa.int32() if pa.types.is_date(column.type) else pa.int64(), safe=False)
        is_empty = column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)[rows]
        values = column.fill_null(0).to_numpy(zero_copy_only=False)[rows]
        values = np.where(is_empty, 0, -values if descending else values)
        keys = [values, is_empty]
        if row_type is not None:
            kinds = self._array(f"c{row_type}").to_pylist()
            keys.append(np.array([_GROUPS_FIRST.get(kinds[row], 0) for row in rows.tolist()]))
        return rows[np.lexsort(keys)]

    def cells(self, rows: Rows) -> list[list[Any]]:
        """The cells of these rows, by place; instants and days as ISO texts."""
        wanted = pa.array(np.asarray(rows, dtype="int64"))
        columns = [_plain(pc.take(self._array(f"c{place}"), wanted).to_pylist()) for place in range(self._width)]
        return [list(row) for row in zip(*columns, strict=True)]

    @property
    def has_keys(self) -> bool:
        return "g0" in self._table.column_names

    def keys(self, row: int) -> list[Any] | None:
        """What the dimensions of this row are grouped by; None where the engine did not tell it."""
        names = [name for name in self._table.column_names if name.startswith("g")]
        found = [self._table.column(name)[row].as_py() for name in names]
        return _plain(found) if names else None

    def total(self, rows: Rows, place: int, *, is_mean: bool) -> float | None:
        """The sum, or the mean, of a column of numbers; None where no row has one."""
        column = self._array(f"c{place}")
        if rows is not self.all:
            column = pc.take(column, pa.array(np.asarray(rows, dtype="int64")))
        found = (pc.mean if is_mean else pc.sum)(column).as_py()
        return None if found is None else found

    def _array(self, name: str) -> Array:
        return _one(self._table.column(name))


def _plain(values: list[Any]) -> list[Any]:
    """As JSON has them."""
    return [
        (aware(value).isoformat() if isinstance(value, datetime) else value.isoformat())
        if isinstance(value, date)
        else value
        for value in values
    ]
