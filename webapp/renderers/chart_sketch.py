"""The chart of a preview: a quick drawing of what the finished chart will show, in the colours of the page around it.

The finished one is drawn by a worker (`chart_svg`); its library is too heavy for a page that answers as one types.
"""

from __future__ import annotations

from html import escape

from webapp.messages import Message
from webapp.renderers.chart_data import ChartData
from webapp.renderers.reader import shortened

WIDTH, LABELS, NUMBERS = 400, 128, 62
MOST_ROWS, MOST_SERIES = 10, 4
ROW, LINE_HEIGHT = 20, 130
LONGEST_LABEL, LONGEST_IN_LEGEND = 15, 25
#: The fourth series of a drawing is the faintest; a line is told by its dashes too.
OPACITIES = (1.0, 0.65, 0.4, 0.22)
DASHES = ("none", "7 4", "2 3", "8 3 2 3")


def sketch(data: ChartData) -> str:
    """An `<svg>` for the page; `currentColor` draws it. Every text in it is escaped."""
    return _lines(data) if data.kind == "line" else _bars(data)


def _bars(data: ChartData) -> str:
    rows = len(data.categories[:MOST_ROWS])
    series = [[max(number or 0.0, 0.0) for number in numbers[:rows]] for numbers in data.values[:MOST_SERIES]]
    stacked = data.kind == "stacked-bar"
    totals = [sum(column) if stacked else max(column) for column in zip(*series, strict=True)]
    largest = max(totals, default=0) or 1.0
    scale = (WIDTH - LABELS - NUMBERS) / largest
    thick = ROW - 6 if stacked else (ROW - 6) / len(series)
    parts, begin = _legend(data)
    for row in range(rows):
        top, along = begin + row * ROW + 3, 0.0
        parts.append(_text(LABELS - 6, top + 11, shortened(data.categories[row], LONGEST_LABEL), anchor="end"))
        for place, numbers in enumerate(series):
            length = numbers[row] * scale
            x, y = (LABELS + along, top) if stacked else (LABELS, top + place * thick)
            along += length if stacked else 0
            parts.append(_rect(x, y, max(length, 0.5), thick, OPACITIES[place]))
        if stacked or len(series) == 1:
            parts.append(_text(LABELS + totals[row] * scale + 6, top + 11, data.told(totals[row])))
    return _svg(data, begin + rows * ROW + 4, parts, len(data.categories) - rows)


def _legend(data: ChartData) -> tuple[list[str], int]:
    """What its series are, two on a line, and where the drawing goes on below; nothing for a single one."""
    if len(data.series) < 2:
        return [], 0
    parts: list[str] = []
    for place, name in enumerate(data.series[:MOST_SERIES]):
        x, y = (place % 2) * WIDTH / 2, place // 2 * ROW
        parts += [_rect(x, y + 4, 10, 10, OPACITIES[place]), _text(x + 16, y + 13, shortened(name, LONGEST_IN_LEGEND))]
    return parts, -(-min(len(data.series), MOST_SERIES) // 2) * ROW + 4


def _lines(data: ChartData) -> str:
    shown = data.values[:MOST_SERIES]
    known = [number for numbers in shown for number in numbers if number is not None]
    largest = max([*known, 0.0]) or 1.0
    step = (WIDTH - 20) / max(len(data.categories) - 1, 1)
    parts, begin = _legend(data)
    bottom = begin + LINE_HEIGHT
    parts.append(_text(10, begin + 12, data.told(largest)))
    for place, numbers in enumerate(shown):
        points = [
            None if number is None else (10 + n * step, bottom - max(number, 0) / largest * (LINE_HEIGHT - 20))
            for n, number in enumerate(numbers)
        ]
        path = " ".join(
            f"{'L' if n and points[n - 1] is not None else 'M'}{point[0]:.1f},{point[1]:.1f}"
            for n, point in enumerate(points)
            if point is not None
        )
        # A point without neighbours has no line that would show it.
        parts += [
            f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3" fill="currentColor" opacity="{OPACITIES[place]}"/>'
            for n, point in enumerate(points)
            if point is not None and not any(points[max(n - 1, 0) : n] + points[n + 1 : n + 2])
        ]
        parts.append(
            f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
            f'stroke-dasharray="{DASHES[place]}" opacity="{OPACITIES[place]}"/>'
        )
    parts.append(_text(10, bottom + 16, shortened(data.categories[0], LONGEST_LABEL)))
    parts.append(_text(WIDTH - 10, bottom + 16, shortened(data.categories[-1], LONGEST_LABEL), anchor="end"))
    return _svg(data, bottom + 22, parts)


def _svg(data: ChartData, height: int, parts: list[str], categories_left: int = 0) -> str:
    """The drawing, and under it what it leaves out."""
    say, series_left = data.reader.text, len(data.series) - MOST_SERIES
    left: list[str] = []
    if categories_left > 0:
        left.append(Message("%(count)s more groups are in the finished chart.", count=categories_left))
    if series_left > 0:
        left.append(Message("%(count)s more series are in the finished chart.", count=series_left))
    for words in left:
        height += ROW
        parts.append(_text(10, height - 6, say(words)))
    label = escape(say(data.description))
    return f'<svg class="sketch" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _rect(x: float, y: float, width: float, height: float, opacity: float) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5" fill="currentColor" '
        f'opacity="{opacity}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
