"""Every form of the application, found by its addresses and pages, with empty, hostile and enormous input.

An answer is a redirect, or a page that says what is wrong with what was typed still in it; never a 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.factories import People, make_job
from tests.web.conftest import Client
from tests.web.test_pages import HOSTILE, ask
from webapp.documents import ReportJob

#: What an address may name, where a page shows it.
PLACES = {"kind": "learner", "worker_id": "nobody", "wish": "pause"}
ENORMOUS = "x" * 3_000_000


class Forms(HTMLParser):
    """The forms of a page: where each is sent, and the names of its fields. Those of htmx count too."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, set[str]] = {}
        self._action: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "form":
            self._action = named.get("action") if (named.get("method") or "get").lower() == "post" else None
            if self._action:
                self.found.setdefault(self._action, set())
        if action := named.get("formaction") or named.get("hx-post"):
            self.found.setdefault(action, set())
        if self._action and tag in ("input", "select", "textarea", "button") and (name := named.get("name")):
            self.found[self._action].add(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._action = None


@pytest.fixture
def job(people: People, ready_job: Callable[..., ReportJob]) -> ReportJob:
    return ready_job(requested_by=people.administrator)


def rules(app: Flask, method: str) -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.endpoint != "static":
            yield rule


def address_of(rule: Rule, job: ReportJob) -> str:
    """The rule's address, about `job`, or about something that there is not."""
    parts = {name: str(job.id) if name == "job_id" else PLACES.get(name, "0" * 24) for name in rule.arguments}
    return re.sub(r"<(?:[^:>]*:)?([^>]+)>", lambda found: parts[found[1]], rule.rule)


def forms_of(app: Flask, client: FlaskClient, job: ReportJob) -> dict[str, set[str]]:
    """Every address that takes a form, with the fields that pages send to it."""
    adapter = app.url_map.bind("localhost")
    found: dict[str, set[str]] = {address_of(rule, job): set() for rule in rules(app, "POST")}
    pages = [address_of(rule, job) for rule in rules(app, "GET")]
    waiting = make_job(job.requested_by, name="Waits")
    for address in [*pages, "/reports/new?type=learner-activity", f"/reports/{waiting.id}"]:
        answer = client.get(address)
        assert answer.status_code < 500, address
        if answer.mimetype != "text/html":
            continue
        page = Forms()
        page.feed(answer.text)
        for action, names in page.found.items():
            path = unescape(action).partition("?")[0].replace(str(waiting.id), str(job.id))
            assert adapter.test(path, "POST"), f"{address} has a form that leads nowhere: {action}"
            found.setdefault(path, set()).update(names)
    for part in ("/reports/new/form", "/reports/new/preview"):
        found[part] |= found["/reports/new"]
    return found


def test_no_form_of_the_application_breaks_by_what_is_typed(
    app: Flask, people: People, as_person: Client, job: ReportJob
) -> None:
    browser = as_person(people.administrator)
    forms = forms_of(app, browser, job)
    assert len(forms) > 15
    said_nothing: list[str] = []
    for address, names in sorted(forms.items()):
        client = as_person(people.administrator)  # one of the forms signs out
        fields = sorted(names | {"unknown"})
        rounds: list[dict[str, Any]] = [{}, dict.fromkeys(fields, "")]
        # Each field meets each hostile value once, always with other ones beside it.
        rounds += [
            {name: HOSTILE[(turn + place) % len(HOSTILE)] for place, name in enumerate(fields)}
            for turn in range(len(HOSTILE))
        ]
        # Without a type there is no question to judge; hostile types have a test of their own.
        about_type = {"type": "learner-activity"} if address.startswith("/reports/new") else {}
        for typed in [{**each, **about_type} for each in [*rounds, {"name": ENORMOUS}]]:
            answer = client.post(address, data=typed)
            about = f"{address} {str(typed)[:200]} -> {answer.status_code}"
            assert answer.status_code < 500, about
            if answer.status_code >= 400 and not re.search("invalid-feedback|alert|empty-heading|error", answer.text):
                said_nothing.append(about)
        assert answer.status_code in (303, 302, 404, 410, 413, 429, 409, 422), about
    assert said_nothing == []


@pytest.mark.parametrize(
    ("address", "typed", "kept"),
    [
        ("/reports/new", ask(name="x" * 300, description="typed with care"), "typed with care"),
        ("/reports/{id}/edit", {"name": "x" * 300, "description": "typed with care"}, "typed with care"),
        ("/account", {"locale": "es", "time_zone": "Mars/Olympus"}, '<option selected value="es">'),
    ],
)
def test_what_was_typed_is_still_there_when_something_was_wrong(
    people: People, as_person: Client, job: ReportJob, address: str, typed: dict[str, Any], kept: str
) -> None:
    answer = as_person(people.administrator).post(address.format(id=job.id), data=typed)
    assert answer.status_code == 422
    assert kept in answer.text
    assert re.search('aria-invalid="true"|is-invalid', answer.text)


def test_an_address_typed_wrong_at_sign_in_stays(app: Flask, people: People) -> None:
    answer = app.test_client().post("/sign-in", data={"email": "olivia@", "password": "wrong"})
    assert answer.status_code == 422
    assert 'value="olivia@"' in answer.text
    assert "wrong" not in answer.text


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/reports/new?type=enrollment-summary", "ask"),
        ("/schedules/new?type=enrollment-summary&group=class&measure=count", "schedule-form"),
    ],
)
def test_enter_in_a_field_sends_the_form_and_neither_agrees_nor_goes_elsewhere(
    people: People, as_person: Client, address: str, form: str
) -> None:
    page = as_person(people.owner).get(address).get_data(as_text=True)
    _, _, rest = page.partition(f'<form id="{form}"')
    first = re.search(r"<button[^>]*>", rest)
    assert first is not None
    # Of a form with several buttons, the first one is pressed.
    assert first[0] == '<button type="submit" hidden>'
    assert "Who gets what?" in rest
