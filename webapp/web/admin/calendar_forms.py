"""The forms of a calendar: its days by hand, by a country's holidays, or from a file."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField, HiddenField, IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange

from webapp.clock import utcnow
from webapp.documents import Calendar
from webapp.documents.calendar import CALENDAR_NAME_LENGTH
from webapp.errors import InvalidRequestError
from webapp.services.calendars import calendars, holidays
from webapp.services.calendars.calendars import FIRST_YEAR, LAST_YEAR
from webapp.services.schedules.in_words import WEEKDAYS
from webapp.web.forms import DeskForm
from webapp.web.languages import in_readers_language as said

_MONDAY_FIRST = (1, 2, 3, 4, 5, 6, 0)


class CalendarForm(DeskForm):
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A calendar needs a name.")),
            Length(max=CALENDAR_NAME_LENGTH, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    revision = HiddenField(default="1")
    weekend = SelectMultipleField(_l("Days of the week that are no working days"), validate_choice=False)
    days = TextAreaField(_l("Single days"), render_kw={"rows": 12, "spellcheck": "false"})

    @classmethod
    def build(cls, found: Calendar | None) -> CalendarForm:
        """The form of `found`, or of a new calendar; whatever was posted stands in it."""
        values = {"weekend": ["0", "6"]} if found is None else _values(found)
        form = cls(data=values)
        form.weekend.choices = [(str(each), said(WEEKDAYS[each])) for each in _MONDAY_FIRST]
        return form

    def read_days(self) -> dict[date, str]:
        """The days, a line each. Raises InvalidRequestError for a line that begins with none."""
        found: dict[date, str] = {}
        for number, line in enumerate((self.days.data or "").splitlines(), start=1):
            day, _space, name = line.strip().partition(" ")
            if not day:
                continue
            try:
                found[date.fromisoformat(day)] = name.strip()
            except ValueError:
                text = _("Line %(number)s does not begin with a day such as 2026-12-25.", number=number)
                raise InvalidRequestError({"days": text}) from None
        return found

    @property
    def weekend_days(self) -> list[int]:
        return [int(each) for each in self.weekend.data or [] if each in {"0", "1", "2", "3", "4", "5", "6"}]


class HolidaysForm(DeskForm):
    """The holidays of a country, or of one of its parts, of some years."""

    country = SelectField(_l("Country"))
    part = StringField(_l("Part of it"), [Length(max=20, message=_l("It has at most %(max)d characters."))])
    years = IntegerField(
        _l("First year"),
        [NumberRange(FIRST_YEAR, LAST_YEAR, message=_l("Give a year between %(min)s and %(max)s."))],
    )
    count = IntegerField(
        _l("So many years"), [NumberRange(1, holidays.MOST_YEARS, message=_l("From %(min)s to %(max)s."))], default=3
    )

    @classmethod
    def build(cls) -> HolidaysForm:
        form = cls()
        form.country.choices = [(code, code) for code in holidays.countries()]
        if form.years.data is None and not form.years.raw_data:
            form.years.data = utcnow().year
        return form


class FileForm(DeskForm):
    """A calendar file."""

    file = FileField(_l("Calendar file (.ics)"))


def _values(found: Calendar) -> dict[str, object]:
    days = calendars.days_of(found)
    return {
        "name": found.name,
        "revision": str(found.revision),
        "weekend": [str(each) for each in found.weekend],
        "days": "\n".join(f"{day.isoformat()} {name}".strip() for day, name in days.items()),
    }
