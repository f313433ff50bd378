"""A tagged table as a grid: each cell where its spans put it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def placed(rows: list[list[tuple[T, int, int]]]) -> dict[tuple[int, int], T]:
    """(row, column) -> cell, of cells given as (cell, columns, rows) in reading order; a cell that spans stands in each
    place that it takes."""
    grid: dict[tuple[int, int], T] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell, wide, high in row:
            while (y, x) in grid:
                x += 1
            for place in _span(y, x, wide, high):
                grid[place] = cell
    return grid


def _span(y: int, x: int, wide: int, high: int) -> Iterator[tuple[int, int]]:
    return ((y + down, x + right) for down in range(high) for right in range(wide))


def spans(attributes: Any) -> tuple[int, int]:
    """(columns, rows) that a cell of a structure tree takes."""
    found = attributes if isinstance(attributes, list) else [attributes]
    get = {key.lstrip("/"): int(value) for each in found for key, value in dict(each or {}).items() if "Span" in key}
    return get.get("ColSpan", 1), get.get("RowSpan", 1)
