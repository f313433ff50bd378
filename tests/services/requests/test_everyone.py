"""Sharing with everyone is asked about first; for reports that name learners an installation can forbid it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_class, make_job, make_learner, make_user
from webapp.documents import Parameters, ReportJob
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.query import Filter, Query
from webapp.errors import InvalidRequestError
from webapp.services.questions import as_query
from webapp.services.questions.named_learners import names_learners
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.queue import promotion
from webapp.services.requests import asking, changing
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings

PLAIN = ReportRequest(
    report_type="enrollment-summary", group_by=("class",), measures=("count",), format="csv", visibility="organization"
)


@pytest.fixture
def forbidden(people: People, settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    settings_env.setenv("REPORTDESK_FORBID_EVERYONE_FOR_NAMED_LEARNERS", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def naming(learner_id: ObjectId) -> dict[str, ReportRequest]:
    """Questions that name learners, each in another way."""
    named = Condition(field="learner", operator="contains", value="Lee")
    ways: dict[str, dict[str, Any]] = {
        "grouped": {"group_by": ("learner",)},
        "grouped second": {"report_type": "completion-rates", "group_by": ("class", "learner")},
        "in columns": {"slicers": ("learner",)},
        "each enrollment": {"group_by": ("enrollment",)},
        "filtered": {"learner_ids": (learner_id,)},
        "by a condition": {"conditions": (named,)},
        "detail rows": {"detail": True, "group_by": (), "measures": ()},
        "as the type is": {"report_type": "transcript", "group_by": (), "measures": ()},
    }
    return {way: PLAIN.model_copy(update=changes) for way, changes in ways.items()}


WAYS = list(naming(ObjectId()))


def test_without_a_word_nothing_is_shared_with_everyone(people: People) -> None:
    with pytest.raises(NotAgreedError, match="7 people would see") as error:
        asking.create(people.owner, PLAIN)
    assert error.value.people == 7
    assert ReportJob.objects.count() == 0
    job = asking.create(people.owner, PLAIN, agreed=True)
    assert job.visibility == "organization"


def test_what_is_wrong_is_told_before_it_is_asked_about(people: People) -> None:
    with pytest.raises(InvalidRequestError):
        asking.create(people.owner, PLAIN.model_copy(update={"format": "stone"}))


def test_sharing_asks_once_and_not_again_for_what_is_shared_already(people: People) -> None:
    job = make_job(people.owner.id, department_id=people.department.id)
    with pytest.raises(NotAgreedError):
        changing.share(people.owner, job.id, "organization")
    assert job.reload().visibility == "private"
    changing.share(people.owner, job.id, "organization", agreed=True)
    assert changing.share(people.owner, job.id, "organization").visibility == "organization"
    for fewer in ("department", "team", "private"):
        assert changing.share(people.owner, job.id, fewer).visibility == fewer


def test_the_number_is_of_those_who_may_ask(people: People) -> None:
    make_user("lee learner", ["learner"], [people.department])
    make_user("rob roleless", [], [people.department])
    with pytest.raises(NotAgreedError, match="7 people"):
        asking.create(people.owner, PLAIN)
    people.stranger.update(set__is_active=False)
    with pytest.raises(NotAgreedError, match="6 people"):
        asking.create(people.owner, PLAIN)


@pytest.mark.parametrize("way", WAYS)
def test_a_report_that_names_learners_is_refused_to_everyone_where_that_is_set(
    people: People, forbidden: None, way: str
) -> None:
    learner = make_learner("Lee", of=make_class("History 1", department=people.department))
    request = naming(learner.id)[way]
    with pytest.raises(InvalidRequestError, match="names learners") as error:
        asking.create(people.owner, request, agreed=True)
    assert list(error.value.fields) == ["visibility"]
    job = asking.create(people.owner, request.model_copy(update={"visibility": "department"}))
    with pytest.raises(InvalidRequestError, match="names learners"):
        changing.share(people.owner, job.id, "organization", agreed=True)
    assert job.reload().visibility == "department"


def test_where_it_is_set_numbers_are_still_shared_with_everyone(people: People, forbidden: None) -> None:
    job = asking.create(people.owner, PLAIN, agreed=True)
    assert job.visibility == "organization"
    counted = {"report_type": "department-overview", "measures": ("count-distinct:learner",)}
    assert asking.create(people.owner, PLAIN.model_copy(update=counted), agreed=True).visibility == "organization"


def test_where_it_is_not_set_names_may_be_shared(people: People) -> None:
    assert asking.create(people.owner, naming(ObjectId())["grouped"], agreed=True).visibility == "organization"


def test_a_job_of_another_client_goes_by_the_same_rule(people: People, forbidden: None, database: Any) -> None:
    job = make_job(
        people.owner.id, visibility="organization", parameters=Parameters(group_by=["learner"], measures=["count"])
    )
    assert not promotion.promote(job.id)
    job.reload()
    assert job.status == "failed"
    assert "names learners" in job.error.message


@pytest.mark.parametrize("report_type", sorted(REPORT_TYPES))
def test_of_every_type_the_rows_that_show_a_learner_are_known(database: Any, report_type: str) -> None:
    declared = REPORT_TYPES[report_type]
    for detail in [False, True] if declared.detail else [False]:
        query = as_query.to_query(ReportRequest(report_type=report_type, detail=detail), DataScope())
        shown = {*query.dimensions, *query.slicers, *query.fields}
        assert names_learners(query) == bool(shown & {"learner", "enrollment", "scorm-attempt"}), query


def test_every_dimension_that_is_a_learner_names_one_wherever_it_stands() -> None:
    learners = {key for key, each in DIMENSIONS.items() if each.entity == "learner"}
    assert learners
    for key in learners:
        for query in (
            Query("t", "enrollments", dimensions=(key,)),
            Query("t", "enrollments", slicers=(key,)),
            Query("t", "enrollments", fields=(key,)),
            Query("t", "enrollments", filters=(Filter(key, "eq", ("x",)),)),
        ):
            assert names_learners(query)
    others = {key for dataset in DATASETS.values() for key in dataset.dimensions} - learners
    assert {key for key in others if names_learners(Query("t", "enrollments", dimensions=(key,)))} == {
        "enrollment",
        "scorm-attempt",
    }
