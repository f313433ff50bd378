"""Who may open which address: every rule of the application, each of the cast, each visibility.

The addresses come from the application itself: one that nobody has said anything about fails the first test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from tests.examples import rotated
from tests.factories import People, make_learner, make_user
from tests.services.schedules.conftest import wish
from tests.services.templates.made import make_template
from tests.web.conftest import Client
from webapp import clock
from webapp.documents import Delivery, LookupValue, Order, ReportJob, ReportTemplate, User, WebhookEndpoint
from webapp.documents.lookup_value import lookup_cache
from webapp.services import remembered
from webapp.services.calendars import calendars
from webapp.services.deliveries.mail import unsubscribing
from webapp.services.permissions import TERMINAL
from webapp.services.schedules import keeping
from webapp.settings import get_settings


class Needs(Enum):
    """What one needs for an address. Without it: 404, as if there were none; 403 where one knows of the thing."""

    NOTHING = auto()
    TOKEN = auto()  # no person's, but a monitoring server's
    SIGN_IN = auto()
    TO_ASK = auto()
    TO_MANAGE = auto()
    CONTENT = auto()
    ADMINISTER = auto()
    SEES = auto()  # the report
    SEES_AND_ASKS = auto()
    STEERS = auto()  # sees it; 403 unless it is one's own, or of one's departments
    OWNS = auto()  # sees it; 403 unless it is one's own
    SEES_SCHEDULE = auto()
    STEERS_SCHEDULE = auto()  # sees it; 403 unless it is one's own, or of one's departments
    EDITS_SCHEDULE = auto()  # sees it; 403 unless it is one's own
    SEES_TEMPLATE = auto()
    OWNS_TEMPLATE = auto()  # sees it; 403 unless one has made it
    DID_IT = auto()  # takes back what one has done oneself; here nobody has


G, P = "GET", "POST"
NEEDS: dict[tuple[str, str], Needs] = {
    **dict.fromkeys(
        [("health.live", G), ("health.ready", G), ("auth.sign_in", G), ("auth.sign_in", P), ("auth.forgotten", G),
         ("auth.forgotten", P), ("auth.new_password", G), ("auth.new_password", P), ("auth.strength", P),
         ("health.security_contact", G), ("inbox.unsubscribe", G), ("inbox.unsubscribe_now", P)],
        Needs.NOTHING,
    ),
    ("health.metrics", G): Needs.TOKEN,
    ("schedules.read_feed", G): Needs.TOKEN,
    **dict.fromkeys(
        [("home.index", G), ("auth.account", G), ("auth.account", P), ("auth.password", P), ("auth.sign_out", P),
         ("auth.end_session", P), ("auth.end_all_sessions", P),
         ("verify.index", G), ("verify.check", P), ("jobs.index", G), ("jobs.shared", G), ("jobs.rows", G),
         ("jobs.bulk", P), ("home.find", G), ("schedules.index", G), ("schedules.upcoming", G),
         ("inbox.index", G), ("inbox.unread", G), ("inbox.mark_read", P)],
        Needs.SIGN_IN,
    ),
    **dict.fromkeys(
        [("jobs.new", G), ("jobs.create", P), ("jobs.form_part", P), ("jobs.preview", P), ("jobs.plan_parts", P), ("jobs.choices", G),
         ("schedules.new", G), ("schedules.create", P), ("schedules.when", P), ("schedules.renew_feed", P),
         ("schedules.of_new", P),
         ("report_templates.index", G), ("report_templates.new", G), ("report_templates.new_from_question", P),
         ("report_templates.create", P)],
        Needs.TO_ASK,
    ),
    **{(f"report_templates.{name}", method): Needs.SEES_TEMPLATE for name, method in
       [("show", G), ("version", G), ("change", G), ("use", P), ("clone", P), ("favourite", P)]},
    **{(f"report_templates.{name}", method): Needs.OWNS_TEMPLATE for name, method in
       [("edit", G), ("edit", P), ("change_question", P), ("restore", P), ("share", P), ("set_active", P)]},
    **dict.fromkeys([("department.index", G), ("department.bulk", P)], Needs.TO_MANAGE),
    **dict.fromkeys(
        [("admin.imports", G), ("admin.imports", P), ("admin.import_", G), ("admin.import_again", P),
         ("admin.import_apply", P), ("admin.import_discard", P), ("admin.import_changes", G), ("admin.import_sync", P),
         ("admin.version", G), ("admin.version_undo", P), ("admin.quality", G), ("admin.quality_list", G)],
        Needs.CONTENT,
    ),
    **dict.fromkeys(
        [("admin.index", G), ("admin.now", G), ("admin.queue_bulk", P),
         ("admin.ask_worker", P), ("admin.audit", G), ("admin.export_audit", G), ("admin.storage", G),
         ("admin.storage_orders", G), ("admin.letterhead", G), ("admin.letterhead", P), ("admin.letterhead_logo", G),
         ("admin.compact", P), ("admin.sweep", P), ("admin.lookups", G),
         ("admin.lookup", G), ("admin.lookup", P), ("admin.add_lookup", G), ("admin.add_lookup", P),
         ("admin.move_lookup", P), ("admin.activate_lookup", P), ("admin.people", G), ("admin.person", G),
         ("admin.person", P), ("admin.add_person", G), ("admin.add_person", P), ("admin.activate_person", P),
         ("admin.person_password", P), ("admin.person_link", P), ("admin.departments", G), ("admin.department", G), ("admin.department", P),
         ("admin.add_department", G), ("admin.add_department", P), ("admin.activate_department", P),
         ("admin.calendars", G), ("admin.add_calendar", G), ("admin.add_calendar", P), ("admin.calendar", G),
         ("admin.calendar", P), ("admin.fill_calendar", P), ("admin.upload_calendar", P), ("admin.activate_calendar", P),
         ("admin.deliveries", G), ("admin.delivery_again", P), ("admin.webhooks", G), ("admin.webhooks", P),
         ("admin.webhook", G), ("admin.webhook", P), ("admin.webhook_rotate", P), ("admin.webhook_test", P),
         ("admin.webhook_delete", P),
         ("admin.quality_verbs", P), ("admin.add_team", P), ("admin.team", G), ("admin.team", P), ("admin.activate_team", P)],
        Needs.ADMINISTER,
    ),
    **dict.fromkeys(
        [("jobs.show", G), ("jobs.live", G), ("jobs.row", G), ("jobs.download", G), ("jobs.chart", G), ("jobs.changes", G),
         ("jobs.show_parts", G), ("jobs.change", G), ("jobs.notify", P)],
        Needs.SEES,
    ),
    **dict.fromkeys(
        [("jobs.duplicate", P), ("jobs.sibling", P), ("jobs.keep_chart", P), ("jobs.behind", G)], Needs.SEES_AND_ASKS
    ),
    ("jobs.undo", P): Needs.DID_IT,
    ("schedules.show", G): Needs.SEES_SCHEDULE,
    **dict.fromkeys(
        [("schedules.pause", P), ("schedules.resume", P), ("schedules.hand_over", P)], Needs.STEERS_SCHEDULE
    ),
    **dict.fromkeys(
        [("schedules.edit", G), ("schedules.change", P), ("schedules.run", P), ("schedules.delete", P),
         ("schedules.of_changed", P), ("schedules.show_parts", G)],
        Needs.EDITS_SCHEDULE,
    ),
    ("inbox.follow", G): Needs.DID_IT,  # one's own notice
    **dict.fromkeys([("jobs.cancel", P), ("jobs.priority", P)], Needs.STEERS),
    **dict.fromkeys([("jobs.edit", P), ("jobs.share", P), ("jobs.retry", P), ("jobs.delete", P)], Needs.OWNS),
}  # fmt: skip

CAST = ("owner", "colleague", "manager", "stranger", "administrator", "learner", "roleless", "of_closed_role",
        "who_left", "nobody")  # fmt: skip
ENDS_SESSIONS = {"auth.sign_out", "auth.sign_in", "auth.end_session", "auth.end_all_sessions"}
#: Whoever cannot sign in, or no more.
OUTSIDE = {"who_left", "nobody"}
#: Nothing is shared with these, however widely.
SHARED_WITH_NONE = ("learner", "roleless", "of_closed_role", "who_left", "nobody")
HAVE = {
    Needs.TO_ASK: {"owner", "colleague", "manager", "stranger", "administrator"},
    Needs.TO_MANAGE: {"manager", "administrator"},
    Needs.CONTENT: {"administrator"},
    Needs.ADMINISTER: {"administrator"},
}
SEES = {
    "private": {"owner", "manager", "administrator"},
    "team": {"owner", "colleague", "manager", "administrator"},
    "department": {"owner", "colleague", "manager", "administrator"},
    "organization": {"owner", "colleague", "manager", "stranger", "administrator"},
}
STEERS, OWNS = {"owner", "manager", "administrator"}, {"owner", "administrator"}
#: The owner's, which nobody else owns with them; it is of the manager's department.
OF_A_SCHEDULE = {
    Needs.SEES_SCHEDULE: SEES["private"],
    Needs.STEERS_SCHEDULE: {"owner", "manager", "administrator"},
    Needs.EDITS_SCHEDULE: {"owner", "administrator"},
}
OF_A_TEMPLATE = {Needs.SEES_TEMPLATE, Needs.OWNS_TEMPLATE}
OF_A_JOB = {Needs.SEES, Needs.SEES_AND_ASKS, Needs.STEERS, Needs.OWNS}

FORMS: dict[str, dict[str, str]] = {
    "report_templates.new_from_question": {"type": "enrollment-summary"},
    "report_templates.create": {"type": "enrollment-summary", "template_name": "Mine"},
    "report_templates.edit": {"template_name": "Another", "base": "1"},
    "report_templates.change_question": {
        "type": "enrollment-summary",
        "group": "course",
        "measure": "count",
        "format": "csv",
        "template_version": "1",
    },
    "report_templates.restore": {"version": "1", "base": "1"},
    "report_templates.share": {"visibility": "team"},
    "report_templates.favourite": {"favourite": "yes"},
    "jobs.share": {"visibility": "team"},
    "jobs.edit": {"name": "New name"},
    "jobs.priority": {"priority": "low"},
    "jobs.sibling": {"format": "json"},
    "jobs.keep_chart": {"kind": "line"},
    "admin.version_undo": {"newest": "1"},
    "jobs.create": {"type": "enrollment-summary"},
    "jobs.form_part": {"type": "enrollment-summary"},
    "jobs.preview": {"type": "enrollment-summary", "group": "class", "measure": "count", "format": "csv"},
}
QUERIES = {"jobs.choices": {"q": "x"}, "jobs.new": {"type": "enrollment-summary"}}


@dataclass(frozen=True)
class Entry:
    """One address with one method."""

    endpoint: str
    method: str
    rule: str
    names: frozenset[str]

    @property
    def needs(self) -> Needs:
        return NEEDS[self.endpoint, self.method]


def entries(app: Flask) -> list[Entry]:
    return [
        Entry(rule.endpoint, method, rule.rule, frozenset(rule.arguments))
        for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture
def clients(app: Flask, people: People, as_person: Client) -> dict[str, FlaskClient]:
    """Everybody signed in, as far as they can; who has left was signed in before that."""
    LookupValue(
        category="role", key="closed", display_as="Closed", metadata={"permissions": ["administer", "request-reports"]}
    ).save()
    place = ([people.department], [people.team])
    found: dict[str, User] = {name: getattr(people, name) for name in CAST[:5]}
    found["learner"] = make_user("lee learner", ["learner"], *place)
    found["roleless"] = make_user("rob roleless", [], *place)
    found["of_closed_role"] = make_user("clara closed", ["closed"], *place)
    found["who_left"] = make_user("liz left", ["system-admin"], *place)
    signed_in = {name: as_person(person) for name, person in found.items()}
    LookupValue.objects(category="role", key="closed").update(set__is_active=False)
    found["who_left"].update(set__is_active=False)
    lookup_cache.forget()
    remembered.forget_everything()
    return {**signed_in, "nobody": app.test_client()}


def address_of(entry: Entry, **ids: Any) -> str:
    address = entry.rule
    for name, value in {"row": 0, "place": 1, **ids}.items():
        address = re.sub(rf"<(int:)?{name}>", str(value), address)
    assert "<" not in address, f"nobody has said what stands in {entry.rule}"
    return address


def ask(client: FlaskClient, entry: Entry, address: str) -> Any:
    if entry.method == "GET":
        return client.get(address, query_string=QUERIES.get(entry.endpoint, {}))
    return client.post(address, data=FORMS.get(entry.endpoint, {}))


def outcome(answer: Any) -> str:
    """in, hidden (404), refused (403) or sign in."""
    assert answer.status_code < 500, answer.text[:500]
    if answer.status_code == 401 or (answer.status_code == 302 and "/sign-in" in (answer.location or "")):
        return "sign in"
    found_nothing = any(each in answer.text for each in ("This report has no chart", "was not compared with one"))
    if answer.status_code == 404 and not found_nothing:
        return "hidden"
    return "refused" if answer.status_code == 403 else "in"


def expected(needs: Needs, who: str, visibility: str = "") -> str:
    if needs is Needs.NOTHING:
        return "in"
    if who in OUTSIDE:
        return "sign in"
    if needs is Needs.DID_IT:
        return "hidden"
    if needs is Needs.SIGN_IN:
        return "in"
    if needs in OF_A_JOB:
        if who not in SEES[visibility]:
            return "hidden"
        may = {Needs.STEERS: STEERS, Needs.OWNS: OWNS}.get(needs)
        return "in" if may is None or who in may else "refused"
    if needs in OF_A_SCHEDULE:
        if who not in SEES["private"]:
            return "hidden"
        return "in" if who in OF_A_SCHEDULE[needs] else "refused"
    if needs in OF_A_TEMPLATE:
        if who not in SEES[visibility] & HAVE[Needs.TO_ASK]:
            return "hidden"
        return "in" if needs is Needs.SEES_TEMPLATE or who in OWNS else "refused"
    return "in" if who in HAVE[needs] else "hidden"


def test_every_address_of_the_application_has_an_expectation(app: Flask) -> None:
    found = {(entry.endpoint, entry.method) for entry in entries(app)}
    assert found - set(NEEDS) == set(), "say in NEEDS who may open these"
    assert set(NEEDS) - found == set(), "these are no more"


def test_what_is_of_a_report_is_expected_of_each_that_names_one(app: Flask) -> None:
    for entry in entries(app):
        assert ("job_id" in entry.names) == (entry.needs in OF_A_JOB), entry
        assert ("template_id" in entry.names) == (entry.needs in OF_A_TEMPLATE), entry


def _tried(entry: Entry, visibility: str) -> list[str]:
    """Everybody where all is shared; where less is, one of those with whom nothing ever is, in the short run."""
    if visibility == "organization":
        return list(CAST)
    turn = list(NEEDS).index((entry.endpoint, entry.method)) + list(SEES).index(visibility)
    return [who for who in CAST if who not in SHARED_WITH_NONE] + rotated(SHARED_WITH_NONE, turn)


@pytest.mark.parametrize("visibility", SEES)
def test_every_address_of_a_report_opens_to_those_it_is_for_and_to_nobody_else(
    app: Flask, people: People, clients: dict[str, FlaskClient], ready_job: Callable[..., ReportJob], visibility: str
) -> None:
    def fresh() -> ReportJob:
        return ready_job(visibility=visibility, name=f"Quarterly figures {ObjectId()}")

    unexpected: list[str] = []
    job = fresh()
    for entry in entries(app):
        if entry.needs not in OF_A_JOB:
            continue
        for who in _tried(entry, visibility):
            before = job.reload().to_mongo()
            got = outcome(ask(clients[who], entry, address_of(entry, job_id=job.id)))
            wanted = expected(entry.needs, who, visibility)
            if got != wanted:
                unexpected.append(f"{entry.method} {entry.rule} by {who}: {got}, not {wanted}")
            if wanted != "in" and ReportJob.objects.get(id=job.id).to_mongo() != before:
                unexpected.append(f"{entry.method} {entry.rule} by {who} changed it")
            if wanted == "in" and entry.method == "POST":
                job = fresh()
    assert unexpected == []


@pytest.mark.parametrize("visibility", SEES)
def test_every_address_of_a_template_opens_to_those_it_is_for_and_to_nobody_else(
    app: Flask, people: People, clients: dict[str, FlaskClient], visibility: str
) -> None:
    def fresh() -> ReportTemplate:
        return make_template(people.owner, visibility=visibility)

    unexpected: list[str] = []
    template = fresh()
    for entry in entries(app):
        if entry.needs not in OF_A_TEMPLATE:
            continue
        for who in _tried(entry, visibility):
            before = template.reload().to_mongo()
            got = outcome(ask(clients[who], entry, address_of(entry, template_id=template.id, number=1)))
            wanted = expected(entry.needs, who, visibility)
            if got != wanted:
                unexpected.append(f"{entry.method} {entry.rule} by {who}: {got}, not {wanted}")
            if wanted != "in" and ReportTemplate.objects.get(id=template.id).to_mongo() != before:
                unexpected.append(f"{entry.method} {entry.rule} by {who} changed it")
            if wanted == "in" and entry.method == "POST":
                template = fresh()
    assert unexpected == []


def test_every_other_address_opens_to_those_it_is_for_and_to_nobody_else(
    app: Flask, people: People, clients: dict[str, FlaskClient], settings_env: pytest.MonkeyPatch
) -> None:
    make_learner("Lee")  # version 1 of the record
    settings_env.setenv("REPORTDESK_LRS_URL", "http://127.0.0.1:9/xapi")
    get_settings.cache_clear()
    unexpected: list[str] = []
    for entry in entries(app):
        if entry.needs in OF_A_JOB | OF_A_TEMPLATE:
            continue
        turn = list(NEEDS).index((entry.endpoint, entry.method))
        # In the short run one of those inside who may do nothing here, and one of those outside.
        nobodies = rotated(("learner", "roleless", "of_closed_role"), turn) + rotated(("who_left", "nobody"), turn)
        # The administrator last: it may, and changes things.
        ids = _ids(entry, people)
        for who in [*nobodies, "owner", "colleague", "manager", "stranger", "administrator"]:
            if entry.endpoint in ENDS_SESSIONS and who not in OUTSIDE:
                continue  # the test's own session; those have tests of their own
            got = outcome(ask(clients[who], entry, address_of(entry, **ids)))
            if got == "in" and entry.method == "POST":
                ids = _ids(entry, people)
            if entry.needs is Needs.TOKEN:
                wanted = got if got in ("hidden", "refused", "sign in") else "hidden"
            else:
                wanted = expected(entry.needs, who)
            if got != wanted:
                unexpected.append(f"{entry.method} {entry.rule} by {who}: {got}, not {wanted}")
    assert unexpected == []


def _ids(entry: Entry, people: People) -> dict[str, Any]:
    """Something that is there, for each place in the address."""
    order = Order(kind="import-xapi", area="imports", state="failed", asked_at=people.owner.created_at)
    known: dict[str, Callable[[], Any]] = {
        "category": lambda: "report-priority",
        "key": lambda: "persons-twice" if entry.endpoint == "admin.quality_list" else "low",
        "source": lambda: "lrs",
        "number": lambda: 1,
        "kind": lambda: "class",
        "user_id": lambda: people.neighbour.id,
        "department_id": lambda: people.other_department.id,
        "team_id": lambda: people.team.id,
        "order_id": lambda: order.save().id,
        "worker_id": lambda: _worker(),
        "wish": lambda: "pause",
        "session_id": ObjectId,
        "secret": lambda: "guessed",
        "schedule_id": lambda: keeping.create(people.owner, wish()).id,
        "calendar_id": lambda: calendars.add(TERMINAL, name=str(ObjectId())).id,
        "act_id": ObjectId,
        "notice_id": ObjectId,
        "token": lambda: unsubscribing.token_of(_delivery()),
        "delivery_id": lambda: _delivery().id,
        "endpoint_id": lambda: WebhookEndpoint(name="Warehouse", url="https://hooks.example/x").save().id,
    }
    return {name: known[name]() for name in entry.names}


def _delivery() -> Delivery:
    now = clock.utcnow()
    job_id = ObjectId()
    return Delivery(
        job_id=job_id, occasion="ready", channel="email", recipient="a@staff.example", sender_id=ObjectId(),
        state="failed", made_at=now, queued_at=now,
    ).save()  # fmt: skip


def _worker() -> str:
    from webapp.documents import WorkerRecord

    WorkerRecord(id="worker-1", host="h", pid=1).save()
    return "worker-1"


def test_a_hidden_report_one_that_is_not_there_and_an_id_that_is_none_are_told_alike(
    app: Flask, people: People, clients: dict[str, FlaskClient], ready_job: Callable[..., ReportJob]
) -> None:
    hidden = str(ready_job(visibility="private", name="Quarterly figures").id)
    ids = [str(ObjectId()), "0" * 24, "x", "%00", "..", "0" * 300]
    for turn, entry in enumerate(each for each in entries(app) if each.needs in OF_A_JOB):
        for place, who in enumerate(("colleague", "learner", "roleless", "administrator")):
            tried = rotated(ids, turn + place, 2)
            for job_id in tried if who == "administrator" else [*tried, hidden]:
                answer = ask(clients[who], entry, address_of(entry, job_id=job_id))
                told = answer.status_code, "Quarterly figures" in answer.text
                assert told == (404, False), (entry, who, job_id)


def test_a_hidden_template_one_that_is_not_there_and_an_id_that_is_none_are_told_alike(
    app: Flask, people: People, clients: dict[str, FlaskClient]
) -> None:
    hidden = str(make_template(people.owner, "Quarterly figures").id)
    ids = [str(ObjectId()), "0" * 24, "x", "%00", "..", "0" * 300]
    for turn, entry in enumerate(each for each in entries(app) if each.needs in OF_A_TEMPLATE):
        for place, who in enumerate(("colleague", "learner", "roleless", "administrator")):
            tried = rotated(ids, turn + place, 2)
            for template_id in tried if who == "administrator" else [*tried, hidden]:
                answer = ask(clients[who], entry, address_of(entry, template_id=template_id, number=1))
                told = answer.status_code, "Quarterly figures" in answer.text
                assert told == (404, False), (entry, who, template_id)
