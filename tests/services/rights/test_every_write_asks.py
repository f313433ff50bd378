"""Every service that changes something asks for its permission itself, whatever door one came by.

The functions that write are found in the source (`writing`). Each is either called here by people who may not, and then
leaves the database and the storage as they were; or it stands in a list of those that no person calls, with the reason.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, hold, make_job, make_user
from tests.services.rights.writing import ROOT, writes_of, writing_functions
from tests.services.templates.made import make_template
from webapp import clock, record
from webapp.documents import (
    AdminArea,
    AdminEvent,
    Calendar,
    Delivery,
    LookupValue,
    Order,
    OrderKind,
    ReportJob,
    ReportSchedule,
    ReportTemplate,
    User,
    WebhookEndpoint,
    When,
    WorkerRecord,
)
from webapp.documents.report_schedule import Timing
from webapp.errors import ForbiddenError, NotFoundError
from webapp.services import audit_trail, sources
from webapp.services.audit_trail import AuditQuery
from webapp.services.calendars import calendars
from webapp.services.deliveries import overview, wishes
from webapp.services.deliveries.webhooks import endpoints
from webapp.services.files import downloads, letterhead, verification
from webapp.services.lookups import values as lookups
from webapp.services.orders import dry_runs, imports, orders, pulls, rebuilding, uploads, verbs
from webapp.services.orders.uploads import Upload
from webapp.services.people import accounts, departments, directory, resets
from webapp.services.permissions import TERMINAL
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import workers
from webapp.services.record import carry_over, quality
from webapp.services.record.carry_over import CarriedOver
from webapp.services.requests import asking, bulk, changing
from webapp.services.requests.bulk import Wish
from webapp.services.rights import record_changes as changing_record
from webapp.services.schedules import feed, firing, following, keeping
from webapp.services.schedules.checking import Wish as ScheduleWish
from webapp.services.templates import saving, sharing, using
from webapp.services.templates.saving import Texts
from webapp.services.templates.sharing import Sharing

#: What no person does, by the reason. A whole module (`*`) is one that no view and no command may touch (see the doors).
WITHOUT_A_PERSON = {
    "the state machine of jobs: guarded by states and by a worker's hold; people reach it by requests and downloads": [
        *("jobs.lifecycle.*", "jobs.held.*", "leases.lease.*"),
    ],
    "workers carry out orders, each under its own hold; people reach them by ask, again and receive": [
        *("orders.lifecycle.*", "orders.uploads.delete_files", "orders.uploads.delete_changes"),
        "orders.uploads.keep_changes",
    ],
    "workers move the queue": ["queue.promotion.*", "queue.line.*"],
    "schedulers fire what is due, with the rights that its owner has then; people reach it by keeping and run_now": [
        *("schedules.firing.fire", "schedules.firing.fire_fresh", "schedules.following.pause", "schedules.outcomes.*"),
        "schedules.following.paused_with_its_template",
        *(
            "schedules.planning.*",
            "schedules.keeping.set_paused",
            "schedules.keeping.pause_by_itself",
            "calendars.calendars.plan_anew",
        ),
    ],
    "schedulers make the parts of a whole that is ready, each by asking as its owner; people reach them by changing": [
        *("bursting.making.*", "requests.with_parts.*", "jobs.parts.move_on"),
    ],
    "tells people of their own schedules what happened to them": ["schedules.telling.*"],
    "workers sweep at the time that was set": [
        *("files.retention.*", "files.sweep_figures.*", "orders.uploads.delete_old"),
        *("orders.raw_files.delete_old", "record.keeping.keep_up"),
    ],
    "before a report, in nobody's name: what the LMS has changed": ["sources.refresh_if_due"],
    "part of what was published, or edited, by somebody who may": [
        *("orders.raw_files.keep", "rights.record_changes.took_effect", "record.mirror.*"),
    ],
    "the guarded write of those who save templates, and of a program that starts": ["templates.versions.replace"],
    "writes down what was done, in the name of whoever did it": [
        *("audit.*", "jobs.events.copy", "jobs.events.record_deletion"),
    ],
    "tells somebody what happened to what is theirs, in nobody's name": ["deliveries.telling.tell"],
    "workers make deliveries of wishes, and send each under its own hold; people reach them by wishes and overview": [
        *("deliveries.making.*", "deliveries.ledger.*", "deliveries.hosts.*", "deliveries.sending.*"),
        *("deliveries.mail.sending.send", "deliveries.notices.send", "deliveries.copies.send"),
        *("deliveries.webhooks.sending.send", "deliveries.webhooks.endpoints.end_by_itself"),
    ],
    "nobody is signed in: the link of a letter is the proof, and reaches that letter's own address": [
        *("deliveries.mail.unsubscribing.unsubscribe", "deliveries.mail.unsubscribing.subscribe_again"),
    ],
    "a person's own inbox; it can change nobody else's": [
        "deliveries.inbox.mark_read",
        "deliveries.inbox.mark_all_read",
    ],
    "what a program does when it starts": [
        *(
            "database_setup.*",
            "migrations.*",
            "lookups.values.seed",
            "templates.seeding.seed",
            "people.demo_accounts.mark",
            "people.account_migration.*",
        ),
    ],
    "nobody is signed in yet: the password, or the link, is the right; a letter goes to the person's own address": [
        *("people.accounts.authenticate", "people.resets.use", "people.resets.letter_for"),
    ],
    "the sessions of the person who is given, which carry no right beyond theirs": ["people.sessions.*"],
    "reads on what was opened for somebody who may": ["files.downloads.Download.read"],
    "a person's own language and time zone; it can change nobody else's": ["people.accounts.set_preferences"],
}
#: Which of those a door may use all the same: where, and what.
DOORS = {
    *(("webapp/web/inbox/views.py", f"deliveries.inbox.{name}") for name in ("mark_read", "mark_all_read")),
    *(("webapp/web/inbox/views.py", f"deliveries.mail.unsubscribing.{name}") for name in ("unsubscribe", "subscribe_again")),
    ("webapp/web/auth/views.py", "people.accounts.authenticate"),
    ("webapp/web/auth/views.py", "people.accounts.set_preferences"),
    ("webapp/web/auth/password_views.py", "people.accounts.authenticate"),
    *(("webapp/web/auth/password_views.py", f"people.resets.{name}") for name in ("use", "letter_for")),
    *(("webapp/web/auth/views.py", f"people.sessions.{name}") for name in ("end", "end_all")),
    *(("webapp/web/access.py", f"people.sessions.{name}") for name in ("start", "seen", "end")),
    *((f"webapp/cli/{name}.py", "database_setup.prepare") for name in ("demo", "imports", "lookups", "record", "report", "run", "sources", "templates", "users", "web", "worker")),
}  # fmt: skip
#: These pages say of themselves what happened to a session; nothing of a report.
DOORS |= {
    (page, f"audit.{act}")
    for page in ("webapp/web/auth/views.py", "webapp/web/auth/password_views.py", "webapp/cli/users.py")
    for act in ("record_session", "record_sign_in", "record_sign_out", "record_failed_sign_in", "record_slowed_sign_in")
}
#: Uploads go to this process's own folder before the service gets them; who asked how often is no data of anybody.
OWN_WRITES = {
    "webapp/web/limits.py": ["self.counters.delete_many({})"],
    "webapp/web/admin/import_views.py": ["sent.save(path)"],
}


@dataclass(frozen=True)
class World:
    people: People
    job: ReportJob  # the owner's, private, waiting
    ended: ReportJob  # the owner's, private, failed
    order: Order  # a failed import
    look: Order  # a dry run that waits to be applied
    upload: Path
    calendar: Calendar
    schedule: ReportSchedule  # the owner's
    paused: ReportSchedule  # the owner's
    endpoint: WebhookEndpoint
    delivery: Delivery  # one that has failed
    template: ReportTemplate  # the owner's, private


Call = Callable[[Any, World], object]
CALLS: dict[str, Call] = {
    "calendars.calendars.add": lambda by, _: calendars.add(by, name="Mine"),
    "calendars.calendars.change": lambda by, world: calendars.change(
        by, world.calendar.id, revision=1, name="Mine", weekend=[], days={}
    ),
    "calendars.calendars.set_active": lambda by, world: calendars.set_active(by, world.calendar.id, False),
    "schedules.keeping.create": lambda by, _: keeping.create(by, _wish()),
    "schedules.keeping.change": lambda by, world: keeping.change(by, world.schedule.id, _wish(), revision=1),
    "schedules.keeping.pause": lambda by, world: keeping.pause(by, world.schedule.id),
    "schedules.keeping.resume": lambda by, world: keeping.resume(by, world.paused.id),
    "schedules.keeping.delete": lambda by, world: keeping.delete(by, world.schedule.id),
    "schedules.keeping.hand_over": lambda by, world: keeping.hand_over(
        by, world.schedule.id, world.people.colleague.id
    ),
    "schedules.feed.renew": lambda by, _: feed.renew(by),
    "schedules.feed.end": lambda by, _: feed.end(by),
    "schedules.firing.run_now": lambda by, world: firing.run_now(by, world.schedule.id),
    "files.downloads.open_download": lambda by, world: downloads.open_download(by, world.job.id),
    "deliveries.overview.again": lambda by, world: overview.again(by, str(world.delivery.id)),
    "deliveries.wishes.add": lambda by, world: wishes.add(
        by, world.job.id, wishes.notify(world.people.owner, When.ENDED)
    ),
    "deliveries.webhooks.endpoints.add": lambda by, _: endpoints.add(by, name="Mine", url="https://hooks.example/"),
    "deliveries.webhooks.endpoints.change": lambda by, world: endpoints.change(
        by, str(world.endpoint.id), name="Mine", url="https://hooks.example/", is_active=True
    ),
    "deliveries.webhooks.endpoints.rotate": lambda by, world: endpoints.rotate(by, str(world.endpoint.id)),
    "deliveries.webhooks.endpoints.delete": lambda by, world: endpoints.delete(by, str(world.endpoint.id)),
    "deliveries.webhooks.endpoints.test": lambda by, world: endpoints.test(by, str(world.endpoint.id)),
    "files.letterhead.change": lambda by, _: letterhead.change(by, name="Mine", logo=None),
    "lookups.values.add": lambda by, _: lookups.add("role", "chief", "Chief", metadata={"permissions": []}, by=by),
    "lookups.values.change": lambda by, _: lookups.change("role", "staff", display_as="Everybody", by=by),
    "lookups.values.move": lambda by, _: lookups.move("role", "staff", up=True, by=by),
    "lookups.values.reorder": lambda by, _: lookups.reorder("role", ["system-admin", "staff"], by=by),
    "audit_trail.export": lambda by, _: audit_trail.export(by, AuditQuery()),
    "files.verification.origins": lambda by, _: verification.origins(by, FILE),
    "orders.dry_runs.apply": lambda by, world: dry_runs.apply(by, world.look),
    "orders.dry_runs.changes": lambda by, world: dry_runs.changes(by, world.look),
    "orders.dry_runs.discard": lambda by, world: dry_runs.discard(by, world.look),
    "orders.imports.importing": lambda by, world: _entered(imports.importing(by, {world.upload: "s.json"})),
    "orders.orders.ask": lambda by, _: orders.ask(by, OrderKind.SWEEP, "storage"),
    "orders.orders.again": lambda by, world: orders.again(by, world.order),
    "orders.rebuilding.rebuild": lambda by, _: rebuilding.rebuild(by),
    "orders.pulls.pulling": lambda by, _: _entered(pulls.pulling(by, pulls.LRS)),
    "orders.verbs.map_verbs": lambda by, _: verbs.map_verbs(by, {"https://verbs.example/x": "login"}),
    "record.quality.export": lambda by, _: quality.export(by, "persons-twice"),
    "record.carry_over.take_away_old": lambda by, _: carry_over.take_away_old(CarriedOver(record.current()), by=by),
    "rights.record_changes.rebuild": lambda by, _: changing_record.rebuild(by=by, verbs={}),
    "rights.record_changes.undo": lambda by, _: changing_record.undo(0, by=by),
    "sources.syncing": lambda by, _: _entered(sources.syncing(by)),
    "rights.record_changes.take_back": lambda by, _: changing_record.take_back(1, newest=0, by=by),
    "orders.uploads.receive": lambda by, world: uploads.receive(by, [Upload("s.json", world.upload)]),
    "people.accounts.create_user": lambda by, _: accounts.create_user(
        by, name="Eve", email="eve@staff.example", password="a long enough one", roles=["system-admin"]
    ),
    "people.accounts.set_password": lambda by, world: accounts.set_password(
        world.people.administrator, "a long enough one", by=by
    ),
    "people.resets.make": lambda by, world: resets.make(world.people.administrator, by=by),
    "people.departments.add": lambda by, _: departments.add(by, name="Mine", code="mine", parent_id=None),
    "people.departments.change": lambda by, world: departments.change(
        world.people.department, by=by, name="Mine", code="mine", parent_id=None
    ),
    "people.departments.set_active": lambda by, world: departments.set_active(world.people.department, False, by=by),
    "people.departments.add_team": lambda by, world: departments.add_team(
        by, name="Mine", department_id=world.people.department.id
    ),
    "people.departments.change_team": lambda by, world: departments.change_team(
        world.people.team, by=by, name="Mine", department_id=world.people.department.id
    ),
    "people.departments.set_team_active": lambda by, world: departments.set_team_active(
        world.people.team, False, by=by
    ),
    "people.directory.add": lambda by, _: directory.add(
        by, name="Eve", email="eve@staff.example", roles=["system-admin"]
    ),
    "people.directory.change": lambda by, world: directory.change(world.people.owner, by=by, roles=["system-admin"]),
    "people.directory.set_active": lambda by, world: directory.set_active(world.people.owner, False, by=by),
    "people.directory.give_new_password": lambda by, world: directory.give_new_password(world.people.owner, by=by),
    "queue.workers.pause": lambda by, _: workers.pause(by, "worker-1"),
    "queue.workers.resume": lambda by, _: workers.resume(by, "worker-1"),
    "queue.workers.drain": lambda by, _: workers.drain(by, "worker-1"),
    "requests.asking.create": lambda by, _: asking.create(by, _request()),
    "requests.asking.duplicate": lambda by, world: asking.duplicate(by, world.job.id),
    "requests.asking.sibling": lambda by, world: asking.sibling(by, world.job.id, "json"),
    "requests.bulk.act": lambda by, world: bulk.act(by, [world.job.id], Wish("cancel")),
    "requests.bulk.undo": lambda by, world: bulk.undo(by, str(world.job.id)),
    "requests.changing.take_back_cancel": lambda by, world: changing.take_back_cancel(by, world.job.id),
    "requests.changing.take_back_retry": lambda by, world: changing.take_back_retry(by, world.job.id, {}),
    "requests.changing.cancel": lambda by, world: changing.cancel(by, world.job.id),
    "requests.changing.delete": lambda by, world: changing.delete(by, world.job.id),
    "requests.changing.reprioritise": lambda by, world: changing.reprioritise(by, world.job.id, "low"),
    "requests.changing.retry": lambda by, world: changing.retry(by, world.ended.id),
    "requests.changing.share": lambda by, world: changing.share(by, world.job.id, "department"),
    "requests.changing.update": lambda by, world: changing.update(by, world.job.id, name="Mine"),
    "templates.saving.create": lambda by, _: saving.create(by, Texts("Mine"), _request()),
    "templates.saving.edit": lambda by, world: saving.edit(by, world.template.id, 1, texts=Texts("Mine")),
    "templates.saving.restore": lambda by, world: saving.restore(by, world.template.id, 1, 1),
    "templates.saving.clone": lambda by, world: saving.clone(by, world.template.id),
    "templates.sharing.share": lambda by, world: sharing.share(by, world.template.id, Sharing("team")),
    "schedules.following.retire": lambda by, world: following.retire(by, world.template.id),
    "schedules.following.bring_back": lambda by, world: following.bring_back(by, world.template.id),
    "templates.sharing.retire": lambda by, world: sharing.retire(by, world.template.id),
    "templates.sharing.bring_back": lambda by, world: sharing.bring_back(by, world.template.id),
    "templates.using.use": lambda by, world: using.use(by, world.template.id),
    "templates.using.use_with_changes": lambda by, world: using.use_with_changes(
        by, str(world.template.id), "1", _request()
    ),
    "templates.using.set_favourite": lambda by, world: using.set_favourite(by, world.template.id, True),
}
#: What anybody may do who may ask for reports, strangers too: ask, and keep what they ask.
OPEN_TO_STRANGERS = {
    "requests.asking.create",
    "templates.saving.create",
    "templates.using.use_with_changes",
    "schedules.keeping.create",
    "schedules.feed.renew",
    "schedules.feed.end",
}
#: These tell of what one may see: of nothing.
OF_EACH: dict[str, object] = {
    "files.verification.origins": [],
}
#: The mark of the file that the ended report had.
FILE = "a" * 64
NOBODIES = ("stranger", "learner", "roleless", "of_closed_role", "who_left")


def _entered(block: AbstractContextManager[object]) -> None:
    with block:
        raise AssertionError("nobody should come in here")


def _wish() -> ScheduleWish:
    return ScheduleWish("Weekly", _request(), Timing(frequency="daily", timezone="UTC"))


def _request() -> ReportRequest:
    return ReportRequest(report_type="enrollment-summary", group_by=("class",), measures=("count",), format="csv")


@pytest.fixture
def world(people: People, tmp_path: Path) -> World:
    upload = tmp_path / "statements.json"
    upload.write_text('{"id": "1"}')
    place = {"department_id": people.department.id, "visibility": "private"}
    order = Order(
        kind="import-xapi", area=AdminArea.IMPORTS.value, state="failed", asked_by=people.administrator.id,
        asked_at=people.owner.created_at,
    ).save()  # fmt: skip
    look = Order(
        kind="import", area=AdminArea.IMPORTS.value, state="done", asked_by=people.administrator.id, dry_run=True,
        asked_at=clock.utcnow(),
    ).save()  # fmt: skip
    WorkerRecord(id="worker-1", host="h", pid=1).save()
    calendar = calendars.add(TERMINAL, name="Holidays")
    schedule, paused = (keeping.create(people.owner, _wish()) for _ in range(2))
    keeping.pause(people.owner, paused.id)
    AdminEvent._get_collection().delete_many({})
    template = make_template(people.owner)
    ended = make_job(people.owner.id, status="failed", **place)
    ended.update(set__output__storage={"sha256": FILE})
    endpoint = WebhookEndpoint(name="Warehouse", url="https://hooks.example/x").save()
    delivery = Delivery(
        job_id=ended.id, occasion="ready", channel="email", recipient="a@staff.example", state="failed",
        made_at=clock.utcnow(), queued_at=clock.utcnow(),
    ).save()  # fmt: skip
    job = make_job(people.owner.id, **place)
    return World(
        people, job, ended.reload(), order, look, upload, calendar, schedule, paused, endpoint, delivery, template
    )


def nobody(which: str, people: People) -> User:
    """Somebody who may do none of it."""
    if which == "stranger":
        return people.stranger
    if which == "of_closed_role":
        LookupValue(
            category="role", key="closed", display_as="Closed", is_active=False, metadata={"permissions": _all()}
        ).save()
        return make_user("clara closed", ["closed"], [people.department], [people.team])
    roles = {"learner": ["learner"], "roleless": [], "who_left": ["system-admin"]}[which]
    person = make_user(f"{which} nobody", roles, [people.department], [people.team])
    if which == "who_left":
        person.update(set__is_active=False)
        person.reload()
    return person


def _all() -> list[str]:
    found = LookupValue.objects.get(category="role", key="system-admin").metadata["permissions"]
    return list(found)


def state_of(database: Any, home: Path) -> dict[str, Any]:
    """Everything that is stored."""
    documents = {
        name: sorted(database[name].find(), key=lambda each: str(each["_id"]))
        for name in sorted(database.list_collection_names())
        if not name.startswith("system.")
    }
    files = {str(path): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}
    return {"documents": documents, "files": files}


def is_without_a_person(name: str) -> bool:
    return any(fnmatch(name, pattern) for patterns in WITHOUT_A_PERSON.values() for pattern in patterns)


def test_the_walk_finds_what_writes() -> None:
    found = writing_functions()
    # Directly, by a private function, by another module, by a method, by what is handed on, to the storage.
    assert {"lookups.values.add", "people.departments.set_team_active", "people.directory.add"} <= set(found)
    assert {"requests.changing.cancel", "queue.line.QueueLine.claim", "orders.uploads.delete_files"} <= set(found)
    assert "orders.imports.importing" in found
    assert not {"people.departments.tree", "people.departments.every"} & set(found)


def test_every_function_that_writes_is_tried_here_or_belongs_to_no_person() -> None:
    found = set(writing_functions())
    told = {name for name in found if is_without_a_person(name)}
    assert found - told == set(CALLS), "a function that writes needs a call in CALLS, or a reason in WITHOUT_A_PERSON"
    for patterns in WITHOUT_A_PERSON.values():
        for pattern in patterns:
            assert any(fnmatch(name, pattern) for name in found), f"{pattern} does not write: take it off the list"


def test_every_function_that_a_person_calls_takes_whoever_acts_and_has_no_stand_in_for_them() -> None:
    for name in CALLS:
        function = writing_functions()[name].node.args
        wanted = {each.arg: None for each in function.args} | {
            each.arg: default for each, default in zip(function.kwonlyargs, function.kw_defaults, strict=True)
        }
        actor = {"actor", "by"} & set(wanted)
        assert actor, f"{name} takes nobody who acts"
        assert all(wanted[each] is None for each in actor), f"{name} stands in for a forgotten actor"


def test_who_may_not_changes_nothing(world: World, database: Any, home: Path, subtests: pytest.Subtests) -> None:
    people = {which: nobody(which, world.people) for which in NOBODIES}
    before = state_of(database, home)
    for name, call in CALLS.items():
        with subtests.test(name):
            for which, by in people.items():
                if which == "stranger" and name in OPEN_TO_STRANGERS:
                    continue
                if name in OF_EACH:
                    assert call(by, world) == OF_EACH[name], which
                else:
                    with pytest.raises((ForbiddenError, NotFoundError)):
                        call(by, world)
            # An actor who was forgotten is a fault of the program, never a right.
            with pytest.raises((TypeError, AttributeError)):
                call(None, world)
        # Outside, so that what one of them changed is not put down to the next one.
        was, before = before, state_of(database, home)
        with subtests.test(f"{name} changes nothing"):
            assert before == was


def test_the_owner_who_lost_the_right_to_ask_can_no_longer_change_their_report(world: World, database: Any) -> None:
    owner = hold(world.people.owner, ["learner"]).save()
    for name in ("cancel", "delete", "reprioritise", "retry", "share", "update"):
        with pytest.raises(ForbiddenError, match="request-reports"):
            CALLS[f"requests.changing.{name}"](owner, world)
    assert ReportJob.objects.count() == 2


def test_the_terminal_may_do_what_administrators_do_and_the_trail_names_no_person(world: World, database: Any) -> None:
    for name in (
        "lookups.values.change",
        "people.departments.add",
        "people.directory.set_active",
        "queue.workers.pause",
    ):
        CALLS[name](TERMINAL, world)
    events = list(database.adminevents.find({"area": {"$ne": "templates"}}))  # that of the world is older
    assert [event.get("userId") for event in events] == [None] * 4
    assert {event["area"] for event in events} == {"lookups", "departments", "people", "queue"}


def test_no_view_and_no_command_writes_by_itself() -> None:
    for folder in ("webapp/web", "webapp/cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            own = [each.partition(": ")[2] for each in writes_of(path)]
            assert own == OWN_WRITES.get(name, []), f"{name} writes by itself: {own}"


def test_no_view_and_no_command_does_what_belongs_to_no_person() -> None:
    for folder in ("webapp/web", "webapp/cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            used = {each for each in _services_used(path) if each in writing_functions() and is_without_a_person(each)}
            assert not {each for each in used if (name, each) not in DOORS}, name


def _services_used(path: Path) -> set[str]:
    """`folder.module.function` of everything below `webapp.services` that this file refers to."""
    tree = ast.parse(path.read_text())
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("webapp.services"):
            for each in node.names:
                whole = f"{node.module}.{each.name}".removeprefix("webapp.services.")
                names[each.asname or each.name] = whole
    used = {names[node.id] for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            used.add(f"{names[node.value.id]}.{node.attr}")
    return used
