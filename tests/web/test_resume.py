"""A form whose session ended comes back whole, to the person who typed it, and is sent with one more click."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.examples import rotated
from tests.factories import PASSWORD, People, make_job
from tests.web.test_forms import address_of, rules
from tests.web.test_pages import ask
from webapp.documents import ReportJob, Session, User
from webapp.services import remembered
from webapp.web.auth import resume

MINE = {"Origin": "http://localhost"}
#: Forms that are not sent again, and why: they carry a password or a file, or would end what has just begun.
NOT_CARRIED = {
    "auth.password", "auth.sign_out", "auth.end_session", "auth.end_all_sessions",
}  # fmt: skip


@pytest.fixture
def csrf(app: Flask) -> Flask:
    app.config["WTF_CSRF_ENABLED"] = True
    return app


def token_of(client: FlaskClient, address: str = "/account") -> str:
    return unescape(re.findall(r'name="csrf-token" content="([^"]+)"', client.get(address).text)[0])


def hidden(page: str) -> dict[str, str]:
    """The fields of the sign-in form that its reader does not fill in."""
    found = re.findall(r'name="(csrf_token|next|resume)" (?:type="hidden" )?value="([^"]*)"', page)
    found += re.findall(r'name="(next|resume)"[^>]*? value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def sign_in_again(client: FlaskClient, page: str, person: User) -> Any:
    return client.post("/sign-in", data={**hidden(page), "email": person.email, "password": PASSWORD}, headers=MINE)


@pytest.fixture
def signed_in(csrf: Flask, people: People) -> Callable[[User], FlaskClient]:
    def sign_in(person: User) -> FlaskClient:
        client = csrf.test_client()
        assert sign_in_again(client, client.get("/sign-in").text, person).status_code == 303
        return client

    return sign_in


def expired(client: FlaskClient) -> None:
    Session.objects.update(set__last_seen_at="2020-01-01T00:00:00Z")
    remembered.forget_everything()


def signed_out_elsewhere(client: FlaskClient) -> None:
    Session.objects.delete()
    remembered.forget_everything()


def cookie_deleted(client: FlaskClient) -> None:
    client.delete_cookie("reportdesk")


ENDS = [expired, signed_out_elsewhere, cookie_deleted]


@pytest.mark.parametrize("end", ENDS)
def test_a_question_comes_back_and_is_asked_with_one_more_click(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient], end: Callable[[FlaskClient], None]
) -> None:
    client = signed_in(people.owner)
    typed = ask(name="Typed before lunch", csrf_token=token_of(client))
    end(client)
    asked = client.post("/reports/new", data=typed, headers=MINE)
    assert asked.status_code == 401
    shown = sign_in_again(client, asked.text, people.owner)
    assert 'value="Typed before lunch"' in shown.text
    fresh = {**ask(name="Typed before lunch"), "csrf_token": hidden(shown.text)["csrf_token"]}
    meta = unescape(re.findall(r'name="csrf-token" content="([^"]+)"', shown.text)[0])
    preview = client.post("/reports/new/preview", data=fresh, headers={"X-CSRFToken": meta, "HX-Request": "true"})
    assert preview.status_code == 200
    assert client.post("/reports/new", data=fresh, headers=MINE).status_code == 303
    assert ReportJob.objects.get().name == "Typed before lunch"


@pytest.mark.parametrize("end", ENDS)
def test_every_form_of_the_product_comes_back_with_what_was_typed(
    csrf: Flask,
    people: People,
    signed_in: Callable[[User], FlaskClient],
    ready_job: Callable[..., ReportJob],
    end: Callable[[FlaskClient], None],
) -> None:
    job = ready_job(requested_by=people.administrator)
    client = signed_in(people.administrator)
    carried = [
        rule
        for rule in rules(csrf, "POST")
        if not getattr(csrf.view_functions[rule.endpoint], "is_public", False) and rule.endpoint not in NOT_CARRIED
    ]
    assert len(carried) > 60
    for turn, rule in enumerate(carried):
        # Each form at one of the ends, in the short run.
        if end not in rotated(ENDS, turn):
            continue
        address = f"{address_of(rule, job)}?back=%2Freports%2F%3Fq%3Da"
        typed = {"csrf_token": token_of(client), "type": "transcript", "name": "x < y & “z”", "reason": "two\r\nlines"}
        end(client)
        sent = client.post(address, data=typed, headers={**MINE, "Referer": "http://localhost/reports/"})
        assert sent.status_code == 401, address
        shown = sign_in_again(client, sent.text, people.administrator)
        assert shown.status_code == 200, address
        assert 'value="x &lt; y &amp; “z”"' in shown.text, address
        if "Send it now?" in shown.text:
            action = unescape(re.findall(r'<form class="card" method="post" action="([^"]+)"', shown.text)[0])
            assert action == address
            again = {**typed, "csrf_token": hidden(shown.text)["csrf_token"]}
            assert client.post(action, data=again, headers=MINE).status_code not in (400, 401, 500), address
        if not client.get("/account").text.count("session-list"):  # the form deactivated, or signed out
            client = signed_in(people.administrator)


def test_whoever_else_signs_in_gets_nothing_of_it(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    typed = ask(name="For Olivia only", csrf_token=token_of(client))
    signed_out_elsewhere(client)
    asked = client.post("/reports/new", data=typed, headers=MINE)
    other = sign_in_again(client, asked.text, people.stranger)
    assert other.status_code == 303
    landed = client.get(other.location).text
    assert "belongs to another account" in landed
    assert "For Olivia only" not in asked.text + other.text + landed


def test_what_is_carried_cannot_be_changed_or_made_up(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    typed = ask(name="Mine", csrf_token=token_of(client))
    cookie_deleted(client)
    page = client.post("/reports/new", data=typed, headers=MINE).text
    for forged in (hidden(page)["resume"][:-2] + "xx", "x", "e30.x.y"):
        data = {**hidden(page), "resume": forged, "email": people.owner.email, "password": PASSWORD}
        answer = client.post("/sign-in", data=data, headers=MINE)
        assert answer.status_code == 303
        client.post("/sign-out", data={"csrf_token": token_of(client)}, headers=MINE)
        page = client.get("/sign-in").text


@pytest.mark.parametrize(
    ("forged", "headers"),
    [({}, MINE), ({"csrf_token": "x.y.z"}, MINE), (None, {"Origin": "https://evil.example"})],
)
def test_what_another_site_sends_is_not_carried_over_the_sign_in(
    csrf: Flask,
    people: People,
    signed_in: Callable[[User], FlaskClient],
    forged: dict[str, str] | None,
    headers: dict[str, str],
) -> None:
    client = signed_in(people.owner)
    job = make_job(people.owner.id)
    token = {"csrf_token": token_of(client)} if forged is None else forged
    cookie_deleted(client)
    answer = client.post(f"/reports/{job.id}/delete", data={"reason": "x", **token}, headers=headers)
    assert answer.status_code == 302
    assert 'name="resume"' not in answer.text


def test_a_password_is_never_carried_in_a_page(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    token = token_of(client)
    cookie_deleted(client)
    typed = {"current": PASSWORD, "new": "a new one, long enough", "csrf_token": token}
    for address in ("/account/password", "/reports/new"):
        answer = client.post(address, data=typed, headers=MINE, follow_redirects=True)
        assert 'value="."' not in answer.text
        assert PASSWORD not in answer.text
        assert "long enough" not in answer.text
        assert hidden(answer.text).get("resume", "") == ""


def test_what_is_too_much_to_be_kept_is_said(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    typed = ask(csrf_token=token_of(client), description="x" * 450_000)
    cookie_deleted(client)
    answer = client.post("/reports/new", data=typed, headers=MINE, follow_redirects=True)
    assert answer.status_code == 200
    assert "too much to be kept" in answer.text


def test_a_file_is_to_be_chosen_again_however_large(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    import io

    for size in (10, 3_000_000):
        client = signed_in(people.administrator)
        token = token_of(client)
        cookie_deleted(client)
        data = {"csrf_token": token, "files": (io.BytesIO(b"x" * size), "a.csv")}
        answer = client.post("/admin/imports/", data=data, headers=MINE, follow_redirects=True)
        assert answer.status_code == 200
        assert "choose the file again" in answer.text


def test_a_part_of_a_page_never_leads_the_page_away(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    job = make_job(people.owner.id)
    signed_out_elsewhere(client)
    htmx = {"HX-Request": "true", "HX-Current-URL": "http://localhost/reports/new?type=transcript"}
    answers = [
        client.post("/reports/new/preview", data=ask(), headers=htmx),
        client.get(f"/reports/{job.id}/live", headers=htmx),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert "HX-Redirect" not in answer.headers
        assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#messages", "innerHTML")
        assert "Your session has ended" in answer.text
        assert "/sign-in?next=/reports/new?type%3Dtranscript" in answer.text


def test_a_form_of_an_older_session_comes_back_filled_in(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    old = token_of(client)
    cookie_deleted(client)
    assert sign_in_again(client, client.get("/sign-in").text, people.owner).status_code == 303
    asked = client.post("/reports/new", data=ask(name="Typed in another window", csrf_token=old), headers=MINE)
    assert asked.status_code == 400
    assert 'value="Typed in another window"' in asked.text
    for foreign in ({"csrf_token": "x"}, {}):
        answer = client.post("/reports/new", data=ask(name="Not mine", **foreign), headers=MINE)
        assert answer.status_code == 400
        assert "Not mine" not in answer.text
    assert ReportJob.objects.count() == 0


def test_a_sign_in_page_that_another_window_signed_in_past_still_gives_back_what_it_carries(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    typed = ask(name="Two windows", csrf_token=token_of(client))
    cookie_deleted(client)
    first = client.post("/reports/new", data=typed, headers=MINE)
    assert sign_in_again(client, client.get("/sign-in").text, people.owner).status_code == 303
    shown = sign_in_again(client, first.text, people.owner)
    assert 'value="Two windows"' in shown.text


def test_a_sign_in_page_without_its_session_asks_once_more_and_keeps_what_it_carries(
    csrf: Flask, people: People, signed_in: Callable[[User], FlaskClient]
) -> None:
    client = signed_in(people.owner)
    typed = ask(name="Slept over it", csrf_token=token_of(client))
    cookie_deleted(client)
    first = client.post("/reports/new", data=typed, headers=MINE)
    cookie_deleted(client)
    second = sign_in_again(client, first.text, people.owner)
    assert second.status_code == 400
    assert "Type your password once more" in second.text
    assert PASSWORD not in second.text
    assert 'value="Slept over it"' in sign_in_again(client, second.text, people.owner).text


def test_what_is_carried_is_forgotten_after_a_day(csrf: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from werkzeug.datastructures import MultiDict

    with csrf.test_request_context("/"):
        packed = resume.pack(resume.Resumed("p", "/reports/new", "/", MultiDict({"name": "x"})))
        assert packed is not None
        assert resume.unpack(packed) is not None
        monkeypatch.setattr(resume, "KEPT_SECONDS", -1)
        assert resume.unpack(packed) is None
