"""Real worker processes on a real server, for tests that break them.

Nothing here asks the queue whether it did well: what was done is counted from the lines and files that jobs leave.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from bson import ObjectId

from tests.worker import jobs
from webapp.documents import JobStatus, ReportJob
from webapp.services import database_clock
from webapp.services.queue.status import percentile

ROOT = Path(__file__).resolve().parents[2]
IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
TERMINAL = [state.value for state in JobStatus if state.is_finished]


class FaultFoundError(AssertionError):
    """The queue did what it must not."""


def check(holds: bool, what: str) -> None:
    """Raise FaultFoundError unless `holds`."""
    if not holds:
        raise FaultFoundError(what)


@dataclass
class World:
    """`environment` is that of the workers; `home` is where their jobs leave their traces."""

    uri: str
    home: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    log: Path | None = None

    def start_worker(self, *, concurrency: int = 1, uri: str | None = None, **extra: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **self.environment,
            "REPORTDESK_MONGODB_URI": uri or self.uri,
            "REPORTDESK_HOME": str(self.home),
            "FAULT_CONCURRENCY": str(concurrency),
            **extra,
        }
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "workers.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker_process"], cwd=ROOT, env=environment, stderr=log
            )
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
        for worker in self.workers:
            worker.wait()
        self.workers.clear()

    def add_jobs(self, names: list[str], *, requesters: int = 20, **fields: Any) -> list[ObjectId]:
        """Pending jobs as `asking.create` leaves them, in bulk; each requester has the same share."""
        people = [ObjectId() for _ in range(requesters)]
        now = database_clock.now()
        documents = [
            {
                "reportType": "enrollment-summary",
                "name": name,
                "parameters": {"groupBy": ["class"], "measures": ["count"]},
                "output": {"format": "csv"},
                "status": "pending",
                "priority": "normal",
                "priorityRank": 30,
                "visibility": "private",
                "requestedBy": people[number % requesters],
                "questionHash": str(number),
                "createdAt": now,
                "scheduledFor": now,
                "expiresAt": datetime.max.replace(year=2100, microsecond=0, tzinfo=now.tzinfo),
                "provenance": {"scope": {"departmentIds": None, "classIds": None}},
                **fields,
            }
            for number, name in enumerate(names)
        ]
        return list(ReportJob._get_collection().insert_many(documents).inserted_ids)

    def document(self, job_id: ObjectId) -> dict[str, Any]:
        found = ReportJob._get_collection().find_one({"_id": job_id})
        check(found is not None, f"job {job_id} is lost")
        return found  # type: ignore[return-value]

    def found(self, job_ids: list[ObjectId], query: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
        """Those of these jobs that `query` matches. Chosen here: the embedded server would compare every id that it
        finds with every id that is asked for."""
        wanted = set(job_ids)
        found = ReportJob._get_collection().find(query, dict.fromkeys(["_id", *fields], 1))
        return [job for job in found if job["_id"] in wanted]

    def finished(self, job_ids: list[ObjectId]) -> set[ObjectId]:
        return {job["_id"] for job in self.found(job_ids, {"status": {"$in": TERMINAL}})}

    def unfinished(self, job_ids: list[ObjectId]) -> int:
        return len(job_ids) - len(self.finished(job_ids))

    def wait_until(self, met: Callable[[], bool], *, seconds: float, what: str, every: float = 0.2) -> float:
        """Seconds until `met`; raises FaultFoundError after `seconds`."""
        began = time.monotonic()
        while not met():
            if time.monotonic() - began > seconds:
                raise FaultFoundError(f"{what}: not within {seconds:.0f} s")
            time.sleep(every)
        return time.monotonic() - began

    def wait_for_all(self, job_ids: list[ObjectId], *, seconds: float) -> float:
        every = 0.2 if len(job_ids) < 200 else 1.0 if len(job_ids) < 2_000 else 10.0  # to look is work for the server
        return self.wait_until(
            lambda: self.unfinished(job_ids) == 0, seconds=seconds, what="all jobs finished", every=every
        )

    def check_one_file_each(self, job_ids: list[ObjectId]) -> int:
        """Every ready job points to a file that is there; what else lies there is of an earlier fence, for the sweep.
        Returns how many such leftovers there are."""
        ready = self.found(job_ids, {"status": "ready"}, "output")
        for job in ready:
            check(jobs.stored(self.home, job["output"]["storage"]["key"]).is_file(), f"job {job['_id']} has no file")
        folder = self.home / "storage" / "reports"
        return sum(1 for path in folder.rglob("*") if path.is_file()) - len(ready)

    def published(self) -> Counter[str]:
        return Counter(job for job, _, _ in jobs.noted(self.home, "published"))

    def statuses(self, job_ids: list[ObjectId]) -> Counter[str]:
        return Counter(job["status"] for job in self.found(job_ids, {}, "status"))


def children_of(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The job processes of a worker: children of its fork server."""
    try:
        return [
            process
            for process in psutil.Process(worker.pid).children(recursive=True)
            if len(process.parents()) > 2 and process.parent().pid != worker.pid  # type: ignore[union-attr]
        ]
    except psutil.Error:
        return []


@contextmanager
def workers(world: World) -> Iterator[World]:
    try:
        yield world
    finally:
        world.stop_workers()


def slack_seconds() -> float:
    """What may be added to a limit: in the short form seconds are compared with leases of three, on a machine that
    other tests keep busy."""
    return 1 if IS_FULL else 10


def figures(seconds: list[float]) -> str:
    if not seconds:
        return "none measured"
    return (
        f"n={len(seconds)} p50={percentile(seconds, 0.5):.2f} s "
        f"p95={percentile(seconds, 0.95):.2f} s max={max(seconds):.2f} s"
    )


def pick(found: list[Any]) -> Any:
    return random.choice(found)
