"""A part of a report counts the rows of that part alone, and of them none that its asker may not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, hold, make_class, make_record
from tests.services.rights.test_scope import MINE, THEIRS, taught
from webapp import record
from webapp.documents.burst import PartBy
from webapp.engine import runner
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.errors import InvalidRequestError
from webapp.services.questions import as_query, in_words
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import data_scope, parts
from webapp.services.rights.data_scope import DataScope, scope_in_words
from webapp.services.rights.parts import Part


@pytest.fixture
def records(people: People) -> dict[PartBy, tuple[ObjectId, ObjectId]]:
    """By kind of part, the owner's and the stranger's."""
    ours, rows = taught(people.department, people.owner, MINE)
    theirs, more = taught(people.other_department, people.stranger, THEIRS)
    make_record(**{table: [*rows[table], *more[table]] for table in rows})
    return {
        PartBy.DEPARTMENT: (ours["department"], theirs["department"]),
        PartBy.CLASS: (ours["class"], theirs["class"]),
        PartBy.INSTRUCTOR: (people.owner.id, people.stranger.id),
    }


def told(asked: ReportRequest, scope: DataScope, path: Path) -> tuple[int, str]:
    query = as_query.to_query(asked, scope)
    result = runner.run(query, record.current().files(as_query.tables_for(query)), path / "rows.parquet")
    return result.rows_matched, str(result.first_rows(50))


def test_each_kind_of_rows_counts_one_part_alone(
    people: People, records: Any, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    everything = data_scope.data_scope(people.administrator)
    one_of_each = {declared.dataset: key for key, declared in REPORT_TYPES.items()}
    asked = [(key, PartBy.DEPARTMENT) for key in one_of_each.values()]
    asked += [("enrollment-summary", by) for by in PartBy]
    for report_type, by in asked:
        with subtests.test(report_type, by=by):
            question = ReportRequest(report_type=report_type, part=Part(by, records[by][1]).text)
            matched, rows = told(question, everything, tmp_path)
            assert matched == 1
            assert MINE not in rows


@pytest.mark.parametrize("by", list(PartBy))
def test_what_somebody_may_not_read_they_do_not_get_as_a_part_either(
    people: People, records: Any, by: PartBy, tmp_path: Path
) -> None:
    scope = data_scope.data_scope(people.owner)
    asked = ReportRequest(report_type="enrollment-summary", part=Part(by, records[by][1]).text)
    with pytest.raises(InvalidRequestError, match="There is no part"):
        as_query.to_query(asked, scope)
    # Past the check, as a job does whose record moved on: the part takes away, and gives nothing.
    query = as_query.to_query(asked, scope, is_record_new=False)
    result = runner.run(query, record.current().files(as_query.tables_for(query)), tmp_path / "rows.parquet")
    assert result.rows_matched == 0
    assert THEIRS not in str(in_words.describe(asked, scope)), "nor its name"


@pytest.mark.parametrize(
    "text", ["department:", "department:xyz", "planet:0123456789abcdef01234567", "nonsense", "class:0"]
)
def test_a_part_that_is_none_has_no_rows_and_is_told(people: People, records: Any, text: str) -> None:
    everything = data_scope.data_scope(people.administrator)
    with pytest.raises(InvalidRequestError) as refused:
        as_query.to_query(ReportRequest(report_type="enrollment-summary", part=text), everything)
    assert list(refused.value.fields) == ["parameters.part"]
    assert parts.narrowed(everything, text).within == DataScope((), ())


def test_a_part_keeps_its_sub_departments_and_goes_through_the_database_and_back(people: People) -> None:
    scope = parts.narrowed(DataScope(), Part(PartBy.DEPARTMENT, people.faculty.id).text)
    assert scope.within is not None
    assert set(scope.within.department_ids or ()) == {str(people.faculty.id), str(people.department.id)}
    assert DataScope.from_document(scope.to_document()) == scope
    assert "within" not in DataScope((), ()).to_document(), "as documents of before have it"
    assert not scope.is_everything


def test_who_reads_all_of_a_part_reads_it_and_nobody_else_does(people: People) -> None:
    part = parts.narrowed(DataScope(), Part(PartBy.DEPARTMENT, people.faculty.id).text)
    assert data_scope.data_scope(people.manager).covers(part)
    assert data_scope.data_scope(people.administrator).covers(part)
    assert not data_scope.data_scope(people.owner).covers(part), "she reads a department below it alone"
    assert not data_scope.data_scope(people.other_manager).covers(part)


def test_whoever_teaches_a_class_reads_the_part_of_it_and_no_other(people: People) -> None:
    hold(people.stranger, ["instructor"]).save()
    own = make_class("Optics", department=people.other_department, instructors=[people.stranger.id])
    other = make_class("Waves", department=people.other_department)
    teacher = data_scope.data_scope(people.stranger)
    everything = data_scope.data_scope(people.administrator)
    assert teacher.covers(parts.narrowed(everything, Part(PartBy.CLASS, own.id).text))
    assert teacher.covers(parts.narrowed(everything, Part(PartBy.INSTRUCTOR, people.stranger.id).text))
    assert not teacher.covers(parts.narrowed(everything, Part(PartBy.CLASS, other.id).text))


def test_words_of_a_part_name_nothing_outside_of_it(people: People, records: Any) -> None:
    ours, theirs = records[PartBy.DEPARTMENT]
    both = data_scope.data_scope(people.administrator)
    part = parts.narrowed(both, Part(PartBy.DEPARTMENT, ours).text)
    asked = ReportRequest(report_type="enrollment-summary", part=Part(PartBy.DEPARTMENT, ours).text)
    asked = asked.model_copy(update={"department_ids": (ours, theirs), "class_ids": (records[PartBy.CLASS][1],)})
    said = {what: str(text) for what, text in in_words.describe(asked, part)}
    assert said["Only"] == "the department History, with those below it"
    assert "Physics" not in str(said)
    assert THEIRS not in str(said)
    assert str(scope_in_words(part)) == "departments: History"
    of_classes = DataScope((), (str(records[PartBy.CLASS][0]),), within=part.within)
    assert str(scope_in_words(of_classes)).endswith("as far as the person who asked may read them")


def test_a_question_of_several_departments_is_not_refused_to_a_part_of_it(people: People, records: Any) -> None:
    ours, theirs = records[PartBy.DEPARTMENT]
    part = Part(PartBy.DEPARTMENT, ours).text
    asked = ReportRequest(report_type="enrollment-summary", part=part, department_ids=(ours, theirs))
    scope = parts.narrowed(data_scope.data_scope(people.administrator), part)
    assert as_query.to_query(asked, scope).scope.within is not None
