"""Learners with their classes, and those who are in none and did nothing: each for those who may count their rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
from bson import ObjectId

from tests.engine import organisations
from tests.factories import People, make_class, make_record
from webapp import record
from webapp.documents import User
from webapp.engine import runner
from webapp.engine.catalogue.tables import TABLES
from webapp.engine.query import Query
from webapp.services.questions import as_query
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.rights import data_scope

DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def rows_for(person: User, folder: Path, report_type: str = "last-access", **asked: Any) -> list[dict[str, Any]]:
    query = as_query.to_query(ReportRequest(report_type=report_type, **asked), data_scope.data_scope(person))
    files = record.current().files(as_query.tables_for(query))
    return runner.run(query, files, folder / "rows.parquet").first_rows()


def make_learners(people: People) -> None:
    """Of History: Ana, enrolled there and active; Ben, enrolled in Physics and active there; Cleo, in no class at all.
    Dan is of Physics, and was active in History's class without being enrolled; Eva is of no department; Tom teaches."""
    ids = {name: ObjectId() for name in ("Ana", "Ben", "Cleo", "Dan", "Eva", "Tom")}
    places = {"Dan": [people.other_department.id], "Eva": []}
    make_record(
        persons=[
            {"id": ids[name], "name": name, "number": name[0], "email": f"{name}@x.example".lower()}
            | {
                "roles": ["instructor" if name == "Tom" else "learner"],
                "department_ids": places.get(name, [people.department.id]),
            }
            for name in ids
        ]
    )
    history = make_class("History 1", code="H1", department=people.department, instructors=[ids["Tom"]])
    physics = make_class("Physics 1", code="P1", department=people.other_department)
    make_record(
        rosters=[
            {"learner_id": ids["Ana"], "class_id": history.id, "status": "in-progress", "enrolled_at": DAY},
            {"learner_id": ids["Ben"], "class_id": physics.id, "status": "in-progress", "enrolled_at": DAY},
        ],
        events=[
            {"learner_id": ids[name], "class_id": place.id, "event_type": "content-viewed", "timestamp": DAY}
            for name, place in (("Ana", history), ("Ben", physics), ("Dan", history), ("Tom", history))
        ],
    )


def test_who_is_in_no_class_and_did_nothing_is_a_row_for_those_who_may_know_them(
    people: People, tmp_path: Path
) -> None:
    make_learners(people)

    def told(person: User) -> dict[str, tuple[int, int, bool]]:
        keys = ("sum:events", "sum:enrollments", "max:last-activity")
        rows = rows_for(person, tmp_path)
        return {row["learner"]: (row[keys[0]], row[keys[1]], row[keys[2]] is not None) for row in rows}

    nowhere = (0, 0, False)
    assert told(people.administrator) == {
        "Ana": (1, 1, True), "Ben": (1, 1, True), "Cleo": nowhere, "Dan": (1, 0, True), "Eva": nowhere,
    }  # fmt: skip
    # What Ben did in Physics is not theirs to know: for History he did nothing.
    for person in (people.owner, people.manager):
        assert told(person) == {"Ana": (1, 1, True), "Ben": nowhere, "Cleo": nowhere, "Dan": (1, 0, True)}
    assert told(people.stranger) == {"Ben": (1, 1, True), "Dan": nowhere}


def test_absence_is_asked_for_by_conditions(people: People, tmp_path: Path) -> None:
    make_learners(people)
    never = Condition(field="last-activity", operator="is-null")
    nowhere = Condition(field="enrollments", operator="eq", value=0)
    shown = {"detail": True, "columns": ["learner", "department", "class", "last-activity"]}
    rows = rows_for(people.administrator, tmp_path, conditions=[never], **shown)
    assert [(row["learner"], row["department"], row["class"]) for row in rows] == [
        ("Cleo", "History", None), ("Eva", None, None),
    ]  # fmt: skip
    rows = rows_for(people.administrator, tmp_path, conditions=[nowhere], department_ids=[people.department.id])
    assert {row["learner"] for row in rows} == {"Cleo", "Dan"}


def test_rows_one_by_one_have_address_number_and_instructors_where_the_person_may_count_them(
    people: People, tmp_path: Path
) -> None:
    make_learners(people)
    columns = ["learner", "learner-number", "learner-email", "instructors"]
    for report_type in ("last-access", "enrollment-summary"):
        rows = rows_for(people.owner, tmp_path, report_type, detail=True, columns=columns)
        assert ["Ana", "A", "ana@x.example", "Tom"] in [list(row.values()) for row in rows]
    of_history = {row["learner-email"] for row in rows_for(people.owner, tmp_path, "enrollment-summary", detail=True, columns=columns)}  # fmt: skip
    assert of_history == {"ana@x.example"}


def test_contents_of_a_record_that_kept_no_due_dates_are_expected_at_any_time(tmp_path: Path) -> None:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["contents"] = [{"id": "q", "content_type": "assessment", "class_id": "k", "is_active": True}]
    tables["contents"][0]["due_at"] = datetime(2030, 1, 1, tzinfo=UTC)
    tables["enrollments"] = [
        {"id": "e", "learner_id": "l", "class_id": "k", "status": "in-progress", "is_active": True}
    ]
    files = organisations.write(tables, tmp_path)
    query = Query("missing-submissions", "submissions", dimensions=("status",), measures=("count",), moment=DAY)

    def found() -> dict[str, int]:
        return {row["status"]: row["count"] for row in runner.run(query, files, tmp_path / "rows.parquet").first_rows()}

    assert found() == {"not-due": 1}
    for path in files["contents"]:
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns(["due_at"]), path)
    assert found() == {"not-submitted": 1}
