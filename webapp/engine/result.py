"""An answer: one Parquet file of rows, and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ColumnType = Literal["string", "integer", "number", "boolean", "datetime", "date"]
Role = Literal["dimension", "measure", "field"]
ChartKind = Literal["bar", "line", "stacked-bar"]

#: The column that says what a row is, present when rows other than groups are among them.
ROW_TYPE = "row-type"


@dataclass(frozen=True)
class Column:
    """One column of the row set. `unit` is count, ratio (a fraction 0-1), seconds, score, number, text, date…"""

    key: str
    label: str
    type: ColumnType
    unit: str
    role: Role
    definition: str | None = None


@dataclass(frozen=True)
class ChartSpec:
    """What a chart shows: columns of the row set by key. No drawing.

    Each of `ys` is a series of its own; with `series`, the values of that column are the series of the one `ys`.
    """

    kind: ChartKind
    x: str
    ys: tuple[str, ...]
    series: str | None
    title: str


@dataclass(frozen=True)
class Result:
    """`rows_path` is one Parquet file in final order whose columns are named by `Column.key`.

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
