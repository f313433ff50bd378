"""Conditions of one's own: a field, how it is compared, and with what; three columns of the form, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webapp.documents.report_job import Condition
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import Dataset, Unit
from webapp.engine.fields import field_of
from webapp.services.questions.in_words import OPERATOR_WORDS
from webapp.web.languages import in_readers_language as said

#: So many rows the form shows; an address may bring more.
ROWS_SHOWN, MOST_ROWS = 3, 20
MOST_VALUES, LONGEST_VALUE = 200, 200
#: Integers beyond this are not exact in every format.
LARGEST_NUMBER = 2**53
#: Dimensions that are told by a text; those told by a record have filters of their own.
TEXT_DIMENSIONS = ("program", "instructor", "term", "content-type", "completion-status", "grade-range", "certificate")
_NONE_NEEDED = ("is-null", "is-not-null")
_SEVERAL = ("in", "not-in", "between")


@dataclass(frozen=True)
class ConditionRow:
    """One row as it was typed."""

    field: str = ""
    operator: str = ""
    value: str = ""


def operators() -> list[tuple[str, str]]:
    """Every way to compare, in words."""
    return [(key, said(words)) for key, words in OPERATOR_WORDS.items()]


def fields(dataset: Dataset, data_fields: list[str]) -> list[tuple[str, str]]:
    """What a condition can be about."""
    own = [(key, said(field.label)) for key, field in dataset.fields.items()]
    texts = [(key, said(DIMENSIONS[key].label)) for key in TEXT_DIMENSIONS if key in dataset.dimensions]
    return [*own, *texts, *((key, key) for key in data_fields)]


def typed(source: MultiDict[str, str]) -> list[ConditionRow]:
    """The rows of `source` that say something, as they were typed."""
    columns = (source.getlist("where"), source.getlist("compare"), source.getlist("value"))
    rows = [ConditionRow(*(cell.strip() for cell in cells)) for cells in zip(*columns, strict=False)]
    return [row for row in rows if row.field or row.value][:MOST_ROWS]


def read(rows: list[ConditionRow], dataset: Dataset, zone: ZoneInfo) -> tuple[list[Condition], list[str]]:
    """The conditions, and what is wrong with the rows that are none."""
    found: list[Condition] = []
    problems: list[str] = []
    for row in rows:
        try:
            found.append(_condition(row, dataset, zone))
        except ValueError as error:
            problems.append(str(error))
    return found, problems


def shown(condition: Condition) -> ConditionRow:
    """A condition as it would be typed: what `read` reads back to the same."""
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    return ConditionRow(condition.field, condition.operator, "; ".join(_text(each) for each in values if each != ""))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _is_instant(value):
        return value[:10]
    return "" if value is None else str(value)


def _is_instant(text: str) -> bool:
    try:
        return len(text) > 10 and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _condition(row: ConditionRow, dataset: Dataset, zone: ZoneInfo) -> Condition:
    """Raises ValueError, in words for the person who typed it."""
    if not row.field:
        raise ValueError(gettext("Say what “%(value)s” is compared with.", value=row.value[:60]))
    field = field_of(dataset, row.field)
    unit = field.unit if field is not None else Unit.TEXT
    label = said(field.label) if field is not None else row.field[:60]
    operator = row.operator or "eq"
    if operator in _NONE_NEEDED:
        return Condition(field=row.field[:100], operator=operator, value=None)
    several = operator in _SEVERAL
    texts = [each.strip() for each in row.value.split(";" if ";" in row.value else ",")] if several else [row.value]
    texts = [each for each in texts if each]
    if not texts:
        raise ValueError(gettext("Say with what “%(field)s” is compared.", field=label))
    if operator == "between" and len(texts) != 2:
        raise ValueError(gettext("“%(field)s is between” takes two values, such as 10; 20.", field=label))
    if len(texts) > MOST_VALUES or max(map(len, texts)) > LONGEST_VALUE:
        raise ValueError(gettext("The values of “%(field)s” are too many or too long.", field=label))
    if unit in (Unit.INSTANT, Unit.DATE):
        operator, values = _instants(operator, [_day(each, label) for each in texts], zone, label)
    elif unit is Unit.FLAG:
        values = [_flag(each, label) for each in texts]
    elif field is not None and field.is_numeric:
        values = [_number(each, label) for each in texts]
    else:
        values = ["".join(letter for letter in each if letter.isprintable()) for each in texts]
    value = values if operator in _SEVERAL else values[0]
    return Condition(field=row.field[:100], operator=operator[:20], value=value)


def _number(text: str, label: str) -> float | int:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) < LARGEST_NUMBER:
        raise ValueError(
            gettext("“%(field)s” is a number; “%(value)s” is none, such as 12 or 0.5.", field=label, value=text[:60])
        )
    return int(number) if number.is_integer() else number


def _flag(text: str, label: str) -> bool:
    known = {gettext("Yes").casefold(): True, "yes": True, "true": True, gettext("No").casefold(): False, "no": False}
    found = (known | {"false": False}).get(text.casefold())
    if found is None:
        raise ValueError(gettext("“%(field)s” is yes or no; “%(value)s” is neither.", field=label, value=text[:60]))
    return found


def _day(text: str, label: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 1900 <= day.year <= 2200:
        raise ValueError(
            gettext("“%(field)s” is a date; “%(value)s” is none, such as 2026-09-01.", field=label, value=text[:60])
        )
    return day


def _instants(operator: str, days: list[date], zone: ZoneInfo, label: str) -> tuple[str, list[Any]]:
    """Days as instants of the report's zone: a day begins at its midnight and ends just before the next one."""
    begins = [datetime.combine(day, time(), tzinfo=zone).isoformat() for day in days]
    ends = [
        (datetime.combine(day + timedelta(days=1), time(), tzinfo=zone) - timedelta(microseconds=1)).isoformat()
        for day in days
    ]
    if operator in ("gte", "lt"):
        return operator, begins
    if operator in ("gt", "lte"):
        return operator, ends
    if operator in ("eq", "between"):
        return "between", [begins[0], ends[-1]]
    raise ValueError(
        gettext("“%(field)s” is a date: it can be over, under, at least, at most, between, or empty.", field=label)
    )
