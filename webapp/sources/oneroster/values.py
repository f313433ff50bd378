"""Reading single values of a bundle. What cannot be read is ValueError: a sentence that names field and value."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from webapp.messages import Message
from webapp.sources.csv_tables import Row

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
    text = cell(row, name)
    if not text:
        return None
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
