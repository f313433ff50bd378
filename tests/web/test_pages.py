"""What pages answer: to good input, to bad input, to hostile input. Never a 500."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from flask import Flask

from tests.examples import IS_WHOLE
from tests.factories import PASSWORD, People, make_class, make_job, make_learner
from tests.web.conftest import Client
from tests.web.hostile import field_names
from webapp.documents import ReportJob
from webapp.engine.catalogue.report_types import REPORT_TYPES

HOSTILE = [
    "", " ", "\x00", "<script>alert(1)</script>", "=1+1", "../../etc/passwd", "x" * 10_000, "'; DROP TABLE", "{{7*7}}",
    "\u202eabc", "😀", "%00%ff", "null", "-1", "9" * 400, "2024-13-45", "[]", "$where", "NaN",
    "\r\nSet-Cookie: a=b",
]  # fmt: skip


def ask(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "type": "enrollment-summary",
        "group": ["class"],
        "measure": ["count"],
        "period": "all",
        "format": "csv",
        "visibility": "private",
        "priority": "normal",
        "submission": "one",
    }
    return {**values, **changes}


def test_the_form_offers_the_measures_of_a_report_first_and_in_its_order(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    for key, declared in REPORT_TYPES.items():
        page = client.get(f"/reports/new?type={key}").text
        offered = re.findall(r'name="measure" value="([^"]+)"', page)
        assert offered[: len(declared.measures)] == list(declared.measures), key


def test_a_question_asked_in_the_form_becomes_a_job_with_what_was_asked(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    answer = client.post(
        "/reports/new",
        data=ask(
            name="My figures", group=["class", "status", ""], measure=["count", "completion-rate"], aggregate="average",
            aggregate_field="score", period="custom", start="2026-01-01", end="2026-01-31", slicer="", limit="50",
            sort="-count", status=["completed"], department=[str(people.department.id)], time_zone="Europe/Madrid",
            filename="figures", description="For the board",
        ),
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    job = ReportJob.objects.get()
    assert answer.location == f"/reports/{job.id}"
    assert (job.name, job.output.filename, job.description) == ("My figures", "figures", "For the board")
    parameters = job.parameters
    assert (parameters.group_by, parameters.measures) == (
        ["class", "status"],
        ["count", "completion-rate", "average:score"],
    )
    assert (f"{parameters.date_range.start_date:%F}", f"{parameters.date_range.end_date:%F}") == (
        "2026-01-01",
        "2026-01-31",
    )
    assert (parameters.limit, parameters.sort, parameters.time_zone) == (50, ["-count"], "Europe/Madrid")
    assert parameters.filters.department_ids == [people.department.id]
    assert parameters.filters.statuses == ["completed"]


def test_what_is_asked_of_the_file_is_kept_and_shown_again(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    answer = client.post("/reports/new", data=ask(with_zip="y", with_meta="y", with_bom="y"))
    assert answer.status_code == 303, answer.text
    job = ReportJob.objects.get()
    assert job.output.options == {"zip": True, "meta": True, "bom": True}
    page = client.get(f"/reports/{job.id}/change", follow_redirects=True).text
    for name in ("zip", "meta", "bom"):
        assert re.search(rf'<input [^>]*checked[^>]* id="with_{name}"', page), name
    answer = client.post("/reports/new", data=ask(submission="two", format="json"))
    assert answer.status_code == 303, answer.text
    assert ReportJob.objects.get(output__format="json").output.options == {}


def test_a_double_submit_makes_one_job(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    first, second = (client.post("/reports/new", data=ask()) for _ in range(2))
    assert first.location == second.location
    assert ReportJob.objects.count() == 1


def test_asking_the_same_again_offers_the_one_there_is_and_one_can_insist(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    first = client.post("/reports/new", data=ask())
    again = client.post("/reports/new", data=ask(submission="two"))
    assert again.status_code == 409
    assert first.location in again.text
    assert client.post("/reports/new", data=ask(submission="three", insist="yes")).status_code == 303
    assert ReportJob.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"period": "custom", "start": "2026-02-01", "end": "2026-01-01"}, "before the start date"),
        ({"department": ["0" * 24]}, "0" * 24),
        ({"name": "x" * 10_000}, "at most 200"),
        ({"filename": "../../etc/passwd"}, "not a file name"),
        ({"measure": ["event-count"]}, "does not apply"),
        ({"group": ["content"]}, "cannot be grouped by"),
        ({"learner": ["someone"]}, "not the id of a record"),
        ({"top": "-3"}, "between 1 and 1,000"),
        ({"time_zone": "Mars/Olympus"}, "Not a valid choice"),
        ({"priority": "critical"}, "Not a valid choice"),
        ({"scheduled": "2099-01-01T00:00"}, "more than a year"),
        ({"format": "docx"}, "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(
    people: People, as_person: Client, changes: dict[str, Any], words: str
) -> None:
    answer = as_person(people.owner).post("/reports/new", data={**ask(description="typed with care"), **changes})
    assert answer.status_code == 422
    assert words in answer.text
    assert "typed with care" in answer.text
    assert 'aria-invalid="true"' in answer.text or "invalid-feedback" in answer.text
    assert ReportJob.objects.count() == 0


def test_a_hostile_name_is_shown_as_text(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    for number, name in enumerate(("<script>alert(1)</script>", "=1+1", "{{7*7}}")):
        made = client.post("/reports/new", data=ask(name=name, submission=f"s{number}", insist="y"))
        assert made.status_code == 303
        page = client.get(made.location).text
        assert "<script>alert" not in page
        assert "49" not in re.sub(r"[0-9a-f]{24}|csrf[^>]*>", "", re.findall(r"<h1[^>]*>.*?</h1>", page, re.S)[0])
    assert "<script>alert" not in client.get("/reports/").text


#: What a field needs so that the others are looked at, too: without a type there is no form.
NEEDED = frozenset({"type", "csrf_token"})


#: What lists and choices take that stands in no field of theirs.
READ_ALONE = ("page", "ids", "q", "sort", "next")
#: What an address may hold: a longer one is refused as a whole, unread.
SHORT = [value for value in HOSTILE if len(value) < 100]


def hostile_fields(turn: int, names: Sequence[str], values: Sequence[str] = HOSTILE) -> dict[str, str]:
    """Every field at once, each with another hostile value; in as many turns as there are values each has had all."""
    return {name: values[(turn + place) % len(values)] for place, name in enumerate(names)}


@pytest.mark.parametrize("needed", [frozenset(), NEEDED], ids=["in every field", "in every field but the type"])
def test_no_value_of_any_field_is_a_server_error(people: People, as_person: Client, needed: frozenset[str]) -> None:
    client = as_person(people.owner)
    names = [name for name in field_names() if name not in needed]
    for turn in range(len(HOSTILE)):
        given = hostile_fields(turn, names)
        data = {**ask(submission=f"hostile-{turn}"), **given}
        for address in ("/reports/new", "/reports/new/form", "/reports/new/preview"):
            answer = client.post(address, data=data)
            assert answer.status_code < 500, (address, given)
        asked = {"type": "enrollment-summary", **hostile_fields(turn, names, SHORT)}
        assert client.get("/reports/new", query_string=asked).status_code < 500, asked


def test_no_hostile_value_alone_is_a_server_error(people: People, as_person: Client) -> None:
    """What is wrong elsewhere must not hide what one field does by itself: each alone, with a value of its turn."""
    client = as_person(people.owner)
    for place, name in enumerate(field_names()):
        value = HOSTILE[place % len(HOSTILE)]
        answer = client.post("/reports/new", data={**ask(submission=f"alone-{place}"), name: value})
        assert answer.status_code < 500, (name, value[:40])


#: Pages that read what stands in their address.
READING = (
    "/reports/", "/reports/shared", "/reports/rows", "/department/", "/reports/new/choices/learner", "/sign-in", "/account",
)  # fmt: skip


@pytest.mark.parametrize("address", READING)
def test_no_address_argument_is_a_server_error(people: People, as_person: Client, address: str) -> None:
    client = as_person(people.manager)
    make_job(people.owner.id)
    for turn in range(len(HOSTILE)):
        given = hostile_fields(turn, field_names(), SHORT)
        assert client.get(address, query_string=given).status_code < 500, given
    page = client.get(address).text
    alone = {name: HOSTILE[place % len(HOSTILE)] for place, name in enumerate(field_names())}
    # Those that stand on the page each by itself; of the others each at one of the pages, in the short run.
    here = {name for name in alone if f'name="{name}"' in page} | set(READ_ALONE)
    others = [name for name in alone if name not in here]
    here |= set(others if IS_WHOLE else others[READING.index(address) :: len(READING)])
    for name in sorted(here):
        given = {name: alone[name]}
        assert client.get(address, query_string=given).status_code < 500, (name, alone[name][:40])


@pytest.mark.parametrize("job_id", ["x", "0" * 24, "..%2f..", "%00", "a" * 5000, "[object]"])
def test_an_id_that_is_none_is_a_404_on_every_address(people: People, as_person: Client, job_id: str) -> None:
    client = as_person(people.administrator)
    for tail in ("", "/live", "/row", "/download", "/chart.svg", "/change"):
        assert client.get(f"/reports/{job_id}{tail}").status_code in (404, 308)
    for tail in ("/cancel", "/retry", "/duplicate", "/delete", "/edit", "/share", "/priority", "/sibling"):
        assert client.post(f"/reports/{job_id}{tail}").status_code == 404


def test_every_form_needs_its_token(app: Flask, people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    app.config["WTF_CSRF_ENABLED"] = True
    job = make_job(people.owner.id)
    for address in (
        "/reports/new", "/reports/bulk", f"/reports/{job.id}/cancel", f"/reports/{job.id}/delete",
        "/sign-out", "/account",
    ):  # fmt: skip
        answer = client.post(address, data=ask())
        assert answer.status_code == 400, address
    job.reload()
    assert job.status == "pending"


def test_signing_in_leads_nowhere_else(app: Flask, people: People) -> None:
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        client = app.test_client()
        data = {"email": people.owner.email, "password": PASSWORD, "next": target}
        assert client.post("/sign-in", data=data).location == "/"


def test_a_question_with_two_hundred_learners_comes_back_after_signing_in(app: Flask, people: People) -> None:
    question = "/reports/new?type=learner-activity&" + "&".join(f"learner={ObjectId()}" for _ in range(200))
    assert len(question) > 6_000
    client = app.test_client()
    asked = client.get(question)
    assert asked.status_code == 302
    back_to = parse_qs(urlsplit(asked.location).query)["next"]
    data = {"email": people.owner.email, "password": PASSWORD, "next": back_to}
    assert client.post("/sign-in", data=data).location == question


def test_pages_forbid_what_we_did_not_write(people: People, as_person: Client) -> None:
    answer = as_person(people.owner).get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*src=)", answer.text) == []
    assert re.findall(r"\sstyle=|\son[a-z]+=", answer.text) == []


def test_an_unchanged_poll_is_a_304(people: People, as_person: Client, ready_job: Callable[..., ReportJob]) -> None:
    job = ready_job()
    client = as_person(people.owner)
    first = client.get(f"/reports/{job.id}/live", headers={"HX-Request": "true"})
    tag = first.headers["HX-PTag"]
    assert client.get(f"/reports/{job.id}/live", headers={"HX-Request": "true", "HX-PTag": tag}).status_code == 304
    job.update(set__name="Another name", set__updated_at=job.updated_at.replace(year=2030))
    assert client.get(f"/reports/{job.id}/live", headers={"HX-Request": "true", "HX-PTag": tag}).status_code == 200


def test_a_download_comes_whole_in_parts_or_not_again(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job()
    client = as_person(people.owner)
    whole = client.get(f"/reports/{job.id}/download")
    assert whole.data == b"Class,Count\r\nAAA,3\r\n"
    assert whole.headers["Content-Disposition"].startswith('attachment; filename="file.csv"')
    job.reload()
    assert (job.status, job.download_count) == ("downloaded", 1)
    part = client.get(f"/reports/{job.id}/download", headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"Class", "bytes 0-4/20")
    etag = whole.headers["ETag"]
    assert client.get(f"/reports/{job.id}/download", headers={"If-None-Match": etag}).status_code == 304
    assert client.get(f"/reports/{job.id}/download", headers={"Range": "bytes=90-"}).status_code == 416
    assert client.head(f"/reports/{job.id}/download").status_code == 200
    job.reload()
    assert job.download_count == 1  # neither a part, nor a look, nor a 304 is a finished download


def test_a_list_is_filtered_searched_sorted_and_counted_by_its_filters(people: People, as_person: Client) -> None:
    for number in range(30):
        make_job(people.owner.id, name=f"Report {number:02}", status="failed" if number % 3 else "cancelled")
    client = as_person(people.owner)
    page = client.get("/reports/?state=failed").text
    assert "20 reports match" in page
    assert page.count('<tr id="job-') == 20
    assert client.get("/reports/?q=report+07").text.count('<tr id="job-') == 1
    assert client.get("/reports/?page=2").text.count('<tr id="job-') == 5
    assert "No report matches" in client.get("/reports/?q=nothing+like+it").text


def test_all_that_match_are_changed_at_once_not_only_a_page(people: People, as_person: Client) -> None:
    for number in range(30):
        make_job(people.owner.id, name=f"Report {number:02}")
    make_job(people.colleague.id, name="Report of another")
    answer = as_person(people.owner).post(
        "/reports/bulk", data={"action": "cancel", "all_matching": "1", "q": "Report"}
    )
    assert answer.status_code == 303
    assert ReportJob.objects(status="cancelled").count() == 30
    assert ReportJob.objects(status="pending").count() == 1


def test_a_choice_is_found_without_accents_and_only_within_ones_data(people: People, as_person: Client) -> None:
    from webapp.services.questions import filter_choices

    zoe = make_learner("Zoë Łuka", "z1", of=make_class("History 1", code="H1", department=people.department))
    filter_choices.forget()
    found = as_person(people.owner).get("/reports/new/choices/learner?q=zoe").json
    assert [each["value"] for each in found] == [str(zoe.id)]
    assert as_person(people.stranger).get("/reports/new/choices/learner?q=zoe").json == []
