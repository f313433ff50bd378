"""Bundles through the record's own way in: compared, published, ended, and counted so that it balances."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.sources.oneroster.school import ALL_BULK, ENROLLMENTS, RESULTS, USERS, manifest, school, write
from webapp import record
from webapp.record import Summary
from webapp.sources.files import files_of
from webapp.sources.oneroster.rows import OneRosterSource

pytestmark = pytest.mark.usefixtures("settings")


def take(path: Path, *, is_dry: bool = False) -> Summary:
    with record.importing(source="oneroster", what=path.name, import_id=uuid.uuid4().hex, by="a test") as staging:
        OneRosterSource().read(files_of(path, path.name), staging)
        staging.compare()
        if not is_dry:
            staging.publish()
        return staging.summary


def rows(table: str, *columns: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = record.select(record.current(), table, ["key", "is_active", *columns]).to_pylist()
    return sorted(found, key=lambda row: str(row["key"]))


def test_a_school_is_taken_once_and_again_without_a_change(tmp_path: Path) -> None:
    first = take(school(tmp_path, manifest=ALL_BULK))
    assert (first.refused_count, first.unbalanced) == (0, [])
    assert first.counts["rosters"].added == 2
    [teacher] = [row["id"] for row in rows("persons", "id") if row["key"] == "t1"]
    assert rows("classes", "instructor_ids")[0]["instructor_ids"] == [teacher]
    again = take(tmp_path)
    assert (again.added, again.changed, again.ended, again.unbalanced) == (0, 0, 0, [])


def test_a_dry_run_of_a_bulk_file_that_lacks_rows_says_how_many_would_end(tmp_path: Path) -> None:
    take(school(tmp_path / "1", manifest=ALL_BULK))
    fewer = "\n".join(ENROLLMENTS.splitlines()[:2]) + "\n"
    summary = take(school(tmp_path / "2", manifest=ALL_BULK, enrollments=fewer), is_dry=True)
    assert (summary.counts["rosters"].ended, summary.counts["teachings"].ended) == (1, 1)
    assert [row["is_active"] for row in rows("rosters")] == [True, True]
    take(tmp_path / "2")
    assert [row["is_active"] for row in rows("rosters")] == [True, False]
    assert rows("classes", "instructor_ids")[0]["instructor_ids"] == []


def test_people_and_classes_that_are_not_there_are_refused_by_file_and_line(tmp_path: Path) -> None:
    enrollments = ENROLLMENTS + "n7,,,bio-1,elm,nobody,student,,,\nn8,,,zoo-1,elm,p1,student,,,\n"
    summary = take(school(tmp_path, manifest=ALL_BULK, enrollments=enrollments))
    assert sorted((each.source, each.line, each.value) for each in summary.refusals) == [
        ("enrollments.csv", 5, "nobody"),
        ("enrollments.csv", 6, "zoo-1"),
    ]
    assert summary.unbalanced == []


def test_a_delta_knows_what_earlier_bundles_brought(tmp_path: Path) -> None:
    take(school(tmp_path / "1", manifest=ALL_BULK))
    results = RESULTS.splitlines()[0] + "\nr2,active,2024-03-01T00:00:00.000Z,cells,p2,fully graded,10,2024-03-01,\n"
    enrollments = (
        ENROLLMENTS.splitlines()[0]
        + "\nn2,active,2024-03-01T00:00:00.000Z,bio-1,elm,p2,student,,2024-02-05,2024-05-01\n"
    )
    users = USERS.splitlines()[0] + "\np1,tobedeleted,2024-03-01T00:00:00.000Z,true,elm,student,iva,,Iva,S,,,,,,,,\n"
    modes = manifest(results="delta", enrollments="delta", users="delta")
    summary = take(
        write(tmp_path / "2", {"manifest": modes, "results": results, "enrollments": enrollments, "users": users})
    )
    assert (summary.refused_count, summary.unbalanced) == (0, [])
    assert [row["score"] for row in rows("results", "score")] == [75, 25]
    assert rows("rosters", "status")[1]["status"] == "withdrawn"
    assert [row["is_active"] for row in rows("persons")] == [False, True, True]


def test_a_refused_row_of_a_bulk_file_ends_nothing(tmp_path: Path) -> None:
    take(school(tmp_path / "1", manifest=ALL_BULK))
    bad = ENROLLMENTS.replace("p1,student,,2024-02-05", "p1,student,,someday")
    summary = take(school(tmp_path / "2", manifest=ALL_BULK, enrollments=bad))
    assert summary.refused_count == 1
    assert [row["is_active"] for row in rows("rosters")] == [True, True]
    assert summary.unbalanced == []


def test_what_is_set_aside_and_what_stands_twice_balances(tmp_path: Path) -> None:
    users = USERS + "g,,,true,elm,guardian,g,,G,G,,,,,,,,\np1,,,true,elm,student,x,,A,B,,,,,,,,\n"
    summary = take(school(tmp_path, manifest=ALL_BULK, users=users))
    assert summary.unbalanced == []
    assert (summary.counts["persons"].set_aside, summary.counts["persons"].refused) == (1, 1)


def test_made_courses_stay_while_their_classes_do(tmp_path: Path) -> None:
    take(school(tmp_path, manifest=ALL_BULK, courses=None))
    again = take(tmp_path)
    assert (again.added, again.changed, again.ended, again.unbalanced) == (0, 0, 0, [])
    assert [row["is_active"] for row in rows("courses")] == [True]
