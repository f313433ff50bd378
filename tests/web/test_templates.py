"""The pages of templates: saving from the form and from a report, using, sharing, retiring; what each of them tells."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from tests.examples import rotated
from tests.factories import People, make_class, make_job, make_learner
from tests.services.templates.made import QUESTION, make_template
from tests.web.conftest import Client
from tests.web.test_ask_ways import Fields
from tests.web.test_pages import HOSTILE, ask
from webapp.documents import LookupValue, Parameters, ReportFilters, ReportJob, ReportTemplate
from webapp.services.questions import ways
from webapp.services.questions.period import Period
from webapp.services.templates import kept, saving, seeding, sharing, using
from webapp.services.templates.saving import Texts


def fields_of(page: str, action: str) -> MultiDict[str, str]:
    """What a browser sends of the form with this action when one presses its button."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.S)
    assert form is not None, action
    return Fields(f'<form id="ask">{form[1]}</form>').sent


def text_of(page: str) -> str:
    """What one reads, without the marks around it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


# --- saving -----------------------------------------------------------------------------------------------------------


def test_a_question_in_the_form_becomes_a_template_and_nothing_is_asked(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    asked = ask(
        group=["class", "status"], measure=["count", "completion-rate"], period="last-30-days", limit="50", sort="-count",
        where=["score"], compare=["gte"], value=["60"], description="Two\nlines", filename="{name} {period}", with_zip="y",
    )  # fmt: skip
    page = client.post("/templates/new", data=asked)
    assert page.status_code == 200
    sent = fields_of(page.text, "/templates/")
    assert sent["template_name"] == "Enrollment summary by class and status, last 30 days"
    answer = client.post("/templates/", data={**sent.to_dict(flat=False), "tags": "board, monthly"})
    assert answer.status_code == 303, answer.text
    template = ReportTemplate.objects.get()
    assert answer.location == f"/templates/{template.id}"
    assert (template.created_by, template.tags) == (people.owner.id, ["board", "monthly"])
    expected = ways.from_address(
        {name: each if isinstance(each, list) else [each] for name, each in asked.items()}, time_zone="UTC"
    )
    assert kept.request_of(template) == expected
    assert ReportJob.objects.count() == 0
    assert client.post("/templates/", data=sent).location == answer.location  # sent twice it is one
    assert ReportTemplate.objects.count() == 1
    told = text_of(client.get(answer.location).text)
    assert "Saved. This is the template." in told
    for words in (
        "Last 30 days",
        "Class, Status",
        "Score is at least 60",
        "at most 50 rows",
        "{name} {period}",
        "as a zip",
    ):
        assert words in told, words


def test_a_question_that_is_wrong_is_told_in_the_form_that_asks(people: People, as_person: Client) -> None:
    answer = as_person(people.owner).post(
        "/templates/new", data=ask(period="custom", start="2026-02-01", end="2026-01-01", limit="x")
    )
    assert answer.status_code == 422
    assert 'id="ask"' in answer.text
    assert "invalid-feedback" in answer.text


def test_what_is_wrong_with_a_template_is_told_under_its_field_and_nothing_is_lost(
    people: People, as_person: Client
) -> None:
    client = as_person(people.owner)
    sent = fields_of(client.post("/templates/new", data=ask(limit="50")).text, "/templates/")
    wrong = {"template_name": "", "template_description": "typed with care", "filename": "{nmae}", "tags": "t" * 41}
    answer = client.post("/templates/", data={**sent.to_dict(flat=False), **wrong})
    assert answer.status_code == 422
    assert "typed with care" in answer.text
    told = text_of(answer.text)
    assert "A template needs a name." in told
    again = fields_of(answer.text, "/templates/")
    answer = client.post("/templates/", data={**again.to_dict(flat=False), "template_name": "Mine"})
    told = text_of(answer.text)
    assert "“{nmae}” is not filled in. What is: {name}, {date}, {period}, {department}." in told
    assert "is too long: at most 40 characters" in told
    again = fields_of(answer.text, "/templates/")
    right = {**again.to_dict(flat=False), "filename": "{department} {date}", "tags": ""}
    assert client.post("/templates/", data=right).status_code == 303
    assert kept.request_of(ReportTemplate.objects.get()).limit == 50


def test_a_report_s_question_is_kept_with_its_phrase(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    period = Period.of("previous-month", date(2026, 1, 15))
    fields = ways.job_fields(QUESTION.model_copy(update={"period": period}))
    job = make_job(
        people.owner.id, **{name: fields[name] for name in ("report_type", "parameters", "output")}, name="Mine"
    )
    assert f"/templates/new?job={job.id}" in client.get(f"/reports/{job.id}").text
    page = client.get(f"/templates/new?job={job.id}").text
    client.post("/templates/", data=fields_of(page, "/templates/"))
    assert ReportTemplate.objects.get().parameters.period == "previous-month"
    assert client.get(f"/templates/new?job={ObjectId()}").status_code == 404
    assert client.get("/templates/new").location == "/reports/new"


@pytest.mark.parametrize("value", HOSTILE)
def test_no_hostile_value_is_a_server_error_and_all_are_shown_as_texts(
    people: People, as_person: Client, value: str
) -> None:
    client = as_person(people.owner)
    template = make_template(people.owner)
    names = (
        "template_name",
        "template_description",
        "tags",
        "name",
        "filename",
        "template_visibility",
        "base",
        "submission",
    )
    fields = {"type": "enrollment-summary", "group": "class", "measure": "count", "format": "csv"}
    answer = client.post("/templates/", data={**fields, **dict.fromkeys(names, value)})
    assert answer.status_code in (303, 422)
    for turn, name in enumerate(names):
        usual = {**fields, "template_name": "T", "template_visibility": "private", "base": "1", name: value}
        for address in rotated(("/templates/", f"/templates/{template.id}/edit"), turn + HOSTILE.index(value)):
            answer = client.post(address, data=usual)
            assert answer.status_code in (303, 409, 413, 422), (address, name, answer.status_code)
            assert "<script>alert" not in answer.text
    for name in ("visibility", "people", "departments", "roles"):
        answer = client.post(f"/templates/{template.id}/share", data={"visibility": "team", name: value})
        assert answer.status_code in (303, 422), (name, answer.status_code)
        assert "<script>alert" not in answer.text
    for address in ("use", "restore", "clone", "favourite", "active", "question"):
        answer = client.post(
            f"/templates/{template.id}/{address}", data=dict.fromkeys(("version", "base", "submission", "back"), value)
        )
        assert answer.status_code < 500, address
    listed = client.get("/templates/", query_string={"q": value, "tag": value, "whose": value, "page": value})
    assert listed.status_code == 200
    assert "<script>alert" not in listed.text


# --- versions ---------------------------------------------------------------------------------------------------------


def test_two_editors_at_once_one_is_told_and_loses_nothing(people: People, as_person: Client) -> None:
    template = make_template(people.owner)
    mine, theirs = as_person(people.owner), as_person(people.administrator)
    address = f"/templates/{template.id}/edit"
    forms = [fields_of(client.get(address).text, address) for client in (mine, theirs)]
    assert theirs.post(address, data={**forms[1], "template_name": "Theirs"}).status_code == 303
    refused = mine.post(address, data={**forms[0], "template_name": "Mine", "tags": "kept"})
    assert refused.status_code == 409
    assert "changed meanwhile by Ada Administrator: it is version 2 now." in text_of(refused.text)
    assert template.reload().name == "Theirs"
    again = fields_of(refused.text, address)
    assert (again["template_name"], again["tags"], again["base"]) == ("Mine", "kept", "2")
    assert mine.post(address, data=again).status_code == 303
    assert (template.reload().name, template.version) == ("Mine", 3)


def test_the_question_is_changed_in_the_form_that_asks(people: People, as_person: Client) -> None:
    template = make_template(people.owner)
    client = as_person(people.owner)
    page = client.get(f"/templates/{template.id}/change", follow_redirects=True).text
    assert "This is the question of the template “Rates of classes”." in text_of(page)
    sent = Fields(page).sent
    assert (sent["template"], sent["template_version"]) == (str(template.id), "1")
    assert f'formaction="/templates/{template.id}/question"' in page
    sent.setlist("measure", ["count"])
    answer = client.post(f"/templates/{template.id}/question", data=sent)
    assert answer.location == f"/templates/{template.id}", answer.text
    told = text_of(client.get(answer.location).text)
    assert "Saved as version 2." in told
    assert "Measures: Count, Completion rate → Count" in told
    stale = client.post(f"/templates/{template.id}/question", data=sent)
    assert stale.status_code == 409
    assert Fields(stale.text).sent["template_version"] == "2"
    again = client.post(f"/templates/{template.id}/question", data=Fields(stale.text).sent, follow_redirects=True)
    assert "Nothing was changed, so there is no new version." in text_of(again.text)


def test_an_earlier_version_is_read_used_and_made_the_newest(people: People, as_person: Client) -> None:
    template = make_template(people.owner)
    saving.edit(
        people.owner, template.id, 1, texts=Texts("Second"), request=QUESTION.model_copy(update={"format": "json"})
    )
    client = as_person(people.owner)
    page = client.get(f"/templates/{template.id}/versions/1").text
    assert "This is an earlier version." in text_of(page)
    used = client.post(f"/templates/{template.id}/use", data=fields_of(page, f"/templates/{template.id}/use"))
    job = ReportJob.objects.get()
    assert used.location == f"/reports/{job.id}"
    assert (job.template_version, job.output.format) == (1, "csv")
    report = client.get(used.location).text
    assert f'href="/templates/{template.id}/versions/1"' in report
    restored = client.post(
        f"/templates/{template.id}/restore", data=fields_of(page, f"/templates/{template.id}/restore")
    )
    assert restored.status_code == 303
    assert (template.reload().name, template.version) == ("Rates of classes", 3)
    stale = client.post(f"/templates/{template.id}/restore", data={"version": "1", "base": "2"})
    assert stale.status_code == 409
    assert "it is version 3 now" in text_of(stale.text)
    assert client.get(f"/templates/{template.id}/versions/9").status_code == 404


# --- using ------------------------------------------------------------------------------------------------------------


def test_one_click_asks_and_a_second_one_is_the_same_report(people: People, as_person: Client) -> None:
    template = make_template(people.owner, visibility="organization")
    client = as_person(people.stranger)
    action = f"/templates/{template.id}/use"
    sent = fields_of(client.get("/templates/").text, action)
    first = client.post(action, data=sent)
    assert client.post(action, data=sent).location == first.location
    job = ReportJob.objects.get()
    assert (job.requested_by, job.template_id, template.reload().usage_count) == (people.stranger.id, template.id, 1)
    same = client.post(action, data={"submission": "another"}, follow_redirects=True)
    assert "You asked for this just now" in text_of(same.text)
    assert ReportJob.objects.count() == 1


def test_with_changes_the_form_is_filled_and_the_report_remembers_the_template(
    people: People, as_person: Client
) -> None:
    template = make_template(people.owner, visibility="organization")
    client = as_person(people.colleague)
    page = client.get(f"/templates/{template.id}/change", follow_redirects=True).text
    assert "Save as its next version" not in page  # it is not the colleague's
    sent = Fields(page).sent
    sent["limit"] = "7"
    assert client.post("/reports/new", data=sent).status_code == 303
    job = ReportJob.objects.get()
    assert (job.template_id, job.template_version, job.parameters.limit) == (template.id, 1, 7)


def test_what_everyone_would_see_is_asked_about_first(people: People, as_person: Client) -> None:
    template = make_template(people.owner, question=QUESTION.model_copy(update={"visibility": "organization"}))
    client = as_person(people.owner)
    page = client.post(f"/templates/{template.id}/use", data={"submission": "s"})
    assert page.status_code == 409
    assert "7 people would see this report" in text_of(page.text)
    assert ReportJob.objects.count() == 0
    sent = Fields(page.text).sent
    sent["agreed"] = "yes"
    assert client.post("/reports/new", data=sent).status_code == 303
    assert ReportJob.objects.get().template_id == template.id


def test_a_retired_template_offers_no_use_and_says_why(people: People, as_person: Client) -> None:
    template = make_template(people.owner, visibility="organization")
    owner, colleague = as_person(people.owner), as_person(people.colleague)
    owner.post(
        f"/templates/{template.id}/active",
        data=fields_of(owner.get(f"/templates/{template.id}").text, f"/templates/{template.id}/active"),
    )
    page = colleague.get(f"/templates/{template.id}").text
    assert "It is retired: nobody can use it until it is brought back." in text_of(page)
    assert f'action="/templates/{template.id}/use"' not in page
    assert "Rates of classes" not in colleague.get("/templates/").text
    assert "Rates of classes" in colleague.get("/templates/?whose=retired").text
    refused = colleague.post(f"/templates/{template.id}/use")
    assert refused.status_code == 409
    assert "was retired by Olivia Owner. Whoever may change it can bring it back" in text_of(refused.text)
    assert ReportJob.objects.count() == 0
    page = owner.get(f"/templates/{template.id}").text
    assert (
        owner.post(
            f"/templates/{template.id}/active", data=fields_of(page, f"/templates/{template.id}/active")
        ).status_code
        == 303
    )
    assert colleague.post(f"/templates/{template.id}/use").status_code == 303


def test_what_is_not_offered_any_more_is_said_in_the_list_and_on_the_page(people: People, as_person: Client) -> None:
    template = make_template(people.owner)
    LookupValue.objects(key="completion-rate").update(set__is_active=False)
    client = as_person(people.owner)
    words = "The measure “Completion rate” is not offered any more."
    for address in ("/templates/", f"/templates/{template.id}"):
        page = client.get(address).text
        assert words in text_of(page)
        assert f'action="/templates/{template.id}/use"' not in page
    told = text_of(client.get(f"/templates/{template.id}").text)
    assert "Use it with changes and leave that out, or save a new version without it." in told
    LookupValue.objects(key="completion-rates").update(set__is_active=False)
    page = client.get(f"/templates/{template.id}").text
    assert "Ask an administrator to offer it again, or use another template." in text_of(page)
    assert "Use with changes" not in page


def test_learners_are_named_to_those_who_may_read_them_and_counted_to_others(people: People, as_person: Client) -> None:
    lee = make_learner("Zora Zephyr", of=make_class("History 1", department=people.department))
    other = make_learner("Lee Lingerer", of=make_class("History 2", department=people.department))
    question = QUESTION.model_copy(update={"learner_ids": (lee.id,)})
    template = make_template(people.owner, "One learner", question, visibility="organization")
    saving.edit(people.owner, template.id, 1, request=question.model_copy(update={"learner_ids": (other.id,)}))
    addresses = [
        f"/templates/{template.id}",
        f"/templates/{template.id}/versions/1",
        "/templates/?q=zora",
        "/find?q=one",
    ]
    told = " ".join(as_person(people.owner).get(address).text for address in addresses)
    assert "Zora Zephyr" in told
    assert "Lee Lingerer" in told
    client = as_person(people.stranger)
    for address in [*addresses, f"/templates/{template.id}/change"]:
        page = client.get(address, follow_redirects=True).text
        assert "Zora Zephyr" not in page, address
        assert "Lee Lingerer" not in page, address
    assert "others than before" in client.get(f"/templates/{template.id}").text
    for address in ("use", "clone"):
        refused = client.post(f"/templates/{template.id}/{address}")
        assert refused.status_code == 422
        assert f"there is no {other.id}" in text_of(refused.text)
    assert ReportJob.objects.count() == 0


# --- sharing, favourites, the list --------------------------------------------------------------------------------------


def test_sharing_says_who_and_what_is_wrong_stays_typed(people: People, as_person: Client) -> None:
    template = make_template(people.owner)
    client, action = as_person(people.owner), f"/templates/{template.id}/share"
    sent = fields_of(client.get(f"/templates/{template.id}").text, action)
    wrong = client.post(action, data={**sent, "people": f"{people.stranger.email}, nobody@staff.example"})
    assert wrong.status_code == 422
    assert "Nobody who may ask for reports has the address nobody@staff.example." in text_of(wrong.text)
    assert "nobody@staff.example" in fields_of(wrong.text, action)["people"]
    again = {**fields_of(wrong.text, action), "people": people.stranger.email, "departments": str(people.department.id)}
    assert client.post(action, data=again).status_code == 303
    assert as_person(people.stranger).get(f"/templates/{template.id}").status_code == 200
    assert as_person(people.neighbour).get(f"/templates/{template.id}").status_code == 200
    assert people.stranger.email not in as_person(people.neighbour).get(f"/templates/{template.id}").text
    shown = fields_of(client.get(f"/templates/{template.id}").text, action)
    assert (shown["people"].strip(), shown["departments"]) == (people.stranger.email, str(people.department.id))
    assert "Physics" not in client.get(f"/templates/{template.id}").text


def test_a_favourite_stands_first_at_once(people: People, as_person: Client) -> None:
    for name in ("Alpha", "Beta"):
        make_template(people.owner, name)
    client = as_person(people.owner)
    beta = ReportTemplate.objects.get(name="Beta")
    action = f"/templates/{beta.id}/favourite"
    page = client.get("/templates/?q=a").text
    assert page.index("Alpha") < page.index("Beta")
    answer = client.post(action, data={**fields_of(page, action), "favourite": "yes"})
    assert answer.location == "/templates/?q=a"
    page = client.get("/templates/?q=a").text
    assert page.index(">Beta<") < page.index(">Alpha<")
    assert "Alpha" not in client.get("/templates/?whose=favourites").text
    assert (
        client.post(action, data={"favourite": "no", "back": "https://elsewhere.example/"}).location
        == f"/templates/{beta.id}"
    )
    assert "Beta" not in client.get("/templates/?whose=favourites").text


def test_a_copy_leads_to_the_copy_and_sent_twice_it_is_one(people: People, as_person: Client) -> None:
    seeding.seed()
    client = as_person(people.stranger)
    template = next(each for each in ReportTemplate.objects if each.system_key == "transcript")
    action = f"/templates/{template.id}/clone"
    sent = fields_of(client.get(f"/templates/{template.id}").text, action)
    first, second = (client.post(action, data=sent).location for _ in range(2))
    assert first == second
    copy = ReportTemplate.objects.get(id=first.rpartition("/")[2])
    assert (copy.name, copy.created_by, copy.system_key) == ("Copy of Transcript", people.stranger.id, None)


def test_the_desk_s_own_are_told_in_the_reader_s_language_until_somebody_renames_them(
    people: People, as_person: Client
) -> None:
    seeding.seed()
    people.administrator.locale = "es"
    people.administrator.save()
    client = as_person(people.administrator)
    template = next(each for each in ReportTemplate.objects if each.system_key == "transcript")
    assert "Transcript" not in text_of(client.get(f"/templates/{template.id}").text)
    address = f"/templates/{template.id}/edit"
    shown = fields_of(client.get(address).text, address)
    assert client.post(address, data={**shown, "tags": "título"}).status_code == 303
    template.reload()
    assert (template.name, template.tags, template.version) == ("Transcript", ["título"], 2)  # not the Spanish name
    client.post(address, data={**fields_of(client.get(address).text, address), "template_name": "Mi expediente"})
    assert "Mi expediente" in client.get("/templates/?q=mi+expediente").text


def test_templates_are_found_by_the_palette_as_far_as_one_may_see_them(people: People, as_person: Client) -> None:
    make_template(people.owner, "Figures of the board")
    found = as_person(people.owner).get("/find?q=board").text
    assert "Figures of the board" in found
    assert "Figures of the board" not in as_person(people.stranger).get("/find?q=board").text
    assert ">Templates<" in as_person(people.owner).get("/find?q=templ").text


def test_who_uses_it_and_how_often_is_told_to_each_as_far_as_they_may_know(people: People, as_person: Client) -> None:
    template = make_template(people.owner, visibility="organization")
    using.use(people.colleague, template.id)
    told = text_of(as_person(people.manager).get(f"/templates/{template.id}").text)
    assert "Colin Colleague 1" in told
    told = text_of(as_person(people.stranger).get(f"/templates/{template.id}").text)
    assert "Colin" not in told
    assert "1 time" in told


def test_pages_work_without_scripts_and_every_form_needs_its_token(
    app: Flask, people: People, as_person: Client
) -> None:
    template = make_template(people.owner)
    client: FlaskClient = as_person(people.owner)
    listed = client.get("/templates/", headers={"HX-Request": "true"}).text
    assert "<html" not in listed
    assert 'id="list"' in listed
    app.config["WTF_CSRF_ENABLED"] = True
    for address in ("use", "share", "clone", "active", "favourite", "restore", "edit", "question"):
        assert client.post(f"/templates/{template.id}/{address}").status_code == 400, address
    for address in ("/templates/", "/templates/new"):
        assert client.post(address, data=ask()).status_code == 400
    assert template.reload().version == 1


def test_a_shared_template_s_page_offers_a_reader_nothing_to_change(people: People, as_person: Client) -> None:
    template = make_template(people.owner, visibility="organization")
    page = as_person(people.stranger).get(f"/templates/{template.id}").text
    for address in ("edit", "share", "active", "restore"):
        assert f"/templates/{template.id}/{address}" not in page
    assert sharing.now_shared(template).addresses == ()


def test_a_template_of_chosen_learners_is_saved_whole(people: People, as_person: Client) -> None:
    place = make_class("History 1", department=people.department)
    ids = [make_learner(f"Learner {n}", of=place).id for n in range(3)]
    job = make_job(
        people.owner.id,
        parameters=Parameters(group_by=["class"], measures=["count"], filters=ReportFilters(learner_ids=ids)),
    )
    client = as_person(people.owner)
    page = client.get(f"/templates/new?job={job.id}").text
    assert client.post("/templates/", data=fields_of(page, "/templates/")).status_code == 303
    assert kept.request_of(ReportTemplate.objects.get()).learner_ids == tuple(ids)
