"""Where the days of a calendar come from: the holidays of a country, or a calendar file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import icalendar
from dateutil.rrule import rruleset, rrulestr
from holidays import country_holidays
from holidays.utils import list_supported_countries

from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.calendars.calendars import FIRST_YEAR, LAST_YEAR

#: How far what repeats in a file is followed, from today's year on.
YEARS_AHEAD = 10
MOST_YEARS = 10
LARGEST_FILE = 1024 * 1024
#: Whoever closes for longer at once writes the days down.
LONGEST = 120
_ONE_DAY = timedelta(days=1)


@cache
def countries() -> dict[str, tuple[str, ...]]:
    """The countries that are known, by their two letters, with their parts."""
    return {code: tuple(parts) for code, parts in sorted(list_supported_countries().items())}


def of_country(country: str, part: str, years: Iterable[int]) -> dict[date, str]:
    """The public holidays of a country, or of one of its parts. Raises InvalidRequestError."""
    wanted = sorted(set(years))
    errors: dict[str, str] = {}
    known = countries()
    if country not in known:
        errors["country"] = Message("The holidays of “%(country)s” are not known.", country=country[:10])
    elif part and part not in known[country]:
        errors["part"] = Message(
            "“%(part)s” is no part of it. Possible: %(possible)s.", part=part[:20], possible=list(known[country])
        )
    if not wanted or len(wanted) > MOST_YEARS or not FIRST_YEAR <= wanted[0] <= wanted[-1] <= LAST_YEAR:
        errors["years"] = Message(
            "Give at most %(most)s years between %(first)s and %(last)s.",
            most=MOST_YEARS,
            first=str(FIRST_YEAR),
            last=str(LAST_YEAR),
        )
    if errors:
        raise InvalidRequestError(errors)
    return dict(country_holidays(country, subdiv=part or None, years=wanted).items())


def of_file(content: bytes, today: date) -> dict[date, str]:
    """The days of an iCalendar file (.ics): all-day events, and the days of others; what repeats is followed for some
    years. Raises InvalidRequestError for what is no such file."""
    if len(content) > LARGEST_FILE:
        raise InvalidRequestError({"file": Message("A calendar file has at most 1 MB.")})
    try:
        parsed = icalendar.Calendar.from_ical(content)
        found = {day: name for event in parsed.walk("VEVENT") for day, name in _days_of(event, today)}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise InvalidRequestError({"file": Message("This is not a calendar file (.ics).")}) from error
    if not found:
        raise InvalidRequestError({"file": Message("The file has no days between the years that a calendar has.")})
    return dict(sorted(found.items()))


def _days_of(event: Any, today: date) -> Iterator[tuple[date, str]]:
    begin = event.decoded("DTSTART")
    end = event.decoded("DTEND") if "DTEND" in event else None
    first = _day(begin)
    # The end of whole days is the day after the last one.
    is_whole = not isinstance(begin, datetime)
    last = first if end is None else max(first, _day(end) - (_ONE_DAY if is_whole else timedelta()))
    length = min((last - first).days + 1, LONGEST)
    name = str(event.get("SUMMARY") or "")
    for start in _starts(event, first, today):
        for number in range(length):
            day = start + number * _ONE_DAY
            if FIRST_YEAR <= day.year <= LAST_YEAR:
                yield day, name


def _starts(event: Any, first: date, today: date) -> Iterator[date]:
    rules = event.get("RRULE")
    if rules is None:
        yield first
        return
    begin = datetime(first.year, first.month, first.day)  # noqa: DTZ001  (a day, in no zone)
    until = datetime(min(max(today.year, first.year) + YEARS_AHEAD, LAST_YEAR), 12, 31)  # noqa: DTZ001
    every = rruleset()
    for rule in rules if isinstance(rules, list) else [rules]:
        plain = {name: value for name, value in rule.items() if name.upper() != "UNTIL"}
        text = icalendar.vRecur(plain).to_ical().decode()
        last = _day(rule["UNTIL"][0]) if rule.get("UNTIL") else None
        repeated = rrulestr(text, dtstart=begin)
        ended = until if last is None else min(until, datetime(last.year, last.month, last.day))  # noqa: DTZ001
        every.rrule(repeated.replace(until=ended, count=None) if "COUNT" not in rule else repeated)
    excluded = {_day(each.dt) for group in _listed(event.get("EXDATE")) for each in group.dts}
    for number, moment in enumerate(every):
        if moment > until or number > 5_000:
            return
        if moment.date() not in excluded:
            yield moment.date()


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value
