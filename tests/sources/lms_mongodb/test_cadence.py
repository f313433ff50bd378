"""The reference LMS's data by the shipped mapping, beside plain counting over its files."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

import pytest

from tests.sources.lms_mongodb.staged import UTC, Record, everything_in
from webapp.sources.lms_mongodb.check import check
from webapp.sources.lms_mongodb.database import opened
from webapp.sources.lms_mongodb.mapping_file import load

pytestmark = pytest.mark.sample

Files = dict[str, list[dict[str, Any]]]
_STATUS = {"active": "in-progress"}


def test_class_enrollments_are_counted_by_class_department_and_status(cadence: Files, lms_uri: str) -> None:
    staged, _ = Record(lms_uri).sync()
    rosters, classes = staged.of("rosters"), {row["id"]: row for row in staged.of("classes")}
    assert len(rosters) == 19
    given = cadence["classenrollments"]
    assert Counter(row["class_id"] for row in rosters) == Counter(str(each["classId"]) for each in given)
    assert Counter(row["status"] for row in rosters) == Counter(_STATUS[each["status"]] for each in given)
    course_of = {each["_id"]: each["courseId"] for each in cadence["classes"]}
    department_of = {each["_id"]: str(each["departmentId"]) for each in cadence["courses"]}
    assert Counter(classes[row["class_id"]]["department_id"] for row in rosters) == Counter(
        department_of[course_of[each["classId"]]] for each in given
    )


def test_events_are_counted_by_type_and_learner(cadence: Files, lms_uri: str) -> None:
    events = Record(lms_uri).sync()[0].of("events")
    assert len(events) == 434
    assert Counter(row["event_type"] for row in events) == Counter(
        each["eventType"] for each in cadence["learningevents"]
    )
    assert len({row["learner_id"] for row in events}) == 4
    assert {row["timestamp"] for row in events} == {each["timestamp"] for each in cadence["learningevents"]}


def test_exam_results_have_the_average_and_the_median_of_the_files(cadence: Files, lms_uri: str) -> None:
    staged, _ = Record(lms_uri).sync()
    results = staged.of("results")
    scores = [row["score"] for row in results]
    assert (len(scores), statistics.mean(scores), statistics.median(scores)) == (40, 83.025, 84.5)
    assert Counter(row["status"] for row in results) == {"graded": 40}
    # The class in which the learner takes the content's course is that of the learner's events at the same content.
    told = {(row["learner_id"], row["content_id"]): row["class_id"] for row in staged.of("events") if row["content_id"]}
    assert all(row["class_id"] == told[row["learner_id"], row["content_id"]] for row in results)


def test_departments_are_a_tree_of_two_levels_below_its_root(cadence: Files, lms_uri: str) -> None:
    parents = {row["id"]: row["parent_id"] for row in Record(lms_uri).sync()[0].of("departments")}

    def level(each: str) -> int:
        return 0 if parents[each] is None else 1 + level(parents[each])

    assert Counter(level(each) for each in parents) == Counter(int(each["level"]) for each in cadence["departments"])


def test_people_have_names_numbers_roles_and_never_an_address(cadence: Files, lms_uri: str) -> None:
    people = Record(lms_uri).sync()[0].of("persons")
    assert {row["id"] for row in people} == {str(each["_id"]) for each in cadence["users"]}
    names = {
        str(each["_id"]): f"{each['person']['firstName']} {each['person']['lastName']}"
        for each in [*cadence["staffs"], *cadence["learners"]]
    }
    assert {row["id"]: row["name"] for row in people} == names
    assert sorted(row["number"] for row in people if row["number"]) == ["STU-1001", "STU-1002", "STU-1003", "STU-1004"]
    teaching = [each for each in cadence["staffs"] if "instructor" in repr(each["departmentMemberships"])]
    assert Counter(role for row in people for role in row["roles"]) == {"learner": 4, "instructor": len(teaching)}
    assert "@" not in repr(people)


def test_teachings_contents_and_attempts_are_those_of_the_files(cadence: Files, lms_uri: str) -> None:
    staged, _ = Record(lms_uri).sync()
    assert {(row["person_id"], row["class_id"]) for row in staged.of("teachings")} == {
        (str(person), str(each["_id"])) for each in cadence["classes"] for person in each["instructorIds"]
    }
    course_of = {str(each["contentId"]): str(each["courseId"]) for each in cadence["coursecontents"]}
    assert {row["id"]: row["course_id"] for row in staged.of("contents")} == course_of
    scorm = {each["_id"] for each in cadence["contents"] if each["type"] == "scorm"}
    assert {row["id"] for row in staged.of("attempts")} == {
        str(each["_id"]) for each in cadence["contentattempts"] if each["contentId"] in scorm
    }


def test_what_is_read_balances_and_nothing_is_refused_or_unmapped(cadence: Files, lms_uri: str) -> None:
    staged, _ = Record(lms_uri).sync()
    assert staged.refusals == []
    assert staged.notes == {}
    aside = Counter({table: count for (table, _), count in staged.aside.items()})
    assert staged.reads == staged.added + aside


def test_the_database_is_afterwards_as_it_was(cadence: Files, lms_uri: str, lms_database: Any) -> None:
    before = everything_in(lms_database)
    Record(lms_uri).sync()
    with opened(lms_uri) as lms:
        check(lms, "cadence", load("cadence").mapping, zone=UTC)
    assert everything_in(lms_database) == before


def test_a_check_names_every_unmapped_value_and_every_reference_that_leads_nowhere(
    cadence: Files, lms_uri: str, lms_database: Any
) -> None:
    with opened(lms_uri) as lms:
        found = check(lms, "cadence", load("cadence").mapping, zone=UTC)
    assert found.fits
    assert found.not_read == ["enrollments", "lookupvalues", "roledefinitions"]
    assert found.collections["scormattempts"] is None
    assert (found.rows("rosters"), found.rows("events"), found.rows("results")) == (19, 434, 40)

    first, second = (each["_id"] for each in cadence["classenrollments"][:2])
    lms_database.classenrollments.update_one({"_id": first}, {"$set": {"status": "on hold"}})
    gone = cadence["classenrollments"][1]["learnerId"]
    lms_database.learningevents.update_many({"eventType": "video-played"}, {"$set": {"eventType": "video-liked"}})
    lms_database.contents.delete_one({"_id": cadence["examresults"][0]["examId"]})
    lms_database.classenrollments.update_one({"_id": second}, {"$set": {"gradePercentage": {"of": 100}}})
    with opened(lms_uri) as lms:
        found = check(lms, "cadence", load("cadence").mapping, zone=UTC)
    assert not found.fits
    played = sum(each["eventType"] == "video-played" for each in cadence["learningevents"])
    assert {(each.values, each.word, each.count) for each in found.unmapped} == {
        ("enrollment-status", "on hold", 1),
        ("activity-events", "video-liked", played),
    }
    lost = {(each.table, each.column): each for each in found.nowhere}
    exam = cadence["examresults"][0]["examId"]
    assert lost["results", "content_id"].count == sum(each["examId"] == exam for each in cadence["examresults"])
    assert lost["results", "content_id"].first_ids == [str(exam)]
    assert [(each.id, each.reason) for each in found.refusals] == [(str(second), "score: a document is no number")]
    told = "\n".join(found.words())
    assert "on hold" in told
    assert str(exam) in told
    assert str(gone) not in told
