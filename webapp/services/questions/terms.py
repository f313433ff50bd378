"""The terms that classes are taught in: which one is on, and which one was the last."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from webapp.record import RecordVersion
from webapp.services.record import reading
from webapp.services.record.kept import KeptOfRecord

_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Term:
    """Both days are included."""

    name: str
    starts_on: date
    ends_on: date


def current_term(today: date) -> Term | None:
    """The term that is on; of several, the one that began last. None between terms."""
    on = [term for term in every() if term.starts_on <= today <= term.ends_on]
    return max(on, key=lambda term: (term.starts_on, term.name), default=None)


def last_term(today: date) -> Term | None:
    """The term that ended last before today; None where none has."""
    over = [term for term in every() if term.ends_on < today]
    return max(over, key=lambda term: (term.ends_on, term.name), default=None)


def every() -> list[Term]:
    """Every term: with the dates that a source gives it, else with the usual ones of the dated classes that name it."""
    return _terms.get()


def _read(version: RecordVersion) -> list[Term]:
    columns = ["starts_at", "ends_at"]
    given = reading.rows("terms", ["name", *columns], "name > '' AND is_active IS NOT FALSE", version=version)
    taught = reading.rows("classes", ["term", *columns], "term > ''", version=version)
    return [Term(name, *days) for name, days in {**_usual_days(taught, "term"), **_usual_days(given, "name")}.items()]


def _usual_days(rows: list[dict[str, Any]], name: str) -> dict[str, tuple[date, date]]:
    """Classes of one term may differ by days."""
    dates: dict[str, Counter[tuple[date, date]]] = defaultdict(Counter)
    for row in rows:
        starts_at, ends_at = row["starts_at"], row["ends_at"]
        if starts_at and ends_at and starts_at < ends_at:
            dates[row[name]][(_day(starts_at), last_day(ends_at))] += 1
    return {each: usual.most_common(1)[0][0] for each, usual in dates.items()}


def last_day(ends_at: datetime) -> date:
    """The last day of what ends then: `ends_at` is the last second of it, or the first instant after it."""
    return _day(ends_at, -_HALF_A_DAY)


def _day(moment: datetime, by: timedelta = _HALF_A_DAY) -> date:
    """The day that begins at the midnight nearest to `moment`: a source keeps midnights, each of its own zone."""
    try:
        return (moment + by).date()
    except OverflowError:  # the calendar ends: a term without an end is one to 31 December 9999 for many
        return moment.date()


def names() -> list[str]:
    """The names of all terms, dated or not, in their order."""
    return _names.get()


def _read_names(version: RecordVersion) -> list[str]:
    given = reading.rows("terms", ["name"], "name > '' AND is_active IS NOT FALSE", version=version)
    taught = reading.rows("classes", ["term"], "term > ''", version=version)
    return sorted({row["name"] for row in given} | {row["term"] for row in taught})


_names: KeptOfRecord[list[str]] = KeptOfRecord(("terms", "classes"), _read_names)
_terms: KeptOfRecord[list[Term]] = KeptOfRecord(("terms", "classes"), _read)
