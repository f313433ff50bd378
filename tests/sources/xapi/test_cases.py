"""What statements of real systems mean, case by case."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.xapi.gathering import ADL, CLASSES, HOME_PAGE, Gathered, read, statement
from webapp.record.ids import id_of
from webapp.sources.files import SourceFileError, files_of
from webapp.sources.registry import recognise
from webapp.sources.xapi.batches import event_id
from webapp.sources.xapi.source import XapiSource

CLASS = f"{HOME_PAGE}/class/g7"
QUIZ = "http://adlnet.gov/expapi/activities/assessment"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
SHORT_ID = "https://w3id.org/learning-analytics/learning-management-system/short-id"


def about(path: str, kind: str = "", **definition: Any) -> dict[str, Any]:
    found = definition | ({"type": kind} if kind else {})
    return {"id": f"{HOME_PAGE}/{path}"} | ({"definition": found} if found else {})


def in_class(iri: str = CLASS, place: str = "parent") -> dict[str, Any]:
    return {"contextActivities": {place: [{"id": iri}]}}


def test_a_statement_becomes_an_event_of_a_person_with_a_content_in_a_class(tmp_path: Path) -> None:
    given = statement(7, context=in_class(), object=about("page/rivers", name={"en": "Rivers"}))
    found = read(tmp_path, given)
    (event,), (person,), (content,) = found.events, found.of("persons"), found.of("contents")
    identity = f"account:{HOME_PAGE} noor"
    assert (person["id"], person["key"], person["name"]) == (id_of("xapi", "persons", identity), identity, "noor")
    assert (person["account_home"], person["account_name"], person["email"]) == (HOME_PAGE, "noor", None)
    assert content["key"] == f"{HOME_PAGE}/page/rivers"
    assert (content["name"], content["class_id"], content["course_id"]) == ("Rivers", "c" * 24, "d" * 24)
    assert event["id"] == hashlib.sha256(given["id"].encode()).hexdigest()[:24] == event_id(given["id"].encode())
    assert (event["learner_id"], event["content_id"], event["class_id"]) == (person["id"], content["id"], "c" * 24)
    assert (event["event_type"], event["verb"], f"{event['timestamp']:%F %T}") == (
        "content-viewed", None, "2026-02-03 08:07:00",
    )  # fmt: skip
    assert not found.refused
    assert not found.broken


def test_objects_whose_names_end_alike_are_different_contents(tmp_path: Path) -> None:
    paths = ("mod/quiz/view.php?id=3", "mod/page/view.php?id=3", "course/1/unit/9", "course/2/unit/9")
    found = read(tmp_path, *(statement(n, about=path) for n, path in enumerate(paths)))
    assert len({each["content_id"] for each in found.events}) == len(found.of("contents")) == 4


def test_a_quiz_whose_address_ends_like_a_class_leaves_enrollments_alone(tmp_path: Path) -> None:
    found = read(tmp_path, statement(1, "passed", object=about("quiz/g7", QUIZ), result={"success": True}))
    assert found.events[0]["event_type"] == "assessment-completed"
    assert not found.of("outcomes")


def test_accounts_of_two_systems_are_two_people(tmp_path: Path) -> None:
    actors = [{"account": {"homePage": f"https://{host}.example", "name": "12"}} for host in ("one", "two")]
    found = read(tmp_path, *(statement(n, actor=actor) for n, actor in enumerate(actors)))
    assert len(found.of("persons")) == 2


@pytest.mark.parametrize(
    ("actor", "key"),
    [
        ({"mbox": "mailto:Noor@Hill.example"}, "mbox:noor@hill.example"),
        ({"mbox": "MAILTO:noor@hill.example"}, "mbox:noor@hill.example"),
        ({"mbox_sha1sum": "A" * 40}, f"sha1:{'a' * 40}"),
        ({"openid": "https://id.example/noor"}, "openid:https://id.example/noor"),
        ({"objectType": "Group", "member": [{"mbox": "mailto:noor@hill.example"}]}, "mbox:noor@hill.example"),
    ],
)
def test_people_are_known_by_any_identifier(tmp_path: Path, actor: dict[str, Any], key: str) -> None:
    found = read(tmp_path, statement(actor=actor))
    assert [each["key"] for each in found.of("persons")] == [key]
    assert not found.broken


def test_a_group_of_several_is_set_aside_and_adds_nobody(tmp_path: Path) -> None:
    members = [{"mbox": "mailto:a@hill.example"}, {"mbox": "mailto:b@hill.example"}]
    found = read(tmp_path, statement(actor={"objectType": "Group", "member": members}))
    assert not found.events
    assert not found.of("persons")
    assert not found.refused
    assert [str(reason) for reason in found.aside] == ["its actor is a group: whose event it is, nobody can say"]
    assert found.counts["events"] == 1


def test_a_person_has_the_first_name_that_a_statement_gives(tmp_path: Path) -> None:
    account = {"account": {"homePage": HOME_PAGE, "name": "noor"}}
    named = [account, {**account, "name": "Noor Ali"}, {**account, "name": "N. Ali"}]
    found = read(tmp_path, *(statement(n, actor=actor) for n, actor in enumerate(named)))
    assert [each["name"] for each in found.of("persons")] == ["Noor Ali"]


def test_people_and_other_statements_as_objects_are_events_without_a_content(tmp_path: Path) -> None:
    inner = {
        "objectType": "SubStatement",
        "actor": {"mbox": "mailto:ida@hill.example"},
        "verb": {"id": f"{ADL}attempted"},
        "object": {"id": f"{HOME_PAGE}/p"},
    }
    objects = [
        {"objectType": "Agent", "mbox": "mailto:ida@hill.example"},
        {"objectType": "Group", "mbox": "mailto:team@hill.example"},
        {"objectType": "StatementRef", "id": "9e13cefd-53d3-4eac-b5ed-2cf6693903bb"},
        inner,
    ]
    found = read(tmp_path, *(statement(n, "mentored", object=each) for n, each in enumerate(objects)))
    assert [each["content_id"] for each in found.events] == [None] * 4
    assert {each["verb"] for each in found.events} == {f"{ADL}mentored"}
    assert not found.refused
    assert not found.broken
    assert len(found.of("persons")) == 1
    assert any("about a person or another statement" in note for note in found.notes)


def test_a_statement_without_an_id_is_known_again_by_its_content(tmp_path: Path) -> None:
    bare = statement(id=...)
    turned = dict(reversed(bare.items()))
    found = read(tmp_path, bare, turned, statement(id=..., about="page/other"))
    ids = [each["id"] for each in found.events]
    assert ids[0] == ids[1] != ids[2]
    assert not found.refused


def test_the_time_it_was_stored_stands_in_and_without_any_it_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, statement(timestamp=..., stored="2026-01-02T03:04:05Z"), statement(timestamp=...))
    assert [f"{each['timestamp']:%F}" for each in found.events] == ["2026-01-02"]
    assert [(line, str(reason)) for _, line, reason in found.refused] == [(2, "it has no timestamp")]


@pytest.mark.parametrize("kind", [VIDEO, QUIZ])
def test_terminated_ends_a_session_and_completes_nothing(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, statement(1, "terminated", object=about("x/1", kind)))
    assert [each["event_type"] for each in found.events] == ["session-ended"]


def test_a_voided_statement_is_no_event_of_its_own(tmp_path: Path) -> None:
    passed = statement(1, "passed", object={"id": CLASS}, result={"success": True})
    voiding = statement(2, "voided", object={"objectType": "StatementRef", "id": passed["id"].upper()})
    found = read(tmp_path, voiding, passed)
    assert [each["id"] for each in found.of("voids")] == [found.events[0]["id"]] == [event_id(passed["id"].encode())]
    assert [each["effect"] for each in found.of("outcomes")] == ["completed"]
    assert found.counts == {"events": 1, "voids": 1}
    assert not found.of("contents")


def test_voiding_an_activity_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, statement(1, "voided"))
    assert "no StatementRef" in found.refused[0][2]
    assert not found.of("persons")


@pytest.mark.parametrize(
    ("verb", "result", "effect", "event_type"),
    [
        ("registered", None, "registered", "enrollment-created"),
        ("passed", {"success": True}, "completed", "enrollment-completed"),
        ("completed", {"success": False}, "failed", "enrollment-completed"),
        ("failed", None, "failed", "enrollment-completed"),
        ("https://w3id.org/xapi/adl/verbs/satisfied", None, "completed", "enrollment-completed"),
        ("https://w3id.org/xapi/adl/verbs/abandoned", None, "withdrawn", "enrollment-withdrawn"),
        ("launched", None, "started", "enrollment-started"),
    ],
)
def test_statements_about_a_class_say_something_of_an_enrollment(
    tmp_path: Path, verb: str, result: dict[str, Any] | None, effect: str, event_type: str
) -> None:
    found = read(tmp_path, statement(1, verb, object={"id": CLASS}, result=result if result is not None else ...))
    (outcome,) = found.of("outcomes")
    assert (outcome["effect"], outcome["class_id"], outcome["id"]) == (effect, "c" * 24, found.events[0]["id"])
    assert (found.events[0]["event_type"], found.events[0]["content_id"]) == (event_type, None)


def test_cmi5_starts_once_and_a_unit_that_is_abandoned_or_waived_says_so(tmp_path: Path) -> None:
    context = {
        "registration": "4b0bd0a5-7a49-4b7c-9b3c-3a6dfc1f3c11",
        "contextActivities": {
            "category": [{"id": "https://w3id.org/xapi/cmi5/context/categories/cmi5"}],
            "grouping": [{"id": CLASS}],
        },
    }
    verbs = (
        "launched",
        "initialized",
        "completed",
        "passed",
        "terminated",
        "https://w3id.org/xapi/adl/verbs/abandoned",
        "https://w3id.org/xapi/adl/verbs/waived",
    )
    found = read(tmp_path, *(statement(n, verb, "au/one", context=context) for n, verb in enumerate(verbs)))
    types = [each["event_type"] for each in found.events]
    assert types == [
        "session-started", "content-started", "content-completed", "assessment-completed", "session-ended",
        "session-abandoned", "content-waived",
    ]  # fmt: skip
    assert {each["class_id"] for each in found.events} == {"c" * 24}
    assert not found.of("outcomes")


def test_a_class_is_known_by_its_short_id_in_the_context(tmp_path: Path) -> None:
    course = {"id": f"{HOME_PAGE}/course/view.php?id=88", "definition": {"extensions": {SHORT_ID: "GEO-7"}}}
    found = read(tmp_path, statement(context={"contextActivities": {"parent": course}}))
    assert found.events[0]["class_id"] == "c" * 24


def test_unknown_verbs_are_kept_and_counted(tmp_path: Path) -> None:
    found = read(
        tmp_path, statement(1, "https://x.example/verbs/juggled"), statement(2, "https://x.example/verbs/juggled")
    )
    assert {(each["event_type"], each["verb"]) for each in found.events} == {(None, "https://x.example/verbs/juggled")}
    assert next(count for note, count in found.notes.items() if "juggled" in note) == 2


@pytest.mark.parametrize(
    ("score", "value", "is_told"),
    [
        ({"scaled": 0.35}, 35, False),
        ({"scaled": -0.25}, -25, True),
        ({"raw": 12, "min": 0, "max": 16}, 75, False),
        ({"raw": 12, "max": 16}, 75, False),
        ({"raw": 2, "min": 1, "max": 5}, 25, False),
        ({"raw": 70}, None, True),
        ({"scaled": 1.5, "raw": 18, "max": 12}, 150, True),
        ({"scaled": 0}, 0, False),
    ],
)
def test_scores_are_percentages_or_said_to_be_none(
    tmp_path: Path, score: Any, value: float | None, is_told: bool
) -> None:
    found = read(tmp_path, statement(1, "scored", context=in_class(), result={"score": score}))
    assert found.events[0]["score"] == (pytest.approx(value) if value is not None else None)
    assert any("score" in note for note in found.notes) == is_told


def test_numbers_of_extensions_are_kept_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    extensions = {"https://x.example/clicks": 4, "https://x.example/who": "me", "https://x.example/li\0ght": 2}
    found = read(tmp_path, statement(result={"extensions": extensions}), statement(2))
    assert [each.get("data") for each in found.events] == [{"clicks": 4.0}, None]
    assert any("left out" in note for note in found.notes)
    assert [(line, str(rule)[:25]) for _, line, rule in found.broken] == [(1, "its result.extensions.htt")]


def test_one_bad_statement_leaves_the_others_alone_and_adds_nobody(tmp_path: Path) -> None:
    stranger = {"account": {"homePage": HOME_PAGE, "name": "stranger"}}
    bad = [
        statement(1, actor=stranger, timestamp="0001-01-01T00:00:00+05:00"),
        statement(2, actor=stranger, verb="x", object={}),
        statement(3, actor={"account": {"homePage": HOME_PAGE, "name": "a\0b"}}),
        [1, 2],
        7,
    ]
    found = read(tmp_path, *bad, statement(9))
    assert [each["key"] for each in found.of("persons")] == [f"account:{HOME_PAGE} noor"]
    assert len(found.events) == 1
    assert found.counts["events"] == 1 + len(found.refused) + sum(found.aside.values())


def test_what_is_known_already_keeps_its_name_and_class(tmp_path: Path) -> None:
    iri = f"{HOME_PAGE}/page/rivers"
    known = {iri: {"name": "Rivers", "content_type": "page", "class_id": "f" * 24, "course_id": None}}
    found = read(tmp_path, statement(context=in_class()), contents=known)
    (content,) = found.of("contents")
    assert (content["name"], content["class_id"], content["content_type"]) == ("Rivers", "f" * 24, "page")


def test_files_are_recognised_or_named_for_what_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "any.bin"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf [{"actor": {}, "verb": {}, "version": "1.0.3", "object": {}}]'))
    source, told = recognise(files_of(path))
    assert (source.name, told) == ("xapi", "xAPI 1.0.3")
    path.write_text('{"id": 4, "type": "StudentEnrollment", "workflow_state": "active"}', encoding="utf-8")
    with pytest.raises(SourceFileError, match="Canvas Data"):
        recognise(files_of(path))
    wide = tmp_path / "wide.json"
    wide.write_bytes(b'[{"actor": {}}]'.decode().encode("utf-16"))
    with pytest.raises(SourceFileError, match="UTF-16"):
        recognise(files_of(wide))
    with pytest.raises(SourceFileError, match="Canvas Data"):
        read_file(path)


def read_file(path: Path) -> None:
    from webapp.sources.xapi.source import XapiSource

    XapiSource().read(files_of(path), Gathered())  # type: ignore[arg-type]


@pytest.mark.parametrize("first", ['tail of one"}}', "null", "2026-02-03 INFO rotated", '{"id": "cut off", "actor": {'])
def test_a_file_whose_first_line_is_no_statement_is_read_all_the_same(tmp_path: Path, first: str) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text("\n".join([first, *(json.dumps(statement(number)) for number in (1, 2))]))
    files = files_of(path)
    staging = Gathered(classes=CLASSES)
    assert XapiSource().look(files) is not None
    XapiSource().read(files, staging)  # type: ignore[arg-type]
    assert len(staging.events) == 2
    assert [line for _, line, _ in staging.refused] == [1]


def test_a_page_of_an_answer_without_the_next_one_is_told_and_the_last_page_beside_it_is_enough(tmp_path: Path) -> None:
    first = {"statements": [statement(1), statement(2)], "more": "/xapi/statements?more=17"}
    last = {"statements": [statement(3)], "more": ""}
    alone = read(tmp_path, first)
    assert len(alone.events) == 2
    assert ["one page of a record store's answer" in str(reason) for _, _, reason in alone.refused] == [True]
    both = read(tmp_path, first, last)
    assert len(both.events) == 3
    assert both.refused == []
