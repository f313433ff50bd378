"""Single values of a statement: instants, durations, scores, numbers. What is left out or odd is said in a note."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeGuard

from webapp.messages import Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: More different numbers than this in one statement are noise, not measures.
MOST_NUMBERS = 50
LONGEST_NUMBER_NAME = 100
#: Integers beyond this are not exact in every format.
LARGEST = 2**53
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?"
)
_DAY_OF_YEAR = re.compile(r"(?P<year>\d{4})-?(?P<day>\d{3})(?=[Tt]|$)")
#: A fraction of an hour or of a minute, where no second follows.
_BROKEN = re.compile(
    r"[Tt]\d\d(?P<minute>:?\d\d)?(?P<mark>[.,])(?P<fraction>\d+)(?P<zone>(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)$"
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
NUMBERS_LEFT_OUT = Message(
    "statements with numbers in their extensions that were left out: too many, too large, or named like another"
)
OF_MONTHS = Message("durations in years or months, left out: nobody can say how long those are")


def instant(text: Any) -> datetime:
    """A statement's instant in UTC, to the millisecond (further digits are cut, as the standard allows); without a zone
    it is read as UTC.

    All of ISO 8601 that names a second: also basic forms, weeks, days of the year, 24:00 and leap seconds. A day alone
    is its midnight. Raises ValueError with the reason, in words.
    """
    if not isinstance(text, str):
        raise ValueError(Message("its timestamp “%(value)s” is no instant of ISO 8601", value=str(text)[:40]))
    given = text.strip()
    found = _INSTANT.fullmatch(given)
    try:
        moment = _usual(found) if found is not None else _unusual(given)
        # What names no zone is read in UTC, whatever the machine's zone is.
        moment = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if found is None:
            raise ValueError(Message("its timestamp “%(value)s” is no instant of ISO 8601", value=text[:40])) from error
        raise ValueError(Message("its timestamp “%(value)s” is no instant that there is", value=text[:40])) from error
    if not EARLIEST <= moment < LATEST:
        raise ValueError(Message("its timestamp “%(value)s” is outside the years 1900 to 2199", value=text[:40]))
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def quick_instant(text: Any) -> tuple[datetime, bool]:
    """(as `instant`, whether it has the form that most programs write, which every rule allows)."""
    try:
        moment = datetime.fromisoformat(text)
        if text[4:17:3] != "--T::" or not 1901 <= moment.year < 2199:
            return instant(text), False
        if text[-1] != "Z":
            # An offset with its colon; -00:00 is for the rules to judge.
            if text[-3] != ":" or text[-6] not in "+-" or text.endswith("-00:00"):
                return instant(text), False
            moment = moment.astimezone(UTC)
    except (TypeError, ValueError):
        return instant(text), False
    micro = moment.microsecond
    return (moment.replace(microsecond=micro // 1000 * 1000) if micro % 1000 else moment), True


def microseconds(moment: datetime) -> int:
    """Since the beginning of 1970; `moment` is in UTC."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _usual(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    later = timedelta()
    if hour == "24" and (minute, int(second or 0), int(fraction or 0)) == ("00", 0, 0):
        hour, later = "00", timedelta(days=1)
    elif second == "60":
        # A leap second: the calendar of computers has none, it is the first of the next minute.
        second, later = "59", timedelta(seconds=1)
    micro = f"{(fraction or '0')[:6]:0<6}"
    moment = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}.{micro}{zone}") + later
    if second == "59" and later and moment.astimezone(UTC).strftime("%H%M") != "0000":
        raise ValueError("leap seconds end a day")
    return moment


def _unusual(text: str) -> datetime:
    """Basic forms, weeks, days of the year, broken hours and minutes."""
    if (found := _DAY_OF_YEAR.match(text)) is not None:
        number = int(found["day"])
        day = date(int(found["year"]), 1, 1) + timedelta(days=number - 1)
        if number < 1 or day.year != int(found["year"]):
            raise ValueError("no such day")
        text = f"{day:%Y-%m-%d}{text[found.end() :]}"
    if (found := _BROKEN.search(text)) is not None:
        part, unit = f"0.{found['fraction']}", 3_600 if found["minute"] is None else 60
        return datetime.fromisoformat(text[: found.start("mark")] + found["zone"].upper()) + timedelta(
            seconds=float(part) * unit
        )
    return datetime.fromisoformat(text)


def seconds(text: Any) -> tuple[float | None, str]:
    """(seconds of an ISO 8601 duration, a note): years and months have no length, and what is no duration has none.
    One that is too long to be true is told by the record, for all sources."""
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    parts = {name: value for name, value in found.groupdict().items() if value} if found else {}
    if not parts or (isinstance(text, str) and text.rstrip()[-1:] in "Tt"):
        return None, NO_DURATION
    if any(float(parts.get(name, "0").replace(",", ".")) for name in ("years", "months")):
        return None, OF_MONTHS
    found_seconds = sum(
        float(parts[name].replace(",", ".")) * unit for name, unit in _UNIT_SECONDS.items() if name in parts
    )
    return (found_seconds, "") if math.isfinite(found_seconds) else (None, NO_DURATION)


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
