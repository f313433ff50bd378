"""The periods that a form offers by name, and the days that each of them means today."""

from __future__ import annotations

from datetime import date, timedelta

from flask_babel import format_date, gettext

from webapp.services.questions import terms

PERIODS = (
    *("all", "last-7-days", "last-30-days", "last-90-days", "this-term", "last-term"),
    *("academic-year", "this-year", "last-year", "custom"),
)
#: An academic year begins with this month; a registrar can always give the days.
ACADEMIC_YEAR_BEGINS = 9

Days = tuple[date | None, date | None]


def period_days(period: str, today: date, custom: Days) -> Days:
    """The days, both included, that a named period means today; None where it is open, and for a term not known."""
    match period:
        case "last-7-days" | "last-30-days" | "last-90-days":
            return today - timedelta(days=int(period.split("-")[1]) - 1), today
        case "this-term" | "last-term":
            term = terms.current_term(today) if period == "this-term" else terms.last_term(today)
            return (term.starts_on, min(term.ends_on, today)) if term is not None else (None, None)
        case "this-year":
            return date(today.year, 1, 1), today
        case "last-year":
            return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
        case "academic-year":
            year = today.year if today.month >= ACADEMIC_YEAR_BEGINS else today.year - 1
            return date(year, ACADEMIC_YEAR_BEGINS, 1), today
        case "custom":
            return custom
    return None, None


def period_choices(today: date) -> list[tuple[str, str]]:
    """What the form offers, each with its exact days; a term that the classes do not name is not offered."""
    choices = []
    for key in PERIODS:
        start, end = period_days(key, today, (None, None))
        if start is not None and end is not None:
            choices.append((key, f"{_label(key, today)}: {days_in_words(start, end)}"))
        elif key in ("all", "custom"):
            choices.append((key, _label(key, today)))
    return choices


def days_in_words(start: date, end: date) -> str:
    """“1 Sep – 24 Nov 2026”: the year is said once where it is one."""
    first = format_date(start, "d MMM" if start.year == end.year else "d MMM y")
    return f"{first} – {format_date(end, 'd MMM y')}"


def in_words(start: date | None, end: date | None, zone: str) -> str:
    """The period of a question, with the zone whose days it means."""
    if start is None and end is None:
        return gettext("all time")
    if start is not None and end is not None:
        return gettext("%(days)s (%(zone)s)", days=days_in_words(start, end), zone=zone)
    if start is not None:
        return gettext("from %(day)s on (%(zone)s)", day=format_date(start, "d MMM y"), zone=zone)
    return gettext("up to %(day)s (%(zone)s)", day=format_date(end, "d MMM y"), zone=zone)


def _label(key: str, today: date) -> str:
    labels = {
        "all": gettext("All time"),
        "last-7-days": gettext("Last 7 days"),
        "last-30-days": gettext("Last 30 days"),
        "last-90-days": gettext("Last 90 days"),
        "this-term": gettext("This term"),
        "last-term": gettext("Last term"),
        "this-year": gettext("This year"),
        "last-year": gettext("Last year"),
        "academic-year": gettext("This academic year"),
        "custom": gettext("From … to …"),
    }
    term = {"this-term": terms.current_term, "last-term": terms.last_term}.get(key)
    found = term(today) if term is not None else None
    return f"{labels[key]} ({found.name})" if found is not None else labels[key]
