"""Different things of one name are read apart, wherever a result shows them; written out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.engine import organisations
from webapp.engine import runner
from webapp.engine.catalogue.tables import TABLES
from webapp.engine.query import Filter, Query, Sort
from webapp.engine.result import Result

Rows = list[dict[str, Any]]

SCHOOLS = [
    {"id": "d1", "name": "Elm School", "key": "elm", "parent_id": "d0"},
    {"id": "d2", "name": "Oak School", "key": "oak", "parent_id": "d0"},
    {"id": "d3", "name": "Science", "key": "s1", "parent_id": "d1", "code": "SCI"},
    {"id": "d4", "name": "Science", "key": "s2", "parent_id": "d2", "code": "SCI"},
    {"id": "d0", "name": "District", "key": "all"},
]


def a_class(number: int, code: str = "7B", title: str = "Botany", school: str = "d1", **more: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "code": code, "name": title, "department_id": school, "key": f"sis-{number}", **more}


def enrolled(folder: Path, classes: Rows, *learners: str, more: dict[str, Rows] | None = None, **asked: Any) -> Result:
    """The answer about one learner in each class, and one more in the first."""
    folder.mkdir(exist_ok=True)
    places = [classes[0], *classes]
    who = learners or ("p1",) * len(places)
    rows = [
        {"id": f"e{n}", "class_id": place["id"], "learner_id": person, "status": "completed"}
        | {"department_id": place["department_id"], "course_id": place.get("course_id")}
        for n, (place, person) in enumerate(zip(places, who, strict=True))
    ]
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    tables |= {"classes": classes, "departments": SCHOOLS, "enrollments": rows} | (more or {})
    files = organisations.write(
        {name: [{"is_active": True} | row for row in found] for name, found in tables.items()}, folder
    )
    query = Query("enrollment-summary", "enrollments", **({"measures": ("count",)} | asked))
    return runner.run(query, files, folder / "rows.parquet")


def read(result: Result, key: str) -> list[Any]:
    return [row[key] for row in result.first_rows()]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([a_class(1), a_class(2, "7C")], ["7B", "7C"]),
        ([a_class(1), a_class(2, title="Zoology", school="d2")], ["7B · Botany", "7B · Zoology"]),
        ([a_class(1), a_class(2, school="d2")], ["7B · Elm School", "7B · Oak School"]),
        ([a_class(1, term="Fall"), a_class(2, term="Spring")], ["7B · Fall", "7B · Spring"]),
        ([a_class(1, term="Fall"), a_class(2)], ["7B", "7B · Fall"]),
        ([a_class(1), a_class(2)], ["7B · sis-1", "7B · sis-2"]),
        ([a_class(1) | {"key": "x"}, a_class(2) | {"key": "x"}], ["7B · c1", "7B · c2"]),
        # A title that is the code says nothing more.
        ([a_class(1, title="7B"), a_class(2)], ["7B", "7B · Botany"]),
        ([a_class(1, code=""), a_class(2, code="Botany", title="", school="d2")], ["Botany · Elm School", "Botany · Oak School"]),
        # Each as much as it needs.
        (
            [a_class(1), a_class(2, school="d2"), a_class(3, title="Zoology"), a_class(4, "8A")],
            ["7B · Botany · Elm School", "7B · Botany · Oak School", "7B · Zoology", "8A"],
        ),
    ],
)  # fmt: skip
def test_classes_of_one_code_are_read_with_what_tells_them_apart(
    tmp_path: Path, classes: Rows, expected: list[str]
) -> None:
    assert read(enrolled(tmp_path, classes, dimensions=("class",)), "class") == expected


def test_a_class_is_read_the_same_in_rows_subtotals_columns_details_and_the_chart(tmp_path: Path) -> None:
    classes = [a_class(1), a_class(2, title="Zoology"), a_class(3, "8A")]
    told = ["7B · Botany", "7B · Zoology", "8A"]
    above = enrolled(tmp_path / "above", classes, dimensions=("class", "status"), subtotals=True)
    assert read(above, "class") == [name for name in told for _ in ("group", "subtotal")]
    pivot = enrolled(tmp_path / "pivot", classes, slicers=("class",))
    sliced = {column.over: row for row in pivot.first_rows() for column in pivot.columns if column.over}
    assert [over[0] for over in sliced] == told
    assert [column.key for column in pivot.columns if column.over] == [f"count[{name}]" for name in told]
    assert [column.over_keys for column in pivot.columns if column.over] == [("c1",), ("c2",), ("c3",)]
    details = enrolled(tmp_path / "rows", classes, measures=(), fields=("class",), sort=(Sort("class"),))
    assert read(details, "class") == [told[0], *told]
    three = enrolled(tmp_path / "three", classes, dimensions=("class", "status", "term"))
    assert three.chart is not None
    assert three.chart.rows_path is not None
    assert pyarrow.parquet.read_table(three.chart.rows_path).column("c0").to_pylist() == told


def test_the_first_ones_and_those_that_fit_are_called_as_in_the_whole(tmp_path: Path) -> None:
    classes = [a_class(1), a_class(2, title="Zoology"), a_class(3, "8A")]
    top = enrolled(tmp_path / "top", classes, dimensions=("class",), top=1)
    assert read(top, "class") == ["7B · Botany", "Other"]
    fitting = (Filter("count", "gt", (1,)),)
    assert read(enrolled(tmp_path / "fit", classes, dimensions=("class",), results=fitting), "class") == ["7B · Botany"]
    last = enrolled(tmp_path / "last", classes, dimensions=("class",), sort=(Sort("class", True),), limit=2)
    assert read(last, "class") == ["8A", "7B · Zoology"]


def test_a_namesake_that_a_report_does_not_count_makes_no_name_longer(tmp_path: Path) -> None:
    classes = [a_class(1, term="Fall"), a_class(2, title="Zoology", term="Spring")]
    of_fall = (Filter("term", "eq", ("Fall",)),)
    assert read(enrolled(tmp_path / "groups", classes, dimensions=("class",), filters=of_fall), "class") == ["7B"]
    details = enrolled(tmp_path / "rows", classes, measures=(), fields=("class",), filters=of_fall)
    assert read(details, "class") == ["7B", "7B"]
    # Whoever looks for what is read by everybody finds both.
    found = (Filter("class", "contains", ("7b",)),)
    assert len(read(enrolled(tmp_path / "found", classes, dimensions=("class",), filters=found), "class")) == 2


def test_departments_of_one_name_are_told_by_what_is_above_them(tmp_path: Path) -> None:
    classes = [a_class(1, school="d3"), a_class(2, school="d4"), a_class(3, school="d1")]
    plain = enrolled(tmp_path / "plain", classes, dimensions=("department",))
    assert read(plain, "department") == ["Elm School", "Science · Elm School", "Science · Oak School"]
    tree = enrolled(tmp_path / "tree", classes, dimensions=("department-tree",))
    told = ["District", "Elm School", "Oak School", "Science · Elm School", "Science · Oak School"]
    assert read(tree, "department-tree") == told


def test_contents_of_one_title_are_told_by_their_class_and_courses_by_their_code(tmp_path: Path) -> None:
    courses = [{"id": f"k{n}", "name": "Botany", "code": f"BOT-{n}", "key": f"k{n}"} for n in (1, 2)]
    classes = [a_class(n, "7B", course_id=f"k{n}", school=f"d{n}") for n in (1, 2)]
    contents = [
        {"id": f"q{n}", "name": "Quiz 1", "class_id": f"c{n}", "course_id": f"k{n}", "key": f"q-{n}"} for n in (1, 2)
    ]
    contents += [{"id": "q3", "name": "Quiz 1", "course_id": "k1", "key": "q-3"}, {"id": "q4", "name": "Essay"}]
    more = {
        "courses": courses,
        "contents": contents,
        "results": [{"id": f"r{n}", "content_id": each["id"], "status": "graded"} for n, each in enumerate(contents)],
    }
    asked: dict[str, Any] = {"dataset": "assessments", "report_type": "assessment-results"}
    quizzes = of_results(tmp_path / "quizzes", classes, more, dimensions=("assessment",), **asked)
    # Two of classes of one code and one title: their schools; the third is of no class.
    told = ["Essay", "Quiz 1", "Quiz 1 · 7B · Elm School", "Quiz 1 · 7B · Oak School"]
    assert read(quizzes, "assessment") == told
    by_course = enrolled(tmp_path / "courses", classes, more=more, dimensions=("course",))
    assert read(by_course, "course") == ["Botany · BOT-1", "Botany · BOT-2"]


def of_results(folder: Path, classes: Rows, more: dict[str, Rows], **asked: Any) -> Result:
    folder.mkdir()
    tables: dict[str, Rows] = {name: [] for name in TABLES} | {"classes": classes, "departments": SCHOOLS} | more
    files = organisations.write(
        {name: [{"is_active": True} | row for row in found] for name, found in tables.items()}, folder
    )
    return runner.run(Query(measures=("count",), **asked), files, folder / "rows.parquet")


def test_people_have_their_number_beside_their_name_where_no_column_has_it(tmp_path: Path) -> None:
    persons = [
        {"id": "p1", "name": "Bea Roth", "number": "17", "key": "b"},
        {"id": "p2", "name": "Bea Roth", "number": "", "key": "b2"},
    ]
    classes = [a_class(1, instructor_ids=["p1"]), a_class(2, "8A", instructor_ids=["p2"])]
    more: dict[str, Any] = {"more": {"persons": persons}}
    who = ("p1", "p2", "p2")
    plain = enrolled(tmp_path / "rows", classes, *who, dimensions=("learner",), **more)
    assert [(row["learner"], row["learner-number"]) for row in plain.first_rows()] == [
        ("Bea Roth", "17"), ("Bea Roth", "b2"),
    ]  # fmt: skip
    told = ["Bea Roth · 17", "Bea Roth · b2"]
    pivot = enrolled(tmp_path / "pivot", classes, *who, slicers=("learner",), **more)
    assert [column.over[0] for column in pivot.columns if column.over] == told
    shown: dict[str, Any] = {"measures": (), "sort": (Sort("learner"),)}
    alone = enrolled(tmp_path / "alone", classes, *who, fields=("learner",), **shown, **more)
    assert read(alone, "learner") == [told[0], told[1], told[1]]
    both = enrolled(tmp_path / "both", classes, *who, fields=("learner", "learner-number"), **shown, **more)
    assert set(read(both, "learner")) == {"Bea Roth"}
    taught = enrolled(tmp_path / "taught", classes, *who, dimensions=("instructor",), **more)
    assert read(taught, "instructor") == told
