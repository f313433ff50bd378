"""An installation of before the lake: its documents as they were stored, then the record that is made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from webapp import record
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.services.record import carry_over
from webapp.services.record.carry_over import NotCarriedOverError

AT, LATER = datetime(2024, 3, 5, 9, tzinfo=UTC), datetime(2024, 6, 1, 12, tzinfo=UTC)
STAMPS = {"isActive": True, "createdAt": AT, "updatedAt": AT}


@pytest.fixture
def old(database: Any) -> dict[str, ObjectId]:
    """Two departments, a class that somebody with an account teaches, four learners, and what they did."""
    ids = {
        name: ObjectId()
        for name in (
            "top", "department", "program", "course", "class", "content", "teacher", "staff", "given", "told", "only",
            "gone", "r1", "r2", "r3", "event", "voided", "result", "attempt", "certificate",
        )
    }  # fmt: skip
    place = {
        "classId": ids["class"], "courseId": ids["course"], "departmentId": ids["department"],
        "programId": ids["program"],
    }  # fmt: skip

    def put(collection: str, which: str, /, **fields: Any) -> None:
        database[collection].insert_one({"_id": ids[which], **STAMPS, **fields})

    put("departments", "top", name="University", code="uni", externalId="uni")
    put("departments", "department", name="History", code="hist", parentId=ids["top"])
    put("programs", "program", name="BA History", code="BA", departmentId=ids["department"])
    put("courses", "course", name="History I", code="HIS1", departmentId=ids["department"], programId=ids["program"])
    put(
        "classes", "class", name="Spring", code="HIS1-S", externalId="spring", courseId=ids["course"],
        departmentId=ids["department"], programId=ids["program"], instructorIds=[ids["teacher"]], term="2024 spring",
        startsAt=AT, endsAt=LATER,
    )  # fmt: skip
    put("contents", "content", name="Essay", contentType="assessment", classId=ids["class"], resultRange=["0", "37.5"])
    put(
        "users", "teacher", name="Tom Ray", email="tom@x.example", passwordHash="x", roles=[],
        memberships=[{"departmentId": ids["department"], "roles": ["instructor"]}],
    )  # fmt: skip
    put(
        "users",
        "staff",
        name="Sue Staff",
        email="sue@x.example",
        passwordHash="x",
        roles=["system-admin"],
        memberships=[],
    )
    for name in ("given", "told", "only"):
        put("users", name, name=name.title(), roles=["learner"], externalId=f"s-{name}", email=f"{name}@x.example")
    put("users", "gone", name="Gone", roles=["learner"], isActive=False)
    put("enrollments", "r1", learnerId=ids["given"], **place, status="failed", score=31.5, passed=False, enrolledAt=AT)
    said = {"event": ids["event"], "effect": "completed", "at": LATER, "score": 88.0}
    put(
        "enrollments", "r2", learnerId=ids["told"], **place, status="completed", givenStatus="not-started", outcomes=[said],
        outcomeAt=LATER, completedAt=LATER, passed=True, score=88.0, externalId="e-told",
    )  # fmt: skip
    put(
        "enrollments", "r3", learnerId=ids["only"], **place, status="withdrawn", source="xapi", givenStatus="in-progress",
        outcomes=[{"event": ObjectId(), "effect": "withdrawn", "at": LATER}], outcomeAt=LATER, withdrawnAt=LATER,
    )  # fmt: skip
    of = {"learnerId": ids["told"], **place}
    put("learningevents", "event", **of, eventType="enrollment-completed", timestamp=LATER, data={"clicks": 3})
    put("learningevents", "voided", **of, verb="http://x.example/verbs/odd", timestamp=AT, isActive=False)
    database.voidedstatements.insert_one({"_id": ids["voided"], "at": LATER})
    put("assessmentresults", "result", **of, contentId=ids["content"], status="graded", score=75.0, submittedAt=AT)
    put("scormattempts", "attempt", **of, status="passed", attempt=2, score=90, startedAt=AT, passed=True)
    put(
        "certificates",
        "certificate",
        learnerId=ids["given"],
        departmentId=ids["department"],
        name="First aid",
        issuedAt=AT,
    )
    return ids


def rows(table: str, *columns: str) -> dict[str, tuple[Any, ...]]:
    found = record.select(record.current(), table, ["id", *columns]).to_pylist()
    return {row["id"]: tuple(row[column] for column in columns) for row in found}


def test_everything_is_carried_over_with_its_ids_and_counted(old: dict[str, ObjectId]) -> None:
    found = carry_over.run(TERMINAL)
    assert (found.refused, dict(found.differences)) == ({}, {})
    assert found.documents == found.rows
    assert found.documents == {
        "departments": 2, "programs": 1, "courses": 1, "classes": 1, "users": 5, "contents": 1, "enrollments": 3,
        "voidedstatements": 1, "assessmentresults": 1, "scormattempts": 1, "certificates": 1, "learningevents": 2,
    }  # fmt: skip
    text = {name: str(each) for name, each in old.items()}
    assert rows("departments", "name", "parent_id")[text["department"]] == ("History", text["top"])
    assert rows("classes", "key", "term", "instructor_ids", "ends_at")[text["class"]] == (
        "spring", "2024 spring", [text["teacher"]], LATER.replace(tzinfo=None),
    )  # fmt: skip
    persons = rows("persons", "name", "number", "roles", "is_active")
    assert set(persons) == {text[name] for name in ("teacher", "given", "told", "only", "gone")}
    assert persons[text["teacher"]] == ("Tom Ray", None, ["instructor"], True)
    assert persons[text["told"]] == ("Told", "s-told", ["learner"], True)
    assert not persons[text["gone"]][3]
    assert rows("contents", "lowest", "highest") == {text["content"]: ("0", "37.5")}
    states = rows("enrollments", "learner_id", "status", "score", "passed")
    assert states[text["r1"]] == (text["given"], "failed", 31.5, False)
    assert states[text["r2"]] == (text["told"], "completed", 88.0, True)
    assert {(each[0], each[1]) for each in states.values()} >= {(text["only"], "withdrawn")}
    events = rows("events", "event_type", "verb", "is_active", "data_clicks", "enrollment_id", "department_id")
    assert events[text["event"]] == ("enrollment-completed", None, True, 3.0, text["r2"], text["department"])
    assert events[text["voided"]][:3] == (None, "http://x.example/verbs/odd", False)
    assert rows("results", "score")[text["result"]] == (75.0,)
    assert rows("attempts", "attempt", "status")[text["attempt"]] == (2.0, "passed")
    assert rows("certificates", "name", "department_id")[text["certificate"]] == ("First aid", text["department"])


def test_a_second_time_adds_nothing_and_dropping_leaves_the_accounts(database: Any, old: dict[str, ObjectId]) -> None:
    carry_over.run(TERMINAL)
    again = carry_over.run(TERMINAL)
    assert sum(counts.added + counts.changed for counts in again.version.counts.values()) == 0
    assert again.is_whole
    carry_over.take_away_old(again, by=TERMINAL)
    assert set(again.dropped) >= {
        "programs", "courses", "classes", "contents", "enrollments", "learningevents", "assessmentresults",
        "scormattempts", "certificates", "voidedstatements",
    }  # fmt: skip
    assert carry_over.there() == []
    assert {each["name"] for each in database.users.find()} == {"Tom Ray", "Sue Staff"}
    assert database.departments.count_documents({}) == 2
    assert len(rows("persons")) == 5


def test_what_the_record_refuses_keeps_everything_where_it_is(database: Any, old: dict[str, ObjectId]) -> None:
    database.learningevents.insert_one({"_id": ObjectId(), **STAMPS, "timestamp": AT, "eventType": "login"})
    found = carry_over.run(TERMINAL)
    assert (found.is_whole, sum(found.refused.values())) == (False, 1)
    assert (found.documents["learningevents"], found.rows["learningevents"]) == (3, 2)
    with pytest.raises(NotCarriedOverError):
        carry_over.take_away_old(found, by=TERMINAL)
    assert database.learningevents.count_documents({}) == 3


ROSTER_OF_TODAY = {
    "orgs.csv": "sourcedId,type,name\nuni,university,The University\n",
    "classes.csv": "sourcedId,title,classType,courseSourcedId,schoolSourcedId,termSourcedIds\nspring,Spring,,,uni,\n",
    "users.csv": "sourcedId,role,givenName,familyName\ns-told,student,Tilda,Told\ns-new,student,Nia,New\n",
    "enrollments.csv": "sourcedId,classSourcedId,userSourcedId,schoolSourcedId,role\ne-told,spring,s-told,uni,student\n",
}


def test_the_same_roster_sent_again_finds_what_was_carried_over(old: dict[str, ObjectId], tmp_path: Path) -> None:
    carry_over.run(TERMINAL)
    before = {table: set(rows(table)) for table in ("persons", "classes", "departments", "enrollments")}
    for name, text in ROSTER_OF_TODAY.items():
        (tmp_path / name).write_text(text)
    with imports.importing(TERMINAL, {tmp_path: "roster"}) as done:
        assert not done.comparison.summary.refused
    after = {table: set(rows(table)) for table in before}
    assert len(after["persons"] - before["persons"]) == 1  # Nia
    assert {table: after[table] - before[table] for table in before if table != "persons"} == {
        "classes": set(), "departments": set(), "enrollments": set(),
    }  # fmt: skip
    assert rows("persons", "name")[str(old["told"])] == ("Tilda Told",)
    # What a statement decided of it still stands.
    assert rows("enrollments", "status")[str(old["r2"])] == ("completed",)
