"""Who a file is for: its texts in their language, its instants on the clocks of the report's zone, one style of dates,
numbers and durations in every format that shows texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, get_month_names

from webapp.catalogues import language_of
from webapp.clock import on_clocks
from webapp.engine.result import Column
from webapp.engine.sql import literal
from webapp.messages import Language, Message, said
from webapp.renderers.numbers import decimal_text

EMPTY = "–"
DAY, INSTANT, MONTH, QUARTER = "d MMM y", "d MMM y, HH:mm", "MMM y", "QQQ y"
_WEEK = Message("Week %(week)s, %(year)s", week="{week}", year="{year}")
SECONDS = Message("h:mm:ss")
DAYS = Message("days")
SCORE = Message("of\u00a0100")
DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Reader:
    """`locale` as accounts have it (`es`, `en`)."""

    locale: str = "en"
    time_zone: str = "UTC"

    @cached_property
    def _language(self) -> Language:
        return language_of(self._known)

    @cached_property
    def _known(self) -> str:
        try:
            return str(Locale.parse(self.locale.replace("-", "_")))
        except (ValueError, UnknownLocaleError):
            return "en"

    @property
    def language(self) -> str:
        """As a document says it: `es`."""
        return self._known[:2]

    def text(self, given: Any) -> str:
        """A Message in the reader's language; any other text as it is."""
        return said(given, self._language)

    def words(self, column: Column) -> dict[str, str]:
        """What the reader reads for each value of a column whose values are ours."""
        return {value: self.text(word) for value, word in column.words.items()}

    def heading(self, column: Column) -> str:
        """What stands above a column: its label, and the unit where the numbers alone do not say it."""
        label = " · ".join([self.text(column.heading), *self.over(column)]) if column.over else self.text(column.label)
        return self.with_unit(label, column)

    def over(self, column: Column) -> tuple[str, ...]:
        """The values of the slicers that a column is counted for, as they are read where they label rows."""
        times = column.over_times or (None,) * len(column.over)
        return tuple(
            self.text(told) if unit is None or isinstance(told, Message) else self.bucket(told, unit)
            for told, unit in zip(column.over, times, strict=True)
        )

    def with_unit(self, label: str, column: Column) -> str:
        unit = {"seconds": SECONDS, "score": SCORE}.get(column.unit)
        if column.unit == "seconds" and column.is_long:
            unit = DAYS
        return f"{label} ({self.text(unit)})" if unit is not None else label

    def cell(self, value: Any, column: Column) -> str:
        """Ratios as percent with one digit, recorded times as h:mm:ss, those of weeks in days, numbers with two digits
        after the point, whole ones with none; states and events in words."""
        if value is None or value == "":
            return EMPTY
        if column.unit == "ratio":
            return f"{self._number(Decimal(repr(value)) * 100, 1)} %"
        if column.unit == "seconds":
            return self._number(value / DAY_SECONDS, 1) if column.is_long else duration_text(float(value))
        if column.type == "integer":
            return self._number(int(value), 0)
        if column.type == "number":
            return self._number(value, 2)
        if column.type == "boolean":
            return self.text(Message("yes") if value else Message("no"))
        if isinstance(value, datetime):
            return self.instant(value)
        if isinstance(value, date):
            return self.day(value)
        if column.time is not None:
            return self.bucket(str(value), column.time)
        return self.text(column.words.get(value, value)) if column.words else str(value)

    def instant(self, moment: datetime) -> str:
        local = on_clocks(moment, ZoneInfo(self.time_zone))
        return str(format_datetime(local, INSTANT, locale=self._known))

    def day(self, day: date) -> str:
        return str(format_date(day, DAY, locale=self._known))

    def day_of(self, moment: datetime) -> str:
        """The day on which an instant falls."""
        return self.day(on_clocks(moment, ZoneInfo(self.time_zone)).date())

    def _number(self, value: float | Decimal, digits: int) -> str:
        return decimal_text(value, digits, self._known)

    def bucket(self, text: str, unit: str) -> str:
        """A bucket of time in words: “Mar 2024”, “Q4 2013”, “Week 43, 2013”, “27 Oct 2013”, “27 Oct 2013, 03:00”."""
        try:
            if unit == "month":
                return str(format_date(date.fromisoformat(f"{text}-01"), MONTH, locale=self._known))
            if unit == "quarter":
                return str(format_date(date(int(text[:4]), 3 * int(text[6]), 1), QUARTER, locale=self._known))
            if unit == "week":
                return self.text(_WEEK).format(week=int(text[6:]), year=text[:4])
            if unit == "day":
                return self.day(date.fromisoformat(text))
            if unit == "hour":
                return str(format_datetime(datetime.fromisoformat(text), INSTANT, locale=self._known))
        except ValueError:  # “Other”
            return self.text(Message("Other")) if text == "Other" else text
        return self.text(Message("Other")) if text == "Other" else text

    def words_in_sql(self, name: str, column: Column) -> str:
        """SQL for what the reader reads for the text in the column `name` of a file of rows."""
        text = f"{name}::VARCHAR"
        if column.time is not None:
            return self._bucket_in_sql(text, column.time)
        if not column.words:
            return text
        cases = " ".join(f"WHEN {literal(value)} THEN {literal(word)}" for value, word in self.words(column).items())
        return f"CASE {text} {cases} ELSE {text} END"

    def _bucket_in_sql(self, text: str, unit: str) -> str:
        year = f"substr({text}, 1, 4)"
        other = f"WHEN {text} = 'Other' THEN {literal(self.text(Message('Other')))}"
        names = ", ".join(literal(name) for name in get_month_names("abbreviated", locale=self._known).values())
        month = f"list_extract([{names}], TRY_CAST(substr({text}, 6, 2) AS INTEGER))"
        if unit == "month":
            form = f"concat({month}, ' ', {year})"
        elif unit == "quarter":
            quarters = [self.bucket(f"2000-Q{number}", "quarter").removesuffix(" 2000") for number in range(1, 5)]
            listed = ", ".join(map(literal, quarters))
            form = f"concat(list_extract([{listed}], TRY_CAST(substr({text}, 7, 1) AS INTEGER)), ' ', {year})"
        elif unit == "week":
            before, between, after = self.text(_WEEK).replace("{year}", "{week}").split("{week}")
            number = f"TRY_CAST(substr({text}, 7) AS INTEGER)"
            form = f"concat({literal(before)}, {number}, {literal(between)}, {year}, {literal(after)})"
        elif unit == "hour":
            day = f"TRY_CAST(substr({text}, 9, 2) AS INTEGER)"
            form = f"concat({day}, ' ', {month}, ' ', {year}, ', ', substr({text}, 12))"
        else:
            form = text
        return f"CASE {other} WHEN {text} IS NULL THEN NULL ELSE {form} END"


def shortened(text: str, longest: int) -> str:
    """The text, its end as “…” where it has more than `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def duration_text(seconds: float) -> str:
    sign, whole = ("−" if seconds < 0 else ""), round(abs(seconds))
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
