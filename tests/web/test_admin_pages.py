"""The area as a whole: who knows of it, what it costs the database, and what hostile input does to it: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pymongo import monitoring

from tests.factories import PASSWORD, People, make_job, make_user
from tests.web.conftest import Client
from tests.web.test_pages import HOSTILE
from webapp.documents import AdminArea, Order, OrderKind, ReportJob
from webapp.services import audit, database_clock
from webapp.services.files import retention
from webapp.services.jobs import events as job_events
from webapp.services.orders import orders
from webapp.services.requests import changing
from webapp.settings import get_settings

PAGES = [
    "/admin/", "/admin/lookups/", "/admin/lookups/role/", "/admin/lookups/measure-type/count", "/admin/lookups/role/add",
    "/admin/people/", "/admin/people/add", "/admin/departments/", "/admin/departments/add", "/admin/imports/",
    "/admin/quality/", "/admin/storage/", "/admin/storage/orders", "/admin/audit/",
]  # fmt: skip
POSTS = [
    "/admin/lookups/role/add", "/admin/lookups/role/staff", "/admin/lookups/role/staff/move",
    "/admin/lookups/role/staff/active", "/admin/people/add", "/admin/departments/add", "/admin/imports/",
    "/admin/storage/compact", "/admin/storage/sweep", "/admin/imports/sync/lrs", "/admin/quality/verbs",
]  # fmt: skip
MOST_CALLS = 6


class Calls(monitoring.CommandListener):
    """What is asked of the database, in this process."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.is_on = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.is_on and event.command_name in ("find", "count", "aggregate", "getMore", "distinct", "hello"):
            self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


@pytest.fixture
def calls(settings_env: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Registered before the database is connected; the driver has no way to take a listener away."""
    listener = Calls()
    monitoring.register(listener)
    yield listener
    listener.is_on = False


def people_pages(people: People) -> list[str]:
    return [
        f"/admin/people/{people.owner.id}", f"/admin/departments/{people.department.id}",
        f"/admin/teams/{people.team.id}", f"/admin/audit/?person={people.owner.id}",
        "/admin/people/?q=ol&state=active", "/admin/people/?role=learner",
    ]  # fmt: skip


def test_only_administrators_know_of_these_pages(people: People, as_person: Client) -> None:
    for person in (people.owner, people.manager):
        client = as_person(person)
        assert [client.get(address).status_code for address in PAGES] == [404] * len(PAGES)
        assert [client.post(address).status_code for address in POSTS] == [404] * len(POSTS)
        assert [client.get(address).status_code for address in people_pages(people)] == [404] * 6
    client = as_person(people.administrator)
    for address in (*PAGES, *people_pages(people)):
        assert client.get(address).status_code == 200, address


def test_who_keeps_the_content_imports_and_no_more(people: People, as_person: Client) -> None:
    client = as_person(make_user("carla content", ["content-admin"], [people.department]))
    kept = ("/admin/imports/", "/admin/quality/")
    assert [client.get(address).status_code for address in kept] == [200, 200]
    assert [client.get(address).status_code for address in PAGES if address not in kept] == [404] * 12
    home = client.get("/").text
    assert "/admin/imports/" in home
    assert "/admin/people/" not in client.get("/admin/imports/").text


def test_every_page_asks_the_database_at_most_six_times_and_an_index_answers(
    calls: Calls, people: People, as_person: Client, database: Any, settings_env: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        make_job(people.owner.id, name=f"Report {number}")
        audit.record(people.administrator, AdminArea.PEOPLE, "changed", f"Person {number}")
    job = cancelled_by_its_manager(people)
    orders.ask(people.administrator, OrderKind.SWEEP, "storage")
    retention.sweep(database_clock.now())
    client = as_person(people.administrator)
    # The person and the lookup values are kept in the process, for seconds and for a minute.
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    report_page = f"/admin/audit/?report={job.id}"
    for address in (
        *PAGES[1:],
        *people_pages(people),
        report_page,
        "/admin/audit/?kind=failed",
        "/admin/audit/?kind=people",
    ):
        client.get(address)
        calls.commands.clear()
        calls.is_on = True
        assert client.get(address).status_code == 200
        calls.is_on = False
        # The person of the session is read once in five seconds, whatever pages they open.
        asked = [each for each in calls.commands if "hello" not in each and not _is_session(each)]
        assert len(asked) <= MOST_CALLS, (address, [(each.get("find"), each.get("filter")) for each in asked])
        for each in asked:
            if each.get("find") in ("jobevents", "adminevents", "orders", "reportjobs", "users") and each["filter"]:
                if "_id" in each["filter"]:
                    continue  # the embedded server tells such a plan as a scan, and reads one document
                plan = database.command("explain", {"find": each["find"], "filter": each["filter"]})
                assert "IXSCAN" in str(plan) or "IDHACK" in str(plan) or "EXPRESS" in str(plan), (address, each, plan)


def _is_session(command: dict[str, Any]) -> bool:
    return command.get("find") == "users" and set(command["filter"]) == {"_id", "isActive"}


def cancelled_by_its_manager(people: People) -> ReportJob:
    job = make_job(people.owner.id)
    changing.cancel(people.owner, job.id)
    job_events.copy([job.id])
    return job


@pytest.mark.parametrize("address", ["/admin/people/?{}", "/admin/audit/?{}"])
def test_no_address_argument_is_a_server_error(people: People, as_person: Client, address: str) -> None:
    client = as_person(people.administrator)
    names = ("q", "role", "state", "page", "person", "report", "kind", "since", "until", "before")
    for text in HOSTILE:
        answer = client.get(address.format(""), query_string=dict.fromkeys(names, text[:2_000]))
        assert answer.status_code == 200, text[:40]


def test_an_id_that_is_none_is_a_404_on_every_address(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    for wrong in ("0" * 24, "x", "..%2f..", "😀", "null"):
        for address in ("people/{}", "departments/{}", "teams/{}", "imports/{}", "lookups/{}/", "lookups/role/{}"):
            assert client.get(f"/admin/{address.format(wrong)}").status_code == 404, (address, wrong)
        for address in ("people/{}/active", "people/{}/password", "departments/{}/teams", "teams/{}/active",
                        "imports/{}/again", "lookups/role/{}/move", "lookups/role/{}/active"):  # fmt: skip
            assert client.post(f"/admin/{address.format(wrong)}").status_code == 404, (address, wrong)


@pytest.mark.parametrize("address", ["lookups/measure-type/add", "lookups/report-priority/add",
                                     "lookups/activity-event/add", "people/add", "departments/add"])  # fmt: skip
def test_hostile_forms_come_back_with_what_was_typed_or_are_taken(
    people: People, as_person: Client, address: str
) -> None:
    client = as_person(people.administrator)
    names = ("key", "display_as", "description", "rank", "permission", "aggregate", "field", "datasets", "format",
             "rules", "name", "email", "roles", "departments", "teams", "time_zone", "locale", "code", "parent")  # fmt: skip
    for text in HOSTILE:
        answer = client.post(f"/admin/{address}", data=dict.fromkeys(names, text))
        assert answer.status_code in (422, 303, 200), (address, text[:40])
        if answer.status_code == 422:
            assert "invalid-feedback" in answer.text
            assert "<script>alert(1)" not in answer.text


def test_every_form_needs_its_token(app: Flask, people: People) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"email": people.administrator.email, "password": PASSWORD, "csrf_token": token}
    assert client.post("/sign-in", data=data).status_code == 303
    assert [client.post(address).status_code for address in POSTS] == [400] * len(POSTS)
    assert Order.objects.count() == 0
