"""Whoever knows an id learns nothing by it: a record outside of one's data is told as one that does not exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from bson import ObjectId
from flask.testing import FlaskClient

from tests.factories import Learner, People, make_job, make_record, make_user
from tests.web.conftest import Client
from tests.web.test_pages import ask
from webapp.cli import report
from webapp.documents import Parameters, ReportJob, User
from webapp.errors import InvalidRequestError
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope

KINDS = ("department", "course", "class", "learner", "content")
FIELD_OF = {kind: "class_" if kind == "class" else kind for kind in KINDS}
#: The cast of this page, and whether the records of History are within their data.
READS_HISTORY = {
    "owner": True, "manager": True, "administrator": True, "instructor": True, "stranger": False, "other_manager": False,
}  # fmt: skip


@dataclass
class Place:
    """One of everything in a department, each with a name that is found nowhere else."""

    ids: dict[str, ObjectId] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    cast: dict[str, User] = field(default_factory=dict)


@pytest.fixture
def history(people: People) -> Place:
    instructor = make_user("ines instructor", ["instructor"], [people.other_department])
    course, of_class, content = ObjectId(), ObjectId(), ObjectId()
    learner = Learner(ObjectId(), "Zora Zephyr")
    mine = {"department_id": people.department.id}
    make_record(
        courses=[{"id": course, "name": "Zephyr course", "code": "ZC-1", **mine}],
        classes=[{"id": of_class, "name": "Zephyr class", "code": "ZK-1", "course_id": course, **mine}],
        teachings=[{"class_id": of_class, "person_id": instructor.id}],
        persons=[
            {
                "id": learner.id, "name": learner.name, "number": "ZL-1", "email": "zora@learn.example",
                "roles": ["learner"],
            }
        ],
        rosters=[{"learner_id": learner.id, "class_id": of_class, "status": "in-progress"}],
        contents=[{"id": content, "name": "Zephyr content", "class_id": of_class, **mine}],
    )  # fmt: skip
    filter_choices.forget()
    return Place(
        {
            "department": people.department.id, "course": course, "class": of_class, "learner": learner.id,
            "content": content,
        },
        {
            "department": ["History"], "course": ["Zephyr course", "ZC-1"], "class": ["Zephyr class", "ZK-1"],
            "learner": ["Zora Zephyr", "ZL-1", "zora@"], "content": ["Zephyr content"],
        },
        {name: getattr(people, name, instructor) for name in READS_HISTORY},
    )  # fmt: skip


def alike(text: str, *ids: ObjectId) -> str:
    """The page without what differs at each showing, and without the ids that were asked about."""
    for each in ids:
        text = text.replace(str(each), "ID")
    return re.sub(r'("(submission|csrf[-_]token)"[^>]*(value|content)=")[^"]*', "", text)


def answers(client: FlaskClient, kind: str, record_id: ObjectId) -> dict[str, Any]:
    """What everything answers that takes an id of this kind."""
    asked = ask(type="learner-activity", group=["month"], measure=["event-count"], **{FIELD_OF[kind]: [str(record_id)]})
    address = {**asked, "submission": ""}
    return {
        "address": client.get("/reports/new", query_string=address),
        "form": client.post("/reports/new/form", data=asked),
        "preview": client.post("/reports/new/preview", data=asked),
        "asked": client.post("/reports/new", data={**asked, "insist": "y", "submission": str(record_id)}),
    }


@pytest.mark.parametrize("person", READS_HISTORY)
def test_an_id_is_named_to_those_who_may_read_it_and_is_nothing_to_others(
    people: People, history: Place, as_person: Client, person: str
) -> None:
    client = as_person(history.cast[person])
    for kind in KINDS:
        unknown = ObjectId()
        found = answers(client, kind, history.ids[kind])
        if READS_HISTORY[person]:
            assert history.names[kind][0] in found["address"].text, kind
            assert found["asked"].status_code == 303, found["asked"].text
            assert "there is no" not in found["preview"].text, kind
            continue
        nothing = answers(client, kind, unknown)
        for where, answer in found.items():
            for name in history.names[kind]:
                assert name not in answer.text, (where, name)
            assert answer.status_code == nothing[where].status_code, where
            assert alike(answer.text, history.ids[kind]) == alike(nothing[where].text, unknown), where
        assert found["asked"].status_code == 422
        assert "there is no" in found["asked"].text, kind
    assert ReportJob.objects.count() == (len(KINDS) if READS_HISTORY[person] else 0)


def test_a_department_that_one_may_not_file_under_is_not_named(people: People, as_person: Client) -> None:
    client = as_person(people.stranger)
    texts = []
    for department_id in (people.department.id, ObjectId()):
        answer = client.post("/reports/new", data=ask(filed_under=str(department_id)))
        assert answer.status_code == 422
        texts.append(alike(answer.text, department_id))
    assert texts[0] == texts[1]
    assert "History" not in texts[0]


def test_twelve_hundred_ids_are_not_twelve_hundred_names(people: People, as_person: Client) -> None:
    ids = [str(ObjectId()) for _ in range(1_200)]
    make_record(persons=[{"id": each, "name": f"Nameless {n}", "roles": ["learner"]} for n, each in enumerate(ids)])
    for person, most in ((people.stranger, 0), (people.administrator, filter_choices.MOST_NAMED)):
        client = as_person(person)
        named = set(re.findall(r"Nameless \d+", client.post("/reports/new/form", data=ask(learner=ids)).text))
        assert len(named) <= most
        refused = client.post("/reports/new", data=ask(learner=ids))
        assert refused.status_code == 422
        assert "1,200 are chosen; at most 500 can be" in refused.text
    assert ReportJob.objects.count() == 0


def shared_job(people: People, history: Place, **fields: Any) -> ReportJob:
    filters = {f"{kind}_ids": [history.ids[kind]] for kind in KINDS if kind != "department"}
    asked = Parameters(group_by=["month"], measures=["event-count"], filters=filters)
    return make_job(
        people.owner.id, report_type="learner-activity", parameters=asked, visibility="organization",
        department_id=people.department.id, **fields,
    )  # fmt: skip


def test_a_shared_report_tells_the_names_that_its_reader_may_read_and_else_their_number(
    people: People, history: Place, as_person: Client
) -> None:
    job = shared_job(people, history)
    secret = [name for kind in KINDS if kind != "department" for name in history.names[kind]]
    told = as_person(people.owner).get(f"/reports/{job.id}").text
    assert all(history.names[kind][0] in told or "ZK-1" in told for kind in KINDS if kind != "department")
    for address in (f"/reports/{job.id}", f"/reports/{job.id}/live"):
        told = as_person(people.stranger).get(address).text
        assert [name for name in secret if name in told] == []
        assert told.count("1 chosen") == 4


def test_changing_a_shared_report_first_says_what_is_left_out_and_names_nobody(
    people: People, history: Place, as_person: Client
) -> None:
    job = shared_job(people, history)
    page = as_person(people.stranger).get(f"/reports/{job.id}/change", follow_redirects=True).text
    assert page.count("1 that was chosen does not exist here and is left out") == 4
    assert "Zora" not in page


def test_a_copy_of_a_shared_report_about_others_is_refused_as_if_they_did_not_exist(
    people: People, history: Place, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    asked = Parameters(group_by=["month"], measures=["event-count"], filters={"learner_ids": [history.ids["learner"]]})
    job = ready_job(report_type="learner-activity", parameters=asked, visibility="organization")
    client = as_person(people.stranger)
    for what, data in (("duplicate", {}), ("sibling", {"format": "json"})):
        answer = client.post(f"/reports/{job.id}/{what}", data=data)
        assert answer.status_code == 422, what
        assert f"there is no {history.ids['learner']}" in answer.text
        assert "Zora" not in answer.text
    assert ReportJob.objects.count() == 1


def test_the_terminal_knows_a_code_or_an_id_of_others_no_better(people: People, history: Place) -> None:
    codes = {"department": "history", "course": "ZC-1", "class": "ZK-1", "learner": "zora@learn.example"}

    def refusal(person: User, name: str, text: str) -> str:
        with pytest.raises(InvalidRequestError) as caught:
            report.request_of(person, {"report_type": "learner-activity", name: [text]})
        return str(caught.value).replace(text, "CODE")

    for kind, code in codes.items():
        name = f"{kind}_ids"
        for text in (code, str(history.ids[kind])):
            found = report.request_of(people.owner, {"report_type": "learner-activity", name: [text]})
            assert getattr(found, name) == (history.ids[kind],)
            assert refusal(people.stranger, name, text) == refusal(people.stranger, name, "NOWHERE"), kind


def test_an_instructor_reaches_what_they_teach_and_its_surroundings_alone(people: People, history: Place) -> None:
    other = ObjectId()
    make_record(courses=[{"id": other, "name": "Other course", "department_id": people.department.id}])
    scope = data_scope.data_scope(history.cast["instructor"])
    for kind in KINDS:
        assert filter_choices.reached(kind, [history.ids[kind]], scope) == {history.ids[kind]}, kind
        assert filter_choices.reached(kind, [history.ids[kind]], DataScope((), ())) == frozenset(), kind
    assert filter_choices.reached("course", [other], scope) == frozenset()
    assert filter_choices.reached("department", [people.other_department.id], scope) == frozenset()


def test_what_is_offered_can_be_asked_for(people: People, history: Place) -> None:
    for person in history.cast.values():
        scope = data_scope.data_scope(person)
        for kind in KINDS:
            offered = [choice.id for choice in filter_choices.search(kind, "", scope)]
            assert filter_choices.reached(kind, offered, scope) == set(offered), (person.name, kind)
