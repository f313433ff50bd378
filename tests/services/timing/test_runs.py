"""When schedules run: against a plain reference that shares nothing with the product, over whole years, in six zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.services.timing import plain
from tests.services.timing.plain import Plain
from webapp.documents.report_schedule import Frequency
from webapp.services.timing.closed_days import ClosedDays, working_days_from
from webapp.services.timing.runs import LATE, Rule, missed, next_run_after, runs_between

#: The clocks of Lord Howe go by half an hour, those of Santiago at midnight; Kathmandu is 5:45 ahead.
ZONES = (
    "Australia/Lord_Howe", "America/Santiago", "America/New_York", "Europe/London", "Asia/Kathmandu", "UTC",
)  # fmt: skip
#: A leap year, with the days before and after it.
BEGIN, END = datetime(2027, 12, 30, tzinfo=UTC), datetime(2029, 1, 2, tzinfo=UTC)
HOLIDAYS = frozenset(
    {date(2028, 1, 3), date(2028, 2, 29), date(2028, 4, 17), date(2028, 5, 31), date(2028, 12, 25), date(2028, 12, 26)}
)
WORKING = {"weekend": frozenset({0, 6}), "holidays": HOLIDAYS}


def rule_of(said: Plain, **more: Any) -> Rule:
    """The product's rule for what the reference is told."""
    return Rule(
        frequency=said.frequency,
        zone=ZoneInfo(said.zone),
        time_of_day=time(said.hour, said.minute),
        days_of_week=tuple(sorted(said.weekdays)),
        day_of_month=said.month_day,
        months=tuple(sorted(said.months)),
        cron=" ".join("*" if each is None else ",".join(map(str, sorted(each))) for each in said.cron),
        first_day=said.first,
        last_day=said.last,
        closed=ClosedDays(said.weekend, said.holidays),
        on_closed=said.on_closed,
        **more,
    )


def cron(*fields: set[int] | None) -> tuple[frozenset[int] | None, ...]:
    return tuple(None if each is None else frozenset(each) for each in fields)


SAID: dict[str, dict[str, Any]] = {
    "every day in the hour of the change": {"frequency": "daily", "hour": 2, "minute": 15},
    "every day at half past midnight": {"frequency": "daily", "hour": 0, "minute": 30},
    "every day, in the hour that comes twice": {"frequency": "daily", "hour": 1, "minute": 45},
    "working days": {"frequency": "daily", "on_closed": "skip", **WORKING},
    "every day, moved back": {"frequency": "daily", "on_closed": "before", **WORKING},
    "Sundays and Thursdays": {"frequency": "weekly", "weekdays": frozenset({0, 4}), "hour": 23, "minute": 59},
    "Saturdays, or the working day after": {"frequency": "weekly", "weekdays": frozenset({6}), "on_closed": "after", **WORKING},
    "every other Monday and Sunday": {"frequency": "biweekly", "weekdays": frozenset({0, 1}), "first": date(2027, 12, 29)},
    "every other Tuesday": {"frequency": "biweekly", "weekdays": frozenset({2}), "first": date(2028, 2, 10), "last": date(2028, 10, 30)},
    "day 31": {"frequency": "monthly", "month_day": 31},
    "day 30": {"frequency": "monthly", "month_day": 30, "hour": 2, "minute": 30},
    "day 29": {"frequency": "monthly", "month_day": 29},
    "day 31, or the working day before": {"frequency": "monthly", "month_day": 31, "on_closed": "before", **WORKING},
    "day 1, or the working day after": {"frequency": "monthly", "month_day": 1, "on_closed": "after", **WORKING},
    "quarters that begin in February": {"frequency": "quarterly", "month_day": 31, "months": frozenset({2, 5, 8, 11})},
    "leap day": {"frequency": "yearly", "month_day": 29, "months": frozenset({2})},
    "cron in the hour of the change": {"frequency": "cron", "cron": cron({30}, {2}, None, None, None)},
    "cron in the hour that comes twice": {"frequency": "cron", "cron": cron({0, 30}, {1}, None, None, None)},
    "cron by minutes that pass": {"frequency": "cron", "cron": cron({0, 20, 40}, None, {1, 2, 3, 5, 12, 26, 29}, {3, 4, 9, 10, 11}, None)},
    "cron of a day of the month or of the week": {"frequency": "cron", "cron": cron({5}, {6, 18}, {13}, None, {5})},
    "cron on working days": {"frequency": "cron", "cron": cron({15}, {2}, {29, 30, 31}, None, None), "on_closed": "before", **WORKING},
}  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", SAID)
def test_a_year_of_runs_is_that_of_the_plain_reference(name: str, zone: str) -> None:
    said = Plain(zone=zone, **SAID[name])
    found = runs_between(rule_of(said), BEGIN, END)
    assert found == plain.runs(said, BEGIN, END)
    assert found, "a year without a run proves nothing"


@pytest.mark.parametrize("zone", ZONES)
def test_one_step_at_a_time_finds_the_same_runs(zone: str) -> None:
    said = Plain(zone=zone, **SAID["day 31, or the working day before"])
    moment: datetime | None = BEGIN
    found = []
    while (moment := next_run_after(rule_of(said), moment)) is not None and moment <= END:
        found.append(moment)
    assert found == plain.runs(said, BEGIN, END)


days = st.dates(date(2027, 1, 1), date(2028, 12, 31))


@st.composite
def schedules(draw: st.DrawFn) -> Plain:
    frequency = draw(st.sampled_from(["daily", "weekly", "biweekly", "monthly", "quarterly", "yearly", "cron"]))
    some_months = st.frozensets(st.integers(1, 12), min_size=1, max_size=4)
    fields = (st.integers(0, 59), st.integers(0, 23), st.integers(1, 31), st.integers(1, 12), st.integers(0, 6))
    cron_fields = [
        draw(st.one_of(st.none(), st.frozensets(field, min_size=1, max_size=3)))
        if n > 1
        else draw(st.frozensets(field, min_size=1, max_size=3))
        for n, field in enumerate(fields)
    ]
    if frequency == "cron" and cron_fields[2] and cron_fields[3]:
        cron_fields[2] = frozenset(min(each, 28) for each in cron_fields[2])  # a day that the month has
    return Plain(
        frequency,
        draw(st.sampled_from(ZONES)),
        hour=draw(st.integers(0, 23)),
        minute=draw(st.integers(0, 59)),
        weekdays=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        month_day=draw(st.integers(1, 31)),
        months=draw(some_months),
        cron=tuple(cron_fields) if frequency == "cron" else (),
        first=draw(st.one_of(st.none(), days)),
        last=draw(st.one_of(st.none(), days)),
        weekend=draw(st.sampled_from([frozenset(), frozenset({0, 6}), frozenset({5})])),
        holidays=draw(st.frozensets(days, max_size=12)),
        on_closed=draw(st.sampled_from(["run", "skip", "before", "after"])),
    )


@given(schedules(), days, st.integers(0, 24 * 60 - 1), st.integers(1, 100))
@settings(max_examples=examples(60), deadline=None)
def test_any_schedule_runs_as_the_plain_reference_says(said: Plain, day: date, minute: int, length: int) -> None:
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    until = after + timedelta(days=length)
    found = runs_between(rule_of(said), after, until)
    assert found == plain.runs(said, after, until)
    assert all(run.tzinfo is UTC for run in found)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "*/30 * * * *", "15 1,2 * 3-11 SUN", "0 6 L * *", "0 9 * * 1#1", "59 23 31 * 5"]
)
def test_a_cron_expression_runs_as_cronsim_has_it(expression: str, zone: str) -> None:
    for month, day in ((3, 10), (4, 1), (8, 31), (9, 30), (10, 27)):
        begin = datetime(2028, month, day, tzinfo=UTC)
        end = begin + timedelta(days=10)
        simulated = CronSim(expression, begin.astimezone(ZoneInfo(zone)))
        theirs: list[datetime] = []
        while not theirs or theirs[-1] <= end:
            theirs.append(next(simulated).astimezone(UTC))
        # Of two local times that the clocks skip it tells the same minute twice; the same minute is one run.
        wanted = [each for each in dict.fromkeys(theirs) if begin < each <= end]
        assert runs_between(Rule("cron", ZoneInfo(zone), cron=expression), begin, end) == wanted


def test_once_runs_at_its_instant_and_never_again() -> None:
    at = datetime(2028, 10, 29, 1, 30, tzinfo=UTC)  # the second 01:30 of London
    once = Rule("once", ZoneInfo("Europe/London"), run_at=at)
    assert next_run_after(once, at - timedelta(seconds=1)) == at
    assert next_run_after(once, at) is None


def test_what_runs_once_is_moved_off_a_closed_day_at_the_same_time_of_day() -> None:
    at = datetime(2028, 7, 1, 8, tzinfo=ZoneInfo("Europe/London"))  # a Saturday
    once = Rule("once", ZoneInfo("Europe/London"), run_at=at, closed=ClosedDays(frozenset({0, 6})), on_closed="after")
    assert next_run_after(once, datetime(2028, 7, 2, tzinfo=UTC)) == datetime(2028, 7, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends", "before", "working", "wanted"),
    [
        (date(2028, 6, 30), 5, True, date(2028, 6, 23)),  # a Friday, five working days earlier
        (date(2028, 7, 2), 5, True, date(2028, 6, 26)),  # a Sunday
        (date(2028, 6, 30), 0, True, date(2028, 6, 30)),
        (date(2028, 6, 30), -1, True, date(2028, 7, 3)),  # the working day after
        (date(2028, 6, 30), 5, False, date(2028, 6, 25)),
    ],
)
def test_so_many_days_before_a_class_ends(ends: date, before: int, working: bool, wanted: date) -> None:
    rule = Rule("relative", ZoneInfo("UTC"), time(7), ends=(ends,), days_before=before, in_working_days=working)
    assert runs_between(rule, datetime(2028, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)) == [
        datetime(wanted.year, wanted.month, wanted.day, 7, tzinfo=UTC)
    ]


def test_working_days_leave_the_holidays_of_the_calendar_out() -> None:
    closed = ClosedDays(frozenset({0, 6}), frozenset({date(2028, 12, 25), date(2028, 12, 26)}))
    assert working_days_from(date(2028, 12, 29), -3, closed) == date(2028, 12, 22)
    assert working_days_from(date(2028, 12, 22), 1, closed) == date(2028, 12, 27)


def test_where_every_day_is_closed_nothing_runs() -> None:
    closed = ClosedDays(frozenset(range(7)))
    for on_closed in ("skip", "before", "after"):
        rule = Rule("daily", ZoneInfo("UTC"), closed=closed, on_closed=on_closed)
        assert next_run_after(rule, BEGIN) is None


def test_new_data_alone_has_no_times() -> None:
    assert next_run_after(Rule("daily", ZoneInfo("UTC"), trigger="fresh-data"), BEGIN) is None


def test_a_moment_without_a_zone_is_refused() -> None:
    rule = Rule("daily", ZoneInfo("UTC"))
    with pytest.raises(ValueError, match="zone"):
        next_run_after(rule, datetime(2028, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        runs_between(rule, BEGIN, datetime(2028, 1, 1))  # noqa: DTZ001


NOON = datetime(2028, 5, 10, 12, tzinfo=UTC)
HOURLY = Plain("cron", "UTC", cron=cron({0}, None, None, None, None))


@pytest.mark.parametrize(
    ("catch_up", "most", "hours_made", "skipped"),
    [("skip", 5, [12], 6), ("once", 5, [12], 6), ("all", 50, [6, 7, 8, 9, 10, 11, 12], 0), ("all", 3, [10, 11, 12], 4)],
)
def test_an_outage_of_six_hours_is_caught_up_as_the_schedule_says(
    catch_up: str, most: int, hours_made: list[int], skipped: int
) -> None:
    since = NOON - timedelta(hours=6)
    found = missed(rule_of(HOURLY, catch_up=catch_up, most_caught_up=most), since, NOON)
    assert [run.hour for run in found.made] == hours_made
    assert found.skipped == skipped
    assert [since, *plain.runs(HOURLY, since, NOON)][-len(found.made) :] == list(found.made)


def test_a_run_that_was_missed_for_good_is_skipped_where_it_is_not_to_be_caught_up() -> None:
    daily = Rule("daily", ZoneInfo("UTC"), time(6), catch_up="skip")
    due = datetime(2028, 5, 10, 6, tzinfo=UTC)
    assert missed(daily, due, due + LATE).made == (due,)
    late = missed(daily, due, due + LATE + timedelta(seconds=1))
    assert (late.made, late.skipped) == ((), 1)


def test_what_is_older_than_a_month_is_not_caught_up() -> None:
    daily = Rule("daily", ZoneInfo("UTC"), time(6), catch_up="all", most_caught_up=50)
    found = missed(daily, datetime(2028, 1, 1, 6, tzinfo=UTC), NOON)
    assert len(found.made) == 31


def test_what_stood_on_closed_days_before_runs_now_that_they_are_over() -> None:
    saturdays = Plain(
        "weekly",
        "UTC",
        weekdays=frozenset({6}),
        on_closed="after",
        weekend=frozenset({0, 6}),
        holidays=frozenset({date(2028, 4, 17)}),
    )
    monday, tuesday = datetime(2028, 4, 17, tzinfo=UTC), datetime(2028, 4, 18, 1, tzinfo=UTC)
    assert next_run_after(rule_of(saturdays), monday) == datetime(2028, 4, 18, 6, tzinfo=UTC)
    assert next_run_after(rule_of(saturdays), tuesday) == datetime(2028, 4, 18, 6, tzinfo=UTC)


@pytest.mark.parametrize("in_working_days", [False, True])
@pytest.mark.parametrize("days_before", [-5, 0, 5])
def test_what_has_no_end_is_followed_by_no_run(days_before: int, in_working_days: bool) -> None:
    rule = Rule(
        frequency=Frequency.RELATIVE,
        zone=ZoneInfo("Europe/London"),
        time_of_day=time(8),
        ends=(date(2028, 5, 10), date(9999, 12, 31)),
        days_before=days_before,
        in_working_days=in_working_days,
    )
    runs = list(runs_between(rule, BEGIN, datetime(9999, 12, 30, tzinfo=UTC)))
    assert [each.year for each in runs] == [2028]
    assert next_run_after(rule, datetime(9999, 12, 1, tzinfo=UTC)) is None
