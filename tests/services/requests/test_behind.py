"""A number leads to the question for the rows that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from bson import ObjectId

from tests.factories import People, make_job
from webapp import storage
from webapp.documents import ReportJob
from webapp.engine.result import Column, Result
from webapp.errors import NotFoundError
from webapp.renderers import kept_rows, page_result
from webapp.services.plain_text import folded
from webapp.services.questions import ways
from webapp.services.questions.period import CUSTOM, Period
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.requests.behind import NoRowsBehindError, rows_behind
from webapp.services.rights import data_scope
from webapp.settings import get_settings

COURSE, PROGRAM = ObjectId(), ObjectId()
DIMENSIONS = {
    "course": Column("course", "Course", "string", "text", "dimension"),
    "program": Column("program", "Program", "string", "text", "dimension"),
    "completion-status": Column("completion-status", "Completion", "string", "text", "dimension"),
    "status": Column("status", "Status", "string", "text", "dimension"),
    "row-type": Column("row-type", "Row", "string", "text", "dimension"),
}
COUNT = Column("count", "Count", "integer", "count", "measure")
Ask = Callable[..., ReportJob]


@pytest.fixture
def answered(people: People, tmp_path: Path) -> Ask:
    """A finished report: `rows` are [cell of each dimension…, count], `keys` what each is grouped by."""

    def make(
        request: ReportRequest, dimensions: tuple[str, ...], rows: list[list[Any]], keys: list[list[Any]] | None
    ) -> ReportJob:
        columns = (*(DIMENSIONS[key] for key in dimensions), COUNT)
        table = {f"c{n}": pa.array([row[n] for row in rows]) for n in range(len(columns))}
        if keys is not None:
            table |= {f"g{n}": pa.array([each[n] for each in keys], pa.string()) for n in range(len(keys[0]))}
        pyarrow.parquet.write_table(pa.table(table), tmp_path / "rows.parquet")
        result = Result(columns, tmp_path / "rows.parquet", len(rows), len(rows), {"count": 1}, None, ())
        kept_rows.write(result, tmp_path / "rows.arrow", folded)
        page_result.write(result, None, tmp_path / "page.json", has_all_rows=True)
        scope = data_scope.data_scope(people.owner).to_document()
        job = make_job(
            people.owner.id, status="ready", provenance={"scope": scope}, **ways.job_fields(request) | {"name": "Some"}
        )
        for name in ("rows.arrow", "page.json"):
            storage.open_storage(get_settings().effective_storage_url).put(
                tmp_path / name, f"reports/{job.id}/1/{name}"
            )
        job.update(set__output__storage={"provider": "local", "key": f"reports/{job.id}/1/file.csv"})
        return job.reload()

    return make


def request_for(*group_by: str, **more: Any) -> ReportRequest:
    return ReportRequest(report_type="completion-rates", group_by=group_by, measures=("count",), **more)


def test_the_rows_are_those_of_the_group_by_its_id_of_the_same_days_and_the_same_data(
    people: People, answered: Ask
) -> None:
    period = Period.of("last-30-days", date(2026, 3, 2))
    job = answered(
        request_for("course", "program", "completion-status", period=period, conditions=(Condition(field="score", operator="gt", value=1),)),
        ("course", "program", "completion-status"), [["Algebra", "BSc", "in progress", 3]],
        [[str(COURSE), str(PROGRAM), "in progress"]],
    )  # fmt: skip
    asked = rows_behind(people.owner, job.id, 0, 3)
    assert (asked.report_type, asked.detail, asked.group_by, asked.measures) == ("enrollment-summary", True, (), ())
    assert asked.course_ids == (COURSE,)
    assert asked.conditions == (
        Condition(field="score", operator="gt", value=1),
        Condition(field="program", operator="eq", value=str(PROGRAM)),
        Condition(field="completion-status", operator="eq", value="in progress"),
    )
    assert (asked.period.phrase, asked.period.first, asked.period.last) == (CUSTOM, period.first, period.last)
    assert asked.as_of_job_id == job.id


def test_a_state_is_asked_for_by_its_filter_which_says_it_in_words(people: People, answered: Ask) -> None:
    job = answered(request_for("status"), ("status",), [["failed", 2]], [["failed"]])
    asked = rows_behind(people.owner, job.id, 0, 1)
    assert (asked.statuses, asked.conditions) == (("failed",), ())


def test_a_group_without_a_value_is_asked_for_as_such(people: People, answered: Ask) -> None:
    job = answered(request_for("course"), ("course",), [[None, 2]], [[None]])
    assert rows_behind(people.owner, job.id, 0, 1).conditions == (Condition(field="course", operator="is-null"),)


def test_the_total_leads_to_all_rows_and_the_row_of_all_others_to_none(people: People, answered: Ask) -> None:
    job = answered(
        request_for("course", top=1), ("course", "row-type"),
        [["Algebra", "group", 3], ["Other", "other", 9]], [[str(COURSE)], [None]],
    )  # fmt: skip
    assert (rows_behind(people.owner, job.id, None, 2).course_ids, rows_behind(people.owner, job.id, None, 2).top) == (
        (),
        None,
    )
    with pytest.raises(NoRowsBehindError):
        rows_behind(people.owner, job.id, 1, 2)


def test_a_subtotal_is_of_the_groups_above_it_also_where_one_of_them_has_no_value(
    people: People, answered: Ask
) -> None:
    course = str(COURSE)
    rows = [("2026", "group"), (None, "group"), (None, "subtotal"), (None, "subtotal")]
    job = answered(
        request_for("course", "program", "completion-status", subtotals=True), ("course", "program", "completion-status", "row-type"),
        [["Algebra", None, term, kind, 1] for term, kind in rows],
        [[course, None, "2026"], [course, None, None], [course, None, None], [course, None, None]],
    )  # fmt: skip
    empty = Condition(field="program", operator="is-null")
    found = [rows_behind(people.owner, job.id, row, 4) for row in (2, 3)]
    assert [each.course_ids for each in found] == [(COURSE,), (COURSE,)]
    assert [each.conditions for each in found] == [(empty,), ()]


def test_what_is_no_number_or_not_to_be_seen_leads_nowhere(people: People, answered: Ask) -> None:
    job = answered(request_for("course"), ("course",), [["Algebra", 3]], [[str(COURSE)]])
    for row, place in ((0, 0), (0, 2), (5, 1)):
        with pytest.raises(NotFoundError):
            rows_behind(people.owner, job.id, row, place)
    with pytest.raises(NotFoundError):
        rows_behind(people.stranger, job.id, 0, 1)


def test_a_report_that_did_not_keep_its_groups_says_so(people: People, answered: Ask) -> None:
    job = answered(request_for("course"), ("course",), [["Algebra", 3]], None)
    with pytest.raises(NoRowsBehindError):
        rows_behind(people.owner, job.id, 0, 1)
