"""The queue's past as a drawing: how many reports each period made, and how long they waited and ran.

Pure geometry, for `admin/_past_chart.html`. Its text alternative is the sentence here and the table below the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webapp.services.queue.status import Period

WIDTH, HEIGHT = 640, 120


@dataclass(frozen=True)
class Bar:
    """One period's reports: `failed` stands on top of `ready`."""

    x: float
    width: float
    ready_y: float
    ready_height: float
    failed_y: float
    failed_height: float
    period: Period


@dataclass(frozen=True)
class Line:
    """One percentile over time. Periods in which nothing was measured break it; `points` are all that were."""

    key: str
    points: tuple[tuple[float, float], ...]
    runs: tuple[str, ...]  # of two points and more, as an SVG polyline takes them


@dataclass(frozen=True)
class PastChart:
    width: int
    height: int
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    most: int  # reports of the busiest period: the top of the bars
    longest: float  # seconds: the top of the lines
    ready: int
    failed: int


_LINES: tuple[tuple[str, Callable[[Period], float | None]], ...] = (
    ("wait-p50", lambda period: period.wait_p50),
    ("wait-p95", lambda period: period.wait_p95),
    ("run-p50", lambda period: period.run_p50),
    ("run-p95", lambda period: period.run_p95),
)


def draw(periods: Sequence[Period]) -> PastChart | None:
    """None when nothing was made in any of `periods`, which are in the order of time."""
    most = max((period.ready + period.failed for period in periods), default=0)
    measured = [[value(period) for period in periods] for _, value in _LINES]
    longest = max((seconds for line in measured for seconds in line if seconds is not None), default=0.0)
    if not most and not longest:
        return None
    step = WIDTH / len(periods)
    return PastChart(
        width=WIDTH,
        height=HEIGHT,
        bars=tuple(_bar(period, number * step, step, most) for number, period in enumerate(periods)),
        lines=tuple(_line(key, values, step, longest) for (key, _), values in zip(_LINES, measured, strict=True)),
        most=most,
        longest=longest,
        ready=sum(period.ready for period in periods),
        failed=sum(period.failed for period in periods),
    )


def _bar(period: Period, left: float, step: float, most: int) -> Bar:
    ready, failed = (HEIGHT * number / max(most, 1) for number in (period.ready, period.failed))
    return Bar(
        x=round(left + step * 0.15, 1),
        width=round(step * 0.7, 1),
        ready_y=round(HEIGHT - ready, 1),
        ready_height=round(ready, 1),
        failed_y=round(HEIGHT - ready - failed, 1),
        failed_height=round(failed, 1),
        period=period,
    )


def _line(key: str, values: Sequence[float | None], step: float, longest: float) -> Line:
    runs: list[list[tuple[float, float]]] = [[]]
    for number, seconds in enumerate(values):
        if seconds is None:
            runs.append([])
        else:
            runs[-1].append((round((number + 0.5) * step, 1), round(HEIGHT * (1 - seconds / (longest or 1)), 1)))
    return Line(
        key=key,
        points=tuple(point for run in runs for point in run),
        runs=tuple(" ".join(f"{x},{y}" for x, y in run) for run in runs if len(run) > 1),
    )
