"""From what was asked to what the engine answers, and into words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_numbers_known
from webapp.documents import DateRange, Parameters, ReportFilters
from webapp.documents.report_job import Condition
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.errors import InvalidRequestError
from webapp.services.lookups import values as lookups
from webapp.services.questions import as_query, in_words, report_types
from webapp.services.rights.data_scope import DataScope

EVERYTHING = DataScope()


def to_query(report_type: str = "enrollment-summary", **parameters: Any) -> Any:
    return as_query.to_query(report_type, Parameters(**parameters), EVERYTHING)


@pytest.mark.parametrize("report_type", sorted(REPORT_TYPES))
def test_every_report_type_asks_something_as_it_stands(database: Any, report_type: str) -> None:
    query = to_query(report_type)
    assert query.fields or query.measures
    assert in_words.describe(report_type, Parameters())
    if REPORT_TYPES[report_type].detail:
        assert to_query(report_type, detail=True).fields == REPORT_TYPES[report_type].detail


def test_days_are_read_in_the_reports_zone_and_the_last_one_is_included(database: Any) -> None:
    days = DateRange(start_date=datetime(2024, 3, 30, tzinfo=UTC), end_date=datetime(2024, 3, 31, tzinfo=UTC))
    found = to_query(date_range=days, time_zone="Europe/Madrid").date_range
    assert found.start.astimezone(UTC) == datetime(2024, 3, 29, 23, tzinfo=UTC)
    # The clocks go forward on the 31st: the two days have 47 hours.
    assert found.end.astimezone(UTC) == datetime(2024, 3, 31, 22, tzinfo=UTC)


def test_a_filter_that_the_rows_do_not_have_is_refused_not_ignored(people: People) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_query("instructor-workload", filters=ReportFilters(learner_ids=[people.owner.id]))
    assert "cannot be filtered by “Learners”" in caught.value.fields["parameters.filters.learner_ids"]
    with pytest.raises(InvalidRequestError) as caught:
        to_query(filters=ReportFilters(class_ids=[ObjectId("1" * 24)], statuses=["sleeping"]))
    assert "Classes: there is no 1111" in caught.value.fields["parameters.filters.class_ids"]
    assert "sleeping" in caught.value.fields["parameters.filters.statuses"]


def test_a_condition_of_ones_own_reaches_the_engine(database: Any) -> None:
    filters = ReportFilters(conditions=[Condition(field="score", operator="between", value=[40, 60])])
    assert to_query(filters=filters).filters[0].values == (40, 60)
    assert ("Only where", "Score is between 40, 60") in in_words.describe(
        "enrollment-summary", Parameters(filters=filters)
    )


def test_a_measure_made_by_an_administrator_is_usable_at_once_and_no_longer_when_deactivated(database: Any) -> None:
    make_numbers_known("clicks")
    metadata = {"aggregate": "sum", "field": "data.clicks", "dataset": "activity", "format": "number"}
    lookups.add("measure-type", "clicks", "Clicks", metadata=metadata)
    assert to_query("learner-activity", measures=["clicks"]).custom_measures[0].field == "data.clicks"
    dataset = report_types.dataset_of_type("learner-activity")
    assert "clicks" in report_types.measures_for(dataset)
    with pytest.raises(InvalidRequestError):
        to_query("enrollment-summary", measures=["clicks"])
    lookups.change("measure-type", "clicks", is_active=False)
    assert "clicks" not in report_types.measures_for(dataset)


def test_a_report_type_made_by_an_administrator_says_which_one_it_is_like(database: Any) -> None:
    lookups.add("report-type", "my-own", "My own")
    with pytest.raises(InvalidRequestError) as caught:
        to_query("my-own")
    assert "basedOn" in caught.value.fields["report_type"]
    lookups.change("report-type", "my-own", metadata={"basedOn": "enrollment-summary", "groupBy": ["course"]})
    assert to_query("my-own").dimensions == ("course",)


def test_equal_questions_have_equal_hashes_and_others_do_not(database: Any) -> None:
    one = as_query.question_hash("transcript", Parameters(group_by=["class"]), EVERYTHING, "csv")
    assert one == as_query.question_hash("transcript", Parameters(group_by=["class"]), EVERYTHING, "csv")
    assert one != as_query.question_hash("transcript", Parameters(group_by=["course"]), EVERYTHING, "csv")
    assert one != as_query.question_hash("transcript", Parameters(group_by=["class"]), DataScope((), ()), "csv")
    assert one != as_query.question_hash("transcript", Parameters(group_by=["class"]), EVERYTHING, "json")
