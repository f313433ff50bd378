"""Importers: what they take, what they refuse and where, and that a second run changes nothing. On a real server."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from webapp.documents import AssessmentResult, Class, Content, Department, Enrollment, LearningEvent, User
from webapp.errors import InvalidRequestError
from webapp.importers import oneroster, xapi
from webapp.services.lookups import values as lookups
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL

BUNDLE = {
    "orgs": "sourcedId,status,name,type,identifier,parentSourcedId\nuni,active,Uni,district,,\n"
    "arts,active,Arts,department,ARTS,uni\nhist,active,History,department,HIST,arts\n",
    "academicSessions": "sourcedId,status,title,type,startDate,endDate\nt1,active,Spring,term,2024-01-01,2024-06-30\n",
    "courses": "sourcedId,status,title,courseCode,orgSourcedId\nc1,active,Course One,C1,hist\n",
    "classes": "sourcedId,status,title,courseSourcedId,classCode,schoolSourcedId,termSourcedIds\n"
    "k1,active,Class One,c1,C1-S,,t1\nk2,active,Lost,nowhere,,,\n",
    "users": "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,email\n"
    "s1,active,true,uni,student,s1,Ana,Ruiz,ANA@x.example\ns2,tobedeleted,true,uni,student,s2,Bo,Li,\n"
    "t1,active,true,hist,teacher,t1,Tom,Ray,\na1,active,true,uni,administrator,a1,Ada,Min,\n",
    "enrollments": "sourcedId,status,classSourcedId,userSourcedId,role,beginDate,endDate\n"
    "e1,active,k1,s1,student,2024-01-10,\ne2,active,k1,s2,student,2024-01-10,2024-02-01\n"
    "e3,active,k1,t1,teacher,,\ne4,active,k1,ghost,student,,\n",
    "lineItems": "sourcedId,status,title,classSourcedId,resultValueMin,resultValueMax\nl1,active,Essay,k1,0,20\n",
    "results": "sourcedId,status,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate\n"
    "r1,active,l1,s1,fully graded,15,2024-03-01\nr2,active,l1,s2,submitted,,2024-03-02\nr3,active,l1,s1,fully graded,25,\n",
}


def write_bundle(folder: Path, **changes: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {**BUNDLE, **changes}.items():
        (folder / f"{name}.csv").write_text("\ufeff" + text, encoding="utf-8")
    return folder


def statement(
    number: int, verb: str, about: str, *, actor: str = "s1", kind: str = "page", **more: Any
) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "actor": {"account": {"homePage": "https://lms.example", "name": actor}},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
        "object": {"id": f"https://lms.example/{about}", "definition": {"type": f"https://lms.example/type/{kind}"}},
        "timestamp": "2024-02-01T09:00:00Z",
        **more,
    }


def write_statements(path: Path, found: list[Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in found), encoding="utf-8")
    return path


def test_a_roster_becomes_departments_people_classes_enrollments_and_results(database: Any, tmp_path: Path) -> None:
    summary = imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster"))
    names = {each.id: each.name for each in Department.objects}
    assert {each.name: names.get(each.parent_id) for each in Department.objects} == {
        "Uni": None, "Arts": "Uni", "History": "Arts",
    }  # fmt: skip
    found = Class.objects.get(code="C1-S")
    assert found.department_id == Department.objects.get(code="HIST").id
    assert (f"{found.starts_at:%F}", f"{found.ends_at:%F}", found.term) == ("2024-01-01", "2024-07-01", "Spring")
    assert [User.objects.get(id=each).name for each in found.instructor_ids] == ["Tom Ray"]
    ana = User.objects.get(external_id="s1")
    assert (ana.name, ana.email, ana.roles, ana.password_hash) == ("Ana Ruiz", "ana@x.example", ["learner"], None)
    assert not User.objects.get(external_id="s2").is_active
    statuses = {each.external_id: each.status for each in Enrollment.objects}
    assert statuses == {"e1": "in-progress", "e2": "withdrawn"}
    results = {each.external_id: (each.status, each.score) for each in AssessmentResult.objects}
    assert results == {"r1": ("graded", 75.0), "r2": ("submitted", None), "r3": ("graded", 125.0)}
    told = {(each.source, each.line): each.reason for each in summary.refusals}
    assert told == {
        ("enrollments.csv", 5): "there is no user ghost",
    }
    notes = {text: count for text, count in summary.notes.items() if not text.startswith("no manifest")}
    assert notes == {
        "people who neither learn nor teach, left out": 1,
        "courses that the bundle lacks, made of the title of a class": 1,
        "scores outside their line item's range, kept": 1,
    }


def test_importing_again_changes_nothing_and_a_change_is_updated(database: Any, tmp_path: Path) -> None:
    imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster"))
    before = {name: list(database[name].find()) for name in ("users", "classes", "enrollments", "assessmentresults")}
    again = imports.import_oneroster(TERMINAL, tmp_path / "roster")
    assert (again.added, again.updated) == (0, 0)
    assert {name: list(database[name].find()) for name in before} == before
    changed = BUNDLE["users"].replace("Ana,Ruiz", "Ana,Ruiz-Vega")
    summary = imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster", users=changed))
    assert (summary.added, summary.updated) == (0, 1)
    assert User.objects.get(external_id="s1").name == "Ana Ruiz-Vega"


def test_a_zip_is_read_in_place(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "roster.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in BUNDLE.items():
            archive.writestr(f"deep/../{name}.csv", text)
    assert imports.import_oneroster(TERMINAL, path).of("enrollments").added == 2


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b")
    for path in (tmp_path, tmp_path / "x.csv", tmp_path / "none"):
        with pytest.raises(InvalidRequestError):
            oneroster.run(path)


def test_statements_become_events_and_move_enrollments(database: Any, tmp_path: Path) -> None:
    imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster"))
    parent = {"contextActivities": {"parent": [{"id": "https://lms.example/class/k1"}]}}
    found = [
        statement(1, "registered", "class/k1", kind="course"),
        statement(2, "experienced", "page-1", context=parent, result={"extensions": {"https://x/clicks": 4}, "duration": "PT1M30S"}),
        statement(3, "scored", "quiz-1", kind="quiz", context=parent, result={"score": {"scaled": 0.8}, "success": True}),
        statement(4, "completed", "movie", kind="video", context=parent),
        statement(5, "passed", "class/k1", kind="course", timestamp="2024-06-01T00:00:00Z", result={"success": True, "score": {"scaled": 0.9}}),
        statement(6, "frobnicated", "page-1", context=parent),
        statement(7, "experienced", "page-2", actor="newcomer"),
    ]  # fmt: skip
    summary = imports.import_xapi(TERMINAL, [write_statements(tmp_path / "s.ndjson", found)])
    assert (summary.of("statements").read, summary.of("statements").added) == (7, 7)
    events = {each.event_type: each for each in LearningEvent.objects(learner_id=User.objects.get(external_id="s1").id)}
    viewed = events["content-viewed"]
    assert (viewed.data, viewed.duration) == ({"clicks": 4}, 90.0)
    assert viewed.class_id == Class.objects.get(code="C1-S").id
    assert viewed.enrollment_id == Enrollment.objects.get(external_id="e1").id
    assert Content.objects.get(id=viewed.content_id).content_type == "page"
    assert events["assessment-graded"].score == 80.0
    assert "video-completed" in events
    assert events[None].verb.endswith("frobnicated")
    enrollment = Enrollment.objects.get(external_id="e1")
    assert (enrollment.status, enrollment.score, enrollment.passed) == ("completed", 90.0, True)
    assert f"{enrollment.enrolled_at:%F}" == "2024-01-10"  # the roster's day stands
    assert User.objects.get(external_id="account:https://lms.example newcomer").roles == ["learner"]
    assert summary.notes["events with the unknown verb frobnicated, kept without an event type"] == 1
    assert summary.notes["events of no known class"] == 1

    again = imports.import_xapi(TERMINAL, [tmp_path / "s.ndjson"])
    assert (again.added, again.updated) == (0, 0)
    roster = imports.import_oneroster(TERMINAL, tmp_path / "roster")
    assert (roster.added, roster.updated) == (0, 0)  # the roster does not undo what a statement has decided

    lookups.change("activity-event", "login", metadata={"xapiVerbs": [{"verb": "frobnicated"}]}, by=TERMINAL)
    assert list(imports.map_kept_verbs(TERMINAL).values()) == [1]
    assert LearningEvent.objects(event_type="login").count() == 1


def test_of_several_outcomes_the_latest_counts_in_whatever_order_they_come(database: Any, tmp_path: Path) -> None:
    imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster"))
    late = statement(1, "failed", "class/k1", kind="course", timestamp="2024-06-02T00:00:00Z")
    early = statement(2, "abandoned", "class/k1", kind="course", timestamp="2024-03-01T00:00:00Z")
    imports.import_xapi(TERMINAL, [write_statements(tmp_path / "late.ndjson", [late])])
    imports.import_xapi(TERMINAL, [write_statements(tmp_path / "early.ndjson", [early])])
    assert Enrollment.objects.get(external_id="e1").status == "failed"


@pytest.mark.parametrize("order", ["first", "last", "together"])
def test_voiding_takes_a_statement_and_what_it_caused_back_in_whatever_order(
    database: Any, tmp_path: Path, order: str
) -> None:
    imports.import_oneroster(TERMINAL, write_bundle(tmp_path / "roster"))
    passed = statement(1, "passed", "class/k1", kind="course", result={"success": True, "score": {"scaled": 0.9}})
    void = statement(2, "voided", "x", timestamp="2024-02-03T00:00:00Z")
    void["object"] = {"objectType": "StatementRef", "id": passed["id"]}
    sent = {"first": [[void], [passed]], "last": [[passed], [void]], "together": [[passed, void]]}[order]
    for number, each in enumerate(sent):
        imports.import_xapi(TERMINAL, [write_statements(tmp_path / f"{number}.ndjson", each)])
    enrollment = Enrollment.objects.get(external_id="e1")
    assert (enrollment.status, enrollment.score, enrollment.passed) == ("in-progress", None, None)
    (event,) = LearningEvent.objects
    assert (event.id, event.is_active) == (xapi.event_id(passed["id"]), False)
    assert Content.objects(content_type="assessment").count() == Content.objects.count()


def test_what_is_no_statement_is_refused_with_its_line_and_the_rest_is_taken(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.ndjson.gz"
    lines = [
        json.dumps(statement(1, "experienced", "p")), "{not json", "[]", "null", '"text"',
        json.dumps({**statement(2, "experienced", "p"), "timestamp": "yesterday"}),
        json.dumps({**statement(3, "experienced", "p"), "actor": {"name": "nobody"}}),
        json.dumps({**statement(4, "experienced", "p"), "timestamp": None}),
        "", json.dumps(statement(5, "experienced", "p")),
    ]  # fmt: skip
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines))
    summary = imports.import_xapi(TERMINAL, [path])
    assert summary.of("statements").added == 2
    assert [each.line for each in summary.refusals] == [2, 3, 4, 5, 6, 7, 8]


def test_an_array_of_statements_is_read_too(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps([statement(1, "experienced", "p"), statement(2, "experienced", "p")], indent=1))
    assert imports.import_xapi(TERMINAL, [path]).of("statements").added == 2
