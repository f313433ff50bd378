"""The report's chart as SVG: the same drawing in the page and in the PDF, for light and for dark ground.

Readable without colour: series differ in lightness, lines also in dash and mark, and every chart has a text that
states its main figures.
"""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from webapp.engine.result import ChartKind, Result
from webapp.renderers import drawer
from webapp.renderers.chart_data import ChartData, chart_data
from webapp.renderers.reader import Reader

#: Dark to light, so that neighbours differ in lightness too (after ColorBrewer and Okabe-Ito, tried in grey).
COLOURS = ["#12436d", "#28a197", "#801650", "#f46a25", "#3d3d3d", "#a285d1", "#2073bc", "#8a8a8a"]
DARK_COLOURS = ["#7fb2f0", "#5fd0c5", "#f08cc0", "#f9a46b", "#d7dce4", "#c3aeea", "#4d9be0", "#9aa6b8"]
WIDTH, BAR_STEP, LINE_HEIGHT = 640, 26, 260
#: Bars side by side are thinner, and there is a gap between their groups.
GROUPED_STEP, GROUP_GAP = 11, 8
#: Bars that are higher than this together are drawn in pieces on paper: a page ends, and what is made smaller to fit is
#: not read.
PIECE_HEIGHT = 660
#: A letter of a label is about so wide.
LETTER = 6.5

#: A line of more points than this is drawn without a mark at each.
MOST_MARKED = 60
MOST_TICKS = 6
_ROUND_SECONDS = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
                  14_400.0, 21_600.0, 43_200.0, 86_400.0]  # fmt: skip

#: Measures whose parts make the whole.
_ADDED = ("count", "event-count")

log = logging.getLogger(__name__)

_drawer = ""


@dataclass(frozen=True)
class Chart:
    svg: str
    svg_dark: str
    description: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sketch:
    """A chart that nobody has drawn yet: what is to be drawn on light and on dark ground (`drawn`), and its texts."""

    specifications: tuple[str, str]
    description: str
    notes: tuple[str, ...]


def draw(result: Result, reader: Reader | None = None) -> Chart | None:
    """The chart that the result declares, as `reader` reads it; None when it has none."""
    sketch = sketched(result, reader)
    if sketch is None:
        return None
    light, dark = _drawn(sketch.specifications)
    return Chart(light, dark, sketch.description, sketch.notes)


@dataclass(frozen=True)
class Piece:
    """A chart on paper, or a part of one: drawn on light ground, and in words."""

    svg: str
    description: str


def pieces(result: Result, reader: Reader) -> tuple[list[Piece], tuple[str, ...]]:
    """The chart that the result declares as paper has it, and its notes: where its bars are higher than `PIECE_HEIGHT`
    in several drawings, each with the whole's numbers on its axis. Nothing where it has none."""
    data = chart_data(result, reader) if result.chart is not None else None
    if data is None:
        return [], ()
    parts = [data] if data.kind == "line" else data.pieces(max(PIECE_HEIGHT // _step(data), 1), ticks_of(data))
    # The page has the same drawing where there is one, on dark ground too: it is drawn once.
    grounds = (False, True) if len(parts) == 1 else (False,)
    specifications = [json.dumps(_specification(part, dark=dark)) for part in parts for dark in grounds]
    drawn = _drawn(tuple(specifications))[:: len(grounds)]
    found = [Piece(svg, part.description) for svg, part in zip(drawn, parts, strict=True)]
    return found, tuple(data.notes)


def sketched(result: Result, reader: Reader | None = None, kind: ChartKind | None = None) -> Sketch | None:
    """The same before it is drawn, as a chart of another `kind` where one is given; None too where the numbers cannot
    be drawn so: only what is added up can be stacked."""
    spec = result.chart
    if spec is None:
        return None
    data = chart_data(replace(result, chart=replace(spec, kind=kind or spec.kind)), reader)
    if data is None or (kind == "stacked-bar" and not _can_be_stacked(data)):
        return None
    light, dark = (json.dumps(_specification(data, dark=dark)) for dark in (False, True))
    return Sketch((light, dark), data.description, tuple(data.notes))


def drawn(specification: str) -> str:
    """The SVG of one specification of a sketch."""
    return _drawn((specification,))[0]


def _can_be_stacked(data: ChartData) -> bool:
    measure = data.y_column.key.partition("[")[0]
    return len(data.series) > 1 and (measure in _ADDED or measure.startswith("sum:"))


@lru_cache(maxsize=16)  # a PDF and the page beside it show the same chart; a page asks again while it is looked at
def _drawn(specifications: tuple[str, ...]) -> list[str]:
    """An SVG for each Vega-Lite specification, which is JSON.

    By another process: what draws is a whole JavaScript engine, which keeps 100 MB for as long as it lives. The
    worker's, where it answers; else by one that starts for this.
    """
    asked = f"[{','.join(specifications)}]".encode()
    found: list[str] | None = _drawn_by_drawer(asked) if _drawer else None
    if found is None:
        done = subprocess.run(
            [sys.executable, "-I", drawer.__file__], input=asked, capture_output=True, check=True, timeout=60
        )
        found = json.loads(done.stdout)
    return found


def use_drawer(address: str) -> None:
    """Have what is drawn in this process drawn by the one that listens at `address` (`renderers.drawer`)."""
    global _drawer
    _drawer = address


def _drawn_by_drawer(asked: bytes) -> list[str] | None:
    """None where nobody answers, or has drawn them."""
    try:
        found: list[str] = json.loads(drawer.drawn_by(_drawer, asked))
    except (OSError, ValueError) as error:
        log.info("charts are drawn by a process of their own", extra={"error": type(error).__name__})
        return None
    return found


def ticks_of(data: ChartData) -> list[float]:
    """Where the numbers' axis has its marks: 0 and the largest among them or between them, at least two, the same
    distance apart; whole numbers for what is counted."""
    if data.ticks:
        return list(data.ticks)
    shown = data.values
    if data.kind == "stacked-bar":
        shown = [[sum(number or 0.0 for number in numbers) for numbers in zip(*data.values, strict=True)]]
    known = [number for numbers in shown for number in numbers if number is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    # A percentage has one digit, any other number two.
    least = {"integer": 1.0}.get(data.y_column.type, {"ratio": 0.001, "seconds": 1.0}.get(data.y_column.unit, 0.01))
    rough = max((high - low) / MOST_TICKS, least)
    if data.y_column.unit == "seconds":
        step = next((each for each in _ROUND_SECONDS if each >= rough), 86_400.0 * -(-rough // 86_400))
    else:
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= rough * (1 - 1e-9))
        step = max(step, least)
    begin, end = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), 1)
    return [round(place * step, 6) for place in range(begin, end + 1)]


def _tick_texts(data: ChartData, ticks: list[float]) -> list[str]:
    column = data.y_column
    if column.type == "number" and column.unit not in ("ratio", "seconds") and all(tick.is_integer() for tick in ticks):
        column = replace(column, type="integer")
    return [data.reader.cell(tick, column) for tick in ticks]


def _side_by_side(names: list[str]) -> int:
    """How many names of a legend stand on a line, whole."""
    return max(min(int(WIDTH // (max(map(len, names)) * LETTER + 40)), 4), 1)


def _specification(data: ChartData, *, dark: bool) -> dict[str, Any]:
    """The chart in Vega-Lite's own words."""
    say = data.reader.text
    values = [
        {"x": category, "y": number, "series": name, "order": place}
        for name, numbers in zip(data.series, data.values, strict=True)
        for place, (category, number) in enumerate(zip(data.categories, numbers, strict=True))
        # Nothing breaks a line: what is not known is no point between its neighbours.
        if number is not None or data.kind == "line"
    ]
    return {
        "data": {"values": values},
        "title": say(data.title),
        "background": "transparent",
        **(_lines if data.kind == "line" else _bars)(data, _colour(data, dark=dark)),
        "config": _config(dark=dark),
    }


def _lines(data: ChartData, colour: dict[str, Any]) -> dict[str, Any]:
    series = {"field": "series", "type": "nominal", "sort": data.series, "legend": None}
    mark = {
        "type": "line",
        "invalid": "break-paths-show-domains",
        "point": len(data.categories) <= MOST_MARKED,
        "strokeWidth": 2,
    }
    encoding = {
        "x": {**_categories(data), "type": "ordinal", "axis": {"labelOverlap": True}},
        "y": _numbers(data),
        "color": colour,
        "strokeDash": series,
        "shape": series,
    }
    return {"width": WIDTH, "height": LINE_HEIGHT, "mark": mark, "encoding": encoding}


def _bars(data: ChartData, colour: dict[str, Any]) -> dict[str, Any]:
    encoding = {
        "y": {**_categories(data), "type": "nominal", "axis": {"labelLimit": 260}},
        "x": {**_numbers(data), "stack": "zero" if data.kind == "stacked-bar" else None},
        "color": colour,
    }
    if _is_grouped(data):
        encoding["yOffset"] = {"field": "series", "type": "nominal", "sort": data.series}
    height = max(len(data.categories) * _step(data), 60)
    return {"width": WIDTH - 120, "height": height, "mark": {"type": "bar"}, "encoding": encoding}


def _is_grouped(data: ChartData) -> bool:
    return data.kind != "stacked-bar" and len(data.series) > 1


def _step(data: ChartData) -> int:
    """How high the bars of one category are, with the gap below them."""
    return len(data.series) * GROUPED_STEP + GROUP_GAP if _is_grouped(data) else BAR_STEP


def _categories(data: ChartData) -> dict[str, Any]:
    title = data.reader.text(data.x_label)
    return {"field": "x", "sort": None, "scale": {"domain": data.categories}, "title": title}


def _numbers(data: ChartData) -> dict[str, Any]:
    """The texts of the ticks are ours: a number looks as it does in the table, and each stands there once."""
    ticks = ticks_of(data)
    first, step = ticks[0], ticks[1] - ticks[0]
    texts = json.dumps(_tick_texts(data, ticks))
    axis = {
        "values": ticks,
        "labelExpr": f"{texts}[round((datum.value - ({first})) / {step})]",
        "title": data.reader.with_unit(data.reader.text(data.y_label), data.y_column),
    }
    return {"field": "y", "type": "quantitative", "axis": axis, "scale": {"domain": [first, ticks[-1]], "nice": False}}


def _colour(data: ChartData, *, dark: bool) -> dict[str, Any]:
    colours = (DARK_COLOURS if dark else COLOURS)[: max(len(data.series), 1)]
    legend = {"title": None, "orient": "top", "columns": _side_by_side(data.series), "labelLimit": WIDTH}
    return {
        "field": "series",
        "type": "nominal",
        "sort": data.series,
        "scale": {"domain": data.series, "range": colours},
        "legend": legend if len(data.series) > 1 else None,
    }


def _config(*, dark: bool) -> dict[str, Any]:
    ink = "#dbe2ec" if dark else "#27323f"
    line = "#4a586f" if dark else "#c9d1dc"
    return {
        "font": "DejaVu Sans, sans-serif",
        "axis": {"labelColor": ink, "titleColor": ink, "gridColor": line, "domainColor": line, "tickColor": line},
        "title": {"color": ink, "anchor": "start", "fontSize": 14},
        "legend": {"labelColor": ink},
        "view": {"stroke": None},
    }
