"""Values of documents as values of columns. What does not fit is refused in words; nothing else is raised."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from bson import Decimal128, ObjectId

from webapp.messages import Message
from webapp.record.ids import id_of
from webapp.sources.lms_mongodb import SOURCE
from webapp.sources.lms_mongodb.shape import Kind

#: A number beyond this is none of anybody's scores or seconds.
_LARGEST = 1e15
_LONGEST = 2_000
#: An ObjectId that was written as text refers to what the ObjectId does.
_HEX = re.compile(r"[0-9a-fA-F]{24}")


class UnfitError(Exception):
    """A value that a column cannot take; the text says why, without the value (it may be personal)."""


def row_id(table: str, key: Any) -> str:
    """The id of the row of `table` that the LMS calls `key`: its ObjectId, or one made of another key."""
    if isinstance(key, ObjectId):
        return str(key)
    text = key_text(key)
    return text.lower() if _HEX.fullmatch(text) else id_of(SOURCE, table, text)


def key_text(key: Any) -> str:
    """A key as text. Raises UnfitError for what is no key."""
    if isinstance(key, bool) or not isinstance(key, ObjectId | str | int):
        raise UnfitError(Message("a %(type)s is no key", type=type_name(key)))
    text = str(key).strip()
    if not text:
        raise UnfitError(Message("an empty text is no key"))
    return text


def type_name(value: Any) -> str:
    """What a person calls a value's type."""
    names = {"dict": "document", "str": "text", "bool": "truth value", "ObjectId": "ObjectId", "datetime": "date"}
    name = type(value).__name__
    return names.get(name, "number" if name in ("int", "float", "Int64", "Decimal128") else name)


def number(value: Any) -> float:
    found = _decimal(value)
    if abs(found) > _LARGEST:
        raise UnfitError(Message("the number is too large"))
    return float(found)


def exact(value: Any) -> str:
    """A number as decimal text, no digit lost."""
    return f"{_decimal(value):f}"


def _decimal(value: Any) -> Decimal:
    try:
        if isinstance(value, Decimal128):
            found = value.to_decimal()
        elif isinstance(value, bool) or not isinstance(value, int | float | str):
            raise UnfitError(Message("a %(type)s is no number", type=type_name(value)))
        else:
            found = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise UnfitError(Message("the text is no number")) from error
    # An exponent of thousands would be written out digit by digit.
    if not found.is_finite() or abs(found.adjusted()) > 300:
        raise UnfitError(Message("it is no finite number"))
    return found


def instant(value: Any) -> datetime:
    """An instant in UTC: a date of MongoDB's, or ISO 8601 text; one without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise UnfitError(Message("the text is no date")) from error
    if not isinstance(value, datetime):
        # DatetimeMS among them: a date outside of the years 1 to 9999.
        raise UnfitError(Message("a %(type)s is no date", type=type_name(value)))
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise UnfitError(Message("the date is out of range")) from error


def of_day(moment: datetime, *, last: bool, zone: ZoneInfo) -> datetime:
    """An LMS keeps a day as its midnight, UTC: the day's first instant in `zone`, or of a last day the first after it.

    An instant that is no midnight is one, and stays.
    """
    if moment.timetz() != time(tzinfo=UTC):
        return moment
    try:
        day = moment.date() + timedelta(days=int(last))
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise UnfitError(Message("the date is out of range")) from error


def text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | ObjectId):
        raise UnfitError(Message("a %(type)s is no text", type=type_name(value)))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnfitError(Message("it is no finite number"))
        value = int(value) if value.is_integer() else value
    return str(value).replace("\0", "").strip()[:_LONGEST]


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnfitError(Message("a %(type)s is neither true nor false", type=type_name(value)))
    return value


def fitted(kind: Kind, target: str | None, found: list[Any]) -> Any:
    """The value of a column of `kind` that `found` gives; `target` is the table that a reference leads to.

    None where nothing is found. Raises UnfitError.
    """
    if kind is Kind.IDS:
        return list(dict.fromkeys(row_id(str(target), each) for each in found))
    if kind is Kind.TEXTS:
        return list(dict.fromkeys(text(each) for each in found))
    if not found:
        return None
    first, *others = found
    if any(type(other) is not type(first) or other != first for other in others):
        raise UnfitError(Message("there are %(count)s values where one is possible", count=len(found)))
    match kind:
        case Kind.ID:
            return row_id(str(target), first) if first != "" else None
        case Kind.NUMBER:
            return number(first) if first != "" else None
        case Kind.EXACT:
            return exact(first) if first != "" else None
        case Kind.INSTANT:
            return instant(first) if first != "" else None
        case Kind.BOOLEAN:
            return boolean(first)
        case _:
            return text(first) or None
