"""The faults, one function each (issue D, must-show 1-3 and 5-8). Each returns lines of figures or raises.

`scale` is the size: small in pytest, the issue's figure with `make faults`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psutil
from bson import ObjectId

from tests.faults.world import World, check, children_of, figures, pick, slack_seconds
from tests.worker import jobs
from webapp.documents import ReportJob, WorkerRecord
from webapp.documents.job_status import RUNNING
from webapp.services import database_clock
from webapp.services.jobs import held, lifecycle
from webapp.services.queue import promotion
from webapp.settings import get_settings
from webapp.worker import reaper


def each_once(world: World, scale: int) -> list[str]:
    """Eight workers, many trivial jobs: none lost, none done twice, counted from side effects."""
    job_ids = world.add_jobs(["plain"] * scale)
    for _ in range(8 if scale > 500 else 3):
        world.start_worker(concurrency=2)
    took = world.wait_for_all(job_ids, seconds=60 + scale * 0.5)
    published = world.published()
    lost = [job_id for job_id in job_ids if published[str(job_id)] == 0]
    twice = [job for job, times in published.items() if times > 1]
    check(not lost, f"{len(lost)} jobs lost")
    check(not twice, f"{len(twice)} jobs done twice")
    check(world.statuses(job_ids) == {"ready": scale}, f"states: {world.statuses(job_ids)}")
    return [f"{scale} jobs, 0 lost, 0 done twice, {scale / took:.1f} jobs/s"]


def kills(world: World, scale: int) -> list[str]:
    """Random SIGKILLs of workers and children: all jobs end, one published file each, orphans taken over in time."""
    settings = get_settings()
    names = ["sleep 0.3"] * (scale * 5)
    job_ids = world.add_jobs(names)
    count = 6 if scale > 50 else 3
    for _ in range(count):
        world.start_worker(concurrency=2)
    time.sleep(3)
    hit = {"worker": 0, "child": 0}
    killed_at: dict[str, datetime] = {}
    while sum(hit.values()) < scale and world.unfinished(job_ids):
        time.sleep(random.uniform(0.1, 0.9))
        victim = pick([worker for worker in world.workers if worker.poll() is None])
        found = children_of(victim)
        if found and random.random() < 0.5:
            pick(found).kill()
            hit["child"] += 1
        else:
            victim.kill()
            victim.wait()
            for record in WorkerRecord.objects(pid=victim.pid):
                killed_at[record.id] = database_clock.now()
            world.start_worker(concurrency=2)
            hit["worker"] += 1
    if scale <= 50:  # the short form ends when the jobs do; the full one must have its kills
        check(sum(hit.values()) > 0, "nothing was killed")
    else:
        check(sum(hit.values()) == scale, f"only {hit} kills before all jobs had ended: add jobs")
    world.wait_for_all(job_ids, seconds=240 + scale)
    leftovers = world.check_one_file_each(job_ids)
    check(leftovers >= 0, "a published file is missing")
    states = world.statuses(job_ids)
    check(set(states) <= {"ready", "failed"}, f"states: {states}")
    for job in world.found(job_ids, {"status": "failed"}, "error"):
        check(job["error"]["code"] == "worker-crashed", f"failed with {job['error']['code']}")
    # From the last beat the lease runs its time; the reaper looks every few seconds.
    limit = settings.lease_seconds + settings.reap_seconds + slack_seconds()
    waits = _takeover_seconds(world.found(job_ids, {}, "attempts"), killed_at)
    check(all(wait <= limit for wait in waits), f"an orphan waited {max(waits, default=0):.1f} s, more than {limit} s")
    return [
        f"{hit['worker']} workers and {hit['child']} children killed during {len(job_ids)} jobs",
        f"end states {dict(states)}, one published file each, {leftovers} files of dead attempts left to the sweep",
        f"orphans taken over after {figures(waits)} (limit {limit:.0f} s)",
    ]


def _takeover_seconds(found: list[dict[str, Any]], killed_at: dict[str, datetime]) -> list[float]:
    """For each attempt that its worker did not end itself: how long its job was nobody's."""
    seconds = []
    for job in found:
        for attempt in job.get("attempts") or ():
            if attempt["outcome"] == "crashed" and "stopped answering" in attempt["message"]:
                check(
                    attempt["workerId"] in killed_at, f"{attempt['workerId']} lost its job {job['_id']} while it lived"
                )
                seconds.append((attempt["endedAt"] - killed_at[attempt["workerId"]]).total_seconds())
    return seconds


#: Until processes have started is no part of what is measured; on a busy machine it takes long.
START_SECONDS = 240
AT_ONCE = 10


def stopped_workers(world: World, scale: int) -> list[str]:
    """SIGSTOP past the lease, then go on: a worker, its child, or both; nothing stale may be written.

    Several at a time, because each waits for a lease to run out.
    """
    count = min(scale, AT_ONCE)
    for _ in range(count):
        world.start_worker()
    taken = {"worker": 0, "both": 0}
    while sum(taken.values()) < scale:
        for what in _stop_all_once(world, count):
            taken[what] += 1
    check(all(worker.poll() is None for worker in world.workers), "a worker did not survive")
    return [f"{sum(taken.values())} takeovers behind a stopped worker ({taken}), 0 stale writes, 0 stale files"]


def _stop_all_once(world: World, count: int) -> list[str]:
    """Give every worker a job, stop them all, give the jobs to a thief, let them go on; says what was stopped of those
    whose job could be stolen. A job that had ended just before the stop is none."""
    settings = get_settings()
    job_ids = world.add_jobs(["sleep 1"] * count, requesters=count)
    wanted = {str(job_id) for job_id in job_ids}
    world.wait_until(
        lambda: wanted <= {job for job, _, _ in jobs.noted(world.home, "started")},
        seconds=START_SECONDS,
        what="the jobs begun",
        every=0.05,
    )
    stopped = _stop_in_turn(world)
    gone: set[ObjectId] = set()

    def are_nobodys() -> bool:
        """Whether no stopped worker holds a job any more. Some jobs ended before their worker was stopped, and a
        write that the server had by then still ends one: looked at anew each time."""
        gone.update(reaper.reap())
        return all(world.document(job_id)["status"] not in RUNNING for job_id in job_ids)

    world.wait_until(are_nobodys, seconds=settings.lease_seconds + 6, what="the leases expired")
    before, kinds = {}, []
    for job_id in gone:
        worker_id = world.document(job_id)["attempts"][-1]["workerId"]
        check(promotion.promote(job_id), "the job was not taken back")
        check(held.take(job_id, "the-thief") is not None, "the job could not be claimed again")
        before[job_id] = world.document(job_id)
        kinds.append(stopped[WorkerRecord.objects.get(id=worker_id).pid])
    for worker in world.workers:
        for process in children_of(worker):
            with suppress(psutil.NoSuchProcess):
                process.resume()
        worker.send_signal(signal.SIGCONT)
    time.sleep(1.5)  # less than the thief's own lease in the short form
    for job_id, document in before.items():
        check(world.document(job_id) == document, f"a stale worker wrote to job {job_id}")
        stale = jobs.stored(world.home, f"reports/{job_id}/1/report.csv")
        check(not stale.exists(), "a stale child left a published file")
    ReportJob._get_collection().delete_many({"_id": {"$in": job_ids}})
    return kinds


def _stop_in_turn(world: World) -> dict[int, str]:
    """Stop every worker, at any moment of its work, publication included; says what was stopped for each pid."""
    moments = sorted((random.uniform(0, 1.2), number) for number in range(len(world.workers)))
    began, stopped = time.monotonic(), {}
    for moment, number in moments:
        time.sleep(max(began + moment - time.monotonic(), 0))
        worker = world.workers[number]
        found = children_of(worker)
        worker.send_signal(signal.SIGSTOP)
        stopped[worker.pid] = "both" if random.random() < 0.5 else "worker"
        for process in found if stopped[worker.pid] == "both" else ():
            # A child that has ended meanwhile cannot be stopped, and need not be.
            with suppress(psutil.NoSuchProcess):
                process.suspend()
    return stopped


def wrong_clocks(world: World, scale: int) -> list[str]:
    """Workers whose clocks are ten minutes fast or slow: no lease stolen, no job started early."""
    due_in = 4.0
    now = database_clock.now()
    ordinary = world.add_jobs([f"sleep {get_settings().lease_seconds * 1.5}"] * 3 + ["sleep 0.2"] * scale)
    later = world.add_jobs(["plain"] * scale, scheduledFor=now + timedelta(seconds=due_in))
    for offset in ("600", "-600", "0"):
        world.start_worker(concurrency=3, FAULT_CLOCK_OFFSET=offset)
    world.wait_for_all(ordinary + later, seconds=120 + scale)
    check(all(times == 1 for times in world.published().values()), "a job was done twice")
    early = []
    for job in world.found(ordinary + later, {}, "status", "lease", "scheduledFor", "startedAt", "completedAt"):
        check(job["status"] == "ready", f"a job ended as {job['status']}")
        check(job["lease"]["fence"] == 1, "a lease was stolen")
        early.append((job["scheduledFor"] - job["startedAt"]).total_seconds())
        check(abs((job["completedAt"] - now).total_seconds()) < 300, "an instant came from a worker's clock")
    check(max(early) <= 1, f"a job started {max(early):.1f} s early")
    return [
        f"{len(early)} jobs under clocks of +600, -600 and 0 s: 0 leases stolen, earliest start {-max(early):.2f} s"
    ]


def bad_jobs(world: World, scale: int) -> list[str]:
    """A job that kills itself, one that eats memory, one that never ends, and neighbours who notice nothing."""
    poison, hungry, endless = (world.add_jobs([name] * scale) for name in ("die", "eat", "sleep 3600"))
    neighbours = world.add_jobs(["sleep 0.5"] * 3 * scale)
    world.start_worker(concurrency=4)
    world.start_worker(concurrency=4)
    everything = poison + hungry + endless + neighbours
    world.wait_for_all(everything, seconds=120 + 20 * scale)
    starts = [job for job, _, _ in jobs.noted(world.home, "started")]
    for job_ids, code in ((poison, "worker-crashed"), (hungry, "memory-limit"), (endless, "time-limit")):
        for job_id in job_ids:
            job = world.document(job_id)
            check(job["status"] == "failed", f"{code}: ended as {job['status']}")
            check(job["error"]["code"] == code, f"{code}: told {job['error']['code']}")
            wanted = 3 if code == "worker-crashed" else 1
            check(starts.count(str(job_id)) == wanted, f"{code}: started {starts.count(str(job_id))} times")
    for job_id in neighbours:
        job = world.document(job_id)
        check((job["status"], job["lease"]["fence"]) == ("ready", 1), "a neighbour was harmed")
    return [f"{scale} each: 3 crashes then failed, killed at memory limit, killed at time limit; neighbours unharmed"]


def _at_work(world: World) -> list[subprocess.Popen[bytes]]:
    known = {record.pid for record in WorkerRecord.objects}
    return [worker for worker in world.workers if worker.poll() is None and worker.pid in known]


def shutdowns(world: World, scale: int) -> list[str]:
    """Rolling SIGTERMs under load: no attempt burned, every worker gone in time."""
    settings = get_settings()
    job_ids = world.add_jobs(
        [f"sleep {random.choice([0.2, 1, settings.shutdown_grace_seconds + 5])}" for _ in range(scale * 3)]
    )
    for _ in range(3):
        world.start_worker(concurrency=2)
    time.sleep(3)
    gone = []
    for _ in range(scale):
        # One that works already: a process that is still being loaded has nothing to hand back.
        world.wait_until(lambda: bool(_at_work(world)), seconds=START_SECONDS, what="a worker at work")
        victim = pick(_at_work(world))
        world.start_worker(concurrency=2)
        time.sleep(random.uniform(0.2, 1.5))
        began = time.monotonic()
        victim.terminate()
        victim.wait(timeout=60)
        gone.append(time.monotonic() - began)
        check(victim.returncode == 0, f"a worker ended with {victim.returncode}")
    limit = settings.shutdown_grace_seconds + 5
    check(max(gone) <= limit, f"a worker took {max(gone):.1f} s to go")
    world.wait_for_all(job_ids, seconds=300)
    handed_back = 0
    for job in world.found(job_ids, {}, "status", "crashCount", "error", "attempts"):
        check(job["status"] == "ready", f"a job ended as {job['status']}")
        burned = job.get("crashCount", 0) or (job.get("error") or {}).get("retryCount", 0)
        check(not burned, "an attempt was burned")
        handed_back += sum(attempt["outcome"] == "handed-back" for attempt in job["attempts"])
    check(all(times == 1 for times in world.published().values()), "a job was done twice")
    return [
        f"{scale} SIGTERMs, {handed_back} jobs handed back, 0 attempts burned; "
        f"gone after {figures(gone)} (limit {limit:.0f} s)"
    ]


def cancels(world: World, scale: int) -> list[str]:
    """Cancelling running jobs, polite and stubborn: stopped in time, and no file ever appears."""
    settings = get_settings()
    took: dict[str, list[float]] = {"sleep 60": [], "stubborn 60": []}
    world.start_worker(concurrency=4)
    for name, seconds in took.items():
        for begin in range(0, scale, 4):
            job_ids = world.add_jobs([name] * min(4, scale - begin))
            world.wait_until(
                lambda job_ids=job_ids: (
                    {str(job_id) for job_id in job_ids} <= {job for job, _, _ in jobs.noted(world.home, "started")}
                ),  # type: ignore[misc]
                seconds=60,
                what="the jobs begun",
            )
            time.sleep(random.uniform(0, 1))
            for job_id in job_ids:
                lifecycle.cancel(job_id, by=None)
            world.wait_for_all(job_ids, seconds=60)
            for job_id in job_ids:
                job = world.document(job_id)
                check(job["status"] == "cancelled", f"ended as {job['status']}")
                seconds.append((job["completedAt"] - job["cancelRequestedAt"]).total_seconds())
    check(not world.published(), "a file appeared")
    check(world.check_one_file_each([]) == 0, "a file appeared")
    polite, stubborn = took["sleep 60"], took["stubborn 60"]
    check(sorted(polite)[int(len(polite) * 0.95)] < 6, f"cancelling took {max(polite):.1f} s")
    check(max(stubborn) < settings.cancel_grace_seconds + 6, f"a stubborn one took {max(stubborn):.1f} s")
    return [f"cancel: {figures(polite)}; stubborn child: {figures(stubborn)}; no file"]


def fairness(world: World, scale: int) -> list[str]:
    """One person queues many, another asks for one: it starts on the next free worker."""
    flood = world.add_jobs(["sleep 0.3"] * scale, requesters=1)
    world.start_worker(concurrency=1)
    world.wait_until(lambda: len(jobs.noted(world.home, "started")) >= 3, seconds=60, what="the flood begun")
    (one,) = world.add_jobs(["sleep 0.3"], requesters=1)
    promotion.promote(one)
    before = len(jobs.noted(world.home, "started"))
    world.wait_for_all([one], seconds=60)
    order = [job for job, _, _ in jobs.noted(world.home, "started")]
    ahead = max(order.index(str(one)) - before, 0)
    limit = get_settings().requester_cap + 1
    check(ahead <= limit, f"{ahead} jobs of the other person went first")
    check(world.unfinished(flood) > 0, "the flood had ended before the one was asked for")
    return [
        f"{scale} of one person waiting: another's one started after {ahead} of them (at most {limit}: their slots)"
    ]
