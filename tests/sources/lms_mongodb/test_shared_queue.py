"""The reference LMS's database holds the queue too: a job that its API writes there is made by a worker here, and nothing
else in that database is any different afterwards."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import make_user
from tests.sources.lms_mongodb.conftest import Lines
from tests.sources.lms_mongodb.staged import everything_in
from tests.worker.conftest import SHORT_TIMES, RecordingJanitor, run_until
from webapp import clock, record
from webapp.documents import ReportJob, User, connect, disconnect
from webapp.documents.lookup_value import lookup_cache
from webapp.services import database_setup
from webapp.services.files import retention
from webapp.settings import get_settings
from webapp.worker import execution, startup
from webapp.worker.loop import Worker

pytestmark = pytest.mark.sample

#: The indexes that the LMS's own client makes of the seed's schema, by the names that it gives them.
_OF_JOBS: dict[str, tuple[list[tuple[str, int]], dict[str, Any]]] = {
    "status_1_priority_-1_scheduledFor_1": ([("status", 1), ("priority", -1), ("scheduledFor", 1)], {}),
    "requestedBy_1_status_1_createdAt_-1": ([("requestedBy", 1), ("status", 1), ("createdAt", -1)], {}),
    "departmentId_1_status_1_createdAt_-1": ([("departmentId", 1), ("status", 1), ("createdAt", -1)], {}),
    "expiresAt_1": ([("expiresAt", 1)], {"expireAfterSeconds": 0}),
    "reportType_1": ([("reportType", 1)], {}),
}
_OF_LOOKUPS: dict[str, tuple[list[tuple[str, int]], dict[str, Any]]] = {
    "category_1_key_1": ([("category", 1), ("key", 1)], {"unique": True}),
    "category_1_isActive_1_sortOrder_1": ([("category", 1), ("isActive", 1), ("sortOrder", 1)], {}),
    "lookupId_1": ([("lookupId", 1)], {"sparse": True}),
}
_STATUS = {"active": "in-progress"}


@pytest.fixture
def shared(
    cadence: Lines, lms_database: Any, lms_uri: str, database: Any, mongo: str, settings_env: pytest.MonkeyPatch
) -> Any:
    """The LMS's database with its client's indexes, where the queue is; connected as a program is."""
    for collection, indexes in (("reportjobs", _OF_JOBS), ("lookupvalues", _OF_LOOKUPS)):
        for name, (keys, options) in indexes.items():
            lms_database[collection].create_index(keys, name=name, **options)
    for name, value in SHORT_TIMES.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    settings_env.setenv("REPORTDESK_LMS_URI", lms_uri)
    settings_env.setenv("REPORTDESK_JOBS_DATABASE", lms_database.name)
    get_settings.cache_clear()
    disconnect()
    connect(mongo, database.name)
    lookup_cache.forget()
    return lms_database


@pytest.fixture
def requester(cadence: Lines, shared: Any) -> User:
    """Who administers both: an account here with the id that the LMS's user has."""
    person = cadence["users"][0]["_id"]
    user = make_user("registrar", ["system-admin"], [])
    User.objects(id=user.id).delete()
    user.id = user.person_id = person
    return user.save(force_insert=True)


def written_by_the_lms(database: Any, requester: User, **asked: Any) -> ObjectId:
    """A job as the LMS's Mongoose schema stores it: its own names, its defaults, nothing of ours."""
    now = clock.utcnow()
    parameters = {"groupBy": ["status"], "measures": ["count"], "includeInactive": False} | asked
    filters: dict[str, Any] = {
        name: []
        for name in ("departmentIds", "courseIds", "classIds", "learnerIds", "contentIds", "eventTypes", "statuses")
    }
    parameters["filters"] = filters | asked.get("filters", {})
    job = {
        "_id": ObjectId(),
        "reportType": "enrollment-summary",
        "name": "From the LMS",
        "parameters": parameters,
        "output": {"format": "json"},
        "status": "pending",
        "priority": "normal",
        "progress": {"percentage": 0, "recordsProcessed": 0, "totalRecords": 0},
        "requestedBy": requester.id,
        "visibility": "private",
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
    database.reportjobs.insert_one(job)
    return job["_id"]


def made(mongo: str, *ids: ObjectId) -> list[ReportJob]:
    """These jobs, when a worker that started as `reportdesk worker` does has made them."""
    database_setup.prepare()
    startup.check_database()
    worker = Worker(get_settings(), mongo, run_job=execution.execute, janitor=RecordingJanitor(), concurrency=1)
    jobs = [ReportJob.objects.get(id=each) for each in ids]
    run_until(worker, lambda: all(job.reload().is_finished for job in jobs), seconds=120)
    retention.expire_due_files(clock.utcnow())
    return jobs


def rows_of(job: ReportJob) -> list[dict[str, Any]]:
    assert job.status == "ready", job.error.message
    found = json.loads(Path(job.output.storage.path).read_bytes())
    return list(found["rows"] if isinstance(found, dict) else found)


def test_a_job_of_the_lms_is_made_of_its_data_and_its_database_is_as_it_was(
    cadence: Lines, shared: Any, mongo: str, requester: User, caplog: pytest.LogCaptureFixture
) -> None:
    busiest = Counter(each["classId"] for each in cadence["classenrollments"]).most_common(1)[0][0]
    course = next(each["courseId"] for each in cadence["classes"] if each["_id"] == busiest)
    department = next(each["departmentId"] for each in cadence["courses"] if each["_id"] == course)
    by_class = written_by_the_lms(shared, requester, filters={"classIds": [busiest]})
    by_department = written_by_the_lms(shared, requester, filters={"departmentIds": [department]})
    before = everything_in(shared)
    with caplog.at_level(logging.WARNING):
        first, second = made(mongo, by_class, by_department)

    def counted(wanted: Callable[[dict[str, Any]], bool]) -> Counter[str]:
        return Counter(_STATUS[each["status"]] for each in cadence["classenrollments"] if wanted(each))

    course_of = {each["_id"]: each["courseId"] for each in cadence["classes"]}
    department_of = {each["_id"]: each["departmentId"] for each in cadence["courses"]}
    # A department is asked for with those below it; here these are of one level.
    asked = {department} | {each["_id"] for each in cadence["departments"] if each["parentDepartmentId"] == department}
    assert told(first) == counted(lambda each: each["classId"] == busiest)
    assert told(second) == counted(lambda each: department_of[course_of[each["classId"]]] in asked)

    after = everything_in(shared)
    indexes, _ = after["reportjobs"]
    assert after == before | {"reportjobs": (before["reportjobs"][0], after["reportjobs"][1])}
    assert len(after["reportjobs"][1]) == 2
    assert set(indexes) == {"_id_", *_OF_JOBS}
    sentences = [each.getMessage() for each in caplog.records if "makes no index there" in each.getMessage()]
    assert any("“slot” (slot 1, unique True" in each and f"{shared.name}.reportjobs" in each for each in sentences)
    assert not any("job_ttl" in each for each in sentences)


def told(job: ReportJob) -> Counter[str]:
    return Counter({row["status"]: row["count"] for row in rows_of(job)})


def test_a_job_is_made_of_what_the_lms_has_when_it_is_made(
    cadence: Lines, shared: Any, mongo: str, requester: User, settings_env: pytest.MonkeyPatch
) -> None:
    changed = cadence["classenrollments"][0]
    first = made(mongo, written_by_the_lms(shared, requester, filters={"classIds": [changed["classId"]]}))[0]
    assert "withdrawn" not in str(rows_of(first)).lower()
    settings_env.setenv("REPORTDESK_LMS_REFRESH_SECONDS", "1")
    get_settings.cache_clear()
    shared.classenrollments.update_one(
        {"_id": changed["_id"]}, {"$set": {"status": "dropped", "updatedAt": datetime.now(UTC)}}
    )
    event = cadence["learningevents"][0]["_id"]
    shared.learningevents.delete_one({"_id": event})
    second = made(mongo, written_by_the_lms(shared, requester, filters={"classIds": [changed["classId"]]}))[0]
    assert "withdrawn" in str(rows_of(second)).lower()
    assert second.provenance["recordVersion"] == 2
    # What the LMS has deleted is no longer there either.
    gone = record.select(record.current(), "events", ["is_active"], f"id = '{event}'")
    assert gone["is_active"].to_pylist() == [False]
