"""The form of a schedule: when, by which calendar, and what becomes of it when something goes wrong.

What is asked travels in a hidden field, as the address of the form that asks it. Fields of other frequencies than the
chosen one are not read, so without JavaScript all of them can stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import parse_qs, urlencode

from bson import ObjectId
from flask_babel import get_timezone
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp

from webapp.clock import aware, utcnow
from webapp.documents import LookupCategory, ReportSchedule, ReportTemplate, User
from webapp.documents.ids import id_or_none, ids_of
from webapp.documents.report_job import DESCRIPTION_LENGTH, NAME_LENGTH
from webapp.documents.report_schedule import (
    CRON_LENGTH,
    CatchUp,
    End,
    Frequency,
    OnClosed,
    OnEmpty,
    OnUnchanged,
    Relative,
    Timing,
    Trigger,
)
from webapp.errors import NotFoundError
from webapp.services.calendars import calendars
from webapp.services.lookups import values as lookups
from webapp.services.questions import ways
from webapp.services.questions.period import today_in, zone_of
from webapp.services.questions.request import ReportRequest
from webapp.services.schedules import asked, checking
from webapp.services.schedules.checking import Wish
from webapp.services.schedules.in_words import MONTHS, WEEKDAYS
from webapp.services.templates import seeing
from webapp.settings import get_settings
from webapp.web import part_fields
from webapp.web.formatting import label
from webapp.web.languages import in_readers_language as said
from webapp.web.part_fields import PartFields
from webapp.web.schedules import delivery_fields
from webapp.web.schedules.delivery_fields import DeliveryFields
from webapp.web.typed_numbers import whole_number
from webapp.web.zones import ZoneField

#: Which fields say when, by frequency; all others say it always or never.
FIELDS_OF: dict[str, tuple[str, ...]] = {
    Frequency.ONCE: ("run_at",),
    Frequency.DAILY: ("time_of_day",),
    Frequency.WEEKLY: ("time_of_day", "day_of_week"),
    Frequency.BIWEEKLY: ("time_of_day", "day_of_week"),
    Frequency.MONTHLY: ("time_of_day", "day_of_month"),
    Frequency.QUARTERLY: ("time_of_day", "day_of_month", "quarter_months"),
    Frequency.YEARLY: ("time_of_day", "day_of_month", "month"),
    Frequency.CRON: ("cron",),
    Frequency.RELATIVE: ("time_of_day", "days", "unit", "side", "end"),
}
#: Of a template, so many versions are offered.
MOST_VERSIONS = 20
_MONDAY_FIRST = (1, 2, 3, 4, 5, 6, 0)
#: Under which field of the form a fault of the service stands.
_FIELD_OF = {"class_ids": "end", "calendar_id": "calendar", "co_owners": "co_owners"}
_FIELD_OF |= delivery_fields.FIELD_OF | part_fields.FIELD_OF

#: What selects offer that is the same for everybody, by their field.
_CHOICES: dict[str, list[tuple[str, Any]]] = {
    "trigger": [
        (Trigger.TIME.value, _l("at its times")),
        (Trigger.FRESH_DATA.value, _l("whenever new data came, at most once an hour")),
        (Trigger.BOTH.value, _l("at its times, and whenever new data came")),
    ],
    "frequency": [
        (Frequency.ONCE.value, _l("Once")),
        (Frequency.DAILY.value, _l("Every day")),
        (Frequency.WEEKLY.value, _l("Every week")),
        (Frequency.BIWEEKLY.value, _l("Every two weeks")),
        (Frequency.MONTHLY.value, _l("Every month")),
        (Frequency.QUARTERLY.value, _l("In some months, such as each quarter")),
        (Frequency.YEARLY.value, _l("Every year")),
        (Frequency.RELATIVE.value, _l("Before or after a class or a term ends")),
        (Frequency.CRON.value, _l("By a cron expression")),
    ],
    "unit": [("working", _l("working days")), ("days", _l("days"))],
    "side": [("before", _l("before")), ("after", _l("after"))],
    "end": [(End.CLASS.value, _l("each class that the report is about")), (End.TERM.value, _l("each term"))],
    "on_closed": [
        (OnClosed.RUN.value, _l("it is made all the same")),
        (OnClosed.SKIP.value, _l("it is not made")),
        (OnClosed.BEFORE.value, _l("it is made on the working day before")),
        (OnClosed.AFTER.value, _l("it is made on the working day after")),
    ],
    "catch_up": [
        (CatchUp.ONCE.value, _l("the last one is made")),
        (CatchUp.SKIP.value, _l("none is made")),
        (CatchUp.ALL.value, _l("the last ones are made, one by one")),
    ],
    "on_empty": [
        (OnEmpty.SEND.value, _l("send it")),
        (OnEmpty.SAY.value, _l("say so, without a file")),
        (OnEmpty.SKIP.value, _l("send nothing")),
    ],
    "on_unchanged": [(OnUnchanged.SEND.value, _l("send it")), (OnUnchanged.SKIP.value, _l("send nothing"))],
}


class ScheduleForm(DeliveryFields, PartFields):
    question = HiddenField()
    # What it follows, if anything: then `question` is what that asked when the form was opened.
    template = HiddenField()
    template_version = SelectField(_l("Of the template"), default="", validate_choice=False)
    revision = HiddenField(default="1")
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A schedule needs a name.")),
            Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    description = TextAreaField(
        _l("Description"),
        [Length(max=DESCRIPTION_LENGTH, message=_l("A description has at most %(max)d characters."))],
        render_kw={"rows": 2},
    )
    trigger = SelectField(_l("It is made"), default=Trigger.TIME.value)
    frequency = SelectField(_l("How often"), default=Frequency.WEEKLY.value)
    time_zone = ZoneField(_l("Times of"), default="")
    run_at = DateTimeLocalField(_l("Day and time"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    time_of_day = StringField(
        _l("Time of day"),
        [Optional(), Regexp(r"^([01]\d|2[0-3]):[0-5]\d$", message=_l("Write a time such as 06:30."))],
        default="06:00",
        render_kw={"type": "time"},
    )
    day_of_week = SelectMultipleField(_l("Days of the week"), validate_choice=False)
    day_of_month = IntegerField(
        _l("Day of the month"),
        [Optional(), NumberRange(1, 31, message=_l("A month has the days 1 to 31."))],
        render_kw={"min": 1, "max": 31},
    )
    quarter_months = SelectMultipleField(_l("In the months"), validate_choice=False)
    month = SelectField(_l("Month"), validate_choice=False)
    cron = StringField(
        _l("Cron expression"),
        [Length(max=CRON_LENGTH, message=_l("It has at most %(max)d characters."))],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    days = IntegerField(
        _l("So many"), [Optional(), NumberRange(0, 400, message=_l("From 0 to 400."))], default=5,
        render_kw={"min": 0, "max": 400},
    )  # fmt: skip
    unit = SelectField(_l("of"), default="working")
    side = SelectField(_l("when"), default="before")
    end = SelectField(_l("the end of"), default=End.CLASS.value)
    start_date = DateField(_l("First day"), [Optional()])
    end_date = DateField(_l("Last day"), [Optional()])
    calendar = SelectField(_l("Calendar"), default="")
    on_closed = SelectField(_l("On its closed days"), default=OnClosed.RUN.value)
    catch_up = SelectField(_l("Of runs that were missed, because no worker ran"), default=CatchUp.ONCE.value)
    most_caught_up = IntegerField(
        _l("At most so many"), [Optional(), NumberRange(1, 50, message=_l("From 1 to 50."))], default=5,
        render_kw={"min": 1, "max": 50},
    )  # fmt: skip
    on_empty = SelectField(_l("When it has no rows"), default=OnEmpty.SEND.value)
    on_unchanged = SelectField(_l("When it is the same as last time"), default=OnUnchanged.SEND.value)
    visibility = SelectField(_l("Who may see its reports"), default="private")
    co_owners = SelectMultipleField(_l("Owned together with"), validate_choice=False)
    agreed = BooleanField(_l("Everyone is to see its reports"))

    #: What is wrong and is about no field that shows it.
    others: list[str]
    me: User
    #: The template that it follows, where the reader may see it.
    followed: ReportTemplate | None

    @classmethod
    def build(
        cls,
        me: User,
        owner: User,
        found: ReportSchedule | None = None,
        asked: ReportRequest | None = None,
        follows: ReportTemplate | None = None,
    ) -> ScheduleForm:
        """The form of `found`, or of a new schedule of what is `asked`, for `me`; whatever was posted stands in it.
        `follows`: the template of which that is the question."""
        values = _usual() if found is None else _values(found) | delivery_fields.values(me, found.delivery)
        if found is not None:
            values |= part_fields.values(owner, found.burst)
        if asked is not None:
            values["question"] = urlencode(ways.to_address(asked), doseq=True)
            values |= {"template": str(follows.id) if follows else ""}
            values.setdefault("name", asked.name)
            values.setdefault("visibility", asked.visibility)
        form = cls(data=values)
        form.others, form.me = [], me
        form._offer(owner, found)
        form._offer_versions(me)
        form.offer_deliveries(owner, found.delivery if found else ())
        form.offer_parts(owner)
        return form

    def _offer(self, owner: User, found: ReportSchedule | None) -> None:
        for name, choices in _CHOICES.items():
            self._fields[name].choices = choices
        self.time_zone.offer(("UTC", "UTC"))
        self.day_of_week.choices = [(str(each), said(WEEKDAYS[each])) for each in _MONDAY_FIRST]
        months = [(str(number), said(month)) for number, month in enumerate(MONTHS, start=1)]
        self.quarter_months.choices = months
        self.month.choices = months
        self.calendar.choices = [("", _l("None")), *((str(each.id), each.name) for each in calendars.every())]
        self.visibility.choices = [
            (each.key, label("report-visibility", each.key))
            for each in lookups.active(LookupCategory.REPORT_VISIBILITY)
        ]
        people = checking.colleagues(owner)
        there = User.objects(id__in=list(found.co_owner_ids)).scalar("id", "name") if found else ()
        self.co_owners.choices = [(str(key), name) for key, name in (people | dict(there)).items()]

    def _offer_versions(self, me: User) -> None:
        """The newest version, whatever it will be, or one of those that are there."""
        self.followed = None
        if self.template.data:
            try:
                self.followed = seeing.visible_template(me, self.template.data)
            except NotFoundError:
                pinned = self.template_version.data or ""
                self.template_version.choices = [(pinned, _l("as it is now"))]
                return
        newest = self.followed.version if self.followed else 0
        numbers = range(newest, max(newest - MOST_VERSIONS, 0), -1)
        pinned = [(str(number), _l("version %(number)s, as it is", number=number)) for number in numbers]
        self.template_version.choices = [("", _l("its newest version, as it will be then")), *pinned]

    def request(self) -> ReportRequest:
        """What is asked. Raises InvalidRequestError."""
        texts = parse_qs(self.question.data or "", max_num_fields=3_000)
        found = ways.from_address(texts, time_zone=get_settings().time_zone)
        return found.model_copy(update={"visibility": self.visibility.data or found.visibility})

    def meant(self) -> ReportRequest:
        """What is asked, as it is meant now; of a template, what that asks. Raises InvalidRequestError."""
        found, follows = self.request(), id_or_none(self.template.data)
        if follows is not None:
            pinned = _numbers([self.template_version.data], range(1, 100_000))
            found = asked.wanted_of_template(self.me, follows, next(iter(pinned), None), found)
        return found.meant_on(today_in(found.time_zone, utcnow()))

    def to_wish(self, found: ReportSchedule | None = None) -> Wish:
        """What is wanted. `found`: what this page does not show stays as it is there. Raises InvalidRequestError."""
        request, follows = self.request(), id_or_none(self.template.data)
        pinned = _numbers([self.template_version.data], range(1, 100_000))
        return Wish(
            name=self.name.data or "",
            request=request,
            timing=self.timing(request.class_ids),
            description=self.description.data or "",
            calendar_id=id_or_none(self.calendar.data),
            on_closed=self.on_closed.data,
            trigger=self.trigger.data,
            catch_up=self.catch_up.data,
            most_caught_up=self.most_caught_up.data or 5,
            on_empty=self.on_empty.data,
            on_unchanged=self.on_unchanged.data,
            tell_changes=bool(self.tell_changes.data),
            co_owner_ids=tuple(ids_of(self.co_owners.data or [])),
            delivery=self.to_delivery(self.me, found.delivery if found else ()),
            burst=self.to_burst(),
            template_id=follows,
            template_version=next(iter(pinned), None) if follows else None,
            overrides=dict(found.overrides) if found else {},
        )

    def timing(self, class_ids: tuple[ObjectId, ...] = ()) -> Timing:
        """When, by the fields of the chosen frequency."""
        wanted = FIELDS_OF.get(self.frequency.data or "", ())
        zone = zone_of(self.time_zone.data or "")

        def given(name: str) -> Any:
            return self._fields[name].data if name in wanted else None

        run_at = given("run_at")
        return Timing(
            frequency=self.frequency.data,
            timezone=self.time_zone.data,
            run_at=run_at.replace(tzinfo=zone).astimezone(UTC) if run_at and 1 < run_at.year < 9999 else None,
            time_of_day=given("time_of_day") or "06:00",
            day_of_week=_numbers(given("day_of_week"), range(7)),
            day_of_month=given("day_of_month"),
            quarter_months=_numbers(given("quarter_months"), range(1, 13)),
            month=next(iter(_numbers([given("month")], range(1, 13))), None),
            cron=" ".join((given("cron") or "").split()) or None,
            relative=self._relative(class_ids) if self.frequency.data == Frequency.RELATIVE else None,
            start_date=_midnight(self.start_date.data),
            end_date=_midnight(self.end_date.data),
        )

    def _relative(self, class_ids: tuple[ObjectId, ...]) -> Relative:
        of_classes = self.end.data == End.CLASS
        days = self.days.data or 0
        return Relative(
            end=self.end.data,
            days=days if self.side.data == "before" else -days,
            working_days=self.unit.data == "working",
            class_ids=list(class_ids) if of_classes else [],
        )

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """Put what the service found wrong under the fields it names; what the question lacks, above all."""
        for name, text in errors.items():
            field = self._fields.get(_FIELD_OF.get(name, "time_zone" if name == "timezone" else name))
            if field is None or name.startswith("question."):
                self.others.append(said(text))
            else:
                field.errors = [*field.errors, said(text)]


def _usual() -> dict[str, Any]:
    """Of a new one: Mondays at six, the first of months and quarters, by the reader's clocks."""
    return {
        "time_zone": str(get_timezone() or get_settings().time_zone),
        "day_of_week": ["1"],
        "day_of_month": 1,
        "quarter_months": ["1", "4", "7", "10"],
        "month": "1",
        "tell_changes": True,
    }


def _values(found: ReportSchedule) -> dict[str, Any]:
    timing: Timing = found.schedule
    relative: Relative = timing.relative or Relative()
    return {
        "revision": str(found.revision),
        "template": str(found.template_id or ""),
        "template_version": str(found.template_version or ""),
        "name": found.name,
        "description": found.description or "",
        "trigger": found.trigger,
        "frequency": timing.frequency,
        "time_zone": timing.timezone,
        "run_at": _on_clocks(timing),
        "time_of_day": timing.time_of_day,
        "day_of_week": [str(each) for each in timing.day_of_week],
        "day_of_month": timing.day_of_month,
        "quarter_months": [str(each) for each in timing.quarter_months],
        "month": str(timing.month or ""),
        "cron": timing.cron or "",
        "days": abs(relative.days or 0),
        "unit": "days" if relative.working_days is False else "working",
        "side": "after" if (relative.days or 0) < 0 else "before",
        "end": relative.end,
        "start_date": timing.start_date.date() if timing.start_date else None,
        "end_date": timing.end_date.date() if timing.end_date else None,
        "calendar": str(found.calendar_id or ""),
        "on_closed": found.on_closed,
        "catch_up": found.catch_up,
        "most_caught_up": found.most_caught_up,
        "on_empty": found.on_empty,
        "on_unchanged": found.on_unchanged,
        "tell_changes": found.tell_changes,
        "visibility": found.visibility,
        "co_owners": [str(each) for each in found.co_owner_ids],
    }


def _on_clocks(timing: Timing) -> datetime | None:
    if timing.run_at is None:
        return None
    return aware(timing.run_at).astimezone(zone_of(timing.timezone)).replace(tzinfo=None)


def _numbers(texts: Any, possible: range) -> list[int]:
    return sorted({number for text in texts or () if (number := whole_number(text)) is not None and number in possible})


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=UTC) if day and 1900 < day.year < 2200 else None
