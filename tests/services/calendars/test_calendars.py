"""Calendars: filled by hand, from a country's holidays, or from a file; changed by administrators alone."""

from __future__ import annotations

from datetime import date

import pytest

from tests.factories import People
from webapp.documents import AdminEvent, Calendar
from webapp.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from webapp.services.calendars import calendars, holidays

FILE = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//registry//days//EN\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;VALUE=DATE:20281223\r
DTEND;VALUE=DATE:20281227\r
SUMMARY:Winter break\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2\r
DTSTART;VALUE=DATE:20280501\r
RRULE:FREQ=YEARLY;UNTIL=20310501\r
EXDATE;VALUE=DATE:20300501\r
SUMMARY:Founders\\, and friends\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:3\r
DTSTART:20280310T090000Z\r
DTEND:20280310T170000Z\r
SUMMARY:Inventory\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_a_calendar_file_gives_its_days_and_follows_what_repeats() -> None:
    assert holidays.of_file(FILE, date(2028, 1, 1)) == {
        date(2028, 3, 10): "Inventory",
        date(2028, 5, 1): "Founders, and friends",
        date(2028, 12, 23): "Winter break",
        date(2028, 12, 24): "Winter break",
        date(2028, 12, 25): "Winter break",
        date(2028, 12, 26): "Winter break",
        date(2029, 5, 1): "Founders, and friends",
        date(2031, 5, 1): "Founders, and friends",
    }


def test_what_repeats_for_ever_is_followed_for_ten_years() -> None:
    endless = FILE.replace(b";UNTIL=20310501", b"")
    years = [
        day.year for day, name in holidays.of_file(endless, date(2028, 1, 1)).items() if name.startswith("Founders")
    ]
    assert years == [2028, 2029, *range(2031, 2039)]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR", b"BEGIN:VEVENT\r\nEND:VEVENT", FILE[:120],
     b"x" * (holidays.LARGEST_FILE + 1),
     b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2028\r\nEND:VEVENT\r\nEND:VCALENDAR",
     b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:18000101\r\nEND:VEVENT\r\nEND:VCALENDAR"],
    ids=["empty", "bytes", "no event", "no calendar", "cut", "too large", "no day", "too old"],
)  # fmt: skip
def test_what_is_no_calendar_file_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        holidays.of_file(content, date(2028, 1, 1))
    assert set(refused.value.fields) == {"file"}


def test_the_holidays_of_a_country_and_of_its_parts() -> None:
    germany = holidays.of_country("DE", "", [2028])
    assert date(2028, 10, 3) in germany
    assert date(2028, 1, 6) not in germany
    assert date(2028, 1, 6) in holidays.of_country("DE", "BY", [2028])


def test_days_that_no_calendar_has_are_left_out() -> None:
    ends = FILE.replace(b"20281223", b"99991231").replace(b"20281227", b"99991231")
    ends = ends.replace(b"20280501", b"00010101").replace(b"RRULE:FREQ=YEARLY;UNTIL=20310501\r\n", b"")
    assert holidays.of_file(ends, date(2028, 1, 1)) == {date(2028, 3, 10): "Inventory"}


@pytest.mark.parametrize(
    ("country", "part", "years", "field"),
    [("XX", "", [2028], "country"), ("DE", "ZZ", [2028], "part"), ("DE", "", [], "years"), ("DE", "", [1492], "years"), ("DE", "", range(2000, 2100), "years")],
)  # fmt: skip
def test_a_country_that_is_not_known_is_refused_in_words(country: str, part: str, years: list[int], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        holidays.of_country(country, part, years)
    assert set(refused.value.fields) == {field}


def test_administrators_make_and_change_calendars_and_nobody_else(people: People) -> None:
    found = calendars.add(people.administrator, name=" Term  time ", days={date(2028, 12, 25): "Christmas"})
    assert (found.name, found.weekend, calendars.days_of(found)) == (
        "Term time",
        [0, 6],
        {date(2028, 12, 25): "Christmas"},
    )
    for other in (people.owner, people.manager):
        with pytest.raises(ForbiddenError):
            calendars.add(other, name="Mine")
    changed = calendars.change(
        people.administrator, found.id, revision=1, name="Term", weekend=[5], days={date(2028, 1, 1): "New Year"}
    )
    assert (changed.name, changed.weekend, changed.revision) == ("Term", [5], 2)
    assert calendars.days_of(changed) == {date(2028, 1, 1): "New Year"}
    told = AdminEvent.objects(action="changed", area="calendars").first()
    assert told.changes["days"] == ["1", "1 (+1, −1)"]
    with pytest.raises(ConflictError):
        calendars.change(people.administrator, found.id, revision=1, name="Term", weekend=[], days={})


def test_a_calendar_that_cannot_be_is_refused_in_words(people: People) -> None:
    calendars.add(people.administrator, name="One")
    other = calendars.add(people.administrator, name="Two")
    for fields, wrong in (
        ({"name": ""}, "name"),
        ({"name": "One"}, "name"),
        ({"name": "All", "weekend": range(7)}, "weekend"),
        ({"name": "Old", "days": {date(1999, 1, 1): ""}}, "days"),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            calendars.add(people.administrator, **fields)
        assert set(refused.value.fields) == {wrong}
    with pytest.raises(InvalidRequestError, match="already a calendar"):
        calendars.change(people.administrator, other.id, revision=1, name="One", weekend=[], days={})
    with pytest.raises(NotFoundError):
        calendars.find("nothing")
    assert Calendar.objects.count() == 2
    calendars.set_active(people.administrator, other.id, False)
    assert [each.name for each in calendars.every()] == ["One"]
