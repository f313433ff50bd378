"""What a bundle becomes: each thing that real rosters do, with the row that is right."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sources.oneroster.plain_staging import PlainStaging, read
from tests.sources.oneroster.school import ALL_BULK, CLASSES, ENROLLMENTS, ORGS, RESULTS, USERS, manifest, school, write
from webapp.record.ids import id_of
from webapp.sources.files import files_of
from webapp.sources.oneroster.rows import OneRosterSource

pytestmark = pytest.mark.usefixtures("settings")


def ref(table: str, key: str) -> str:
    return id_of("oneroster", table, key)


def test_a_school_becomes_rows_that_lead_to_one_another(tmp_path: Path) -> None:
    found = read(school(tmp_path)).tables
    assert {table: len(rows) for table, rows in found.items()} == {
        "departments": 2,
        "terms": 1,
        "courses": 1,
        "classes": 1,
        "persons": 3,
        "rosters": 2,
        "teachings": 1,
        "contents": 1,
        "results": 1,
    }
    assert found["departments"]["elm"]["parent_id"] == ref("departments", "vale")
    assert found["departments"]["vale"]["kind"] == "district"
    one = found["classes"]["bio-1"]
    assert (one["course_id"], one["department_id"], one["term"]) == (
        ref("courses", "bio"),
        ref("departments", "elm"),
        "Spring",
    )
    assert one["ends_at"] == datetime(2024, 6, 28, 23, 59, 59, tzinfo=UTC)
    iva = found["persons"]["p1"]
    assert (iva["name"], iva["number"], iva["email"]) == ("Iva Štern", "N-17", "iva@elm.example")
    assert (iva["roles"], iva["department_ids"]) == (["learner"], [ref("departments", "elm")])
    assert found["teachings"]["n3"]["person_id"] == ref("persons", "t1")
    assert found["contents"]["cells"] | {"lowest": "0", "highest": "40"} == found["contents"]["cells"]
    # The day is included.
    assert found["contents"]["cells"]["due_at"] == datetime(2024, 2, 19, 23, 59, 59, tzinfo=UTC)
    assert found["results"]["r1"]["score"] == 75
    assert found["results"]["r1"]["learner_id"] == ref("persons", "p1")


def test_whoever_leaves_before_the_class_is_over_has_withdrawn(tmp_path: Path) -> None:
    rosters = read(school(tmp_path)).tables["rosters"]
    assert (rosters["n1"]["status"], rosters["n1"]["withdrawn_at"]) == ("in-progress", None)
    assert (rosters["n2"]["status"], rosters["n2"]["withdrawn_at"]) == ("withdrawn", datetime(2024, 4, 12, tzinfo=UTC))
    stayed = ENROLLMENTS.replace("2024-04-12", "2024-06-28")
    assert read(school(tmp_path, enrollments=stayed)).tables["rosters"]["n2"]["status"] == "in-progress"


def test_days_are_those_of_the_organisation(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> None:
    from webapp.settings import get_settings

    settings_env.setenv("REPORTDESK_TIME_ZONE", "America/Los_Angeles")
    get_settings.cache_clear()
    found = read(school(tmp_path)).tables
    assert found["rosters"]["n1"]["enrolled_at"] == datetime(2024, 2, 5, 8, tzinfo=UTC)
    assert found["classes"]["bio-1"]["ends_at"] == datetime(2024, 6, 29, 6, 59, 59, tzinfo=UTC)


def test_a_class_without_its_course_is_one_of_its_own_title(tmp_path: Path) -> None:
    more = CLASSES + "bio-2,,,Biology two,,,B2,scheduled,,elm,spring,,,\n"
    staging = read(school(tmp_path, courses=None, classes=more))
    assert {key: row["name"] for key, row in staging.tables["courses"].items()} == {
        "bio": "Biology one",
        "class bio-2": "Biology two",
    }
    assert staging.tables["classes"]["bio-2"]["course_id"] == ref("courses", "class bio-2")
    assert staging.notes["courses that the bundle lacks, made of the title of a class"] == 2
    assert not staging.refused


def test_a_department_below_a_school_and_a_parent_that_is_not_there(tmp_path: Path) -> None:
    orgs = ORGS + "lab,,,Lab,department,LA,elm\nlost,,,Lost,school,LO,nowhere\nx,,,X,local,X,y\ny,,,Y,local,Y,x\n"
    staging = read(school(tmp_path, orgs=orgs))
    parents = {key: row["parent_id"] for key, row in staging.tables["departments"].items()}
    assert parents["lab"] == ref("departments", "elm")
    assert parents["lost"] is parents["x"] is parents["y"] is None
    assert staging.notes["organisations whose parent is not there, kept at the top"] == 1
    assert staging.notes["organisations that stand above themselves, kept at the top"] == 2


def test_capital_roles_and_enrollments_without_an_id(tmp_path: Path) -> None:
    enrollments = "classSourcedId,userSourcedId,role\nbio-1,p1,STUDENT\nbio-1,t1,Teacher\nbio-1,p1,student\n"
    staging = read(school(tmp_path, enrollments=enrollments, users=USERS.replace(",student,", ",Student,")))
    assert list(staging.tables["rosters"]) == ["bio-1 p1 student"]
    assert list(staging.tables["teachings"]) == ["bio-1 t1 teacher"]
    assert staging.tables["persons"]["p2"]["roles"] == ["learner"]
    assert staging.refused == [("enrollments.csv", 4, "the same person stands in the same class already")]
    assert "“STUDENT”: the standard writes student" in staging.told


def test_roles_and_places_of_1_2_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    users = "sourcedId,enabledUser,givenName,familyName,primaryOrgSourcedId\np1,true,Iva,S,vale\nt1,true,May,O,\ng,true,G,G,\n"
    roles = (
        "sourcedId,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
        "1,p1,primary,student,,,elm\n2,t1,primary,teacher,,,elm\n3,t1,secondary,student,,2020-01-01,vale\n"
        "4,g,primary,guardian,,,elm\n"
    )
    staging = read(write(tmp_path, {"orgs": ORGS, "users": users, "roles": roles}))
    persons = staging.tables["persons"]
    assert {key: row["roles"] for key, row in persons.items()} == {"p1": ["learner"], "t1": ["instructor"]}
    assert persons["p1"]["department_ids"] == [ref("departments", "vale"), ref("departments", "elm")]
    assert persons["t1"]["department_ids"] == [ref("departments", "elm")]
    assert staging.aside["persons", "people who neither learn nor teach"] == 1


def test_whoever_learns_by_enrollment_is_a_learner_whatever_users_csv_says(tmp_path: Path) -> None:
    staging = read(school(tmp_path, users=USERS.replace("elm,student,odd", "elm,administrator,odd")))
    assert staging.tables["persons"]["p2"]["roles"] == ["learner"]
    assert not staging.refused


def test_what_is_disabled_or_to_be_deleted_ends_the_person_alone(tmp_path: Path) -> None:
    users = USERS.replace("p1,,,true", "p1,,,false").replace("t1,,,true", "t1,tobedeleted,,true")
    staging = read(school(tmp_path, users=users))
    assert list(staging.active("persons")) == ["p2"]
    assert set(staging.active("rosters")) == {"n1", "n2"}
    assert set(staging.given) <= {
        *("departments", "terms", "courses", "classes", "persons", "rosters", "teachings", "contents", "results")
    }


def test_a_teaching_that_is_taken_back_and_a_person_who_moves(tmp_path: Path) -> None:
    staging = read(school(tmp_path / "1"))
    ended = ENROLLMENTS.replace("n3,,", "n3,tobedeleted,")
    read(
        school(tmp_path / "2", enrollments=ended, users=USERS.replace("true,elm,teacher", "true,vale,teacher")), staging
    )
    assert not staging.active("teachings")
    assert staging.tables["persons"]["t1"]["department_ids"] == [ref("departments", "vale")]


def test_a_sourced_id_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    staging = read(school(tmp_path, users=USERS + "p1,,,true,elm,student,x,,Another,One,,,,,,,,\n"))
    assert staging.refused == [("users.csv", 5, "the sourcedId p1 stands in line 2 already")]
    assert staging.tables["persons"]["p1"]["name"] == "Iva Štern"


def test_bulk_ends_what_is_no_longer_there_and_delta_does_not(tmp_path: Path) -> None:
    fewer = "\n".join(ENROLLMENTS.splitlines()[:2]) + "\n"
    staging = read(school(tmp_path / "1", manifest=ALL_BULK))
    read(school(tmp_path / "2", manifest=ALL_BULK, enrollments=fewer), staging)
    assert (list(staging.active("rosters")), list(staging.active("teachings"))) == (["n1"], [])
    staging = read(school(tmp_path / "1", manifest=ALL_BULK))
    delta = write(tmp_path / "3", {"manifest": manifest(enrollments="delta"), "enrollments": fewer})
    assert len(read(delta, staging).active("rosters")) == 2
    assert not staging.whole_tables


def test_without_a_manifest_nothing_ends_and_that_is_said(tmp_path: Path) -> None:
    staging = read(school(tmp_path / "1"))
    assert not staging.whole_tables
    assert staging.notes["no manifest: what the bundle does not name stays as it is"] == 1


def test_a_refused_row_of_a_bulk_file_ends_nothing(tmp_path: Path) -> None:
    staging = read(school(tmp_path / "1", manifest=ALL_BULK))
    bad = ENROLLMENTS.replace("n1,,,bio-1,elm,p1,student,,2024-02-05", "n1,,,bio-1,elm,p1,student,,05/02/2024")
    read(school(tmp_path / "2", manifest=ALL_BULK, enrollments=bad), staging)
    assert staging.refused == [("enrollments.csv", 2, "beginDate 05/02/2024 is not a day as YYYY-MM-DD")]
    assert "n1" in staging.active("rosters")


def test_a_delta_of_results_alone_knows_the_line_item_of_before(tmp_path: Path) -> None:
    staging = read(school(tmp_path / "1"))
    results = RESULTS.splitlines()[0] + "\nr2,active,2024-03-01T00:00:00.000Z,cells,p2,fully graded,50,2024-03-01,\n"
    read(write(tmp_path / "2", {"manifest": manifest(results="delta"), "results": results}), staging)
    assert not staging.refused
    assert staging.tables["results"]["r2"]["score"] == 125
    assert staging.tables["results"]["r2"]["class_id"] == ref("classes", "bio-1")


def test_a_delta_that_ends_a_person_of_1_2_needs_no_roles(tmp_path: Path) -> None:
    staging = read(school(tmp_path / "1"))
    users = "sourcedId,status,dateLastModified,enabledUser,givenName,familyName\np1,tobedeleted,2024-03-01T00:00:00Z,true,Iva,S\n"
    read(write(tmp_path / "2", {"manifest": manifest("1.2", users="delta"), "users": users}), staging)
    assert staging.tables["persons"]["p1"]["is_active"] is False
    assert staging.tables["persons"]["p1"]["roles"] == ["learner"]


@pytest.mark.parametrize(
    ("points", "status", "score"),
    [
        ("44", "fully graded", 110.0),
        ("", "submitted", None),
        ("13,2", "partially_graded", 33.0),
        ("-4", "exempt", -10.0),
    ],
)
def test_scores_keep_every_digit_and_what_lies_outside(
    tmp_path: Path, points: str, status: str, score: float | None
) -> None:
    shown = f'"{points}"' if "," in points else points
    staging = read(school(tmp_path, results=RESULTS.replace("fully graded,30", f"{status},{shown}")))
    assert staging.tables["results"]["r1"]["score"] == score
    assert not staging.refused


def test_who_tries_twice_has_two_attempts(tmp_path: Path) -> None:
    again = "".join(f"r{n},,,cells,p1,fully graded,{n},2024-02-2{n},\n" for n in range(2, 4))
    results = read(school(tmp_path, results=RESULTS + again)).tables["results"]
    assert [results[key]["attempt"] for key in ("r1", "r2", "r3")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("file", "given", "instead", "told"),
    [
        ("results", "fully graded", "marked", "scoreStatus “marked” is not known"),
        ("results", "cells", "atoms", "there is no line item atoms"),
        ("results", ",30,", ",thirty,", "score thirty is not a number"),
        ("enrollments", "p1,student", "p1,dancer", "role dancer is none of OneRoster's"),
        ("enrollments", "2024-02-05,2024-04-12", "2024-04-12,2024-02-05", "is before beginDate"),
        ("lineItems", "0,40", "40,40", "resultValueMax 40 is not above"),
        ("lineItems", "bio-1", "bio-9", "there is no class bio-9"),
        ("users", "p1,,,true", "p1,,,perhaps", "enabledUser perhaps is neither"),
        ("users", "p1,,,true", "p1,asleep,,true", "status asleep is neither"),
        ("users", "p1,,,true", ",,,true", "sourcedId is empty"),
        ("orgs", "elm,,,Elm", "el\0m,,,Elm", "a character that no text holds"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_file_and_line(
    tmp_path: Path, file: str, given: str, instead: str, told: str
) -> None:
    from tests.sources.oneroster.school import SCHOOL

    assert given in SCHOOL[file]
    staging = read(school(tmp_path, **{file: SCHOOL[file].replace(given, instead, 1)}))
    assert any(each[0] == f"{file}.csv" and each[1] > 1 and told in each[2] for each in staging.refused), staging.told


def test_what_was_read_became_something(tmp_path: Path) -> None:
    users = USERS + "g,,,true,elm,guardian,g,,G,G,,,,,,,,\np1,,,true,elm,student,x,,A,B,,,,,,,,\n"
    staging = PlainStaging()
    read(school(tmp_path, users=users, enrollments=ENROLLMENTS + "n4,,,bio-1,elm,g,proctor,,,\n"), staging)
    given = {table: len(rows) for table, rows in staging.given.items()}
    aside = sum(staging.aside.values())
    assert sum(staging.counts.values()) == sum(given.values()) + aside + len(staging.refused)
    assert staging.counts["persons"] == 5


def test_a_bundle_is_known_by_its_files_and_another_system_is_not(tmp_path: Path) -> None:
    source = OneRosterSource()
    assert source.look(files_of(school(tmp_path / "1"))) == source.label
    assert source.look(files_of(write(tmp_path / "2", {"users": "user_id,login_id\n1,a\n"}))) is None
    assert source.look(files_of(write(tmp_path / "3", {"notes.txt": "hello"}))) is None
