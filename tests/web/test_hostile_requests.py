"""No request gives a 500, whoever sends it: 1,000 of them here, 10,000 in `make faults`, other ones each time; and each
condition on a day by one door in each zone, in `make faults` by all."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.examples import rotated
from tests.factories import PASSWORD, People, make_job, make_user
from tests.web.hostile import OF_DAYS, Hostile, field_names
from tests.web.test_pages import ask
from webapp.documents import ReportJob, User
from webapp.services import remembered
from webapp.services.questions.in_words import OPERATOR_WORDS
from webapp.web.limits import limiter

COUNT = 10_000 if os.environ.get("REPORTDESK_TEST_FAULTS") == "full" else 1_000
#: `REPORTDESK_TEST_SEED=… pytest …` sends the same again.
SEED = os.environ.get("REPORTDESK_TEST_SEED") or secrets.token_hex(4)
#: East and west of all others: what is a day there is none in year 1, or 9999, here.
ROLES = {
    "nobody": "",
    "learner": "Asia/Kathmandu",
    "owner": "Pacific/Kiritimati",
    "manager": "Etc/GMT+12",
    "administrator": "America/St_Johns",
}
#: After so many, what the requests themselves have ended, deleted or deactivated is there again.
ANEW = 25


#: The first and the last day that there is.
EXTREMES = ("0001-01-01", "9999-12-31")


def test_the_fields_are_those_of_the_forms_and_pages() -> None:
    assert {"password", "scheduled", "group", "checksum", "ids", "q", "page"} <= set(field_names())


#: The day beside an extreme is none in UTC where the zone is that far to its side.
DAYS_OF_ZONES = [
    *((zone, day) for zone in ("Pacific/Kiritimati", "Etc/GMT+12") for day in EXTREMES),
    ("Pacific/Kiritimati", "0001-01-02"),
    ("Etc/GMT+12", "9999-12-30"),
]
#: Where a question comes in.
DOORS = [
    ("GET", "/reports/new"),
    ("POST", "/reports/new"),
    ("POST", "/reports/new/form"),
    ("POST", "/reports/new/preview"),
]


@pytest.mark.parametrize(("zone", "day"), DAYS_OF_ZONES)
def test_no_day_is_too_early_or_too_late(
    app: Flask,
    people: People,
    as_person: Callable[[User], FlaskClient],
    ready_job: Callable[..., ReportJob],
    zone: str,
    day: str,
) -> None:
    people.administrator.time_zone = zone
    people.administrator.save()
    ready_job(requested_by=people.administrator)
    client = as_person(people.administrator)
    case = DAYS_OF_ZONES.index((zone, day))
    names = [name for name in field_names() if OF_DAYS.search(name)]
    moments = {name: f"{day}T00:00" if name == "scheduled" else day for name in names}
    for address in sorted({rule.rule for rule in app.url_map.iter_rules() if _is_page(rule)}):
        page = client.get(address).text
        # Alone where the page has the field: beside another one that is refused it would not be looked at.
        alone = [{name: moments[name]} for name in names if f'name="{name}"' in page]
        for given in [moments, *rotated(alone, case, max(len(alone) // 3, 1))]:
            assert client.get(address, query_string=given).status_code < 500, (address, given)
    for number, question in enumerate(_questions(day)):
        # A day beside an extreme is taken: to post each such question would make a report of it.
        doors = DOORS if day in EXTREMES else DOORS[:1]
        for method, address in doors if "where" not in question else rotated(doors, case + number):
            asked = question if method == "GET" else {**question, "submission": f"{address} {number}"}
            given = {"query_string": asked} if method == "GET" else {"data": asked}
            assert client.open(address, method=method, **given).status_code < 500, (method, address, question)


def _is_page(rule: Rule) -> bool:
    return not rule.arguments and "GET" in (rule.methods or ())


def _questions(day: str) -> list[dict[str, Any]]:
    """Those that have a day in them: as a period, as the moment at which it is made, as a condition on each field."""
    periods = [{"start": day}, {"end": day}, {"start": day, "end": day}, {"scheduled": f"{day}T23:59"}]
    # No zone named is the person's own.
    questions = [ask(period="custom", time_zone=each, **given) for each in ("", "UTC") for given in periods]
    return questions + [
        ask(where=field, compare=operator, value=day)
        for field in ("enrolled-at", "completed-at", "timestamp")
        for operator in OPERATOR_WORDS
    ]


class Desk:
    """Somebody at the desk, with reports in all states, however often that is destroyed."""

    def __init__(self, app: Flask, person: User | None, ready_job: Callable[..., ReportJob]) -> None:
        self.app, self.person, self.ready_job = app, person, ready_job
        self.as_it_was = person.to_mongo() if person is not None else None
        self.ids: list[str] = []
        self.cookie = ""

    def set_up(self) -> None:
        if self.person is None:
            return
        User._get_collection().replace_one({"_id": self.person.id}, self.as_it_was, upsert=True)
        remembered.forget_everything()
        limiter.reset()
        asked = self.person.id
        done = self.ready_job(requested_by=self.person, name=f"ready {len(self.ids)}", visibility="organization")
        self.ids = [str(done.id), str(make_job(asked).id), str(make_job(asked, status="failed").id), str(asked)]
        client = self.app.test_client()
        client.post("/sign-in", data={"email": self.person.email, "password": PASSWORD})
        session = client.get_cookie("reportdesk")
        assert session is not None
        self.cookie = f"reportdesk={session.value}"


# Files of a form that is cut in the middle are closed when they are thrown away, not before.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("role", ROLES)
def test_no_request_breaks_anything(
    app: Flask,
    people: People,
    ready_job: Callable[..., ReportJob],
    caplog: pytest.LogCaptureFixture,
    role: str,
) -> None:
    person = (
        make_user("a learner", ["learner"], [people.department]) if role == "learner" else getattr(people, role, None)
    )
    if person is not None:
        person.time_zone = ROLES[role]
        person.save()
    desk = Desk(app, person, ready_job)
    seed = f"{SEED}-{role}"
    print(f"REPORTDESK_TEST_SEED={SEED} ({seed})")
    hostile = Hostile(app, seed, lambda: desk.ids, ask())
    caplog.set_level(logging.WARNING, "webapp")
    statuses: dict[int, int] = {}
    broken: list[Any] = []
    for number in range(COUNT // len(ROLES)):
        if number % ANEW == 0:
            desk.set_up()
        caplog.clear()
        sent = hostile.send(desk.cookie)
        statuses[sent.status] = statuses.get(sent.status, 0) + 1
        if sent.status >= 500 or any(record.exc_info for record in caplog.records):
            broken.append(f"{sent}\n{caplog.text}")
    print(statuses)
    assert broken == [], f"seed {SEED}\n" + "\n\n".join(broken)
    # They get past the door, where there is one.
    assert role == "nobody" or statuses.get(200, 0) > COUNT // len(ROLES) // 20
