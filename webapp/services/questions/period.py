"""The period of a question: the phrase that a person chose, and what it meant on the day of asking: days, or a term.

A job keeps both. Who asks again means the phrase, taken anew; who tries again means what it meant. A term is the term
of the class, whatever the dates of the rows: many enroll before their term begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator

from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.questions import terms

ALL, CUSTOM = "all", "custom"
THIS_TERM, LAST_TERM = "this-term", "last-term"
#: Every phrase, as people read it, in the order in which they are offered.
PHRASES: dict[str, str] = {
    ALL: Message("All time"),
    "last-7-days": Message("Last 7 days"),
    "last-30-days": Message("Last 30 days"),
    "last-90-days": Message("Last 90 days"),
    "this-month": Message("This month"),
    "previous-month": Message("Previous month"),
    THIS_TERM: Message("This term"),
    LAST_TERM: Message("Last term"),
    "academic-year": Message("This academic year"),
    "this-year": Message("This year"),
    "last-year": Message("Last year"),
    CUSTOM: Message("From … to …"),
}
#: An academic year begins with this month; a registrar can always give the days.
ACADEMIC_YEAR_BEGINS = 9
#: Days outside of these years are slips of the hand, and some zone's clock cannot tell them.
FIRST_YEAR, LAST_YEAR = 1900, 2200
#: Under which name of the request a fault of the period stands.
FIELD = "parameters.date_range"

Days = tuple[date | None, date | None]


class Period(BaseModel):
    """`first` and `last` are included; None is open. A custom period without days is all time. With a `term`, by its
    name, rows are of its classes and their dates do not count. (Jobs of older versions kept the days of a term.)"""

    model_config = ConfigDict(frozen=True)

    phrase: str = ALL
    first: date | None = None
    last: date | None = None
    term: str = ""

    @model_validator(mode="before")
    @classmethod
    def _agrees_with_itself(cls, given: Any) -> Any:
        """Days that come without a phrase, or with one that this program does not know, are their own."""
        if not isinstance(given, Mapping):
            return given
        has_days = given.get("first") is not None or given.get("last") is not None
        phrase = given.get("phrase")
        if phrase not in PHRASES or phrase in (ALL, CUSTOM):
            phrase = CUSTOM if has_days else ALL
        if phrase not in (THIS_TERM, LAST_TERM):
            given = {**given, "term": ""}
        return {**given, "phrase": phrase}

    def meant_on(self, today: date) -> Self:
        """The same phrase, as it is meant on `today`. Raises InvalidRequestError where it means nothing then."""
        return type(self).of(self.phrase, today, (self.first, self.last))

    @classmethod
    def of(cls, phrase: str, today: date, own: Days = (None, None)) -> Self:
        """What `phrase` means on `today`; `own` days are those of a custom one. Raises InvalidRequestError."""
        if phrase not in PHRASES:
            raise InvalidRequestError(
                {
                    FIELD: Message(
                        "There is no period “%(phrase)s”. Possible: %(possible)s.",
                        phrase=phrase[:60],
                        possible=list(PHRASES),
                    )
                }
            )
        if phrase in (THIS_TERM, LAST_TERM):
            term = term_of(phrase, today)
            if term is None:
                raise InvalidRequestError({FIELD: _NO_TERM[phrase]})
            return cls(phrase=phrase, term=term.name)
        days = days_of(phrase, today, own)
        return cls(phrase=phrase, first=days[0], last=days[1])

    def problem(self) -> str:
        """What is wrong with the days, or an empty text. The one place that says so."""
        for day in (self.first, self.last):
            if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
                return Message(
                    "%(day)s is not a day of a period: it must be between the years %(first)s and %(last)s.",
                    day=day.isoformat(),
                    first=str(FIRST_YEAR),
                    last=str(LAST_YEAR),
                )
        if self.first is not None and self.last is not None and self.last < self.first:
            return Message("The end date %(end)s is before the start date %(start)s.", end=self.last, start=self.first)
        return ""

    def in_words(self, zone: str) -> str:
        """The phrase and its term, or its days with the zone whose days they are."""
        if self.term:
            return Message("%(phrase)s: classes of %(term)s", phrase=PHRASES[self.phrase], term=self.term)
        days = self._days_in_words(zone)
        if self.phrase in (ALL, CUSTOM):
            return days
        return Message("%(phrase)s: %(days)s", phrase=PHRASES[self.phrase], days=days)

    def days_in_short(self) -> str:
        """The days alone, for a name."""
        if self.first and self.last:
            return Message("%(start)s to %(end)s", start=self.first, end=self.last)
        if self.first:
            return Message("from %(start)s", start=self.first)
        return Message("up to %(end)s", end=self.last) if self.last else PHRASES[ALL]

    def in_a_name(self) -> str:
        """The term, or the days as computers sort them, for the name of a file."""
        if self.term:
            return self.term
        if self.first is None and self.last is None:
            return PHRASES[ALL]
        first, last = (day.isoformat() if day else "" for day in (self.first, self.last))
        return first if first == last else f"{first} – {last}".strip()

    def _days_in_words(self, zone: str) -> str:
        if self.first and self.last:
            return Message(
                "%(start)s to %(end)s, both included (days of %(zone)s)", start=self.first, end=self.last, zone=zone
            )
        if self.first:
            return Message("from %(start)s (days of %(zone)s)", start=self.first, zone=zone)
        if self.last:
            return Message("up to %(end)s (days of %(zone)s)", end=self.last, zone=zone)
        return Message("all time (days of %(zone)s)", zone=zone)


_NO_TERM = {
    THIS_TERM: Message("No class names a term that is on today: give the days of the period."),
    LAST_TERM: Message("No class names a term that is over: give the days of the period."),
}


def days_of(phrase: str, today: date, own: Days = (None, None)) -> Days:
    """The days, both included, that `phrase` means on `today`; None where it is open, and for a term."""
    match phrase:
        case "last-7-days" | "last-30-days" | "last-90-days":
            return today - timedelta(days=int(phrase.split("-")[1]) - 1), today
        case "this-month":
            return today.replace(day=1), today
        case "previous-month":
            last = today.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last
        case "this-year":
            return date(today.year, 1, 1), today
        case "last-year":
            return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
        case "academic-year":
            year = today.year if today.month >= ACADEMIC_YEAR_BEGINS else today.year - 1
            return date(year, ACADEMIC_YEAR_BEGINS, 1), today
        case "custom":
            return own
    return None, None


def term_of(phrase: str, today: date) -> terms.Term | None:
    """The term that the phrase names; None for any other phrase, and where no class names one."""
    if phrase == THIS_TERM:
        return terms.current_term(today)
    return terms.last_term(today) if phrase == LAST_TERM else None


def today_in(zone: str, now: datetime) -> date:
    """The day that it is there. An unknown zone is read as UTC: `to_query` says what is wrong with it."""
    return now.astimezone(zone_of(zone)).date()


def zone_of(key: str) -> ZoneInfo:
    """The zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
