"""Whoever may read one department gets nothing of another, whatever they write into the filters: in all twelve types."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.examples import rotated
from tests.factories import People, hold, make_record
from webapp import record
from webapp.documents import Department
from webapp.engine import runner
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.services.questions import as_query
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import data_scope

AT = datetime(2024, 3, 5, tzinfo=UTC)
MINE, THEIRS = "Ours", "Physicists only"


Rows = dict[str, list[dict[str, Any]]]


def taught(department: Department, instructor: Any, name: str) -> tuple[dict[str, Any], Rows]:
    """One of everything in `department`, whose names and numbers say `name`: the ids by kind, and the rows."""
    ids = {kind: ObjectId() for kind in ("program", "course", "class", "content")}
    mine = {"department_id": department.id}
    place = {"learner_id": instructor.id, "class_id": ids["class"]}
    rows: Rows = {
        "programs": [{"id": ids["program"], "name": f"{name} program", **mine}],
        "courses": [{"id": ids["course"], "name": f"{name} course", "program_id": ids["program"], **mine}],
        "classes": [
            {
                "id": ids["class"], "name": f"{name} class", "code": f"{name} class", "course_id": ids["course"],
                "program_id": ids["program"], "term": f"{name} term", "starts_at": AT, **mine,
            }
        ],
        "contents": [
            {"id": ids["content"], "name": f"{name} content", "content_type": f"{name} type", **mine},
            {"name": f"{name} essay", "content_type": "assessment", "class_id": ids["class"], **mine},
        ],
        "persons": [{"id": instructor.id, "name": instructor.name}],
        "teachings": [{"person_id": instructor.id, "class_id": ids["class"]}],
        "rosters": [{**place, "key": f"{name} enrollment", "status": "in-progress", "enrolled_at": AT}],
        "events": [{**place, "content_id": ids["content"], "event_type": "content-viewed", "timestamp": AT}],
        "results": [{**place, "content_id": ids["content"], "status": "graded", "score": 70, "submitted_at": AT}],
        "attempts": [{**place, "content_id": ids["content"], "key": f"{name} attempt", "status": "incomplete", "started_at": AT}],
        "certificates": [{**place, "name": f"{name} certificate", "issued_at": AT}],
    }  # fmt: skip
    return {"department": department.id, "class": ids["class"]}, rows


@pytest.fixture
def records(people: People) -> dict[str, Any]:
    _, ours = taught(people.department, people.owner, MINE)
    ids, theirs = taught(people.other_department, people.stranger, THEIRS)
    make_record(**{table: [*ours[table], *theirs[table]] for table in ours})
    return ids


def _by_hand(ids: dict[str, Any]) -> list[dict[str, Any]]:
    """Filters that name the other department's, as somebody could write them past the form."""
    return [
        {"conditions": [{"field": "department", "operator": "eq", "value": str(ids["department"])}]},
        {"conditions": [{"field": "class", "operator": "starts-with", "value": THEIRS}]},
        {"conditions": [{"field": "department", "operator": "in", "value": [str(ids["department"])]}]},
    ]


def test_a_department_reads_nothing_of_another(
    people: People, records: dict[str, Any], tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scope = data_scope.data_scope(people.owner)
    shapes = [
        (report_type, shape)
        for report_type, declared in REPORT_TYPES.items()
        for shape in ([{}, {"detail": True}] if declared.detail else [{}])
    ]
    for turn, (report_type, shape) in enumerate(shapes):
        # Types share their datasets: in the short run each has another filter than the one before it.
        for filters in [{}, *rotated(_by_hand(records), turn)]:
            asked = ReportRequest(report_type=report_type, **shape, **filters, include_inactive=True)
            query = as_query.to_query(asked, scope)
            files = record.current().files(as_query.tables_for(query))
            with subtests.test(report_type, shape=shape, filters=filters):
                result = runner.run(query, files, tmp_path / "rows.parquet")
                rows = result.first_rows(50)
                assert THEIRS not in str(rows)
                # Without filters all of one's own, and that alone.
                matched = 0 if filters else 1
                assert (result.rows_matched, len(rows) > 0) == (matched, not filters)


def test_an_instructor_reads_nothing_of_other_classes(people: People, records: dict[str, Any], tmp_path: Path) -> None:
    hold(people.owner, ["instructor"]).save()
    scope = data_scope.data_scope(people.owner)
    for report_type in REPORT_TYPES:
        query = as_query.to_query(ReportRequest(report_type=report_type), scope)
        files = record.current().files(as_query.tables_for(query))
        result = runner.run(query, files, tmp_path / "rows.parquet")
        assert result.rows_matched == 1, report_type
        assert THEIRS not in str(result.first_rows(50))
