"""200 people watch 50 running jobs: how long a poll takes, what it costs, and how many there could be.

Baseline: a Flask route that does nothing, on the same gunicorn, asked by the same load generator in the same run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests.bench import web_desk
from webapp.documents import ReportJob
from webapp.services.rights import visibility

PEOPLE, JOBS = 200, 50
#: As often as a report's page asks (templates/jobs/_report.html).
EVERY_SECONDS = 1.0
SECONDS, WARM_SECONDS = 20, 5
FULL_SPEED_SECONDS = 5
CONNECTIONS = 16
ROUNDS = 5


def main() -> None:
    with web_desk.desk("bench_polls") as database:
        people = web_desk.make_staff(PEOPLE + 3)
        web_desk.make_month(people, 3_000)
        jobs = web_desk.make_running(people, JOBS)
        app = web_desk.make_app()
        watchers = []
        for number, person in enumerate(people[:PEOPLE]):
            seen = [job for job in jobs[number % JOBS :] + jobs[: number % JOBS] if visibility.may_see(person, job)]
            watchers.append((f"/reports/{seen[0].id}/live", web_desk.session_cookie(app, person)))
        with web_desk.serving() as (port, pid):
            _load(port, watchers, WARM_SECONDS, EVERY_SECONDS)  # both processes are there, and have read what they keep
            _paced("nothing moves", port, pid, watchers)
            with _moving(database, jobs):
                _paced("each job moves every second", port, pid, watchers)
        _full_speed(watchers)


def _paced(what: str, port: int, pid: int, watchers: list[tuple[str, str]]) -> None:
    before = _cpu_seconds(pid)
    measured = _load(port, watchers, SECONDS, EVERY_SECONDS)
    cpu = (_cpu_seconds(pid) - before) / SECONDS
    answers = sum(measured["statuses"].values())
    print(
        f"{PEOPLE} people, {JOBS} jobs, {what}: {answers / SECONDS:,.0f} polls/s, "
        f"p50 {_percentile(measured, 0.5):.1f} ms, p99 {_percentile(measured, 0.99):.1f} ms (aim: 50), "
        f"{len(measured['errors'])} errors (aim: 0), 304 share {measured['statuses'].get('304', 0) / answers:.1%}, "
        f"web processes {cpu:.0%} of a core, {measured['reconnects']} connections renewed"
    )
    for text in sorted(set(measured["errors"]))[:5]:
        print(f"  error: {text}")


def _full_speed(watchers: list[tuple[str, str]]) -> None:
    """As fast as it goes; poll and baseline take turns."""
    some = watchers[:CONNECTIONS]
    polls, bare, rows = [], [], []
    ids = ",".join(path.split("/")[2] for path, _ in watchers[:25])
    with web_desk.serving() as (port, _), web_desk.serving("tests.bench.bare_app:app") as (bare_port, _):
        for _ in range(ROUNDS):
            polls.append(_rate(_load(port, some, FULL_SPEED_SECONDS, 0)))
            bare.append(_rate(_load(bare_port, [("/", "")] * CONNECTIONS, FULL_SPEED_SECONDS, 0)))
            rows.append(_rate(_load(port, [(f"/reports/rows?ids={ids}", cookie) for _, cookie in some], FULL_SPEED_SECONDS, 0)))  # fmt: skip
    best = max(bare)
    print(f"full speed: poll {max(polls):,.0f}/s, list of 25 {max(rows):,.0f}/s, bare Flask route {best:,.0f}/s")
    print(f"a poll keeps {max(polls) / best:.2f} of the speed of the bare route (aim: 0.50)")


def _rate(measured: dict[str, Any]) -> float:
    if measured["errors"]:
        print(f"  {len(measured['errors'])} errors, such as {measured['errors'][0]}")
    return sum(measured["statuses"].values()) / FULL_SPEED_SECONDS


def _load(port: int, watchers: list[tuple[str, str]], seconds: float, every: float) -> dict[str, Any]:
    plan = {"port": port, "watchers": watchers, "seconds": seconds, "every_seconds": every}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(plan), capture_output=True, text=True, check=True, timeout=seconds + 60, env=os.environ,
    )  # fmt: skip
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def _percentile(measured: dict[str, Any], share: float) -> float:
    ordered = sorted(measured["latencies"])
    return 1_000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _cpu_seconds(pid: int) -> float:
    master = psutil.Process(pid)
    times = [each.cpu_times() for each in (master, *master.children(recursive=True))]
    return sum(each.user + each.system for each in times)


@contextmanager
def _moving(database: Any, jobs: list[ReportJob]) -> Iterator[None]:
    """What workers write while jobs run: each job's progress, once a second."""
    done = threading.Event()
    further = {"$min": [{"$add": ["$progress.percentage", 1]}, 99]}

    def move() -> None:
        while not done.is_set():
            for job in jobs:
                change = [{"$set": {"progress.percentage": further, "updatedAt": "$$NOW"}}]
                database.reportjobs.update_one({"_id": job.id}, change, hint="_id_")
                if done.wait(EVERY_SECONDS / len(jobs)):
                    return

    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
