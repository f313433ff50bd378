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
from webapp.services.questions import as_query, in_words, report_types
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
