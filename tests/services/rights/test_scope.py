"""Whoever may read one department gets nothing of another, whatever they write into the filters: in all twelve types."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, hold
from webapp import extract
from webapp.documents import (
    AssessmentResult,
    Certificate,
    Class,
    Content,
    Course,
    Department,
    Enrollment,
    LearningEvent,
    Program,
    ScormAttempt,
)
from webapp.engine import runner
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.catalogue.tables import TABLES
from webapp.services.questions import as_query
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import previews
from webapp.services.rights import data_scope

AT = datetime(2024, 3, 5, tzinfo=UTC)
MINE, THEIRS = "Ours", "Physicists only"


def teach(department: Department, instructor: Any, name: str) -> dict[str, Any]:
    """One of everything in `department`, whose names and numbers say `name`. Returns the ids by kind."""
    program = Program(name=f"{name} program", department_id=department.id).save()
    course = Course(name=f"{name} course", department_id=department.id, program_id=program.id).save()
    of_class = Class(
        name=f"{name} class", code=f"{name} class", course_id=course.id, department_id=department.id,
        program_id=program.id, instructor_ids=[instructor.id], term=f"{name} term", starts_at=AT,
    ).save()  # fmt: skip
    content = Content(name=f"{name} content", content_type=f"{name} type", department_id=department.id).save()
    place = {
        "learner_id": instructor.id, "class_id": of_class.id, "course_id": course.id, "department_id": department.id,
        "program_id": program.id,
    }  # fmt: skip
    Enrollment(**place, status="completed", external_id=f"{name} enrollment", enrolled_at=AT).save()
    LearningEvent(**place, content_id=content.id, event_type="content-viewed", timestamp=AT, updated_at=AT).save()
    AssessmentResult(**place, content_id=content.id, score=70, submitted_at=AT).save()
    ScormAttempt(**place, content_id=content.id, external_id=f"{name} attempt", started_at=AT).save()
    Certificate(**place, name=f"{name} certificate", issued_at=AT).save()
    return {"department": department.id, "class": of_class.id, "course": course.id, "learner": instructor.id}


@pytest.fixture
def records(people: People) -> dict[str, Any]:
    teach(people.department, people.owner, MINE)
    found = teach(people.other_department, people.stranger, THEIRS)
    extract.refresh(list(TABLES))
    return found


def _by_hand(ids: dict[str, Any]) -> list[dict[str, Any]]:
    """Filters that name the other department's, as somebody could write them past the form."""
    return [
        {"conditions": [{"field": "department", "operator": "eq", "value": str(ids["department"])}]},
        {"conditions": [{"field": "class", "operator": "starts-with", "value": THEIRS}]},
        {"conditions": [{"field": "department", "operator": "in", "value": [str(ids["department"])]}]},
    ]


@pytest.mark.parametrize("report_type", sorted(REPORT_TYPES))
def test_a_department_reads_nothing_of_another(
    people: People, records: dict[str, Any], report_type: str, tmp_path: Path
) -> None:
    scope = data_scope.data_scope(people.owner)
    shapes = [{}, {"detail": True}] if REPORT_TYPES[report_type].detail else [{}]
    for shape in shapes:
        for filters in [{}, *_by_hand(records)]:
            asked = ReportRequest(report_type=report_type, **shape, **filters, include_inactive=True)
            query = as_query.to_query(asked, scope)
            files = extract.snapshot(as_query.tables_for(query)).files
            result = runner.run(query, files, tmp_path / "rows.parquet")
            rows = previews.first_rows(result.rows_path, 50)
            assert THEIRS not in str(rows)
            if not filters:
                # Everything: all of one's own, and that alone.
                assert (result.rows_matched, len(rows) > 0) == (1, True)
            else:
                assert (result.rows_matched, rows) == (0, []), (report_type, shape, filters)


def test_an_instructor_reads_nothing_of_other_classes(people: People, records: dict[str, Any], tmp_path: Path) -> None:
    hold(people.owner, ["instructor"]).save()
    scope = data_scope.data_scope(people.owner)
    for report_type in REPORT_TYPES:
        query = as_query.to_query(ReportRequest(report_type=report_type), scope)
        files = extract.snapshot(as_query.tables_for(query)).files
        result = runner.run(query, files, tmp_path / "rows.parquet")
        assert result.rows_matched == 1, report_type
        assert THEIRS not in str(previews.first_rows(result.rows_path, 50))
