"""Connections to the database that break at the worst moments (issue D, must-show 4)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from bson import ObjectId

from tests.faults.proxy import Breaks, ProxyThread
from tests.faults.world import World, check, figures, slack_seconds
from webapp.documents import WorkerRecord
from webapp.services import database_clock
from webapp.settings import get_settings

JOB_SECONDS = 0.5


def cut_connections(world: World, scale: int) -> list[str]:
    """Every kind of break at every moment, `scale` times each: nothing stuck, nothing finished twice."""
    settings = get_settings()
    lease = settings.lease_seconds
    # A moment; longer than a step may take; now and then longer than the lease: then the job is somebody else's.
    breaks = Breaks(scale, seconds=(*(lease / 30, lease / 5) * 2, lease * 1.1))
    upstream = urlsplit(world.uri)
    who = "".join(upstream.netloc.rpartition("@")[:2])
    count = 12 if scale > 10 else 4
    job_ids: list[ObjectId] = []
    with ProxyThread((upstream.hostname or "", upstream.port or 0), breaks) as proxies:
        for _ in range(count):
            # directConnection: the server tells its own address, and the driver would go there, past the proxy.
            world.start_worker(uri=f"mongodb://{who}127.0.0.1:{proxies.add()}/?{upstream.query}&directConnection=true")
        open_ids: list[ObjectId] = []

        def all_broken() -> bool:
            """Keeps as many jobs open as there are workers, so that none waits for another."""
            finished = world.finished(open_ids)
            open_ids[:] = [job_id for job_id in open_ids if job_id not in finished]
            if breaks.left and len(open_ids) < count:
                new = world.add_jobs([f"sleep {JOB_SECONDS}"] * (count - len(open_ids)), requesters=count)
                open_ids.extend(new)
                job_ids.extend(new)
            return not breaks.left and not open_ids

        world.wait_until(all_broken, seconds=120 + 20 * scale, what="all breaks made, all jobs finished")
        world.wait_until(lambda: _all_beat(count), seconds=lease + 6, what="all workers at work again")
        check(all(worker.poll() is None for worker in world.workers), "a worker did not survive")
        world.stop_workers()
        check(not proxies.problems, f"the proxy failed: {proxies.problems}")
    return _judged(world, job_ids, breaks)


def _all_beat(count: int) -> bool:
    since = database_clock.now() - 2 * get_settings().heartbeat
    return bool(WorkerRecord.objects(last_beat_at__gt=since).count() == count)


def _judged(world: World, job_ids: list[ObjectId], breaks: Breaks) -> list[str]:
    settings = get_settings()
    check(world.statuses(job_ids) == {"ready": len(job_ids)}, f"states: {world.statuses(job_ids)}")
    world.check_one_file_each(job_ids)
    waits: list[tuple[timedelta, str]] = []  # the longest of each job, and its moves
    for job in world.found(job_ids, {}, "history"):
        moves = [event["to"] for event in job["history"]]
        check(moves.count("ready") == 1, f"a job became ready {moves.count('ready')} times")
        instants = [event["at"] for event in job["history"]]
        told = ", ".join(f"{e['at']:%H:%M:%S} {e['to']} ({e.get('why')})" for e in job["history"])
        hits = [
            f"{hit.moment.value} {hit.kind.value} {hit.seconds:.0f} s"
            for hit in breaks.hits
            if job["_id"] in hit.job_ids
        ]
        longest = max(later - earlier for earlier, later in pairwise(instants))
        waits.append((longest, f"{told}; broken: {', '.join(hits)}"))
    limit = settings.lease_seconds + settings.reap_seconds + JOB_SECONDS + slack_seconds()
    seconds = [wait.total_seconds() for wait, _ in waits]
    late = [f"{wait.total_seconds():.1f} s: {moves}" for wait, moves in waits if wait.total_seconds() > limit]
    check(not late, f"{len(late)} jobs did not move for more than {limit:.1f} s: {late[:5]}")
    published = world.published()
    for hit in breaks.hits:
        # Whoever is back well before the lease ends has lost nothing, so nothing is made again.
        if hit.seconds + 10 < settings.lease_seconds:
            for job_id in hit.job_ids:
                check(published[str(job_id)] == 1, f"{hit} made its job {published[str(job_id)]} times")
    made_again = sum(times > 1 for times in published.values())
    counts = Counter((hit.moment.value, hit.kind.value) for hit in breaks.hits)
    return [
        f"{len(breaks.hits)} broken requests of {len(job_ids)} jobs: "
        + ", ".join(f"{moment} {kind} {number}" for (moment, kind), number in sorted(counts.items())),
        f"longest time without a move {figures(seconds)} (limit {limit:.1f} s); 0 finished twice, "
        f"{made_again} made again behind a worker that was away for longer than its lease",
    ]
