"""What a chart of an answer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from webapp.clock import on_clocks
from webapp.engine.asked_measures import measure_of, split_measure
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.engine.result import ChartKind, ChartSpec, Column, group_key
from webapp.messages import Message

#: The kinds that can be asked for, and the word for no chart at all.
CHART_KINDS: tuple[ChartKind, ...] = ("bar", "stacked-bar", "line")
NO_CHART = "none"
#: A chart with more series than this is a tangle.
MAX_SERIES = 8


def chart_of(query: Query, columns: Sequence[Column]) -> ChartSpec | None:
    """The chart of these columns; None where nothing in them can be drawn."""
    if not query.dimensions:
        return None
    declared = REPORT_TYPES[query.report_type].chart if query.report_type in REPORT_TYPES else None
    by_time = (key for key in query.dimensions if DIMENSIONS[key].time)
    x = declared.x if declared and declared.x in query.dimensions else next(by_time, query.dimensions[0])
    y = declared.y if declared and declared.y in query.measures else query.measures[0]
    chosen = next(column for column in columns if column.key == y)
    if chosen.type not in ("integer", "number"):
        return None
    x_label = next(column.label for column in columns if column.key == x)
    title = Message("%(measure)s by %(dimension_)s", measure=chosen.label, dimension=x_label)
    sliced = [column.key for column in columns if column.over and column.key.startswith(f"{y}[")]
    time = DIMENSIONS[x].time
    kind: ChartKind = "line" if time else "bar"
    notes: tuple[str, ...] = ()
    if sliced and len(sliced) <= MAX_SERIES:
        additive = chosen.type == "integer" and y == "count"
        kind = "line" if time else "stacked-bar" if additive else "bar"
        ys, series = tuple(sliced), None
    else:
        ys, series = (y,), next((key for key in query.dimensions if key != x), None)
        if sliced:
            notes = (
                Message("The %(count)s columns are too many for a chart: it draws them together.", count=len(sliced)),
            )
            series = None
    drawn = (x, series) if series else (x,)
    if together := [DIMENSIONS[key].label for key in query.dimensions if key not in drawn]:
        notes += (Message("Groups that differ only in %(dimensions)s are drawn as one.", dimensions=together),)
        if query.limit is not None or query.top is not None or query.results:
            notes += (Message("The chart is of all groups, those that the table leaves out too."),)
    first, last = _period(query, time) if time else (None, None)
    measure = measure_of(query, dataset_of(query), split_measure(y)[0])
    return ChartSpec(
        kind,
        x,
        ys,
        series,
        title,
        time=time,
        time_zone=query.time_zone,
        first=first,
        last=last,
        groups=tuple(group_key(query.dimensions.index(key)) for key in drawn),
        zero_if_empty=measure is not None and measure.zero_if_empty,
        notes=notes,
    )


def as_asked(chart: ChartSpec | None, kind: str | None) -> ChartSpec | None:
    """The chart as a person has chosen it; anything else as the report has it."""
    if chart is None or kind == NO_CHART:
        return None
    wanted = next((each for each in CHART_KINDS if each == kind), chart.kind)
    return replace(chart, kind=wanted)


def _period(query: Query, time: str) -> tuple[str | None, str | None]:
    """The first and the last bucket of the period asked for, none after the moment of the question."""
    zone = ZoneInfo(query.time_zone)
    start, end = query.date_range.start, query.date_range.end
    if end is not None:
        end = max(min(end - timedelta(microseconds=1), query.moment), start or end)
    return tuple(None if each is None else bucket_text(time, on_clocks(each, zone)) for each in (start, end))  # type: ignore[return-value]


def bucket_text(unit: str, moment: datetime | date) -> str:
    """As the engine writes it: 2013-10-27 03:00, 2013-10-27, 2013-W43, 2013-10, 2013-Q4, 2013."""
    if unit == "quarter":
        return f"{moment.year:04}-Q{(moment.month - 1) // 3 + 1}"
    if unit == "week":
        year, week, _ = moment.isocalendar()
        return f"{year:04}-W{week:02}"
    # Not by strftime: of the years before 1000 it may give fewer digits.
    text = moment.isoformat().replace("T", " ")[: {"hour": 13, "day": 10, "month": 7, "year": 4}[unit]]
    return f"{text}:00" if unit == "hour" else text


def buckets(unit: str, first: str, last: str, most: int, time_zone: str = "UTC") -> list[str]:
    """Every bucket from `first` to `last`, both of them included, but no more than `most`; without the hours that the
    clocks of `time_zone` leave out."""
    found: list[str] = []
    here, zone = _begin(unit, first), ZoneInfo(time_zone)
    while (text := bucket_text(unit, here)) <= last and len(found) < most:
        if unit != "hour" or _is_on_the_clock(here, zone):
            found.append(text)
        try:
            here = _next(unit, here)
        except (OverflowError, ValueError):  # the calendar ends
            break
    return found


def _is_on_the_clock(hour: datetime, zone: ZoneInfo) -> bool:
    try:
        return hour.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == hour
    except OverflowError:  # the calendar's first and last days, when no clock changes
        return True


def _begin(unit: str, text: str) -> datetime:
    year = int(text[:4])
    if unit == "week":
        return datetime.fromisocalendar(year, int(text[6:8]), 1)
    if unit == "quarter":
        return datetime(year, 3 * int(text[6]) - 2, 1)  # noqa: DTZ001 - a bucket is on the clocks of the report's zone
    return datetime.fromisoformat({"year": f"{text}-01-01", "month": f"{text}-01"}.get(unit, text))


def _next(unit: str, here: datetime) -> datetime:
    steps = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    if unit in steps:
        return here + steps[unit]
    months = here.year * 12 + here.month - 1 + {"month": 1, "quarter": 3, "year": 12}[unit]
    return here.replace(year=months // 12, month=months % 12 + 1)
