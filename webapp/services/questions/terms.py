"""The terms that classes are taught in: which one is on, and which one was the last."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from webapp.documents import Class
from webapp.services.remembered import Remembered


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
    """Every term that dated classes name. Classes of one term may differ by days: the usual dates are the term's."""
    return _terms.get(None)


def _read(_: None) -> list[Term]:
    dates: dict[str, Counter[tuple[date, date]]] = defaultdict(Counter)
    for name, starts_at, ends_at in Class.objects(term__gt="").scalar("term", "starts_at", "ends_at"):
        if starts_at and ends_at and starts_at < ends_at:
            # `ends_at` is the first instant after the class.
            dates[name][(_day(starts_at), _day(ends_at) - timedelta(days=1))] += 1
    return [Term(name, *usual.most_common(1)[0][0]) for name, usual in dates.items()]


def _day(moment: datetime) -> date:
    """The day that begins at the midnight nearest to `moment`: an LMS keeps midnights, each of its own zone."""
    return (moment + timedelta(hours=12)).date()


#: Terms change a few times a year; a form must not read all classes each time it is shown.
_terms = Remembered(_read, seconds=300.0)
