"""How values look to people: instants in their zone, numbers by their locale, names of lookup values."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import Flask, g, url_for
from flask_babel import (
    format_date,
    format_datetime,
    format_decimal,
    format_percent,
    format_timedelta,
    get_locale,
    get_timezone,
    gettext,
    ngettext,
    to_user_timezone,
)
from markupsafe import Markup

from webapp import clock, statuses
from webapp.documents import JobStatus, LookupCategory
from webapp.documents.job_status import STATES
from webapp.engine.result import ROW_TYPE
from webapp.engine.words import ROW_TYPES
from webapp.messages import Message
from webapp.renderers.numbers import decimal_text
from webapp.renderers.page_result import column_of
from webapp.renderers.reader import Reader
from webapp.services.deliveries import inbox
from webapp.services.lookups import values as lookups
from webapp.services.templates import facts as template_facts
from webapp.settings import Settings
from webapp.web import access, delivery_words
from webapp.web.fragments import tag_of
from webapp.web.languages import in_readers_language, language

BOUND = 1_000
SHORT_TEXT = 10
_OUTCOMES: dict[str, str] = {
    "ready": Message("ready"),
    "failed": Message("failed"),
    "retried": Message("failed, tried again later"),
    "crashed": Message("its process ended"),
    "handed-back": Message("handed back by its worker"),
    "cancelled": Message("cancelled"),
}


def register(app: Flask, settings: Settings) -> None:
    """Make the formats known to every template."""
    app.jinja_env.filters.update(
        instant=instant,
        calendar_day=lambda day: format_date(day, "d MMM y"),
        since=since,
        day=day,
        number=number,
        percent=format_percent,
        duration=duration,
        size=size,
        bounded=bounded,
        value=value,
        cell_writers=lambda columns: [cell_writer(column) for column in columns],
        cell_class=cell_class,
        column_class=column_class,
        column_heading=column_heading,
        difference=difference,
        initials=initials,
        attempt_word=attempt_word,
    )
    app.jinja_env.globals.update(
        label=label,
        describe=describe,
        lookup=lambda category: lookups.active(LookupCategory(category)),
        ngettext=ngettext,
        status_color=status_color,
        organization_name=settings.organization_name,
        JobStatus=JobStatus,
        current_locale=get_locale,
        current_zone=lambda: str(get_timezone()),
        job_url=lambda job: url_for("jobs.show", job_id=job.id),
        unread_notices=unread_notices,
        delivery_channel_word=lambda channel: delivery_words.channel_words()[channel],
        delivery_state_word=lambda state: delivery_words.state_words()[state],
        delivery_form_word=delivery_words.form_words,
        delivery_colour=delivery_words.STATE_COLOURS.__getitem__,
        template_name=template_facts.name_of,
        template_description=template_facts.description_of,
        new_token=lambda: secrets.token_urlsafe(12),
    )


def unread_notices() -> tuple[int, str]:
    """How many notices the person of this request has not read, and the tag of that for the next poll."""
    if "unread_notices" not in g:
        g.unread_notices = inbox.unread(access.current_actor())
    return g.unread_notices, tag_of(g.unread_notices)


def instant(moment: datetime | None, form: str = "short") -> Markup:
    """`<time>` with the moment in the person's zone; the exact one, with its zone, on hover."""
    if moment is None:
        return Markup("–")
    moment = _in_every_zone(moment)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), format_datetime(moment, "full"), instant_text(moment, form)
    )


def _in_every_zone(moment: datetime) -> datetime:
    """A moment that has a date in all zones: the first and the last day of the calendar lack one in some."""
    day = timedelta(days=1)
    ends = (datetime.min.replace(tzinfo=UTC) + day, datetime.max.replace(tzinfo=UTC) - day)
    return min(max(clock.aware(moment), ends[0]), ends[1])


def instant_text(moment: datetime, form: str = "short") -> str:
    """The moment in the person's zone, as short as it can be told: the hour alone where it is today."""
    moment = _in_every_zone(moment)
    local, now = to_user_timezone(moment), to_user_timezone(clock.utcnow())
    if form == "long":
        return format_datetime(moment, "long")
    if local.date() == now.date():
        return format_datetime(moment, "HH:mm" if form == "short" else "HH:mm:ss")
    return format_datetime(moment, "d MMM, HH:mm" if local.year == now.year else "d MMM y")


def since(moment: datetime | None) -> Markup:
    """How long ago, in words; the exact moment on hover."""
    if moment is None:
        return Markup("–")
    moment = _in_every_zone(moment)
    delta = moment - clock.utcnow()
    # Babel rounds up early; a person counts whole units.
    words = format_timedelta(delta, threshold=1.2, add_direction=True)
    if abs(delta) < timedelta(seconds=45):
        words = gettext("just now") if delta <= timedelta() else gettext("in a moment")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), format_datetime(moment, "full"), words
    )


def day(moment: datetime | None) -> str:
    """A calendar day, as parameters keep it: midnight UTC of that day, in no zone."""
    return format_date(moment.date(), "d MMM y") if moment else "…"


def number(amount: float | None, digits: int | None = None) -> str:
    """By the person's locale."""
    if amount is None:
        return "–"
    if digits is None and not isinstance(amount, int):
        return format_decimal(amount)
    return decimal_text(amount, digits, str(get_locale()))


def bounded(count: int, bound: int = BOUND) -> str:
    """A count that stopped at `bound` says so: “1,000+”."""
    return f"{number(bound)}+" if count > bound else number(count)


def duration(length: float | timedelta | None) -> str:
    """Seconds in words that people use: “under a second”, “12 s”, “3 min 5 s”, “2 h 10 min”, “12 d 4 h”."""
    if length is None:
        return "–"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 1:
        return gettext("under a second")
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 10:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    if hours >= 48:
        days, hours = divmod(hours, 24)
        return f"{number(days)} d {hours} h" if hours else f"{number(days)} d"
    return f"{number(hours)} h {minutes} min" if minutes else f"{number(hours)} h"


def size(count: float | None) -> str:
    """Bytes, in the unit that leaves one to three digits."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{number(amount, 0 if unit == 'B' or amount >= 10 else 1)} {unit}"
        amount /= 1000
    raise AssertionError("GB ends the loop")


def value(cell: Any, column: dict[str, Any]) -> str:
    """One cell of a result, by its column, as its files and its chart have it."""
    return cell_writer(column)(cell)


def cell_writer(column: dict[str, Any]) -> Callable[[Any], str]:
    """How the cells of a column are written for whoever asked for this page: a page has thousands of them."""
    reader, declared, key = readers(), column_of(column), column.get("key", "")
    if column.get("type") in {"datetime", "date"}:
        read = datetime.fromisoformat if column["type"] == "datetime" else lambda text: date.fromisoformat(text[:10])
        return lambda cell: reader.cell(read(cell) if cell and isinstance(cell, str) else cell, declared)
    if declared.words or column.get("type") != "string":
        return lambda cell: reader.cell(cell, declared)
    # Stored before columns had words of their own.
    return lambda cell: reader.cell(_word(cell, key) if isinstance(cell, str) else cell, declared)


def readers() -> Reader:
    """How results are read by whoever asked for this page."""
    return _reader(language(), str(get_timezone()))


@lru_cache(maxsize=64)
def _reader(locale: str, time_zone: str) -> Reader:
    return Reader(locale, time_zone)


def difference(amount: float, column: dict[str, Any]) -> str:
    """“+3”, “−2.5 points”, “±0”: by how much a number of this column has changed."""
    if not amount:
        return "±0"
    sign = "+" if amount > 0 else "−"
    if column.get("unit") == "ratio":
        return gettext("%(amount)s points", amount=f"{sign}{number(abs(amount) * 100, 1)}")
    return f"{sign}{value(abs(amount), column)}"


def column_heading(column: dict[str, Any]) -> str:
    """What stands above a column of a result, its unit too, as above that of its files."""
    return readers().heading(column_of(column))


def column_class(column: dict[str, Any]) -> str:
    """How a column of a result stands, from its heading to its total: numbers to the right."""
    return "num" if column.get("type") in {"integer", "number"} else ""


def cell_class(cell: Any, column: dict[str, Any]) -> str:
    """As its column; a short text, such as “2026-Q1”, a day and an instant on one line."""
    is_short = column.get("type") in {"datetime", "date"} or (isinstance(cell, str) and len(cell) <= SHORT_TEXT)
    return column_class(column) or ("whole" if is_short else "")


def words_of(column: Mapping[str, Any]) -> dict[str, str]:
    """What people read, in their language, for the keys of a column whose cells are words of ours; else nothing."""
    return {key: str(in_readers_language(word)) for key, word in (column.get("words") or {}).items()}


def _word(cell: Any, key: str) -> str:
    """A cell that is one of our own words rather than a name of the organisation's."""
    words: Mapping[str, str] = ROW_TYPES if key == ROW_TYPE else statuses.WORDS
    if key in ("status", "completion-status", ROW_TYPE):
        return str(in_readers_language(words.get(str(cell).replace(" ", "-"), cell)))
    return label(LookupCategory.ACTIVITY_EVENT, cell) if key == "event-type" else str(cell)


def initials(name: str) -> str:
    """“Rosa Delgado” -> “RD”."""
    words = name.split()
    return ((words[0][:1] + words[-1][:1]) if len(words) > 1 else name[:2]).upper()


def label(category: str, key: str | None) -> str:
    """What people read for a lookup value, in their language while it is the one every installation starts with."""
    return str(in_readers_language(lookups.label(LookupCategory(category), key)))


def describe(category: str, key: str | None) -> str:
    """The description of a lookup value; its language as in `label`."""
    return str(in_readers_language(lookups.description(LookupCategory(category), key)))


def attempt_word(outcome: str) -> str:
    """How an attempt at a report ended."""
    return str(in_readers_language(_OUTCOMES.get(outcome, outcome)))


def status_color(status: str) -> str:
    """Tabler's colour name for a state."""
    return STATES[JobStatus(status)].color
