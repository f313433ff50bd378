"""An answer: one Parquet file of rows, and what its columns mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow.compute as pc
import pyarrow.parquet

ColumnType = Literal["string", "integer", "number", "boolean", "datetime", "date"]
Role = Literal["dimension", "measure", "field"]
ChartKind = Literal["bar", "line", "stacked-bar"]

#: The column that says what a row is, present when rows other than groups are among them.
ROW_TYPE = "row-type"
#: Sums of many parts, added in another order, differ after so many digits.
_SAME_DIGITS = 12


@dataclass(frozen=True)
class Column:
    """One column of the row set. `unit` is count, ratio (a fraction 0-1), seconds, score, number, text, date…

    `key` is for machines: no two columns have the same. `label` is for people: it may repeat. Of a measure under a
    value of the slicers, `heading` is the measure, `over` the values, outermost first, `over_keys` what is behind them:
    ids of entities, texts of all else, and `over_times` the buckets of which they are texts (None: of no time). Where
    the values of a column are words of ours (states, events), `words` says what people read for each, in the order of
    life. `time` is the bucket of which its texts are (2013-10). Of seconds, `is_long` says that people count them in
    days.
    """

    key: str
    label: str
    type: ColumnType
    unit: str
    role: Role
    definition: str | None = None
    heading: str = ""
    over: tuple[str, ...] = ()
    over_keys: tuple[str | None, ...] = ()
    over_times: tuple[str | None, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    is_long: bool = False


@dataclass(frozen=True)
class ChartSpec:
    """What a chart shows: columns by key. No drawing.

    Each of `ys` is a series of its own; with `series`, the values of that column are the series of the one `ys`. `time`
    is the bucket that the values of `x` begin (`month`), on the clocks of `time_zone`; `first` and `last` are the texts
    of the period's own, where it has any. `rows_path` holds the points where they are not the rows of the result:
    groups put together, because a chart has room for fewer dimensions. `groups` are the columns of the file of rows
    that say what `x`, and `series`, are grouped by. `notes` say what the chart leaves out.
    """

    kind: ChartKind
    x: str
    ys: tuple[str, ...]
    series: str | None
    title: str
    time: str | None = None
    time_zone: str = "UTC"
    first: str | None = None
    last: str | None = None
    rows_path: Path | None = None
    groups: tuple[str, ...] = ()
    zero_if_empty: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """`rows_path` is one Parquet file in final order. Its columns have neutral names, `c0`, `c1`… in the order of
    `columns`, because a label is no name: two may be equal, or differ in case alone. Beside them stand `g0`, `g1`…,
    what each dimension is grouped by: namesakes differ there.

    Instants are UTC. Subtotals and “Other” are rows of it: then a column `row-type` says `group`, `subtotal` or `other`
    for each. In a subtotal the dimensions it sums over are empty. `totals` (by measure key) are worked out from all
    matching rows, never from the rates of groups; None when not asked for, or for detail rows.
    """

    columns: tuple[Column, ...]
    rows_path: Path
    row_count: int
    rows_matched: int
    totals: dict[str, Any] | None
    chart: ChartSpec | None
    notes: tuple[str, ...]
    #: Rows one by one that belong on pages of their own: by the columns `pages` (a learner), there by `section`.
    pages: tuple[str, ...] = ()
    section: str | None = None

    @property
    def named(self) -> list[tuple[str, Column]]:
        """Each column with the name that it has in the file of rows."""
        return [(neutral(place), column) for place, column in enumerate(self.columns)]

    def only_page(self) -> str | None:
        """Whose page it is, where all rows belong on one (a transcript of one learner)."""
        if not self.pages or not self.row_count:
            return None
        names = [name for name, column in self.named if column.key in self.pages]
        found = pyarrow.parquet.read_table(self.rows_path, columns=names)
        who = found.column(names[0])[0].as_py()
        is_one = all(pc.count_distinct(found.column(name), mode="all").as_py() == 1 for name in names)
        return str(who) if is_one and who else None

    def batches(self, size: int) -> Iterator[list[list[Any]]]:
        """The values of every column, `size` rows at a time."""
        names = [name for name, _ in self.named]
        for batch in pyarrow.parquet.ParquetFile(self.rows_path).iter_batches(batch_size=size, columns=names):
            yield [batch.column(name).to_pylist() for name in names]

    def checksum(self) -> str:
        """Equal for results of equal columns and rows, in whatever order ties came; nothing of the day is in it."""
        together = 0
        for values in self.batches(10_000):
            for row in zip(*values, strict=True):
                digest = hashlib.blake2b(repr([_alike(each) for each in row]).encode(), digest_size=16).digest()
                together += int.from_bytes(digest, "big")
        head = [(column.key, column.type) for column in self.columns]
        totals = sorted((key, _alike(value)) for key, value in (self.totals or {}).items())
        return hashlib.sha256(repr([head, self.row_count, together, totals]).encode()).hexdigest()

    def first_rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """The first `most` rows (None: all), by column key."""
        keys = [column.key for column in self.columns]
        rows: list[dict[str, Any]] = []
        for values in self.batches(most or 10_000):
            rows += [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
            if most is not None and len(rows) >= most:
                return rows[:most]
        return rows


def _alike(value: Any) -> Any:
    return f"{value:.{_SAME_DIGITS}g}" if isinstance(value, float) else value


def neutral(place: int) -> str:
    """The name of the column at `place` in a file of rows."""
    return f"c{place}"


def group_key(place: int) -> str:
    """The name of what the dimension at `place` is grouped by."""
    return f"g{place}"


def told_apart(texts: Sequence[str]) -> list[str]:
    """The same texts, no two of them equal: of equal ones all but the first get the next number that is free."""
    taken = set(texts)
    seen: set[str] = set()
    found: list[str] = []
    for text in texts:
        one, number = text, 2
        if text in seen:
            while (one := f"{text} ({number})") in taken:
                number += 1
            taken.add(one)
        seen.add(text)
        found.append(one)
    return found
