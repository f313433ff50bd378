"""One value as people read it, for the formats that show texts (PDF, charts, summaries)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from webapp.clock import aware
from webapp.engine.result import Column

EMPTY = "–"


def cell_text(value: Any, column: Column, *, locale: str = "en", time_zone: str = "UTC") -> str:
    """Ratios as percent with one digit, recorded times as h:mm:ss, numbers with at most two digits after the point."""
    if value is None or value == "":
        return EMPTY
    if column.unit == "ratio":
        return f"{format_decimal(value * 100, format='#,##0.0', locale=locale)} %"
    if column.unit == "seconds":
        return duration_text(float(value))
    if column.type == "integer":
        return str(format_decimal(int(value), format="#,##0", locale=locale))
    if column.type == "number":
        return str(format_decimal(value, format="#,##0.##", locale=locale))
    if column.type == "boolean":
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return str(format_datetime(aware(value).astimezone(ZoneInfo(time_zone)), "short", locale=locale))
    if isinstance(value, date):
        return str(format_date(value, "medium", locale=locale))
    return str(value)


def shortened(text: str, longest: int) -> str:
    """The text, its end as “…” where it has more than `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def duration_text(seconds: float) -> str:
    sign, whole = ("−" if seconds < 0 else ""), round(abs(seconds))
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
