"""What a chart shows: categories, series and numbers, read from the rows of a result.

A point is known by what its row is grouped by, never by its label: namesakes are different groups, and stand apart.
What is not drawn is said.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow.parquet

from webapp.engine.charts import MAX_SERIES, buckets
from webapp.engine.result import ROW_TYPE, ChartSpec, Column, Result, neutral, told_apart
from webapp.engine.words import OTHER
from webapp.messages import Message
from webapp.renderers.reader import Reader, shortened

#: More bars than this cannot be read; a line can have many more points.
MOST_BARS = 25
MOST_POINTS = 800
#: Rows beyond this are not looked at: a chart shows the first ones.
MOST_READ = 50_000
LONGEST_NAME = 40


@dataclass(frozen=True)
class ChartData:
    """`values[series][category]`, each None where there is nothing; `notes` say what was left out. No two categories
    have the same name, and no two series; `reader` reads them."""

    kind: str
    title: str
    x_label: str
    y_label: str
    y_column: Column
    categories: list[str]
    series: list[str]
    values: list[list[float | None]]
    notes: list[str]
    reader: Reader = field(default_factory=Reader)
    #: Where the numbers' axis has its marks, of a piece: as that of the whole.
    ticks: Sequence[float] = ()

    def pieces(self, most: int, ticks: Sequence[float]) -> list[ChartData]:
        """Itself, or where it has more categories than `most` several charts, with about as many of them each."""
        count = -(-len(self.categories) // most)
        if count < 2:
            return [self]
        each = -(-len(self.categories) // count)
        return [
            replace(
                self,
                title=Message("%(title)s (%(number)s of %(count)s)", title=self.title, number=number + 1, count=count),
                categories=self.categories[begin : begin + each],
                values=[numbers[begin : begin + each] for numbers in self.values],
                ticks=ticks,
            )
            for number, begin in enumerate(range(0, len(self.categories), each))
        ]

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
                words.append(Message("%(name)s has %(value)s.", name=low_at, value=self.told(low)))
            else:
                words.append(
                    Message(
                        "highest %(high)s (%(high_at)s), lowest %(low)s (%(low_at)s), %(count)s values.",
                        high=self.told(high),
                        high_at=high_at,
                        low=self.told(low),
                        low_at=low_at,
                        count=len(known),
                    )
                )
        return Message.joined([*words, *self.notes])

    def told(self, number: float) -> str:
        return self.reader.cell(number, self.y_column)


Key = Hashable
_OTHER = ("other",)  # no group of the record's: they are ids and instants


@dataclass
class _Points:
    """Names of categories and series by what they are grouped by, in the order they came in; and the numbers, by
    (series, category). `notes` say which rows have no place."""

    categories: dict[Key, str] = field(default_factory=dict)
    series: dict[Key, str] = field(default_factory=dict)
    cells: dict[tuple[Key, Key], float | None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    is_cut: bool = False


def chart_data(result: Result, reader: Reader | None = None) -> ChartData | None:
    """The chart's numbers, their names as `reader` reads them; None for a result without a chart or without numbers."""
    spec, reader = result.chart, reader or Reader()
    if spec is None or result.row_count == 0:
        return None
    points = _points(result, spec, reader)
    if all(number is None for number in points.cells.values()):
        return None
    columns = {column.key: column for column in result.columns}
    notes = [*spec.notes, *points.notes]
    series = list(points.series)[:MAX_SERIES]
    if len(points.series) > MAX_SERIES:
        notes.append(_left_out(Message("series"), MAX_SERIES, len(points.series), is_cut=points.is_cut))
    chosen = set(series)
    drawn = {x for of, x in points.cells if of in chosen}
    categories = [x for x in points.categories if x in drawn]
    empty = None
    if spec.time is not None:
        categories, is_whole = _axis(categories, spec, spec.time)
        empty = 0.0 if spec.zero_if_empty else None
        if not is_whole:
            ends = str(categories[0]), str(categories[-1])
            first, last = (_short(reader.cell(_value(each, spec), columns[spec.x])) for each in ends)
            notes.append(
                Message(
                    "It is too long from %(first)s to %(last)s: only times with rows are drawn.", first=first, last=last
                )
            )
    most = MOST_POINTS if spec.kind == "line" else MOST_BARS
    if len(categories) > most or points.is_cut:
        shown = min(most, len(categories))
        notes.append(_left_out(Message("groups"), shown, len(categories), is_cut=points.is_cut))
        categories = categories[:most]
    x_column = columns[spec.x]
    names = [points.categories.get(x) or _short(reader.cell(_value(str(x), spec), x_column)) for x in categories]
    return ChartData(
        spec.kind,
        spec.title,
        x_column.label,
        columns[spec.ys[0]].heading or columns[spec.ys[0]].label,
        columns[spec.ys[0]],
        _apart(names),
        _apart([points.series[key] for key in series]),
        [[points.cells.get((key, x), empty) for x in categories] for key in series],
        notes,
        reader,
    )


def _left_out(what: str, shown: int, of: int, *, is_cut: bool) -> str:
    if is_cut:
        return Message("Only the first %(count)s %(what)s are drawn; the table has all.", count=shown, what=what)
    return Message(
        "Only the first %(count)s of %(all)s %(what)s are drawn; the table has all.", count=shown, all=of, what=what
    )


def _points(result: Result, spec: ChartSpec, reader: Reader) -> _Points:
    points = _Points()
    place = {column.key: number for number, column in enumerate(result.columns)}
    rows = _rows(result, spec, place, points)
    if spec.time is not None:  # from left to right, however the rows are sorted; the texts of time sort as it does
        rows.sort(key=lambda row: str(row[neutral(place[spec.x])] or ""))
    x_group, series_group = (spec.groups[n] if n < len(spec.groups) else None for n in range(2))
    for row in rows:
        is_other = row.get(neutral(place.get(ROW_TYPE, -1))) == "other"
        x = _named(row, x_group, place[spec.x], is_other, result, reader)
        if spec.time is not None:
            if is_other or x[0] is None:
                points.notes[_OTHER_NOT_DRAWN if is_other else _UNDATED_NOT_DRAWN] = None
                continue
            x = (str(row[neutral(place[spec.x])]), x[1])
        for key in spec.ys:
            of = (
                _named(row, series_group, place[spec.series], is_other, result, reader)
                if spec.series
                else (key, _series(result.columns[place[key]], reader))
            )
            number = row[neutral(place[key])]
            points.categories.setdefault(*x)
            points.series.setdefault(*of)
            points.cells[of[0], x[0]] = None if number is None else float(number)
    return points


_UNDATED_NOT_DRAWN = Message("Rows without a date are not drawn.")
_OTHER_NOT_DRAWN = Message("“Other” is not drawn.")


def _rows(result: Result, spec: ChartSpec, place: dict[str, int], points: _Points) -> list[dict[str, Any]]:
    """The rows to draw, subtotals left out, with the columns of the chart alone."""
    keys = [spec.x, *spec.ys, *([spec.series] if spec.series else [])]
    names = [neutral(place[key]) for key in keys] + list(spec.groups)
    has_types = ROW_TYPE in place and spec.rows_path is None
    names += [neutral(place[ROW_TYPE])] if has_types else []
    file = pyarrow.parquet.ParquetFile(spec.rows_path or result.rows_path)
    rows: list[dict[str, Any]] = []
    for batch in file.iter_batches(batch_size=10_000, columns=names):
        found: list[dict[str, Any]] = batch.to_pylist()
        rows += [row for row in found if not has_types or row[neutral(place[ROW_TYPE])] != "subtotal"]
        if len(rows) >= MOST_READ:
            points.is_cut = file.metadata.num_rows > len(rows)
            break
    return rows


def _named(
    row: dict[str, Any], group: str | None, place: int, is_other: bool, result: Result, reader: Reader
) -> tuple[Key, str]:
    """What a row is grouped by, and what people read for it."""
    if is_other:
        return _OTHER, reader.text(OTHER["Other"])
    value = row[neutral(place)]
    return (row[group] if group is not None else value), _short(reader.cell(value, result.columns[place]))


def _axis(found: Sequence[Key], spec: ChartSpec, unit: str) -> tuple[list[Key], bool]:
    """Every bucket from the first to the last, those without rows too: of the period asked for where it has an end.
    Where these are too many (one day of the year 9999 is enough), those with rows; and whether it is all of them."""
    texts = sorted(map(str, found))
    if not texts:
        return [], True
    first, last = min(texts[0], spec.first or texts[0]), max(texts[-1], spec.last or texts[-1])
    axis = buckets(unit, first, last, MOST_POINTS + 1, spec.time_zone)
    if len(axis) > MOST_POINTS:  # a period of centuries, and rows of months
        axis = buckets(unit, texts[0], texts[-1], MOST_POINTS + 1, spec.time_zone)
    return (list(texts), False) if len(axis) > MOST_POINTS else (list(axis), True)


def _value(text: str, spec: ChartSpec) -> Any:
    return date.fromisoformat(text) if spec.time == "day" else text


def _series(column: Column, reader: Reader) -> str:
    return _short(" · ".join(reader.over(column)) or reader.text(column.label))


def _short(text: str) -> str:
    return " ".join("".join(letter for letter in text if letter.isprintable()).split())


def _apart(names: Sequence[str]) -> list[str]:
    """The names, short, and no two of them equal: long ones that begin alike show their ends."""
    cut = [shortened(name, LONGEST_NAME) for name in names]
    seen = Counter(cut)
    half = LONGEST_NAME // 2
    cut = [
        f"{name[: half - 1]}…{name[-half:]}" if seen[one] > 1 and len(name) > LONGEST_NAME else one
        for one, name in zip(cut, names, strict=True)
    ]
    # Composed and decomposed letters look the same.
    return told_apart([unicodedata.normalize("NFC", one) for one in cut])
