"""The six questions of a registrar, asked as one asks them: from the home page, in six clicks at most each, on the demo.
The answers are right against plain loops over the rows that the demo gave, with nothing of the program in between."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson import ObjectId
from flask.testing import FlaskClient

from tests.web.conftest import Client
from tests.web.test_ask_ways import Fields
from webapp import clock, record
from webapp.demo import record_rows
from webapp.documents import ReportJob, User
from webapp.engine import runner
from webapp.services.questions import as_query, filter_choices, ways
from webapp.services.rights.data_scope import DataScope

#: Not the function of that name, which the package shows.
demo = importlib.import_module("webapp.demo.build")
MOST_CLICKS = 6
Row = dict[str, Any]
OPEN = ("not-started", "in-progress")


class Registrar:
    """At the home page, with a mouse whose clicks are counted."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.clicks = 0
        self.page = client.get("/").text

    def follow(self, address: str) -> None:
        assert f'href="{address}"' in self.page, address
        self.clicks += 1
        self.page = self.client.get(address).text
        self.sent = Fields(self.page).sent

    def choose(self, name: str, value: str, *, nth: int = 0) -> None:
        """One click opens a list, another takes something from it."""
        offered = re.findall(rf'<select[^>]* name="{name}"[^>]*>(.*?)</select>', self.page, re.DOTALL)
        assert f'value="{value}"' in offered[nth], (name, value)
        values = self.sent.getlist(name)
        values[nth : nth + 1] = [value]
        self.sent.setlist(name, values)
        self.clicks += 2

    def search(self, name: str, text: str) -> None:
        """One click into the field, one on what is found; between them one types."""
        found = self.client.get(f"/reports/new/choices/{name}?q={text}").json
        self.sent.setlist(name, [found[0]["value"]])
        self.clicks += 2

    def tick(self, name: str, value: str) -> None:
        assert re.search(rf'<input type="radio"[^>]* name="{name}" value="{value}"', self.page), value
        self.sent[name] = value
        self.clicks += 1

    def ask(self) -> ReportJob:
        self.clicks += 1
        answer = self.client.post("/reports/new", data=self.sent)
        assert answer.status_code == 303, re.findall(r"invalid-feedback[^>]*>([^<]*)", answer.text)
        assert self.clicks <= MOST_CLICKS
        return ReportJob.objects.get(id=answer.location.rsplit("/", 1)[1])


class College:
    """The rows that the demo gave, and what follows from them, in plain Python."""

    def __init__(self, given: dict[str, list[Row]]) -> None:
        self.given = given
        self.now = clock.utcnow()
        self.classes = {row["id"]: row for row in given["classes"]}
        self.departments = {row["id"]: row for row in given["departments"]}
        self.learners = {row["id"]: row for row in given["persons"]}
        self.done: dict[tuple[ObjectId, ObjectId], datetime] = {}
        for event in given["events"]:
            if not event["event_type"].startswith("enrollment-"):
                whose = (event["learner_id"], event["class_id"])
                self.done[whose] = max(self.done.get(whose, event["timestamp"]), event["timestamp"])

    def at_and_above(self, department_id: ObjectId | None) -> Iterator[str]:
        while department_id is not None:
            yield self.departments[department_id]["name"]
            department_id = self.departments[department_id]["parent_id"]

    def idle_days(self, roster: Row) -> int:
        last = self.done.get((roster["learner_id"], roster["class_id"]), roster["enrolled_at"])
        return (self.now - last).days

    def told(self, roster: Row) -> tuple[str, str]:
        return self.learners[roster["learner_id"]]["number"], self.classes[roster["class_id"]]["code"]


@pytest.fixture
def college(database: Any, monkeypatch: pytest.MonkeyPatch) -> College:
    given: dict[str, list[Row]] = {}

    class Noted(record_rows.Maker):
        def tables(self) -> Any:
            for table, rows, expected in super().tables():
                given[table] = [dict(row) for row in rows]
                yield table, given[table], expected

    monkeypatch.setattr(demo, "Maker", Noted)
    demo.build(scale=0.02)
    filter_choices.forget()
    return College(given)


@pytest.fixture
def registrar(college: College, as_person: Client) -> Callable[[], Registrar]:
    person = User.objects.get(email="registrar@demo.example")
    client = as_person(person)
    return lambda: Registrar(client)


def answer_of(job: ReportJob, college: College, folder: Path) -> list[Row]:
    """The rows of the file, by the keys of their columns."""
    query = as_query.to_query(ways.from_job(job), DataScope(), moment=college.now)
    files = record.current().files(as_query.tables_for(query))
    result = runner.run(query, files, folder / "rows.parquet")
    keys = [column.key for column in result.columns]
    rows = result.first_rows()
    return [dict(zip(keys, row.values(), strict=True)) for row in rows]


def test_six_questions_in_six_clicks_each(college: College, registrar: Callable[[], Registrar], tmp_path: Path) -> None:
    for question in (
        completion_by_department_last_term, transcript_of_one_learner, inactive_learners_of_one_course,
        overdue_enrollments, months_by_status, certificates_that_soon_expire,
    ):  # fmt: skip
        question(college, registrar(), tmp_path)


def completion_by_department_last_term(college: College, at: Registrar, folder: Path) -> None:
    at.follow("/reports/new")
    at.follow("/reports/new?type=department-overview")
    at.choose("period", "last-term")
    at.tick("format", "pdf")
    got = {row["department-tree"]: row for row in answer_of(at.ask(), college, folder)}

    over = [term for term in college.given["terms"] if term["ends_at"] < college.now]
    term = max(over, key=lambda each: each["ends_at"])["name"]
    every: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    for roster in college.given["rosters"]:
        place = college.classes[roster["class_id"]]
        if place["term"] == term:
            every.update(college.at_and_above(place["department_id"]))
            if roster["status"] == "completed":
                completed.update(college.at_and_above(place["department_id"]))
    assert {name: row["count"] for name, row in got.items()} == every
    assert {name: row["completion-rate"] for name, row in got.items()} == pytest.approx(
        {name: completed[name] / count for name, count in every.items()}
    )
    # By date of enrolling it was another number: many enroll before their term begins.
    whole = "Northgate College"
    assert 0.5 < completed[whole] / every[whole] < 1


def transcript_of_one_learner(college: College, at: Registrar, folder: Path) -> None:
    learner_id = Counter(roster["learner_id"] for roster in college.given["rosters"]).most_common(1)[0][0]
    at.follow("/reports/new")
    at.follow("/reports/new?type=transcript")
    at.search("learner", college.learners[learner_id]["number"])
    at.tick("format", "pdf")
    rows = answer_of(at.ask(), college, folder)

    own = [roster for roster in college.given["rosters"] if roster["learner_id"] == learner_id]
    expected = {(*college.told(each), each["status"], each.get("score")) for each in own}
    assert {(row["learner-number"], row["class"], row["status"], row["score"]) for row in rows} == expected
    assert len(rows) == len(own) > 10


def inactive_learners_of_one_course(college: College, at: Registrar, folder: Path) -> None:
    counted = Counter(
        college.classes[each["class_id"]]["course_id"]
        for each in college.given["rosters"]
        if each["status"] in OPEN and college.idle_days(each) >= 30
    )
    course_id = counted.most_common(1)[0][0]
    at.follow("/reports/new")
    at.follow("/reports/new?type=inactive-learners")
    at.choose("course", str(course_id))
    rows = answer_of(at.ask(), college, folder)

    expected = {
        (*college.told(each), college.idle_days(each))
        for each in college.given["rosters"]
        if each["status"] in OPEN
        and college.classes[each["class_id"]]["course_id"] == course_id
        and college.idle_days(each) >= 30
    }
    assert {(row["learner-number"], row["class"], row["days-since-activity"]) for row in rows} == expected
    assert expected


def overdue_enrollments(college: College, at: Registrar, folder: Path) -> None:
    at.follow("/reports/new")
    at.follow("/reports/new?type=overdue-enrollments")
    rows = answer_of(at.ask(), college, folder)

    open_ones = [each for each in college.given["rosters"] if each["status"] in OPEN]
    expected = {college.told(each) for each in open_ones if (college.now - each["enrolled_at"]).days > 60}
    assert {(row["learner-number"], row["class"]) for row in rows} == expected
    assert expected
    assert any(row["last-activity"] is None for row in rows), "those who did nothing are rows too"


def months_by_status(college: College, at: Registrar, folder: Path) -> None:
    at.follow("/reports/new?type=enrollment-summary")
    at.choose("group", "month")
    at.choose("slicer", "status")
    assert at.sent["format"] == "excel"
    job = at.ask()
    rows = answer_of(job, college, folder)

    zone = ZoneInfo(ways.from_job(job).time_zone)
    expected = Counter(
        (f"{each['enrolled_at'].astimezone(zone):%Y-%m}", each["status"]) for each in college.given["rosters"]
    )
    got = {
        (row["month"], status): row[f"count[{status}]"]
        for row in rows
        for status in {status for _, status in expected}
        if row[f"count[{status}]"]
    }
    assert got == expected


def certificates_that_soon_expire(college: College, at: Registrar, folder: Path) -> None:
    at.follow("/reports/new")
    at.follow("/reports/new?type=certification-status")
    at.choose("group", "department")
    rows = answer_of(at.ask(), college, folder)

    soon = college.now + timedelta(days=90)
    expected: Counter[str] = Counter()
    for each in college.given["certificates"]:
        revoked = each.get("revoked_at")
        if college.now < each["expires_at"] <= soon and not (revoked and revoked <= college.now):
            place = each.get("department_id") or college.classes[each["class_id"]]["department_id"]
            expected[college.departments[place]["name"]] += 1
    assert {row["department"]: row["count[expiring]"] for row in rows if row["count[expiring]"]} == expected
    assert len(expected) > 1


def test_missing_submissions_are_those_that_were_due(
    college: College, registrar: Callable[[], Registrar], tmp_path: Path
) -> None:
    at = registrar()
    at.follow("/reports/new")
    at.follow("/reports/new?type=missing-submissions")
    rows = answer_of(at.ask(), college, tmp_path)

    handed_in = {(each["learner_id"], each["content_id"]) for each in college.given["results"]}
    assessments = [each for each in college.given["contents"] if each["content_type"] == "assessment"]
    missing: dict[bool, set[tuple[str, ...]]] = {True: set(), False: set()}
    for roster in college.given["rosters"]:
        for each in assessments:
            of_class = each["class_id"] == roster["class_id"] and roster["status"] in OPEN
            if of_class and (roster["learner_id"], each["id"]) not in handed_in:
                missing[each["due_at"] <= college.now].add((*college.told(roster), each["name"]))
    got = {(row["learner-number"], row["class"], row["assessment"]) for row in rows}
    assert got == missing[True]
    assert missing[True]
    assert missing[False], "what is not due yet is there, and left out"
