"""Rules of the standard that do not hold: told with file and line, and what can be read is taken all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.oneroster.plain_staging import read
from tests.sources.oneroster.school import ALL_BULK, SCHOOL, USERS, manifest, school, write
from webapp.sources.files import SourceFileError

pytestmark = pytest.mark.usefixtures("settings")


def test_a_bundle_as_the_standard_wants_it_breaks_no_rule(tmp_path: Path) -> None:
    staging = read(school(tmp_path, manifest=ALL_BULK))
    assert (staging.broken, staging.refused) == ([], [])


@pytest.mark.parametrize(
    ("file", "given", "instead", "line", "told"),
    [
        ("orgs", "district,VD", "kingdom,VD", 2, "type “kingdom” is none of department"),
        ("orgs", "name,type", "type,name", 1, "not in the order"),
        ("orgs", "identifier,", "Identifier,", 1, "the heading Identifier: the standard writes identifier"),
        ("orgs", "EL,vale", "EL,hill", 3, "parentSourcedId hill: there is no such row in orgs.csv"),
        ("academicSessions", "term,2024", "quarter,2024", 2, "type “quarter”"),
        ("academicSessions", ",2024\n", ",MMXXIV\n", 2, "schoolYear MMXXIV is not a year"),
        ("academicSessions", "2024-06-28", "2024-01-28", 2, "is before startDate"),
        ("courses", "elm,,", "elm lodge,,", 2, "letters that a sourcedId must not have"),
        ("courses", "elm,,", ",,", 2, "orgSourcedId is empty"),
        ("courses", "subjectCodes", "codes", 1, "none of OneRoster's: codes"),
        ("classes", "scheduled", "Scheduled", 2, "the standard writes scheduled"),
        ("classes", "elm,spring", "elm,autumn", 2, "termSourcedIds autumn: there is no such row"),
        ("classes", "bio,B1", "zoo,B1", 2, "courseSourcedId zoo: there is no such row"),
        ("users", "p1,,,true", "p1,,,TRUE", 2, "enabledUser TRUE: the standard writes true or false"),
        ("users", "p1,,,", "p1,active,,", 2, "status is given in a bulk file"),
        ("users", ",iva,", ",,", 2, "username is empty"),
        ("users", "example,,,,,\np2", "example,,,nobody,,\np2", 2, "agentSourcedIds nobody: there is no such row"),
        ("users", "Odd,", 'O"dd,', 3, "a quotation mark stands in a cell"),
        ("enrollments", "true,,", "first,,", 4, "primary first: the standard writes true or false"),
        ("enrollments", "elm,p1", "oak,p1", 2, "schoolSourcedId oak: there is no such row"),
        ("categories", "Quizzes", "", 2, "title is empty"),
        ("lineItems", "quizzes,", "essays,", 2, "categorySourcedId essays: there is no such row"),
        ("lineItems", "2024-02-19", "19.2.2024", 2, "dueDate 19.2.2024 is not a day"),
        ("results", "2024-02-19", "", 2, "scoreDate is empty"),
    ],
)
def test_what_a_bulk_bundle_gets_wrong_is_told_and_taken(
    tmp_path: Path, file: str, given: str, instead: str, line: int, told: str
) -> None:
    assert given in SCHOOL[file]
    staging = read(school(tmp_path, manifest=ALL_BULK, **{file: SCHOOL[file].replace(given, instead, 1)}))
    assert any(each[:2] == (f"{file}.csv", line) and told in each[2] for each in staging.broken), staging.told
    assert len(staging.tables["persons"]) == 3
    # A due day that is none takes neither the line item nor its results away.
    due_at = staging.tables["contents"]["cells"]["due_at"]
    assert (due_at is None) == (instead == "19.2.2024")
    assert not staging.refused


@pytest.mark.parametrize(
    ("status", "moment", "told"),
    [
        ("", "2024-03-01T08:00:00.000Z", "status is empty; every row of a delta needs it"),
        ("active", "", "dateLastModified is empty"),
        ("active", "1 March", "dateLastModified 1 March is not a moment"),
        ("active", "2024-02-30T08:00:00.000Z", "is not a moment"),
    ],
)
def test_rows_of_a_delta_need_their_life(tmp_path: Path, status: str, moment: str, told: str) -> None:
    users = USERS.replace("p1,,,", f"p1,{status},{moment},")
    staging = read(school(tmp_path, users=users, manifest=ALL_BULK.replace("file.users,bulk", "file.users,delta")))
    assert any(each[:2] == ("users.csv", 2) and told in each[2] for each in staging.broken), staging.told


@pytest.mark.parametrize(
    ("changes", "file", "told"),
    [
        ({"manifest": ALL_BULK.replace("propertyName", "PropertyName")}, "manifest.csv", "the heading is PropertyName"),
        ({"manifest": ALL_BULK.replace("file.users,bulk", "file.users,absent")}, "manifest.csv", "users.csv is there"),
        (
            {"manifest": ALL_BULK.replace("file.demographics,absent", "file.demographics,bulk")},
            "manifest.csv",
            "missing",
        ),
        ({"manifest": ALL_BULK + "file.users,bulk\n"}, "manifest.csv", "stands in the manifest already"),
        ({"manifest": ALL_BULK + "file.pets,bulk\n"}, "manifest.csv", "none of OneRoster's"),
        ({"manifest": ALL_BULK.replace("file.resources,absent\n", "")}, "manifest.csv", "lacks: file.resources"),
        ({"manifest": ALL_BULK.replace("version,1.0", "version,2.0")}, "manifest.csv", "manifest.version is 2.0"),
        ({"pets": "sourcedId\nrex\n"}, "pets.csv", "none of OneRoster's, left out"),
        ({"courses": None}, "classes.csv", "courseSourcedId refers to courses.csv"),
        ({"users": "metadata.x," + USERS.replace("\n", "\nx,", 3)}, "users.csv", "after one of metadata: sourcedId"),
        ({"users": USERS.replace("sourcedId,", "SourcedID,", 1)}, "users.csv", "the heading SourcedID"),
    ],
)
def test_what_is_wrong_with_the_bundle_itself_is_told(
    tmp_path: Path, changes: dict[str, str | None], file: str, told: str
) -> None:
    staging = read(school(tmp_path, **{"manifest": ALL_BULK, **changes}))
    assert any(each[0] == file and told in each[2] for each in staging.broken), staging.told


def test_of_many_alike_a_few_are_told_and_the_rest_are_counted(tmp_path: Path) -> None:
    users = USERS + "".join(f"s{n},,,TRUE,elm,student,s{n},,S,T,,,,,,,,\n" for n in range(20))
    staging = read(school(tmp_path, manifest=ALL_BULK, users=users))
    told = [each for each in staging.broken if "enabledUser" in each[2]]
    assert [each[1] for each in told] == [5, 6, 7, 8]
    assert told[-1][2].startswith("17 more rows like this")


def test_files_that_no_report_is_about_are_checked_and_never_repeated(tmp_path: Path) -> None:
    births = "sourcedId,status,dateLastModified,birthDate,sex\np1,,,on a Friday,male\nzz,,,2011-04-01,female\n"
    modes = {**dict.fromkeys(SCHOOL, "bulk"), "demographics": "bulk"}
    staging = read(school(tmp_path, manifest=manifest(**modes), demographics=births))
    assert ("demographics.csv", 2, "birthDate is not as the standard wants it") in staging.broken
    assert ("demographics.csv", 3, "sourcedId zz: there is no such row in users.csv") in staging.broken
    assert staging.aside["demographics", "of no use for reports"] == 2
    assert "Friday" not in staging.told


def test_a_manifest_that_says_there_is_nothing_is_a_whole_bundle(tmp_path: Path) -> None:
    staging = read(write(tmp_path / "1", {"manifest": manifest()}))
    assert not staging.tables
    assert staging.notes["by its manifest, the bundle holds nothing"] == 1
    with pytest.raises(SourceFileError, match="no file with rows"):
        read(write(tmp_path / "2", {"manifest": manifest(users="bulk")}))


def test_headings_of_widespread_exports_are_read_as_the_standards(tmp_path: Path) -> None:
    classes = "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId\nbio-1,elm,Biology one,spring,bio\n"
    staging = read(
        school(tmp_path, classes=classes, enrollments="classSourcedId,userSourcedId,role\nbio-1,t1,Lecturer\n")
    )
    assert staging.tables["classes"]["bio-1"]["term"] == "Spring"
    assert list(staging.tables["teachings"]) == ["bio-1 t1 teacher"]
    assert any("orgSourcedId, read as schoolSourcedId" in text for text in staging.notes)
