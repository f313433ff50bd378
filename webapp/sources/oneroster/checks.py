"""What is wrong with a single cell by the standard; None where nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from webapp.messages import Message
from webapp.sources.csv_tables import Row
from webapp.sources.oneroster.forms import Column, Holds
from webapp.sources.oneroster.values import folded

Check = Callable[[Column, str], str | None]

_GUID = re.compile(r"[0-9A-Za-z._/@-]{1,255}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
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
    if not _DAY.fullmatch(value):
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
