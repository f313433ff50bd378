"""The periods that the form offers by name, each with what it means today, said for the reader."""

from __future__ import annotations

from datetime import date

from flask_babel import format_date

from webapp.services.questions.period import ALL, CUSTOM, PHRASES, days_of, term_of
from webapp.web.languages import in_readers_language as said


def period_choices(today: date) -> list[tuple[str, str]]:
    """A term that the classes do not name is not offered."""
    choices = []
    for key in PHRASES:
        start, end = days_of(key, today)
        if start is not None and end is not None:
            choices.append((key, f"{said(PHRASES[key])}: {days_in_words(start, end)}"))
        elif (term := term_of(key, today)) is not None:
            days = days_in_words(term.starts_on, term.ends_on)
            choices.append((key, f"{said(PHRASES[key])}: {term.name} ({days})"))
        elif key in (ALL, CUSTOM):
            choices.append((key, said(PHRASES[key])))
    return choices


def days_in_words(start: date, end: date) -> str:
    """“1 Sep – 24 Nov 2026”: the year is said once where it is one."""
    first = format_date(start, "d MMM" if start.year == end.year else "d MMM y")
    return f"{first} – {format_date(end, 'd MMM y')}"
