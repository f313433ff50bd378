"""What the queue itself costs: claim and finish of jobs that do nothing, against the bare driver doing the same two
guarded writes, and against Agenda 6; and how soon an idle worker picks a job up. All on the same server, in turns.

A job passes `lifecycle.claim` and `held.finish`, as a worker passes it, without a child process.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

from tests.faults.world import ROOT, World, workers
from webapp import embedded
from webapp.documents import ReportJob, connect
from webapp.services import database_clock, database_setup
from webapp.services.jobs import held
from webapp.services.leases.lease import Hold
from webapp.services.queue import line as queue_line
from webapp.services.queue import promotion
from webapp.services.queue.line import QueueLine
from webapp.services.queue.status import percentile
from webapp.settings import get_settings

#: Everybody has all slots taken. 20 people: a full queue of a department. 40: deadline day.
PEOPLE, MANY_PEOPLE, SLOTS = 20, 40, 5
#: What lies in the collection beside the jobs that are due.
WAITING, FINISHED = 500, 10_000
ROUNDS = 6
AGENDA_ROUNDS = 3
#: Agenda's speed falls as its collection grows, and it locks many jobs before it does the first: it has this long.
AGENDA_SECONDS = 240
CONCURRENCY, WORKERS = 20, 8
PICKUPS = 40
STORAGE = {"provider": "local", "key": "reports/1/1/a.csv", "sizeBytes": 3, "sha256": "ab", "mimeType": "text/csv"}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["REPORTDESK_HOME"] = home
        get_settings.cache_clear()
        given = os.environ.get("REPORTDESK_TEST_MONGODB_URI")
        uri = given or embedded.ensure_running(get_settings())
        name = f"bench_{uuid.uuid4().hex[:8]}"
        client = connect(uri, name)
        try:
            database_setup.prepare()
            _measure(uri, name, Path(home))
            _explain(is_real=given is not None)
        finally:
            client.drop_database(name)
            if given is None:
                embedded.stop(get_settings())


def _measure(uri: str, database: str, home: Path) -> None:
    world = World(uri, home, {"REPORTDESK_MONGODB_DATABASE": database})
    _pickup(world)
    _against_driver("queue alone")
    agenda = f"{database}_agenda"
    _against_agenda(uri, agenda)
    _against_agenda(uri, agenda, people=MANY_PEOPLE)
    world.add_jobs(["plain"] * WAITING, requesters=1, scheduledFor=database_clock.now() + timedelta(days=1))
    _against_driver(f"{WAITING} waiting beside it")
    _against_agenda(uri, agenda, waiting=WAITING)
    world.add_jobs(["plain"] * FINISHED, status="ready")
    _against_driver(f"{FINISHED:,} finished beside it too")
    _against_agenda(uri, agenda, waiting=WAITING, finished=FINISHED)


def _against_driver(what: str) -> None:
    """One after the other, in turns."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(_timed(_by_driver))
        ours.append(_timed(_by_queue))
    ratio = median(ours) / median(bare)
    print(f"{what}: queue {median(ours):,.0f} jobs/s, driver {median(bare):,.0f}/s, ratio {ratio:.2f} (aim: 0.60)")


def _timed(work: Callable[[list[ObjectId]], None], requesters: int = PEOPLE) -> float:
    jobs = ReportJob._get_collection()
    people = [ObjectId() for _ in range(requesters)]
    now = database_clock.now()
    documents = [
        {
            "reportType": "enrollment-summary",
            "name": "no-op",
            "parameters": {"groupBy": ["class"], "measures": ["count"]},
            "output": {"format": "csv"},
            "status": "queued",
            "slot": f"{person}:{number}",
            "priority": "normal",
            "priorityRank": 30,
            "requestedBy": person,
            "createdAt": now,
            "scheduledFor": now,
            "expiresAt": now + timedelta(days=30),
        }
        for person in people
        for number in range(SLOTS)
    ]
    job_ids = list(jobs.insert_many(documents).inserted_ids)
    began = time.perf_counter()
    work(job_ids)
    took = time.perf_counter() - began
    done = jobs.delete_many({"_id": {"$in": job_ids}, "status": "ready"}).deleted_count
    if done != len(job_ids):
        raise RuntimeError(f"{done} of {len(job_ids)} jobs were done")
    return len(job_ids) / took


def _by_queue(job_ids: list[ObjectId]) -> None:
    line = QueueLine("bench")
    for _ in job_ids:
        hold = line.claim()
        if hold is None or not held.finish(hold, storage=STORAGE, provenance={}, records=1):
            raise RuntimeError("a job was not to be had")


def _by_worker(job_ids: list[ObjectId]) -> None:
    """As one worker does that may run as many jobs at once as Agenda: it fills its places, and when a job ends writes
    that and looks for the next."""
    in_hand: deque[Hold] = deque()
    line = QueueLine("bench")
    for _ in job_ids:
        while len(in_hand) < CONCURRENCY and (hold := line.claim()) is not None:
            in_hand.append(hold)
        if not held.finish(in_hand.popleft(), storage=STORAGE, provenance={}, records=1):
            raise RuntimeError("a job was lost")


def _by_workers(job_ids: list[ObjectId]) -> None:
    """WORKERS workers with one place each, all at the same jobs."""
    left = itertools.count(1)

    def work(worker_id: str) -> None:
        line = QueueLine(worker_id)
        while not done.is_set():
            hold = line.claim()
            is_done = hold is not None and held.finish(hold, storage=STORAGE, provenance={}, records=1)
            if is_done and next(left) == len(job_ids):
                done.set()

    done = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, [f"bench-{number}" for number in range(WORKERS)]))


def _by_driver(job_ids: list[ObjectId]) -> None:
    """The least that a queue in this collection can do: two writes, each guarded by what the other side may change."""
    jobs = ReportJob._get_collection()
    for job_id in job_ids:
        now = database_clock.now()
        lease = {"workerId": "bench", "claimId": "c", "fence": 1, "until": now + timedelta(seconds=30)}
        jobs.update_one(
            {"_id": job_id, "status": "queued"}, {"$set": {"status": "processing", "startedAt": now, "lease": lease}}
        )
        held = {"_id": job_id, "status": "processing", "lease.workerId": "bench", "lease.fence": 1}
        changes = {"status": "ready", "completedAt": now, "output.storage": STORAGE, "progress.percentage": 100}
        jobs.update_one(held, {"$set": changes, "$unset": {"slot": "", "lease.until": ""}})


def _against_agenda(uri: str, database: str, *, people: int = PEOPLE, waiting: int = 0, finished: int = 0) -> None:
    """One worker of each, with the same number of jobs in hand at once, in turns; beside the same others."""
    if shutil.which("node") is None or not (ROOT / "node_modules" / "agenda").is_dir():
        print("Agenda was not measured: node, or its package, is not there (npm ci)")
        return
    jobs = people * SLOTS
    ours, theirs, many = [], [], []
    for _ in range(1 if waiting or finished else AGENDA_ROUNDS):
        ours.append(_timed(_by_worker, people))
        theirs.append(_agenda(uri, database, jobs, waiting, finished))
        many.append(_timed(_by_workers, people))
    if speed := median(theirs):
        agenda = f"Agenda 6 {speed:,.1f}/s, ratio {median(ours) / speed:.1f}"
    else:
        agenda = f"Agenda 6 none in {AGENDA_SECONDS} s"
    print(
        f"{jobs} in line, {waiting} waiting, {finished:,} finished, {CONCURRENCY} in hand: queue {median(ours):,.0f} "
        f"jobs/s, {agenda} (aim: 3); {WORKERS} workers at the same jobs {median(many):,.0f}/s"
    )


def _agenda(uri: str, database: str, jobs: int, waiting: int, finished: int) -> float:
    numbers = [str(number) for number in (jobs, CONCURRENCY, waiting, finished, AGENDA_SECONDS)]
    command = ["node", "tests/bench/agenda.mjs", uri, database, *numbers]
    said = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=AGENDA_SECONDS + 60
    ).stdout
    client: MongoClient[Any] = MongoClient(uri)
    client.drop_database(database)
    client.close()
    found: dict[str, Any] = json.loads(said)
    return float(found["jobs"] / found["seconds"])


def _pickup(world: World) -> None:
    """From asking to a worker having claimed it, by the database's clock, with one idle worker."""
    waits = []
    with workers(world):
        world.start_worker()
        world.wait_for_all(world.add_jobs(["plain"]), seconds=60)
        for _ in range(PICKUPS):
            (job_id,) = world.add_jobs(["plain"])
            promotion.promote(job_id)  # as `asking.create` does
            world.wait_for_all([job_id], seconds=30)
            time.sleep(0.3)
            job = world.document(job_id)
            waits.append((job["startedAt"] - job["createdAt"]).total_seconds())
    print(f"idle pickup: median {median(waits):.2f} s, 95 % {percentile(waits, 0.95):.2f} s (aim: below 0.60 s)")


def _explain(*, is_real: bool) -> None:
    """On a real MongoDB: with a million finished and 10,000 queued jobs a claim looks at few keys and sorts nothing."""
    if not is_real:
        print("explain of the claim: not measured; set REPORTDESK_TEST_MONGODB_URI to a real MongoDB")
        return
    jobs = ReportJob._get_collection()
    old = {"status": "ready", "priorityRank": 30, "scheduledFor": database_clock.now()}
    for _ in range(100):
        jobs.insert_many([dict(old) for _ in range(10_000)], ordered=False)
    jobs.insert_many([{**old, "status": "queued", "slot": f"bench:{number}"} for number in range(10_000)])
    found = queue_line.claimable(limit=1).explain()
    keys = found["executionStats"]["totalKeysExamined"]
    sorts = "SORT" in json.dumps(found["queryPlanner"]["winningPlan"], default=str)
    print(f"explain of the claim: {keys} keys examined (aim: 2), {'a' if sorts else 'no'} SORT")
