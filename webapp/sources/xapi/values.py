"""Single values of a statement: instants, durations, scores, numbers. What is left out or odd is said in a note."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, TypeGuard

from webapp.messages import Message

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: More different numbers than this in one statement are noise, not measures.
MOST_NUMBERS = 50
LONGEST_NUMBER_NAME = 100
#: Integers beyond this are not exact in every format.
LARGEST = 2**53
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?"
)
_PART = r"(?P<{}>\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"P(?:{_PART.format('years')}Y)?(?:{_PART.format('months')}M)?(?:{_PART.format('weeks')}W)?"
    rf"(?:{_PART.format('days')}D)?"
    rf"(?:T(?:{_PART.format('hours')}H)?(?:{_PART.format('minutes')}M)?(?:{_PART.format('seconds')}S)?)?",
    re.IGNORECASE,
)
_UNIT_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}

WITHOUT_MAXIMUM = Message("scores without a maximum, left out: nobody can say what they are out of")
ABOVE_MAXIMUM = Message("scores above the maximum, kept")
BELOW_ZERO = Message("scores below zero, kept")
NO_SCORE = Message("scores that are no number, left out")
NO_DURATION = Message("durations that are none, left out")
OF_MONTHS = Message("durations in years or months, left out: nobody can say how long those are")


def instant(text: Any) -> datetime:
    """A statement's instant in UTC, to the millisecond; without a zone it is read as UTC.

    Raises ValueError with the reason, in words.
    """
    found = _INSTANT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(Message("its timestamp “%(value)s” is no instant of ISO 8601", value=str(text)[:40]))
    try:
        moment = datetime.fromisoformat(_plain(found))
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(Message("its timestamp “%(value)s” is no instant that there is", value=text[:40])) from error
    if not EARLIEST <= moment < LATEST:
        raise ValueError(Message("its timestamp “%(value)s” is outside the years 1900 to 2199", value=text[:40]))
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def quick_instant(text: Any) -> datetime:
    """As `instant`, sooner for the form that most programs write."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return instant(text)
    if moment.tzinfo is not UTC or text[4:11:3] != "--T" or len(text) < 19 or not 1900 <= moment.year < 2200:
        return instant(text)
    micro = moment.microsecond
    return moment.replace(microsecond=micro // 1000 * 1000) if micro % 1000 else moment


def _plain(found: re.Match[str]) -> str:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}.{(fraction or '0')[:6]:0<6}{zone}"


def seconds(text: Any) -> tuple[float | None, str]:
    """(seconds of an ISO 8601 duration, a note): years and months have no length, and what is no duration has none."""
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    parts = {name: value for name, value in found.groupdict().items() if value} if found else {}
    if not parts or (isinstance(text, str) and text.rstrip()[-1:] in "Tt"):
        return None, NO_DURATION
    if any(float(parts.get(name, "0").replace(",", ".")) for name in ("years", "months")):
        return None, OF_MONTHS
    return sum(float(parts[name].replace(",", ".")) * unit for name, unit in _UNIT_SECONDS.items() if name in parts), ""


def score(given: Any) -> tuple[float | None, str]:
    """(the score as 0-100, a note). `scaled` where it is one, else `raw` between `min` and `max`."""
    if not isinstance(given, dict):
        return None, NO_SCORE
    scaled, raw, most = given.get("scaled"), given.get("raw"), given.get("max")
    least = given.get("min", 0)
    value: float | None = None
    if is_number(scaled) and -1 <= scaled <= 1:
        value = float(scaled) * 100
    elif is_number(raw) and is_number(most) and is_number(least) and most > least:
        value = (raw - least) * 100 / (most - least)
    elif is_number(scaled):
        value = float(scaled) * 100
    elif is_number(raw):
        return None, WITHOUT_MAXIMUM
    if value is None or not math.isfinite(value):
        return None, NO_SCORE
    return value, ABOVE_MAXIMUM if value > 100 else BELOW_ZERO if value < 0 else ""


def is_number(value: Any) -> TypeGuard[float]:
    """A JSON number, which no truth value is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def numbers(extensions: Any) -> dict[str, float]:
    """The numbers of a result's extensions by the last part of their names."""
    found: dict[str, float] = {}
    if not isinstance(extensions, dict):
        return found
    for iri, value in extensions.items():
        if is_number(value) and abs(value) < LARGEST and len(found) < MOST_NUMBERS:
            name = last_part(iri)
            if name and "\0" not in name:
                found[name[:LONGEST_NUMBER_NAME]] = float(value)
    return found


def last_part(iri: str) -> str:
    """What follows the last slash or hash of an IRI."""
    return iri.rstrip("/#").replace("#", "/").rpartition("/")[2]
