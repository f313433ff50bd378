"""Syncs into a real record: one version each, undone with what they remember."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner

from tests.sources.lms_mongodb.conftest import Lines
from tests.sources.lms_mongodb.staged import everything_in
from webapp import clock, record
from webapp.cli import main
from webapp.documents import connect, disconnect
from webapp.errors import ForbiddenError
from webapp.services import sources
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings

pytestmark = pytest.mark.sample


@pytest.fixture(autouse=True)
def set_to_it(database: Any, lms_uri: str, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_LMS_URI", lms_uri)
    get_settings.cache_clear()


def synced(dry_run: bool = False) -> tuple[record.Summary, record.RecordVersion | None]:
    with sources.syncing(TERMINAL, dry_run=dry_run) as outcome:
        return outcome.comparison.summary, outcome.version


def rows(table: str, *columns: str, where: str = "is_active") -> list[dict[str, Any]]:
    return record.select(record.current(), table, columns, where).to_pylist()


def test_a_sync_is_one_version_with_the_figures_of_the_files(cadence: Lines, lms_database: Any) -> None:
    before = everything_in(lms_database)
    summary, version = synced()
    assert version is not None
    assert version.number == 1
    assert summary.unbalanced == []
    assert summary.refused == {}
    assert {name: summary.counts[name].added for name in ("rosters", "events", "results", "departments")} == {
        "rosters": 19, "events": 434, "results": 40, "departments": 6,
    }  # fmt: skip
    enrollments = rows("enrollments", "id", "status", "class_id", "department_id")
    assert {row["id"] for row in enrollments} == {str(each["_id"]) for each in cadence["classenrollments"]}
    department_of = {str(each["_id"]): str(each["departmentId"]) for each in cadence["courses"]}
    course_of = {str(each["_id"]): str(each["courseId"]) for each in cadence["classes"]}
    assert all(row["department_id"] == department_of[course_of[row["class_id"]]] for row in enrollments)
    assert everything_in(lms_database) == before


def test_a_second_sync_finds_nothing_and_makes_no_version(cadence: Lines) -> None:
    synced()
    summary, version = synced()
    assert version is None
    assert (summary.added, summary.changed, summary.ended) == (0, 0, 0)
    assert record.current().number == 1


def test_a_dry_run_tells_what_would_end_and_changes_nothing(cadence: Lines, lms_database: Any) -> None:
    synced()
    lms_database.classenrollments.delete_many(
        {"_id": {"$in": [each["_id"] for each in cadence["classenrollments"][:2]]}}
    )
    summary, version = synced(dry_run=True)
    assert version is None
    assert summary.counts["rosters"].ended == 2
    assert len(rows("rosters", "id")) == 19


def test_what_is_deleted_and_changed_in_the_lms_follows(cadence: Lines, lms_database: Any) -> None:
    synced()
    gone, changed = (each["_id"] for each in cadence["classenrollments"][:2])
    lms_database.classenrollments.delete_one({"_id": gone})
    lms_database.classenrollments.update_one(
        {"_id": changed}, {"$set": {"status": "completed", "gradePercentage": 81, "updatedAt": clock.utcnow()}}
    )
    summary, _ = synced()
    assert (summary.counts["rosters"].ended, summary.counts["rosters"].changed) == (1, 1)
    assert summary.unbalanced == []
    there = {row["id"]: row for row in rows("rosters", "id", "status", "score")}
    assert len(there) == 18
    assert (there[str(changed)]["status"], there[str(changed)]["score"]) == ("completed", 81)


def test_an_undo_takes_back_what_the_source_remembers(cadence: Lines, lms_database: Any) -> None:
    synced()
    changed = cadence["classenrollments"][0]["_id"]
    lms_database.classenrollments.update_one(
        {"_id": changed}, {"$set": {"status": "failed", "updatedAt": clock.utcnow()}}
    )
    synced()
    first, second = record.at(1), record.at(2)
    assert record.undo(to=1, by="test").state("lms") == first.state("lms") != second.state("lms")
    summary, _ = synced()
    assert summary.counts["rosters"].changed == 1


def test_a_row_whose_document_is_refused_now_stays(cadence: Lines, lms_database: Any) -> None:
    synced()
    broken, gone = (each["_id"] for each in cadence["classenrollments"][:2])
    lms_database.classenrollments.update_one({"_id": broken}, {"$set": {"gradePercentage": []}})
    lms_database.classenrollments.update_one({"_id": broken}, {"$set": {"gradePercentage": {"of": 1}}})
    lms_database.classenrollments.delete_one({"_id": gone})
    summary, _ = synced()
    assert [(each.source, each.what) for each in summary.refusals] == [(f"classenrollments {broken}", "rosters")]
    assert summary.unbalanced == []
    assert len(rows("rosters", "id")) == 18


def test_a_refresh_asks_at_most_as_often_as_it_is_set(cadence: Lines, lms_database: Any) -> None:
    assert sources.refresh_if_due()
    lms_database.learningevents.insert_one(
        {**cadence["learningevents"][0], "_id": ObjectId(), "updatedAt": clock.utcnow()}
    )
    assert not sources.refresh_if_due()
    assert sources.refresh_if_due(timedelta(0))
    assert len(rows("events", "id")) == 435


def test_an_lms_that_is_away_stops_no_report(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_LMS_URI", "mongodb://127.0.0.1:9/lms?serverSelectionTimeoutMS=100")
    get_settings.cache_clear()
    assert not sources.refresh_if_due()


def test_only_who_manages_content_may_read_the_lms(people: Any) -> None:
    for ask in (sources.check, lambda by: sources.syncing(by).__enter__()):
        with pytest.raises(ForbiddenError):
            ask(people.owner)


def test_the_terminal_checks_and_syncs(cadence: Lines, mongo: str, database_name: str, lms_database: Any) -> None:
    def run(*arguments: str) -> Any:
        disconnect()
        try:
            return CliRunner().invoke(main, arguments, catch_exceptions=False)
        finally:
            connect(mongo, database_name)

    found = run("source", "check")
    assert found.exit_code == 0
    assert "rosters: 19 rows of 19 documents in classenrollments" in found.output
    assert "this was a dry run" in run("source", "sync", "--dry-run").output
    assert "Version 1 of the learning record." in run("source", "sync").output
    assert "There is nothing new." in run("source", "sync").output
    lms_database.classenrollments.update_one({}, {"$set": {"status": "on hold"}})
    unmapped = run("source", "check")
    assert unmapped.exit_code == 1
    assert "“on hold” stands 1 times" in unmapped.output
