"""What a chart shows: categories, series and numbers, read from the rows of a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet

from webapp.engine.result import ROW_TYPE, Column, Result
from webapp.messages import Message
from webapp.renderers.cell_texts import cell_text, shortened

#: More bars than this cannot be read; a line can have many more points.
MOST_BARS = 25
MOST_POINTS = 366
MOST_SERIES = 8
LONGEST_NAME = 40


@dataclass(frozen=True)
class ChartData:
    """`values[series][category]`, each None where there is nothing; `notes` say what was left out."""

    kind: str
    title: str
    x_label: str
    y_column: Column
    categories: list[str]
    series: list[str]
    values: list[list[float | None]]
    notes: list[str]

    @property
    def description(self) -> str:
        """The main figures in words: what someone who cannot see the chart should know."""
        words = [Message("%(title)s.", title=self.title)]
        for name, numbers in zip(self.series, self.values, strict=True):
            known = [(n, c) for n, c in zip(numbers, self.categories, strict=True) if n is not None]
            if not known:
                continue
            (low, low_at), (high, high_at) = min(known), max(known)
            if len(self.series) > 1:
                words.append(Message("%(series)s:", series=name))
            if len(known) == 1:
                words.append(Message("%(name)s has %(value)s.", name=low_at, value=self._told(low)))
            else:
                words.append(
                    Message(
                        "highest %(high)s (%(high_at)s), lowest %(low)s (%(low_at)s), %(count)s values.",
                        high=self._told(high),
                        high_at=high_at,
                        low=self._told(low),
                        low_at=low_at,
                        count=len(known),
                    )
                )
        return Message.joined([*words, *self.notes])

    def _told(self, number: float) -> str:
        return cell_text(number, self.y_column)


def chart_data(result: Result) -> ChartData | None:
    """The chart's numbers; None for a result without a chart or without numbers."""
    spec = result.chart
    if spec is None or result.row_count == 0:
        return None
    by_key = {column.key: column for column in result.columns}
    names = [spec.x, *spec.ys, *([spec.series] if spec.series else []), *([ROW_TYPE] if ROW_TYPE in by_key else [])]
    # Enough rows for every point that could be drawn; the first ones, as the report orders them.
    wanted = MOST_POINTS * MOST_SERIES
    batches = pyarrow.parquet.ParquetFile(result.rows_path).iter_batches(batch_size=wanted, columns=names)
    rows: list[dict[str, Any]] = next(batches, None).to_pylist()  # type: ignore[union-attr]
    if ROW_TYPE in by_key:
        rows = [row for row in rows if row[ROW_TYPE] != "subtotal"]
    if spec.kind == "line":  # time goes from left to right, however the rows are sorted; its texts sort as it does
        rows.sort(key=lambda row: str(row[spec.x] or ""))
    most = MOST_POINTS if spec.kind == "line" else MOST_BARS
    notes: list[str] = []
    x_column = by_key[spec.x]
    places: dict[str, int] = {}
    series_places: dict[str, int] = {}
    cells: dict[tuple[int, int], float] = {}
    for row in rows:
        category = _short(cell_text(row[spec.x], x_column))
        if spec.series is None and category in places:
            category = f"{category} ({len(places) + 1})"  # namesakes are different groups
        if category not in places and len(places) == most:
            continue
        for key in spec.ys:
            name = _short(cell_text(row[spec.series], by_key[spec.series])) if spec.series else _series(by_key[key])
            if name not in series_places and len(series_places) == MOST_SERIES:
                continue
            if row[key] is not None:
                # A category has its place once something is drawn in it: those of the series left out take none.
                place = places.setdefault(category, len(places))
                cells[series_places.setdefault(name, len(series_places)), place] = float(row[key])
    if not cells:
        return None
    if result.row_count > len(rows) or (len(rows) * len(spec.ys) > len(cells) and len(places) == most):
        notes.append(Message("Only the first %(count)s are drawn; the table has all.", count=len(places)))
    values = [[cells.get((series, place)) for place in range(len(places))] for series in range(len(series_places))]
    return ChartData(
        spec.kind,
        spec.title,
        x_column.label,
        by_key[spec.ys[0]],
        list(places),
        list(series_places),
        values,
        notes,
    )


def _series(column: Column) -> str:
    return _short(column.label.partition(" · ")[2] or column.label)


def _short(text: str) -> str:
    text = " ".join("".join(letter for letter in text if letter.isprintable()).split())
    return shortened(text, LONGEST_NAME)
