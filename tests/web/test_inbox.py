"""The inbox, word of a report's end, and unsubscribing, as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from bson import ObjectId
from flask import Flask, url_for

from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp import clock
from webapp.documents import Delivery, ReportJob, Unsubscribe, When
from webapp.documents.notice import Notice, SubjectKind
from webapp.messages import Message
from webapp.services.deliveries import inbox, links, wishes
from webapp.services.deliveries.mail import unsubscribing
from webapp.services.deliveries.telling import Subject, tell
from webapp.services.remembered import forget_everything
from webapp.settings import get_settings

READY = Message("“%(name)s” is ready.", name="Quarterly figures")
QUESTION = {"type": "enrollment-summary", "group": "class", "measure": "count", "format": "csv", "period": "all"}


@pytest.fixture
def has_mail(settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "PUBLIC_URL": "http://localhost",
        "SMTP_HOST": "127.0.0.1",
        "MAIL_FROM": "r@desk.example",
    }.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def make_delivery(**fields: object) -> Delivery:
    now = clock.utcnow()
    values = {
        "job_id": ObjectId(), "occasion": "ready", "channel": "email", "recipient": "colin@staff.example",
        "sender_id": ObjectId(), "job_name": "Quarterly figures", "state": "failed", "made_at": now, "queued_at": now,
    }  # fmt: skip
    return Delivery(**{**values, **fields}).save()


def test_the_number_of_unread_notices_stands_in_the_head_of_every_page(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    assert 'aria-label="Inbox"' in client.get("/").text
    tell(people.owner.id, READY)
    tell(people.owner.id, READY)
    tell(people.colleague.id, READY)
    forget_everything()
    for address in ("/", "/reports/", "/account"):
        page = client.get(address).text
        assert 'aria-label="Inbox, 2 unread notices"' in page, address
    first = client.get("/inbox/unread")
    assert client.get("/inbox/unread", headers={"HX-PTag": first.headers["HX-PTag"]}).status_code == 304
    client.post("/inbox/read", data={"all": "yes"})
    assert client.get("/inbox/unread", headers={"HX-PTag": first.headers["HX-PTag"]}).status_code == 200
    assert 'aria-label="Inbox"' in client.get("/").text


def test_a_notice_leads_to_its_report_and_is_read_then(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job()
    tell(people.owner.id, READY, about=Subject(SubjectKind.REPORT, job.id))
    notice = Notice.objects.get()
    client = as_person(people.owner)
    page = client.get("/inbox").text
    assert "“Quarterly figures” is ready." in page
    assert f'href="/inbox/{notice.id}"' in page
    assert as_person(people.colleague).get(f"/inbox/{notice.id}").status_code == 404
    assert inbox.unread(people.owner) == 1
    answer = client.get(f"/inbox/{notice.id}")
    assert (answer.status_code, answer.location) == (302, f"/reports/{job.id}")
    forget_everything()
    assert inbox.unread(people.owner) == 0


def test_a_notice_is_said_in_the_language_of_whoever_reads_it(people: People, as_person: Client) -> None:
    tell(people.owner.id, READY)
    people.owner.update(set__locale="es")
    assert "«Quarterly figures» está listo." in as_person(people.owner.reload()).get("/inbox").text


def test_one_notice_is_marked_as_read_by_its_own_button(people: People, as_person: Client) -> None:
    tell(people.owner.id, READY)
    tell(people.owner.id, Message("Another"))
    first = Notice.objects(user_id=people.owner.id).first()
    client = as_person(people.owner)
    assert client.post("/inbox/read", data={"notice": [str(first.id), "x"]}).status_code == 303
    assert [each.is_unread for each in Notice.objects.order_by("id")] == [False, True]
    assert client.get("/inbox").text.count('name="notice"') == 1


def test_one_asks_for_word_on_the_form_and_for_letters_to_others(
    people: People, as_person: Client, has_mail: None
) -> None:
    client = as_person(people.owner)
    assert 'name="send_to"' in client.get("/reports/new?type=enrollment-summary").text
    asked = {**QUESTION, "notify": "failed", "send_to": f"{people.colleague.email}, {people.manager.email}"}
    assert client.post("/reports/new", data=asked).status_code == 303
    job = ReportJob.objects.get()
    assert job.deliveries_wanted is True
    assert [(wish.channel, wish.recipient, wish.when) for wish in job.deliver_to] == [
        ("inbox", str(people.owner.id), "failed"),
        ("email", people.colleague.email, "ready"),
        ("email", people.manager.email, "ready"),
    ]


def test_who_wants_no_word_gets_none(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    assert 'name="send_to"' not in client.get("/reports/new?type=enrollment-summary").text
    client.post("/reports/new", data=QUESTION)
    job = ReportJob.objects.get()
    assert (job.deliver_to, job.deliveries_wanted) == ([], None)


def test_an_address_that_nothing_may_go_to_is_told_under_its_field_and_stays(
    people: People, as_person: Client, has_mail: None
) -> None:
    answer = as_person(people.owner).post("/reports/new", data={**QUESTION, "send_to": "eve@elsewhere.example"})
    assert answer.status_code == 422
    assert 'id="send_to-error"' in answer.text
    assert "do not go to addresses at elsewhere.example" in answer.text
    assert 'value="eve@elsewhere.example"' in answer.text
    assert ReportJob.objects.count() == 0


def test_one_asks_for_word_on_the_page_of_a_report_that_one_sees(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, visibility="department", department_id=people.department.id)
    client = as_person(people.colleague)
    assert 'id="notify"' in client.get(f"/reports/{job.id}").text
    assert client.post(f"/reports/{job.id}/notify", data={"when": "ended"}).status_code == 303
    found = ReportJob.objects.get(id=job.id)
    assert wishes.own_notice(people.colleague, found) is When.ENDED
    ReportJob.objects(id=job.id).update(set__status="cancelled")
    answer = client.post(f"/reports/{job.id}/notify", data={"when": "failed"}, follow_redirects=True)
    assert "has ended already" in answer.text


def test_a_reports_page_says_what_became_of_its_deliveries_to_those_who_manage_it(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    job = ready_job(visibility="department", deliver_to=wishes.letters(people.colleague.email))
    make_delivery(job_id=job.id, recipient=people.colleague.email, server_said="550 No such person")
    page = as_person(people.owner).get(f"/reports/{job.id}").text
    assert people.colleague.email in page
    assert "550 No such person" in page
    assert "550 No such person" not in as_person(people.neighbour).get(f"/reports/{job.id}").text


def test_links_in_letters_are_the_addresses_of_the_pages(app: Flask, has_mail: None) -> None:
    job_id = ObjectId()
    with app.test_request_context():
        assert links.of_report(job_id) == url_for("jobs.show", job_id=job_id, _external=True)
        assert links.of_file(job_id) == url_for("jobs.download", job_id=job_id, _external=True)
        assert links.of_unsubscribing("t.k-n_") == url_for("inbox.unsubscribe", token="t.k-n_", _external=True)


def test_one_click_unsubscribes_without_a_session_and_looking_alone_does_not(app: Flask, people: People) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    token = unsubscribing.token_of(make_delivery())
    client = app.test_client()
    assert "Unsubscribe" in client.get(f"/unsubscribe/{token}").text
    assert Unsubscribe.objects.count() == 0
    answer = client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.")
    assert Unsubscribe.objects.get().address == "colin@staff.example"
    page = client.post(f"/unsubscribe/{token}").text
    assert "You are unsubscribed" in page
    assert "go to colin@staff.example again" in client.post(f"/unsubscribe/{token}", data={"again": "yes"}).text
    assert Unsubscribe.objects.count() == 0


def test_a_link_to_unsubscribe_that_is_none_is_a_404(app: Flask, people: People) -> None:
    client = app.test_client()
    for token in ("x", str(make_delivery().id), "a.b.c"):
        assert client.get(f"/unsubscribe/{token}").status_code == 404
        assert client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"}).status_code == 404
