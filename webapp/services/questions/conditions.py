"""Conditions of one's own as texts: a field, how it is compared, and with what; as a form, an address, a terminal has
them. What `written` writes, `read` reads back to the same condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import Dataset, Field, Unit
from webapp.engine.fields import field_of
from webapp.messages import Message
from webapp.services.plain_text import folded
from webapp.services.questions.period import FIRST_YEAR, LAST_YEAR
from webapp.services.questions.report_types import unit_of_measure
from webapp.services.questions.request import Condition

MOST_CONDITIONS = 50
MOST_VALUES, LONGEST_VALUE = 200, 200
#: Integers beyond this are not exact in every format.
LARGEST_NUMBER = 2**53
#: Dimensions that are told by a text; those told by a record have filters of their own.
TEXT_DIMENSIONS = ("program", "instructor", "term", "content-type", "completion-status", "grade-range", "certificate")
_NONE_NEEDED = ("is-null", "is-not-null")
_SEVERAL = ("in", "not-in", "between")
#: Dates by their distance from the day of the report, in days; the question keeps the number, not what it meant.
RELATIVE = ("days-ago-over", "last-days", "next-days", "days-ahead-over")
#: How a group's result can be compared.
OF_RESULTS = ("gt", "gte", "lt", "lte", "eq", "ne", "between", "is-null", "is-not-null")
MOST_DAYS = 36_500
#: Dimensions whose values are the program's own, told in words.
VALUES_IN_WORDS = ("completion-status",)
#: A time as results show it, h:mm:ss; the seconds may be left out.
_CLOCK = re.compile(r"\d{1,6}:[0-5]\d(:[0-5]\d)?", re.ASCII)
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
#: What the number of a time counts, and of a long one.
UNIT_WORDS = (Message("hours"), Message("days"))
#: A number with more digits than this tells people nothing.
LONGEST_PLAIN = 6
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class ConditionTexts:
    """One condition as it is typed."""

    field: str = ""
    operator: str = ""
    value: str = ""


def fields(dataset: Dataset, data_fields: Iterable[str]) -> list[tuple[str, str]]:
    """What a condition can be about."""
    own = [(key, _with_unit(field)) for key, field in dataset.fields.items()]
    texts = [(key, DIMENSIONS[key].label) for key in TEXT_DIMENSIONS if key in dataset.dimensions]
    return [*own, *texts, *((key, key) for key in data_fields)]


def rows(fields: Sequence[str], operators: Sequence[str], values: Sequence[str]) -> list[ConditionTexts]:
    """Three columns side by side, row by row; rows that say nothing are left out."""
    found = [
        ConditionTexts(*(cell.strip() for cell in cells)) for cells in zip(fields, operators, values, strict=False)
    ]
    return [each for each in found if each.field or each.value]


def read(
    typed: Sequence[ConditionTexts], dataset: Dataset, zone: ZoneInfo, words: Mapping[str, Any] | None = None
) -> tuple[list[Condition], list[str]]:
    """The conditions, and what is wrong with the rows that are none. `words`: folded, what else there is for yes, for
    no, and for the values that the program itself has words for (`VALUES_IN_WORDS`). Times are typed as for results, in
    hours or days, and kept in seconds."""
    known = {**_YES_NO, **(words or {})}
    return _read(typed, lambda row: _condition(row, dataset, zone, known))


def read_results(typed: Sequence[ConditionTexts], dataset: Dataset) -> tuple[list[Condition], list[str]]:
    """As `read`, of measures and numbers; a rate is in percent, with its sign or without, a time in hours (1:30:00 too)
    or, where people count it so, in days."""
    return _read(typed, lambda row: _result(row, dataset))


def _read(
    typed: Sequence[ConditionTexts], one: Callable[[ConditionTexts], Condition]
) -> tuple[list[Condition], list[str]]:
    """What `one` makes of each row, and the words of those of which it makes none."""
    if len(typed) > MOST_CONDITIONS:
        return [], [Message("At most %(most)s conditions are possible.", most=MOST_CONDITIONS)]
    found: list[Condition] = []
    problems: list[str] = []
    for row in typed:
        try:
            found.append(one(row))
        except _NoConditionError as error:
            problems.append(error.args[0])
    return found, problems


def _result(row: ConditionTexts, dataset: Dataset) -> Condition:
    if not row.field:
        raise _NoConditionError(Message("Say what “%(value)s” is compared with.", value=row.value[:60]))
    key = row.field.partition(":")[0]
    label = dataset.measures[key].label if key in dataset.measures else row.field[:60]
    operator = row.operator or "eq"
    if operator in _NONE_NEEDED:
        return Condition(field=row.field[:200], operator=operator)
    texts = _parts(row.value) if operator == "between" else [row.value] if row.value else []
    if len(texts) != (2 if operator == "between" else 1):
        raise _NoConditionError(Message("Say with what “%(field)s” is compared.", field=label))
    is_clock = unit_of_measure(dataset, row.field) == (Unit.SECONDS, False)
    values = [
        _clock(each.strip()) / HOUR_SECONDS
        if is_clock and _CLOCK.fullmatch(each.strip())
        else _number(each.rstrip("% "), label)
        for each in texts
    ]
    return Condition(
        field=row.field[:200], operator=operator[:20], value=tuple(values) if operator == "between" else values[0]
    )


def instants(condition: Condition, moment: datetime, zone: ZoneInfo) -> tuple[str, tuple[str, ...]]:
    """What a condition of `RELATIVE` means at `moment`, as an operator and instants: days are those of `zone`."""
    days, today = int(condition.values[0] or 0), moment.astimezone(zone).date()
    match condition.operator:
        case "days-ago-over":
            return "lt", (_begin(today - timedelta(days=days), zone),)
        case "last-days":
            return "between", (_begin(today - timedelta(days=days - 1), zone), _end(today, zone))
        case "next-days":
            return "between", (moment.isoformat(), _end(today + timedelta(days=days), zone))
    return "gt", (_end(today + timedelta(days=days), zone),)


def written(condition: Condition, zone: ZoneInfo, dataset: Dataset | None) -> ConditionTexts:
    """A condition on rows of `dataset` as it would be typed; None: one does not know of what."""
    about = field_of(dataset, condition.field) if dataset is not None else None
    if about is not None and about.unit is Unit.SECONDS:
        return _typed(condition, [time_text(value, is_long=about.is_long) for value in condition.values])
    return _typed(condition, [_text(value) for value in _as_days(condition, zone)])


def written_result(condition: Condition, dataset: Dataset | None) -> ConditionTexts:
    """As `written`, of a condition on results."""
    if dataset is not None and unit_of_measure(dataset, condition.field) == (Unit.SECONDS, False):
        return _typed(condition, [_hours_text(value) for value in condition.values])
    return _typed(condition, [_text(value) for value in condition.values])


def _typed(condition: Condition, values: Sequence[str]) -> ConditionTexts:
    if isinstance(condition.value, tuple):
        return ConditionTexts(condition.field, condition.operator, "; ".join(_quoted(each) for each in values))
    return ConditionTexts(condition.field, condition.operator, "".join(_quoted_alone(each) for each in values))


class _NoConditionError(ValueError):
    """A row that is no condition, in words for the person who typed it."""


def _condition(row: ConditionTexts, dataset: Dataset, zone: ZoneInfo, words: Mapping[str, Any]) -> Condition:
    if not row.field:
        raise _NoConditionError(Message("Say what “%(value)s” is compared with.", value=row.value[:60]))
    field = field_of(dataset, row.field)
    unit = field.unit if field is not None else Unit.TEXT
    named = DIMENSIONS.get(row.field)
    label = field.label if field is not None else named.label if named is not None else row.field[:60]
    operator = row.operator or "eq"
    if operator in _NONE_NEEDED:
        return Condition(field=row.field[:100], operator=operator)
    texts = _parts(row.value) if operator in _SEVERAL else [_unquoted(row.value)] if row.value else []
    if not texts:
        raise _NoConditionError(Message("Say with what “%(field)s” is compared.", field=label))
    if operator == "between" and len(texts) != 2:
        raise _NoConditionError(Message("“%(field)s is between” takes two values, such as 10; 20.", field=label))
    if len(texts) > MOST_VALUES or max(map(len, texts)) > LONGEST_VALUE:
        raise _NoConditionError(Message("The values of “%(field)s” are too many or too long.", field=label))
    values: list[Any]
    if operator in RELATIVE:
        values = [_days(texts[0], label, is_date=unit in (Unit.INSTANT, Unit.DATE))]
    elif unit in (Unit.INSTANT, Unit.DATE):
        operator, values = _instants(operator, texts, zone, label)
    elif unit is Unit.FLAG:
        values = [_flag(each, label, words) for each in texts]
    elif field is not None and unit is Unit.SECONDS:
        values = [_seconds(each.strip(), label, is_long=field.is_long) for each in texts]
    elif field is not None and field.is_numeric:
        values = [_number(each, label) for each in texts]
    elif row.field in VALUES_IN_WORDS:
        values = [_key(each, words) for each in texts]
    else:
        values = list(texts)
    value = tuple(values) if operator in _SEVERAL else values[0]
    return Condition(field=row.field[:100], operator=operator[:20], value=value)


def _days(text: str, label: str, *, is_date: bool) -> int:
    if not is_date:
        raise _NoConditionError(Message("“%(field)s” is no date, so it is not so many days ago.", field=label))
    if not text.isdecimal() or not text.isascii() or not int(text) <= MOST_DAYS:
        raise _NoConditionError(
            Message("“%(value)s” is not a number of days from 0 to %(most)s.", value=text[:60], most=MOST_DAYS)
        )
    return int(text)


def _number_or_none(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < LARGEST_NUMBER else None


def _number(text: str, label: str) -> float:
    number = _number_or_none(text)
    if number is None:
        raise _NoConditionError(
            Message("“%(field)s” is a number; “%(value)s” is none, such as 12 or 0.5.", field=label, value=text[:60])
        )
    return number


def _key(text: str, words: Mapping[str, Any]) -> str:
    found = words.get(folded(text), text)
    return found if isinstance(found, str) else text


def _flag(text: str, label: str, words: Mapping[str, Any]) -> bool:
    found = words.get(folded(text))
    if not isinstance(found, bool):
        raise _NoConditionError(
            Message("“%(field)s” is yes or no; “%(value)s” is neither.", field=label, value=text[:60])
        )
    return found


# --- days and instants ------------------------------------------------------------------------------------------------


def _begin(day: date, zone: ZoneInfo) -> str:
    return datetime.combine(day, time(), tzinfo=zone).isoformat()


def _end(day: date, zone: ZoneInfo) -> str:
    """Just before the next day begins."""
    following = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    return (following - timedelta(microseconds=1)).isoformat()


def _instants(operator: str, texts: Sequence[str], zone: ZoneInfo, label: str) -> tuple[str, list[str]]:
    """Days as instants of the report's zone: a day begins at its midnight and ends just before the next one. An instant
    with its offset from UTC is taken as it is."""
    exact = [_is_instant(each) for each in texts]
    days = [None if is_exact else _day(text, label) for text, is_exact in zip(texts, exact, strict=True)]
    if all(exact):
        return operator, list(texts)
    first, last = days[0], days[-1]
    begin = _begin(first, zone) if first else texts[0]
    end = _end(last, zone) if last else texts[-1]
    if operator in ("gte", "lt"):
        return operator, [begin]
    if operator in ("gt", "lte"):
        return operator, [end]
    if operator in ("eq", "between"):
        return "between", [begin, end]
    raise _NoConditionError(
        Message("“%(field)s” is a date: it can be over, under, at least, at most, between, or empty.", field=label)
    )


def _as_days(condition: Condition, zone: ZoneInfo) -> list[Any]:
    """The values, instants as the days that would be read as them."""
    values = list(condition.values)
    makers = {"gte": [_begin], "lt": [_begin], "gt": [_end], "lte": [_end], "between": [_begin, _end]}
    for number, make in enumerate(makers.get(condition.operator, ())[: len(values)]):
        value = values[number]
        if isinstance(value, str) and _is_instant(value):
            day = datetime.fromisoformat(value).date()
            if FIRST_YEAR <= day.year <= LAST_YEAR and make(day, zone) == value:
                values[number] = day.isoformat()
    return values


def _is_instant(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) > 10 and moment.tzinfo is not None and FIRST_YEAR <= moment.year <= LAST_YEAR


def _day(text: str, label: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _NoConditionError(
            Message("“%(field)s” is a date; “%(value)s” is none, such as 2026-09-01.", field=label, value=text[:60])
        )
    return day


# --- times ------------------------------------------------------------------------------------------------------------


def seconds_of(number: float, *, is_long: bool) -> float:
    """Days, or else hours, in seconds. Twenty minutes are a third of an hour, which no number is exactly."""
    return round(number * (DAY_SECONDS if is_long else HOUR_SECONDS), 6)


def time_text(seconds: Any, *, is_long: bool) -> str:
    """Seconds as people type them: 1.5 (hours, of long times days), 1:30:07, or, what is neither exactly, 0.25 s. What
    is no number, as it is."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return _text(seconds)
    plain = _text(_whole(seconds / (DAY_SECONDS if is_long else HOUR_SECONDS)))
    if len(plain) <= LONGEST_PLAIN and seconds_of(float(plain), is_long=is_long) == seconds:
        return plain
    clock = f"{int(seconds) // 3_600}:{int(seconds) % 3_600 // 60:02}:{int(seconds) % 60:02}"
    if not is_long and _CLOCK.fullmatch(clock) and _clock(clock) == seconds:
        return clock
    return f"{_text(_whole(seconds))} s"


def _hours_text(hours: Any) -> str:
    """1.5, or what no such number is as a clock shows it: 0:20:00."""
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        return _text(hours)
    text = time_text(seconds_of(hours, is_long=False), is_long=False)
    return text if _CLOCK.fullmatch(text) and _clock(text) / HOUR_SECONDS == hours else _text(hours)


def times_in_words(seconds: Iterable[Any], *, is_long: bool) -> str:
    """“0.25, 1.5 hours”, “30 days”, “1:30:07”: what stands in a sentence."""
    texts = [time_text(each, is_long=is_long) for each in seconds]
    is_plain = [_number_or_none(each) is not None for each in texts]
    if all(is_plain):
        return _counted(", ".join(texts), is_long=is_long) if texts else ""
    told = (_counted(text, is_long=is_long) if plain else text for text, plain in zip(texts, is_plain, strict=True))
    return Message.joined(told, ", ")


def _counted(numbers: str, *, is_long: bool) -> Message:
    one = 1 if numbers == "1" else 2
    if is_long:
        return Message.counted("%(numbers)s day", "%(numbers)s days", one, numbers=numbers)
    return Message.counted("%(numbers)s hour", "%(numbers)s hours", one, numbers=numbers)


def _with_unit(field: Field) -> str:
    if field.unit is not Unit.SECONDS:
        return field.label
    return Message.joined([field.label, Message("(%(unit)s)", unit=UNIT_WORDS[field.is_long])])


def _seconds(text: str, label: str, *, is_long: bool) -> float:
    if not is_long and _CLOCK.fullmatch(text):
        return _clock(text)
    is_exact = text.endswith("s")
    number = _number_or_none(text.removesuffix("s").strip())
    found = number if is_exact or number is None else seconds_of(number, is_long=is_long)
    if found is None or not abs(found) < LARGEST_NUMBER:
        raise _NoConditionError(
            Message(
                "“%(field)s” is compared in %(unit)s; “%(value)s” is no number of them, such as %(example)s.",
                field=label,
                unit=UNIT_WORDS[is_long],
                value=text[:60],
                example="30" if is_long else "1.5, 1:30:00",
            )
        )
    return found


def _clock(text: str) -> int:
    """1:30:00, or 1:30, in seconds."""
    hours, minutes, seconds = (*map(int, text.split(":")), 0)[:3]
    return 3_600 * hours + 60 * minutes + seconds


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


# --- several values in one text ---------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _quoted(text: str) -> str:
    """A value among others: in quotation marks where it would not be read back as it is."""
    if not text or text != text.strip() or text.startswith('"') or ";" in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _quoted_alone(text: str) -> str:
    return _quoted(text) if not text or text != text.strip() or text.startswith('"') else text


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text


def _parts(text: str) -> list[str]:
    """The values between the semicolons of `text` (its commas, where it has no semicolon). Empty ones do not count,
    unless in quotation marks."""
    pieces = _split(text, ";")
    if len(pieces) == 1:
        pieces = _split(text, ",")
    return [_unquoted(each.strip()) for each in pieces if each.strip()]


def _split(text: str, separator: str) -> list[str]:
    """`text` at its separators; not at those inside of a value in quotation marks, which begins with one."""
    pieces, is_quoted = [""], False
    for letter in text:
        if letter == '"' and (not pieces[-1].strip() or pieces[-1].lstrip().startswith('"')):
            is_quoted = not is_quoted  # two in a row close and open again: they are one that belongs to the value
        if letter == separator and not is_quoted:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces
