"""Single cells of a bundle: their values, and what the standard finds wrong with them.

What cannot be read is ValueError: a sentence that names field and value. What can be read and is not as the standard
wants it is told by `CHECKS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from webapp.messages import Message
from webapp.sources.csv_tables import Row
from webapp.sources.oneroster.forms import Column, Holds

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_ENDED, _ACTIVE = frozenset({"tobedeleted", "inactive", "deleted"}), frozenset({"", "active"})


def cell(row: Row, name: str) -> str:
    """The cell under this heading, in whatever case the file has it; empty where there is none."""
    return row.get(name.casefold(), "")


def cells(row: Row, name: str) -> list[str]:
    """The values of a list cell, in their order, each once."""
    return list(dict.fromkeys(each.strip() for each in cell(row, name).split(",") if each.strip()))


def day(row: Row, name: str) -> date | None:
    """A day as `YYYY-MM-DD` (a time after it says nothing more); None for an empty cell."""
    text = row.get(name.casefold(), "")
    return _day_of(name, text) if text else None


@lru_cache(maxsize=20_000)
def _day_of(name: str, text: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        return date(*(int(each) for each in found.groups())) if found else _no_day(name, text)
    except ValueError:
        return _no_day(name, text)


def _no_day(name: str, text: str) -> date:
    raise ValueError(Message("%(name)s %(value)s is not a day as YYYY-MM-DD", name=name, value=text[:40]))


def number(row: Row, name: str) -> Decimal | None:
    """A number, exactly, with a point or a comma before its decimals; None for an empty cell."""
    text = cell(row, name)
    if not text:
        return None
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        found = Decimal(plain)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > Decimal(10) ** 12:
        raise ValueError(Message("%(name)s %(value)s is not a number", name=name, value=text[:40]))
    return found


def folded(text: str) -> str:
    """A word in small letters, its blanks and underscores alike."""
    return " ".join(text.casefold().replace("_", " ").split())


def is_true(row: Row, name: str, *, default: bool) -> bool:
    """A yes or no. Raises ValueError for any other word."""
    text = cell(row, name).casefold()
    if not text:
        return default
    if text not in _TRUE | _FALSE:
        raise ValueError(Message("%(name)s %(value)s is neither true nor false", name=name, value=text[:40]))
    return text in _TRUE


def is_active(row: Row) -> bool:
    """False for what the bundle marks to be deleted."""
    status = cell(row, "status").casefold()
    if status not in _ENDED | _ACTIVE:
        raise ValueError(Message("status %(value)s is neither active nor tobedeleted", value=cell(row, "status")[:40]))
    return status not in _ENDED


def scaled(score: Decimal, low: Decimal, high: Decimal) -> float:
    """A score between `low` and `high` as 0-100, without losing a digit on the way; above `high` it stays above 100."""
    return float((score - low) * 100 / (high - low))


Check = Callable[[Column, str], str | None]

_GUID = re.compile(r"[0-9A-Za-z._/@-]{1,255}")
_PLAIN_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d*)")
_YEAR = re.compile(r"\d{4}")
_PAIR = re.compile(r"\{[^{}:]+:[^{}:]+\}")
_UUID = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LONGEST_SHOWN = 60


def is_guid(value: str) -> bool:
    return _GUID.fullmatch(value) is not None


def _is_day(value: str) -> bool:
    if not _PLAIN_DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _guid(column: Column, value: str) -> str | None:
    if is_guid(value):
        return None
    return Message("%(column)s %(value)s has letters that a sourcedId must not have", **_shown(column, value))


def _guids(column: Column, value: str) -> str | None:
    return next((wrong for each in value.split(",") if (wrong := _guid(column, each.strip()))), None)


def _word(column: Column, value: str) -> str | None:
    if value in column.words or value.startswith("ext:"):
        return None
    if meant := next((each for each in column.words if folded(each) == folded(value)), None):
        return Message("%(column)s “%(value)s”: the standard writes %(meant)s", **_shown(column, value), meant=meant)
    return Message("%(column)s “%(value)s” is none of %(words)s", **_shown(column, value), words=list(column.words))


def _day(column: Column, value: str) -> str | None:
    if _is_day(value):
        return None
    return Message("%(name)s %(value)s is not a day as YYYY-MM-DD", name=column.name, value=value[:40])


def _moment(column: Column, value: str) -> str | None:
    found = _MOMENT.fullmatch(value)
    if found and _is_day(found[1]):
        return None
    return Message("%(column)s %(value)s is not a moment as YYYY-MM-DDTHH:MM:SS.sssZ", **_shown(column, value))


def _flag(column: Column, value: str) -> str | None:
    if value in ("true", "false"):
        return None
    return Message("%(column)s %(value)s: the standard writes true or false", **_shown(column, value))


def _scale(column: Column, value: str) -> str | None:
    if all(_PAIR.fullmatch(each.strip()) for each in value.split(",")):
        return None
    return Message("%(column)s %(value)s is no list of pairs as {A:94}", **_shown(column, value))


def _fits(pattern: re.Pattern[str], words: str) -> Check:
    def check(column: Column, value: str) -> str | None:
        if pattern.fullmatch(value):
            return None
        return Message("%(column)s %(value)s is not %(words)s", **_shown(column, value), words=words)

    return check


def _shown(column: Column, value: str) -> dict[str, str]:
    return {"column": column.name, "value": value[:LONGEST_SHOWN]}


def case_identifier(row: Row) -> str | None:
    """A learning objective of CASE is known by a UUID."""
    if row.get("source") != "case" or _UUID.fullmatch(row["learningobjectiveid"]):
        return None
    return Message("learningObjectiveId is no UUID, although its source is case")


CHECKS: dict[Holds, Check] = {
    Holds.TEXT: lambda column, value: None,
    Holds.GUID: _guid,
    Holds.GUIDS: _guids,
    Holds.WORD: _word,
    Holds.DAY: _day,
    Holds.MOMENT: _moment,
    Holds.YEAR: _fits(_YEAR, Message("a year as YYYY")),
    Holds.NUMBER: _fits(_NUMBER, Message("a number")),
    Holds.WHOLE_NUMBER: _fits(_WHOLE_NUMBER, Message("a whole number")),
    Holds.FLAG: _flag,
    Holds.SCALE: _scale,
    Holds.STATUS: lambda column, value: None,
}
