"""What stands above the columns, in tiers: over the measures of a pivot the values that they are counted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.engine.result import Column
from webapp.messages import Message
from webapp.renderers.reader import Reader

#: Above the measures of all values together, beside those of each.
ALL = Message("All")


@dataclass(frozen=True)
class Cell:
    """A cell of a heading: the first row and column that it takes, and how many of each."""

    text: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1


def leaf(column: Column, reader: Reader, *, is_one_measure: bool = False) -> str:
    """What stands right above the numbers of a column."""
    if column.over and is_one_measure:
        return reader.over(column)[-1]
    return reader.with_unit(reader.text(column.heading or column.label), column)


def one_measure(columns: Sequence[Column]) -> bool:
    """Whether a pivot counts one thing: its name then stands once, above all the values."""
    return len({column.key.partition("[")[0] for column in columns if column.role == "measure"}) == 1


def tiers(columns: Sequence[Column], reader: Reader) -> list[Cell]:
    """The cells of the heading, row by row; one row where there is no pivot."""
    depth = max((len(column.over) for column in columns), default=0)
    if not depth:
        return [Cell(reader.heading(column), 0, place) for place, column in enumerate(columns)]
    is_one = one_measure(columns)
    # Of each column the texts from the top down; those without any above them take all the rows.
    stacks: list[tuple[str, ...]] = []
    for column in columns:
        if column.role != "measure":
            stacks.append((reader.heading(column),))
            continue
        over = reader.over(column) or (reader.text(ALL),)
        label = leaf(column, reader)
        stacks.append((label, *over) if is_one else (*over, label))
    height = depth + 1
    cells: list[Cell] = []
    for row in range(height):
        place = 0
        while place < len(columns):
            stack = stacks[place]
            if len(stack) == 1:
                if row == 0:
                    cells.append(Cell(stack[0], 0, place, rows=height))
                place += 1
                continue
            if row >= len(stack):
                place += 1
                continue
            wide, is_last = 1, row == len(stack) - 1
            # Above the last tier, neighbours with the same texts so far share a cell.
            while not is_last and place + wide < len(columns) and _shares(stacks[place + wide], stack, row):
                wide += 1
            cells.append(Cell(stack[row], row, place, rows=height - row if is_last else 1, columns=wide))
            place += wide
    return cells


def _shares(other: tuple[str, ...], stack: tuple[str, ...], row: int) -> bool:
    return len(other) == len(stack) and other[: row + 1] == stack[: row + 1]


def height(cells: Sequence[Cell]) -> int:
    return max((cell.row + cell.rows for cell in cells), default=1)
