"""Every page on a desk of a busy month: the time of the server, and how many calls it makes to the database.

The time on the clock, and, because a busy machine shows there, what the page and the embedded database computed.
3,000 jobs on the embedded server; 100,000 where REPORTDESK_TEST_MONGODB_URI names a MongoDB. Baseline: the bare driver
asking the same server for the newest 25 jobs of the same department in one `find`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from flask.testing import FlaskClient

from tests.bench import web_desk
from tests.bench.load import USER_AGENT
from tests.commands import recorded
from webapp.documents import ReportJob, User

ROUNDS = 25
MOST_CALLS = 6


def main() -> None:
    given = bool(os.environ.get("REPORTDESK_TEST_MONGODB_URI"))
    count, aim = (100_000, 50) if given else (3_000, 100)
    with web_desk.desk("bench_pages") as database:
        people = web_desk.make_staff(40)
        web_desk.make_month(people, count)
        app = web_desk.make_app()
        print(f"{count:,} jobs; aim: p95 under {aim} ms, at most {MOST_CALLS} calls")
        worst = 0.0
        for role, person in {"one who asks much": people[2], "manager": people[0], "administrator": people[-1]}.items():
            client = client_of(app, person)
            for address in _addresses(person, manages=person is not people[2]):
                worst = max(worst, _page(role, address, client, database))
        managed = list(database.departments.find({}, {"_id": 1}).sort("code", 1))[1:5]
        _told("baseline: bare find, newest 25 of four departments", _timed(lambda: _bare(database, managed)))
        _told("baseline: bare find by _id of 25", _timed(lambda: _by_id(database)))
        print(f"the slowest page has a p95 of {worst:.0f} ms (aim: {aim})")


def _addresses(person: User, *, manages: bool) -> list[str]:
    ready = (
        ReportJob.objects(requested_by=person.id, status="ready").first() or ReportJob.objects(status="ready").first()
    )
    list_page = "/department/" if manages else "/reports/"
    addresses = [
        *("/", "/reports/", "/reports/shared", "/reports/new", "/reports/new?type=enrollment-summary"),
        f"/reports/{ready.id}",
        *(f"{list_page}{query}" for query in ("?q=resultats", "?q=nothing+like+it", "?state=failed", "?type=completion-rates&format=pdf", "?sort=name", "?page=7", "?since=2020-01-01&sort=-status")),
    ]  # fmt: skip
    return [*addresses, "/department/"] if manages else addresses


def client_of(app: Any, person: User) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = USER_AGENT
    name, _, value = web_desk.session_cookie(app, person).partition("=")
    client.set_cookie(name, value)
    return client


def _page(role: str, address: str, client: FlaskClient, database: Any) -> float:
    def ask() -> None:
        nonlocal own, theirs
        # As on a desk at work: something has changed since the last page.
        database.reportjobs.update_one({"status": "queued"}, [{"$set": {"updatedAt": "$$NOW"}}])
        begin, begin_own, begin_theirs = time.perf_counter(), time.thread_time(), web_desk.database_cpu_seconds()
        answer = client.get(address)
        times.append(time.perf_counter() - begin)
        own += time.thread_time() - begin_own
        theirs += web_desk.database_cpu_seconds() - begin_theirs
        assert answer.status_code == 200, (address, answer.status_code)

    times: list[float] = []
    own = theirs = 0.0
    ask()
    times, own, theirs = [], 0.0, 0.0
    for _ in range(ROUNDS):
        ask()
    with recorded() as heard:
        client.get(address)
    calls = len(heard)
    shown = address if len(address) < 40 else address[:37] + "..."
    cpu = f"cpu {1_000 * own / ROUNDS:.0f} + database {1_000 * theirs / ROUNDS:.0f} ms"
    return _told(f"{role}: {shown} ({calls} calls{'' if calls <= MOST_CALLS else ' — too many'}; {cpu})", times)


def _timed(act: Callable[[], Any]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    return times


def _told(what: str, times: list[float]) -> float:
    p95 = 1_000 * sorted(times)[int(len(times) * 0.95) - 1]
    print(f"{what:120} p50 {1_000 * median(times):6.1f} ms  p95 {p95:6.1f} ms")
    return p95


def _bare(database: Any, departments: list[dict[str, Any]]) -> list[Any]:
    of_these = {"departmentId": {"$in": [each["_id"] for each in departments]}}
    return list(database.reportjobs.find(of_these).sort("createdAt", -1).limit(25))


def _by_id(database: Any) -> list[Any]:
    ids = [each["_id"] for each in database.reportjobs.find({"status": "failed"}, {"_id": 1}).limit(25)]
    return list(database.reportjobs.find({"_id": {"$in": ids}}))
