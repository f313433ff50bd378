"""The job document: its names in MongoDB, its defaults, and the values it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from mongoengine.errors import ValidationError

from tests.factories import build_job, make_job
from webapp.documents import DateRange, JobStatus, LookupCategory, Output, Parameters, ReportJob, indexes
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL

LOOKUP_FIELDS = [
    ("report_type", LookupCategory.REPORT_TYPE, {"report_type": "made-up"}),
    ("status", LookupCategory.REPORT_STATUS, {"status": "made-up"}),
    ("priority", LookupCategory.REPORT_PRIORITY, {"priority": "made-up"}),
    ("visibility", LookupCategory.REPORT_VISIBILITY, {"visibility": "made-up"}),
    ("output.format", LookupCategory.OUTPUT_FORMAT, {"output": Output(format="made-up")}),
    (
        "parameters.measures",
        LookupCategory.MEASURE_TYPE,
        {"parameters": Parameters(measures=["count", "made-up:score"])},
    ),
]


@pytest.mark.parametrize(("field", "category", "values"), LOOKUP_FIELDS, ids=[row[0] for row in LOOKUP_FIELDS])
def test_an_unknown_lookup_value_is_refused_under_its_field(mock_database, field, category, values):
    with pytest.raises(ValidationError) as caught:
        build_job(**values).validate()
    told = str(caught.value.to_dict()[field])
    assert "made-up" in told
    assert ", ".join(value.key for value in lookups.active(category)) in told


@pytest.mark.parametrize(("field", "category", "values"), LOOKUP_FIELDS, ids=[row[0] for row in LOOKUP_FIELDS])
def test_a_value_added_at_run_time_is_valid_and_an_inactive_one_is_not(mock_database, field, category, values):
    lookups.add(category, "made-up", "Made up", by=TERMINAL)
    build_job(**values).validate()
    lookups.change(category, "made-up", is_active=False, by=TERMINAL)
    with pytest.raises(ValidationError) as caught:
        build_job(**values).validate()
    assert field in caught.value.to_dict()


def test_all_wrong_values_are_told_at_once(mock_database):
    with pytest.raises(ValidationError) as caught:
        build_job(report_type="no", priority="no", visibility="no").validate()
    assert {"report_type", "priority", "visibility"} <= set(caught.value.to_dict())


@pytest.mark.parametrize("field", ["report_type", "name", "requested_by", "output"])
def test_a_job_without_a_required_field_is_refused(mock_database, field):
    job = build_job()
    setattr(job, field, None)
    with pytest.raises(ValidationError) as caught:
        job.validate()
    assert field in caught.value.to_dict()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "n" * 201}, "name"),
        ({"description": "d" * 2001}, "description"),
        ({"output": Output(format="csv", filename="f" * 151)}, "output"),
        ({"cancel_reason": "r" * 501}, "cancel_reason"),
        ({"parameters": Parameters(limit=0)}, "parameters"),
    ],
)
def test_text_that_is_too_long_and_numbers_out_of_range_are_refused(mock_database, values, field):
    with pytest.raises(ValidationError) as caught:
        build_job(**values).validate()
    assert field in caught.value.to_dict()


def test_defaults_are_those_of_the_seed(mock_database):
    job = make_job()
    assert (job.status, job.priority, job.visibility) == ("pending", "normal", "private")
    assert job.priority_rank == 30
    assert job.progress.percentage == 0
    assert job.scheduled_for == job.created_at
    assert job.expires_at - job.created_at >= timedelta(days=29)


def test_priority_ranks_put_critical_first(mock_database):
    ranks = [make_job(priority=key).priority_rank for key in ("critical", "high", "normal", "low", "scheduled")]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 5


def test_names_in_mongodb_are_those_of_the_mongoose_schema(database):
    job = make_job(
        ObjectId(),
        department_id=ObjectId(),
        parameters=Parameters(
            date_range=DateRange(
                start_date=datetime(2026, 1, 1, tzinfo=UTC), end_date=datetime(2026, 1, 31, tzinfo=UTC)
            ),
            group_by=["class"],
            measures=["count"],
        ),
    )
    stored = database.reportjobs.find_one({"_id": job.id})
    assert {"reportType", "requestedBy", "departmentId", "scheduledFor", "expiresAt", "createdAt", "updatedAt"} <= set(
        stored
    )
    assert {"dateRange", "filters", "groupBy", "measures", "includeInactive"} <= set(stored["parameters"])
    assert set(stored["parameters"]["dateRange"]) == {"startDate", "endDate"}
    assert {"percentage", "recordsProcessed", "totalRecords"} <= set(stored["progress"])
    assert isinstance(stored["requestedBy"], ObjectId)


def test_fields_of_other_clients_are_tolerated_at_every_level(database):
    database.reportjobs.insert_one(
        {
            "__v": 0,
            "reportType": "completion-rates",
            "name": "From Mongoose",
            "parameters": {"groupBy": [], "measures": [], "theirs": 1, "filters": {"theirs": [1]}},
            "output": {"format": "csv", "storage": {"provider": "local", "theirs": True}},
            "status": "pending",
            "requestedBy": ObjectId(),
        }
    )
    job = ReportJob.objects.get(name="From Mongoose")
    assert job.state is JobStatus.PENDING
    assert job.parameters.totals is True


def test_the_indexes_of_the_design_exist(database):
    indexes.ensure(ReportJob)
    found = {name: dict(index["key"]) for name, index in database.reportjobs.index_information().items()}
    assert {"status": 1, "priorityRank": -1, "scheduledFor": 1, "_id": 1} in found.values()
    assert {"requestedBy": 1, "status": 1, "createdAt": -1} in found.values()
    assert {"departmentId": 1, "status": 1, "createdAt": -1} in found.values()
    information = database.reportjobs.index_information()
    assert information["job_ttl"]["expireAfterSeconds"] == 0
    assert information["slot"]["unique"]


@pytest.mark.parametrize(
    ("status", "waiting", "running", "finished", "has_file"),
    [
        ("pending", True, False, False, False),
        ("queued", True, False, False, False),
        ("processing", False, True, False, False),
        ("rendering", False, True, False, False),
        ("uploading", False, True, False, False),
        ("ready", False, False, True, True),
        ("downloaded", False, False, True, True),
        ("failed", False, False, True, False),
        ("cancelled", False, False, True, False),
        ("expired", False, False, True, False),
    ],
)
def test_each_state_is_waiting_running_or_finished(status, waiting, running, finished, has_file):
    state = JobStatus(status)
    assert (state.is_waiting, state.is_running, state.is_finished, state.has_file) == (
        waiting,
        running,
        finished,
        has_file,
    )
