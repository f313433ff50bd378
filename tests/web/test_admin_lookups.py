"""Lookup values: names, order, what is offered, new ones; and what the desk cannot do without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.factories import People, make_job, make_numbers_known, make_user
from tests.web.conftest import Client
from webapp.documents import AdminEvent, LookupCategory, LookupValue, User
from webapp.engine.catalogue import MEASURE_TYPES
from webapp.services import database_clock, permissions
from webapp.services.files import retention
from webapp.services.lookups import rules as lookup_rules
from webapp.services.lookups import values as lookups
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.services.questions import report_types
from webapp.services.requests import rules as request_rules
from webapp.web.admin import lookup_forms


def key_order(category: str) -> list[str]:
    return [value.key for value in lookups.every(LookupCategory(category))]


def test_a_value_is_renamed_and_everyone_reads_the_new_name(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"display_as": "Record of study", "description": "All courses"}
    assert client.post("/admin/lookups/report-type/transcript", data=data).status_code == 303
    assert "Record of study" in as_person(people.owner).get("/reports/new").text
    event = AdminEvent.objects.get()
    assert (event.area, event.action, event.subject) == ("lookups", "changed", "report-type / transcript")
    assert event.changes["display_as"] == ["Transcript", "Record of study"]
    assert event.user_id == people.administrator.id


def test_a_value_without_a_name_comes_back_with_what_was_typed(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    answer = client.post("/admin/lookups/output-format/pdf", data={"display_as": "", "description": "For <reading>"})
    assert answer.status_code == 422
    assert "A value needs a name." in answer.text
    assert "For &lt;reading&gt;" in answer.text
    assert lookups.label(LookupCategory.OUTPUT_FORMAT, "pdf") == "PDF"


def test_values_move_one_place_and_stop_at_the_ends(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    before = key_order("output-format")
    answer = client.post("/admin/lookups/output-format/excel/move", data={"to": "up"})
    assert answer.location.endswith("/admin/lookups/output-format/#value-excel")
    assert key_order("output-format") == ["excel", "pdf", *before[2:]]
    client.post("/admin/lookups/output-format/excel/move", data={"to": "up"})
    assert key_order("output-format")[0] == "excel"
    client.post("/admin/lookups/output-format/excel/move", data={"to": "down"})
    assert key_order("output-format") == before


@pytest.mark.parametrize(
    ("category", "key", "reason"),
    [
        ("report-status", "queued", "one of the states"),
        ("report-priority", "normal", "names no priority"),
        ("report-visibility", "private", "names no visibility"),
        ("measure-type", "count", "most report types"),
        ("role", "learner", "every learner"),
        ("role", "system-admin", "nobody could administer"),
    ],
)
def test_what_the_desk_cannot_do_without_stays_and_the_reason_is_told(
    people: People, as_person: Client, category: str, key: str, reason: str
) -> None:
    client = as_person(people.administrator)
    answer = client.post(f"/admin/lookups/{category}/{key}/active", data={"active": "no"}, follow_redirects=True)
    assert reason in answer.text
    assert LookupValue.objects.get(category=category, key=key).is_active
    assert AdminEvent.objects.count() == 0


def test_the_last_format_stays(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    *_, last = keys = key_order("output-format")
    for key in keys:
        client.post(f"/admin/lookups/output-format/{key}/active", data={"active": "no"})
    assert [value.key for value in lookups.active(LookupCategory.OUTPUT_FORMAT)] == [last]


def test_a_role_that_administers_goes_once_another_one_does(people: People, as_person: Client) -> None:
    lookups.add("role", "chief", "Chief", metadata={"permissions": ["administer"]}, by=TERMINAL)
    client = as_person(make_user("carl chief", ["chief"], []))
    client.post("/admin/lookups/role/system-admin/active", data={"active": "no"})
    assert not LookupValue.objects.get(category="role", key="system-admin").is_active
    assert as_person(people.administrator).get("/admin/").status_code == 404
    data = {"display_as": "Chief", "permissions": ["request-reports"]}
    answer = client.post("/admin/lookups/role/chief", data=data)
    assert answer.status_code == 422
    assert "nobody could administer" in answer.text


def test_an_inactive_value_is_no_longer_offered_and_comes_back(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    client.post("/admin/lookups/output-format/json/active", data={"active": "no"})
    assert 'value="json"' not in as_person(people.owner).get("/reports/new?type=transcript").text
    client.post("/admin/lookups/output-format/json/active", data={"active": "yes"})
    assert 'value="json"' in as_person(people.owner).get("/reports/new?type=transcript").text
    assert [event.action for event in AdminEvent.objects.order_by("at")] == ["deactivated", "activated"]


def test_a_measure_is_added_and_counted_with(people: People, as_person: Client) -> None:
    make_numbers_known("clicks")
    client = as_person(people.administrator)
    data = {"key": "mean-clicks", "display_as": "Mean clicks", "aggregate": "average", "field": "data.clicks",
            "datasets": ["activity"], "format": "number"}  # fmt: skip
    assert client.post("/admin/lookups/measure-type/add", data=data).status_code == 303
    assert "mean-clicks" in report_types.measures_for(report_types.dataset_of_type("learner-activity"))
    assert "Mean clicks" in as_person(people.owner).get("/reports/new?type=learner-activity").text
    shown = client.get("/admin/lookups/measure-type/mean-clicks").text
    assert 'value="data.clicks"' in shown
    again = client.post("/admin/lookups/measure-type/add", data=data)
    assert again.status_code == 422
    assert "already has a value" in again.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "Not Kebab"}, "small letters"),
        ({"field": ""}, "needs a field"),
        ({"field": "colour"}, "cannot be taken of"),
        ({"field": "data.clicks", "datasets": ["enrollments"]}, "cannot be taken of"),
        ({"field": "data.clicks", "datasets": ["activity", "enrollments"]}, "cannot be taken of"),
        ({"field": "data.", "datasets": ["activity"]}, "cannot be taken of"),
        ({"field": "data.clicks", "datasets": ["activity"]}, "Import events"),
        ({"datasets": []}, "applies to one or more"),
        ({"datasets": ["galaxies"]}, "not a valid choice"),
        ({"format": "roman"}, "Not a valid choice"),
    ],
)
def test_a_measure_that_could_not_be_computed_is_refused(
    people: People, as_person: Client, changes: dict[str, object], words: str
) -> None:
    data = {"key": "m", "display_as": "M", "aggregate": "sum", "field": "score", "datasets": ["enrollments"],
            "format": "number", **changes}  # fmt: skip
    answer = as_person(people.administrator).post("/admin/lookups/measure-type/add", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert LookupValue.objects(category="measure-type").count() == len(MEASURE_TYPES)


def test_a_measure_of_a_number_that_no_event_has_is_refused_with_those_there_are(
    people: People, as_person: Client
) -> None:
    make_numbers_known("clicks", "Score.raw")
    data = {"key": "m", "display_as": "M", "aggregate": "sum", "field": "data.Clicks", "datasets": ["activity"],
            "format": "number"}  # fmt: skip
    answer = as_person(people.administrator).post("/admin/lookups/measure-type/add", data=data)
    assert answer.status_code == 422
    assert "No event has a number “data.Clicks”. Possible: data.Score.raw, data.clicks." in answer.text
    assert LookupValue.objects(category="measure-type").count() == len(MEASURE_TYPES)


def test_a_measure_whose_number_is_gone_can_still_be_renamed(people: People, as_person: Client, home: Path) -> None:
    make_numbers_known("clicks")
    data = {"display_as": "M", "aggregate": "sum", "field": "data.clicks", "datasets": ["activity"], "format": "number"}
    client = as_person(people.administrator)
    assert client.post("/admin/lookups/measure-type/add", data={**data, "key": "m"}).status_code == 303
    shutil.rmtree(home / "record")
    assert client.post("/admin/lookups/measure-type/m", data={**data, "display_as": "N"}).status_code == 303
    assert client.post("/admin/lookups/measure-type/m", data={**data, "field": "data.other"}).status_code == 422


def test_a_verb_gets_its_event(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"display_as": "Login", "rules": "logged-in\nentered portal lms\n\n"}
    assert client.post("/admin/lookups/activity-event/login", data=data).status_code == 303
    verbs = imports.xapi_verbs()
    assert (verbs["logged-in", ""], verbs["entered", "lms"]) == ("login", "login")
    assert "entered portal lms" in client.get("/admin/lookups/activity-event/login").text


def test_a_priority_and_a_role_are_added(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    data = {"key": "board", "display_as": "Board", "rank": "45", "permission": "use-high-priority"}
    assert client.post("/admin/lookups/report-priority/add", data=data).status_code == 303
    assert "board" in request_rules.usable_priorities(people.manager)
    assert "board" not in request_rules.usable_priorities(people.owner)
    for rank in ("", "x", "-1", "1001", "9" * 400):
        assert client.post("/admin/lookups/report-priority/add", data={**data, "rank": rank}).status_code == 422
    data = {"key": "auditor", "display_as": "Auditor", "permissions": ["request-reports", "read-billing"]}
    assert client.post("/admin/lookups/role/add", data=data).status_code == 303
    assert permissions.permissions_of(User(roles=["auditor"])) == {"request-reports", "read-billing"}


def test_lists_whose_values_need_a_program_take_no_new_ones(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    for category in ("report-status", "output-format", "report-visibility", "dimension-entity"):
        assert client.get(f"/admin/lookups/{category}/add").status_code == 404
        assert "/add" not in client.get(f"/admin/lookups/{category}/").text


def test_what_uses_each_value_is_what_the_last_sweep_counted(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    assert "has not been counted yet" in client.get("/admin/lookups/").text
    for _ in range(3):
        make_job(people.owner.id, report_type="transcript")
    retention.sweep(database_clock.now())
    row = client.get("/admin/lookups/report-type/").text.split('id="value-transcript"')[1].split("</tr>")[0]
    assert ">3</td>" in row
    row = client.get("/admin/lookups/role/").text.split('id="value-staff"')[1].split("</tr>")[0]
    assert ">4</td>" in row


def test_every_permission_has_its_words() -> None:
    assert set(lookup_forms.PERMISSION_WORDS) == set(lookup_rules.PERMISSIONS)


def test_a_share_and_a_ratio_are_added_shown_again_and_asked_for(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    common = {"display_as": "M", "datasets": ["enrollments"], "format": "number"}
    share = {"key": "weak", "aggregate": "share", "field": "score", "operator": "lt", "value": "50"}
    ratio = {"key": "each", "aggregate": "ratio", "of": "count", "over": "count-distinct:learner"}
    for typed in (share, ratio):
        assert client.post("/admin/lookups/measure-type/add", data=common | typed).status_code == 303
    shown = client.get("/admin/lookups/measure-type/weak").text
    assert 'value="50"' in shown
    page = client.get("/reports/new?type=enrollment-summary").text
    assert 'value="weak"' in page
    assert 'value="each"' in page
    wrong = client.post("/admin/lookups/measure-type/add", data=common | ratio | {"key": "no", "over": "planets"})
    assert wrong.status_code == 422
    assert "two measures" in wrong.text
