"""The report's chart as SVG: the same drawing in the page and in the PDF, for light and for dark ground.

Readable without colour: series differ in lightness, lines also in dash and mark, and every chart has a text that
states its main figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webapp.engine.result import Result
from webapp.renderers.chart_data import ChartData, chart_data

#: Dark to light, so that neighbours differ in lightness too (after ColorBrewer and Okabe-Ito, tried in grey).
COLOURS = ["#12436d", "#28a197", "#801650", "#f46a25", "#3d3d3d", "#a285d1", "#2073bc", "#8a8a8a"]
DARK_COLOURS = ["#7fb2f0", "#5fd0c5", "#f08cc0", "#f9a46b", "#d7dce4", "#c3aeea", "#4d9be0", "#9aa6b8"]
WIDTH, BAR_STEP, LINE_HEIGHT = 640, 26, 260
#: Bars side by side are thinner, and there is a gap between their groups.
GROUPED_STEP, GROUP_GAP = 11, 8

_DRAW = "import json, sys, vl_convert; print(json.dumps([vl_convert.vegalite_to_svg(s) for s in json.load(sys.stdin)]))"


@dataclass(frozen=True)
class Chart:
    svg: str
    svg_dark: str
    description: str


def draw(result: Result) -> Chart | None:
    """The chart that the result declares; None when it has none."""
    data = chart_data(result)
    if data is None:
        return None
    light, dark = _drawn(json.dumps([_specification(data, dark=dark) for dark in (False, True)]))
    return Chart(light, dark, data.description)


@lru_cache(maxsize=2)  # a PDF and the page beside it show the same chart
def _drawn(specifications: str) -> list[str]:
    """An SVG for each Vega-Lite specification of a JSON list.

    By a process of its own: what draws is a whole JavaScript engine, which keeps 100 MB for as long as it lives.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-c", _DRAW], input=specifications.encode(), capture_output=True, check=True, timeout=60
    )
    found: list[str] = json.loads(done.stdout)
    return found


def _specification(data: ChartData, *, dark: bool) -> dict[str, Any]:
    import altair as alt

    values = [
        {"x": category, "y": number, "series": name, "order": place}
        for name, numbers in zip(data.series, data.values, strict=True)
        for place, (category, number) in enumerate(zip(data.categories, numbers, strict=True))
        if number is not None
    ]
    colours = (DARK_COLOURS if dark else COLOURS)[: max(len(data.series), 1)]
    form = {"ratio": ".0%", "count": ",d"}.get(data.y_column.unit, ",.2~f")
    y_title = data.y_column.label.partition(" · ")[0]
    number_axis = alt.Axis(format=form, title=y_title, tickCount=6)
    colour = alt.Color(
        "series:N",
        sort=data.series,
        scale=alt.Scale(domain=data.series, range=colours),
        legend=alt.Legend(title=None, orient="top", columns=4) if len(data.series) > 1 else None,
    )
    source = alt.Data(values=values)
    if data.kind == "line":
        chart: Any = (
            alt.Chart(source, width=WIDTH, height=LINE_HEIGHT)
            .mark_line(point=True, strokeWidth=2)
            .encode(
                x=alt.X("x:O", sort=data.categories, title=data.x_label, axis=alt.Axis(labelOverlap=True)),
                y=alt.Y("y:Q", axis=number_axis),
                color=colour,
                strokeDash=alt.StrokeDash("series:N", sort=data.series, legend=None),
                shape=alt.Shape("series:N", sort=data.series, legend=None),
            )
        )
    else:
        stacked = data.kind == "stacked-bar"
        is_grouped = not stacked and len(data.series) > 1
        step = len(data.series) * GROUPED_STEP + GROUP_GAP if is_grouped else BAR_STEP
        encoding: dict[str, Any] = {
            "y": alt.Y("x:N", sort=data.categories, title=data.x_label, axis=alt.Axis(labelLimit=220)),
            "x": alt.X("y:Q", axis=number_axis, stack="zero" if stacked else None),
            "color": colour,
        }
        if is_grouped:
            encoding["yOffset"] = alt.YOffset("series:N", sort=data.series)
        height = max(len(data.categories) * step, 60)
        chart = alt.Chart(source, width=WIDTH - 120, height=height).mark_bar().encode(**encoding)
    ink = "#dbe2ec" if dark else "#27323f"
    line = "#4a586f" if dark else "#c9d1dc"
    chart = chart.properties(title=data.title, background="transparent").configure(font="DejaVu Sans, sans-serif")
    chart = chart.configure_axis(labelColor=ink, titleColor=ink, gridColor=line, domainColor=line, tickColor=line)
    chart = chart.configure_title(color=ink, anchor="start", fontSize=14).configure_legend(labelColor=ink)
    return dict(chart.configure_view(stroke=None).to_dict())
