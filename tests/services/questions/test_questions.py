"""From what was asked to what the engine answers, and into words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_numbers_known
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.errors import InvalidRequestError
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL
from webapp.services.questions import as_query, conditions, in_words, report_types, ways
from webapp.services.questions.conditions import ConditionTexts
from webapp.services.questions.period import Period
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.rights.data_scope import DataScope

EVERYTHING = DataScope()


def to_query(report_type: str = "enrollment-summary", **asked: Any) -> Any:
    return as_query.to_query(ReportRequest(report_type=report_type, **asked), EVERYTHING)


@pytest.mark.parametrize("report_type", sorted(REPORT_TYPES))
def test_every_report_type_asks_something_as_it_stands(database: Any, report_type: str) -> None:
    query = to_query(report_type)
    assert query.fields or query.measures
    assert in_words.describe(ReportRequest(report_type=report_type), EVERYTHING)
    if REPORT_TYPES[report_type].detail:
        assert to_query(report_type, detail=True).fields == REPORT_TYPES[report_type].detail


def test_days_are_read_in_the_reports_zone_and_the_last_one_is_included(database: Any) -> None:
    days = Period(first=date(2024, 3, 30), last=date(2024, 3, 31))
    found = to_query(period=days, time_zone="Europe/Madrid").date_range
    assert found.start.astimezone(UTC) == datetime(2024, 3, 29, 23, tzinfo=UTC)
    # The clocks go forward on the 31st: the two days have 47 hours.
    assert found.end.astimezone(UTC) == datetime(2024, 3, 31, 22, tzinfo=UTC)


def test_a_filter_that_the_rows_do_not_have_is_refused_not_ignored(people: People) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_query("instructor-workload", learner_ids=[people.owner.id])
    assert "cannot be filtered by “Learners”" in caught.value.fields["parameters.filters.learner_ids"]
    with pytest.raises(InvalidRequestError) as caught:
        to_query(class_ids=[ObjectId("1" * 24)], statuses=["sleeping"])
    assert "Classes: there is no 1111" in caught.value.fields["parameters.filters.class_ids"]
    assert "sleeping" in caught.value.fields["parameters.filters.statuses"]


def test_a_condition_of_ones_own_reaches_the_engine(database: Any) -> None:
    conditions = [Condition(field="score", operator="between", value=(40, 60))]
    assert to_query(conditions=conditions).filters[0].values == (40, 60)
    asked = ReportRequest(report_type="enrollment-summary", conditions=conditions)
    assert ("Only where", "Score is between 40, 60") in in_words.describe(asked, EVERYTHING)


def test_a_measure_made_by_an_administrator_is_usable_at_once_and_no_longer_when_deactivated(database: Any) -> None:
    make_numbers_known("clicks")
    metadata = {"aggregate": "sum", "field": "data.clicks", "dataset": "activity", "format": "number"}
    lookups.add("measure-type", "clicks", "Clicks", metadata=metadata, by=TERMINAL)
    assert to_query("learner-activity", measures=["clicks"]).custom_measures[0].field == "data.clicks"
    dataset = report_types.dataset_of_type("learner-activity")
    assert "clicks" in report_types.measures_for(dataset)
    with pytest.raises(InvalidRequestError):
        to_query("enrollment-summary", measures=["clicks"])
    lookups.change("measure-type", "clicks", is_active=False, by=TERMINAL)
    assert "clicks" not in report_types.measures_for(dataset)


def test_a_report_type_made_by_an_administrator_says_which_one_it_is_like(database: Any) -> None:
    lookups.add("report-type", "my-own", "My own", by=TERMINAL)
    with pytest.raises(InvalidRequestError) as caught:
        to_query("my-own")
    assert "basedOn" in caught.value.fields["report_type"]
    lookups.change(
        "report-type", "my-own", metadata={"basedOn": "enrollment-summary", "groupBy": ["course"]}, by=TERMINAL
    )
    assert to_query("my-own").dimensions == ("course",)


def test_equal_questions_have_equal_hashes_and_others_do_not(database: Any) -> None:
    def hashed(scope: DataScope = EVERYTHING, **asked: Any) -> str:
        request = ReportRequest(**{"report_type": "transcript", "group_by": ["class"], "format": "csv", **asked})
        return as_query.question_hash(request, scope)

    assert hashed() == hashed(name="What it is called does not matter")
    assert hashed() != hashed(group_by=["course"])
    assert hashed() != hashed(scope=DataScope((), ()))
    assert hashed() != hashed(format="json")


def test_a_period_is_the_same_question_however_its_days_were_said(database: Any) -> None:
    today = date(2026, 11, 24)
    said = ReportRequest(report_type="transcript", period=Period.of("last-30-days", today))
    typed = ReportRequest(report_type="transcript", period=Period(first=date(2026, 10, 26), last=today))
    assert said.period.phrase != typed.period.phrase
    assert as_query.question_hash(said, EVERYTHING) == as_query.question_hash(typed, EVERYTHING)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            (date(2026, 2, 1), date(2026, 1, 31)),
            "The end date 31 January 2026 is before the start date 1 February 2026",
        ),
        ((date(1, 1, 1), None), "0001-01-01 is not a day of a period"),
        ((None, date(9999, 12, 31)), "9999-12-31 is not a day of a period"),
    ],
)
def test_days_that_are_no_period_are_refused_once_in_words(
    database: Any, days: tuple[date | None, date | None], words: str
) -> None:
    for zone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
        with pytest.raises(InvalidRequestError) as caught:
            to_query(period=Period(first=days[0], last=days[1]), time_zone=zone)
        assert list(caught.value.fields) == ["parameters.date_range"]
        assert words in str(caught.value)


@pytest.mark.parametrize("changes", [{"limit": 0}, {"limit": 10**12}, {"top": 0}, {"top": 1_001}])
def test_numbers_of_rows_that_nobody_can_have_are_refused(database: Any, changes: dict[str, int]) -> None:
    with pytest.raises(InvalidRequestError, match="between 1 and"):
        to_query(**changes)


def test_days_from_today_are_kept_as_their_number_and_mean_the_moment_of_the_report(database: Any) -> None:
    moment = datetime(2026, 11, 24, 22, 45, tzinfo=UTC)
    madrid = {"time_zone": "Europe/Madrid"}  # where it is 23:45 of the same day
    for operator, days, expected in (
        ("days-ago-over", 60, ("lt", ["2026-09-25T00:00:00+02:00"])),
        ("last-days", 1, ("between", ["2026-11-24T00:00:00+01:00", "2026-11-24T23:59:59.999999+01:00"])),
        ("next-days", 90, ("between", ["2026-11-24T22:45:00+00:00", "2027-02-22T23:59:59.999999+01:00"])),
        ("days-ahead-over", 0, ("gt", ["2026-11-24T23:59:59.999999+01:00"])),
    ):
        condition = Condition(field="completed-at", operator=operator, value=days)
        request = ReportRequest(report_type="enrollment-summary", conditions=(condition,), **madrid)
        (found,) = as_query.to_query(request, EVERYTHING, moment=moment).filters
        assert (found.operator, list(found.values)) == expected, operator
        assert as_query.question_hash(request, EVERYTHING) == as_query.question_hash(request, EVERYTHING)
    told = in_words.describe(request, EVERYTHING)
    assert ("Only where", "Completed is more than 0 days ahead") in told


def test_what_a_report_type_says_of_its_rows_holds_unless_something_else_is_said(database: Any) -> None:
    def filters(**asked: Any) -> dict[str, Any]:
        return {each.field: each.values for each in to_query("overdue-enrollments", **asked).filters}

    usual = {"status": ("not-started", "in-progress"), "days-enrolled": (60,)}
    assert filters() == usual
    longer = Condition(field="days-enrolled", operator="gt", value=90)
    assert filters(conditions=[longer]) == usual | {"days-enrolled": (90,)}
    assert filters(statuses=["failed"]) == usual | {"status": ("failed",)}
    told = in_words.describe(ReportRequest(report_type="overdue-enrollments"), EVERYTHING)
    assert ("Only where", "Days since enrolling is over 60") in told
    assert ("Only where", "Status is one of Not started, In progress") in told


def test_rates_are_compared_in_percent_and_stand_in_the_question_so(database: Any) -> None:
    low = Condition(field="completion-rate", operator="lt", value=60)
    few = Condition(field="count", operator="gte", value=10)
    asked = {"measures": ["completion-rate", "count"], "results": [low, few]}
    assert [each.values for each in to_query(**asked).results] == [(0.6,), (10,)]
    told = in_words.describe(ReportRequest(report_type="enrollment-summary", **asked), EVERYTHING)
    assert ("Only groups where", "Completion rate is under 60 %") in told
    with pytest.raises(InvalidRequestError, match="not among the measures"):
        to_query(measures=["count"], results=[low])


def test_columns_of_rows_are_those_chosen_in_their_order(database: Any) -> None:
    chosen = ["enrolled-at", "learner", "days-since-activity"]
    query = to_query("inactive-learners", columns=chosen)
    assert list(query.fields) == chosen
    # What its rows are usually sorted by counts as far as it is shown.
    assert [each.column for each in query.sort] == ["days-since-activity", "learner"]
    with pytest.raises(InvalidRequestError, match="not a field"):
        to_query("inactive-learners", columns=["planet"])
    # What would be passed over is refused.
    with pytest.raises(InvalidRequestError, match="for rows one by one"):
        to_query("completion-rates", columns=["learner"])
    with pytest.raises(InvalidRequestError, match="are no groups"):
        to_query("transcript", results=[Condition(field="count", operator="gt", value=1)])


def test_a_number_that_no_event_has_is_refused_with_those_that_there_are(database: Any) -> None:
    make_numbers_known("clicks")
    assert to_query("learner-activity", measures=["sum:data.clicks"])
    for asked in (
        {"measures": ["sum:data.cliks"]},
        {"conditions": [Condition(field="data.cliks", operator="gt", value=1)]},
    ):
        with pytest.raises(InvalidRequestError, match=r"No event has a number “data\.cliks”"):
            to_query("learner-activity", **asked)


def test_a_share_made_by_an_administrator_is_offered_once_its_field_is_there(database: Any) -> None:
    share = {"aggregate": "share", "field": "data.clicks", "operator": "lt", "value": 3, "datasets": ["activity"]}
    dataset = report_types.dataset_of_type("learner-activity")
    with pytest.raises(InvalidRequestError, match="No numbers in the data of events are known"):
        lookups.add("measure-type", "few-clicks", "Few clicks", metadata=share, by=TERMINAL)
    make_numbers_known("clicks")
    lookups.add("measure-type", "few-clicks", "Few clicks", metadata=share, by=TERMINAL)
    assert "few-clicks" in report_types.measures_for(dataset)
    assert to_query("learner-activity", measures=["few-clicks"])


def test_times_are_compared_in_the_unit_of_their_heading_and_stand_in_the_question_so(database: Any) -> None:
    late = Condition(field="avg-time-to-complete", operator="gt", value=30)
    short = Condition(field="average:duration", operator="between", value=(0.25, 1.5))
    asked: dict[str, Any] = {"measures": ["avg-time-to-complete"], "results": [late]}
    assert [each.values for each in to_query(**asked).results] == [(30 * 86_400,)]
    told = in_words.describe(ReportRequest(report_type="enrollment-summary", **asked), EVERYTHING)
    assert ("Only groups where", "Average time to complete is over 30 days") in told
    asked = {"measures": ["average:duration"], "results": [short]}
    assert [each.values for each in to_query("assessment-results", **asked).results] == [(900, 5_400)]
    told = in_words.describe(ReportRequest(report_type="assessment-results", **asked), EVERYTHING)
    assert ("Only groups where", "Average recorded time is between 0.25, 1.5 hours") in told


@pytest.mark.parametrize(
    ("report_type", "measure", "typed", "value"),
    [
        ("assessment-results", "average:duration", "1:30:00", 1.5),
        ("assessment-results", "average:duration", "0:20", 1 / 3),
        ("assessment-results", "average:duration", "2.5", 2.5),
        ("completion-rates", "avg-time-to-complete", "1:30:00", None),
        ("completion-rates", "completion-rate", "60 %", 60),
    ],
)
def test_a_time_of_hours_may_be_typed_as_results_show_it(
    database: Any, report_type: str, measure: str, typed: str, value: float | None
) -> None:
    dataset = report_types.dataset_of_type(report_type)
    found, problems = conditions.read_results([ConditionTexts(measure, "gt", typed)], dataset)
    assert [each.value for each in found] == ([] if value is None else [value])
    assert bool(problems) is (value is None)


@pytest.mark.parametrize(
    ("measure", "typed", "shown"),
    [
        ("average:duration", "0:20", "0:20:00"),
        ("average:duration", "1:30:00", "1.5"),
        ("average:duration", "0:00:01", "0:00:01"),
        ("average:duration", "0.3333", "0.3333"),
        ("count", "0.3333333333333333", "0.3333333333333333"),
    ],
)
def test_a_condition_on_results_comes_back_as_people_type_it(
    database: Any, measure: str, typed: str, shown: str
) -> None:
    dataset = report_types.dataset_of_type("assessment-results")
    [found], _ = conditions.read_results([ConditionTexts(measure, "gt", typed)], dataset)
    assert conditions.written_result(found, dataset) == ConditionTexts(measure, "gt", shown)
    assert conditions.read_results([ConditionTexts(measure, "gt", shown)], dataset) == ([found], [])


def test_a_condition_on_rows_keeps_the_seconds_of_a_job_and_stands_in_the_question_in_hours_or_days(
    database: Any,
) -> None:
    """A job of before has seconds, and means them."""
    for report_type, field, value, said in (
        ("assessment-results", "duration", 5_400, "Recorded time is over 1.5 hours"),
        ("assessment-results", "duration", 3_607, "Recorded time is over 1:00:07"),
        ("enrollment-summary", "time-to-complete", 30 * 86_400, "Time to complete is over 30 days"),
    ):
        condition = {"field": field, "operator": "gt", "value": value}
        stored = {"reportType": report_type, "parameters": {"filters": {"conditions": [condition]}}}
        request = ways.from_document(stored)
        assert [each.values for each in to_query(report_type, conditions=request.conditions).filters] == [(value,)]
        assert ("Only where", said) in in_words.describe(request, EVERYTHING)


def test_a_sentence_of_several_times_says_the_unit_once_where_it_can(database: Any) -> None:
    def said(*seconds: float) -> str:
        between = Condition(field="duration", operator="between", value=seconds)
        request = ReportRequest(report_type="assessment-results", conditions=[between])
        return dict(in_words.describe(request, EVERYTHING))["Only where"]

    assert said(900, 5_400) == "Recorded time is between 0.25, 1.5 hours"
    assert said(907, 5_400) == "Recorded time is between 0:15:07, 1.5 hours"
    assert said(3_600, 3_607) == "Recorded time is between 1 hour, 1:00:07"
