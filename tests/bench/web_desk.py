"""A desk for the benches: the embedded server as its own process, people, jobs, and gunicorn as `reportdesk web` runs it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
from bson import ObjectId
from flask import Flask, Response, session

from tests.bench.load import USER_AGENT
from tests.factories import build_job, make_department, make_user
from tests.serving import wait_for
from webapp import clock, embedded
from webapp.app import create_app
from webapp.cli.web import server_command
from webapp.documents import Department, ReportJob, Team, User, connect, disconnect
from webapp.documents.connection import current_database
from webapp.services import database_setup
from webapp.services.rights import data_scope
from webapp.settings import get_settings
from webapp.web import access

REPORT_TYPES = ("enrollment-summary", "completion-rates", "learner-activity", "assessment-results", "course-analytics")
FORMATS = ("excel", "csv", "pdf", "json")
#: How a busy month ends: most are fetched, some failed, a few still run.
STATUSES = (
    ("ready",) * 50 + ("downloaded",) * 30 + ("failed",) * 8 + ("cancelled",) * 4 + ("expired",) * 7 + ("queued",)
)
VISIBILITIES = ("private",) * 6 + ("team",) * 2 + ("department",) * 2 + ("organization",)


@contextmanager
def desk(database: str) -> Iterator[Any]:
    """An empty database with its indexes, in a folder of its own; a given MongoDB is used where one is named."""
    with tempfile.TemporaryDirectory() as home:
        given = os.environ.get("REPORTDESK_TEST_MONGODB_URI")
        os.environ.update({"REPORTDESK_HOME": home, "REPORTDESK_MONGODB_DATABASE": database})
        if given:
            os.environ["REPORTDESK_MONGODB_URI"] = given
        get_settings.cache_clear()
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        os.environ["REPORTDESK_MONGODB_URI"] = uri
        get_settings.cache_clear()
        client = connect(uri, database)
        client.drop_database(database)
        database_setup.prepare()
        try:
            yield client[database]
        finally:
            client.drop_database(database)
            disconnect()
            if not given:
                embedded.stop(settings)
            for name in ("REPORTDESK_HOME", "REPORTDESK_MONGODB_DATABASE", "REPORTDESK_MONGODB_URI"):
                os.environ.pop(name, None)
            get_settings.cache_clear()


def database_cpu_seconds() -> float:
    """What the embedded server has computed so far; 0 where another is used."""
    settings = get_settings()
    known = settings.home / "embedded.json"
    if not known.exists():
        return 0.0
    times = psutil.Process(json.loads(known.read_text())["pid"]).cpu_times()
    return float(times.user + times.system)


def make_staff(count: int) -> list[User]:
    """Two faculties of four departments each with a manager; staff in departments and teams; an administrator, last."""
    people: list[User] = []
    departments: list[Department] = []
    for faculty in ("Arts", "Science"):
        top = make_department(f"Faculty of {faculty}", faculty.lower())
        people.append(make_user(f"manager of {faculty}".lower(), ["department-admin"], [top]))
        departments += [make_department(f"{faculty} {n}", f"{faculty.lower()}-{n}", top) for n in range(4)]
    teams = [Team(name=f"Team {each.name}", department_id=each.id).save() for each in departments]
    for n in range(count - len(people) - 1):
        place = n % len(departments)
        people.append(make_user(f"person {n}", ["staff"], [departments[place]], [teams[place]] if n % 2 else []))
    people.append(make_user("the administrator", ["system-admin"], []))
    return people


def make_month(people: list[User], count: int) -> None:
    """`count` jobs of the last thirty days, as big as finished jobs are; the same at every run."""
    chance, now = random.Random(7), clock.utcnow()
    staff = [each for each in people if each.memberships]
    scopes = {each.id: data_scope.data_scope(each).to_document() for each in staff}
    model = build_job(staff[0].id).to_mongo().to_dict()
    batch: list[dict[str, Any]] = []
    for number in range(count):
        # A few people ask for much: the first for a tenth of everything.
        person = staff[min(int(chance.paretovariate(0.5)) - 1, len(staff) - 1)] if number % 10 else staff[0]
        created = now - timedelta(minutes=43_200 * number / count)
        status = chance.choice(STATUSES)
        times = [{"seq": n + 1, "at": created, "from": a, "to": b, "why": "made", "workerId": "w" * 32, "fence": 1}
                 for n, (a, b) in enumerate([(None, "pending"), ("pending", "queued"), ("queued", "processing"), ("processing", "rendering"), ("rendering", "uploading"), ("uploading", status)])]  # fmt: skip
        batch.append({
            **model, "_id": ObjectId(), "name": f"{chance.choice(['Enrolments', 'Résultats', 'Activity', 'Completion'])} {number} of {chance.choice(['spring', 'autumn'])}",
            "reportType": chance.choice(REPORT_TYPES), "status": status, "priority": "normal", "priorityRank": 30,
            "requestedBy": person.id, "departmentId": person.memberships[0].department_id, "visibility": chance.choice(VISIBILITIES),
            "output": {"format": chance.choice(FORMATS), "filename": "figures"}, "history": times, "eventCount": 6,
            "provenance": {"scope": scopes[person.id], "tables": {f"table{n}": {"version": n, "rows": 1000 * n} for n in range(6)}},
            "createdAt": created, "updatedAt": created, "scheduledFor": created, "completedAt": created + timedelta(seconds=40),
            "expiresAt": now + timedelta(days=30),
        })  # fmt: skip
        if len(batch) == 1_000 or number == count - 1:
            current_database().reportjobs.insert_many(batch, ordered=False)
            batch = []


def make_running(people: list[User], count: int) -> list[ReportJob]:
    """Jobs that are being made, shared in all ways."""
    jobs = []
    for number in range(count):
        person = people[(number * 7) % (len(people) - 1)]
        jobs.append(build_job(
            person.id, name=f"Running {number}", status="processing", slot=f"bench:{number}", started_at=clock.utcnow(),
            department_id=person.memberships[0].department_id, visibility=("organization", "department", "team", "private")[number % 4],
        ).save())  # fmt: skip
    return jobs


def session_cookie(app: Flask, person: User) -> str:
    """What a browser has after signing in; made here, because two hundred password checks would be the bench."""
    with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}, headers={"User-Agent": USER_AGENT}):
        access.sign_in(person)
        response = Response()
        app.session_interface.save_session(app, session, response)
        return response.headers["Set-Cookie"].partition(";")[0]


def make_app() -> Flask:
    """The application in this process, on the connection that there is."""
    return create_app(connect=False)


@contextmanager
def serving(application: str = "wsgi:app") -> Iterator[tuple[int, int]]:
    """gunicorn as `reportdesk web` runs it: (port, pid of the master)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = server_command(host="127.0.0.1", port=port, workers=2, threads=8)
    command[command.index("wsgi:app")] = application
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/{'readyz' if application == 'wsgi:app' else ''}")
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
