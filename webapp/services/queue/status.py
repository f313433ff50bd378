"""What the queue is doing, and why a job waits, counted in the facts of all jobs; nothing here changes anything."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from bson import ObjectId

from webapp.documents import JobEvent, JobStatus, ReportJob
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.jobs import facts as job_facts
from webapp.services.jobs.facts import JobFacts
from webapp.services.queue import promotion, workers
from webapp.services.queue.workers import WorkerState
from webapp.services.remembered import RIGHTS_SECONDS, Remembered
from webapp.settings import get_settings

#: Measured durations come from so many of the last finished jobs.
MEASURED = 200
EVENTS_READ = 20_000


class Why(StrEnum):
    """Why a job does not run yet."""

    NOT_DUE = "not-due"
    RETRY_LATER = "retry-later"
    AT_YOUR_LIMIT = "at-your-limit"
    NO_WORKER = "no-worker"
    WORKERS_PAUSED = "workers-paused"
    AHEAD_OF_YOU = "ahead-of-you"
    NEXT = "next"


@dataclass(frozen=True)
class Waiting:
    """Why a job waits. `ahead` counts the queued jobs before it; `starts_at` and `ready_at` are estimates, or None
    where nothing has been measured or nothing can be said; `until` is when it becomes due."""

    why: Why
    ahead: int = 0
    limit: int = 0
    until: datetime | None = None
    starts_at: datetime | None = None
    ready_at: datetime | None = None


@dataclass(frozen=True)
class Alarm:
    code: str  # "no-worker" or "oldest-too-old"
    message: str


@dataclass(frozen=True)
class Overview:
    counts: dict[JobStatus, int]
    oldest_waiting: timedelta | None  # how long the oldest due job has waited
    workers: tuple[WorkerState, ...]
    slots: int  # jobs that the living workers can run at once
    alarm: Alarm | None


@dataclass(frozen=True)
class Period:
    """What happened from `begins` on. Percentiles are seconds; None where nothing was measured."""

    begins: datetime
    ready: int
    failed: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


def explain(job: ReportJob) -> Waiting | None:
    """Why `job` waits, in facts that a page puts in words; None for a job that does not wait."""
    if not job.state.is_waiting:
        return None
    now = database_clock.about_now()
    due = job.scheduled_for or job.created_at or now
    if job.state is JobStatus.PENDING and due > now:
        why = Why.RETRY_LATER if job.error is not None and job.error.retry_count else Why.NOT_DUE
        return Waiting(why, until=due, starts_at=due)
    living = workers.alive(now)
    ahead = _ahead_of(job)
    taking = [worker for worker in living if not worker.is_paused and not worker.is_draining]
    if not taking:
        return Waiting(Why.WORKERS_PAUSED if living else Why.NO_WORKER, ahead=ahead)
    starts_at, ready_at = _estimate(job, ahead, sum(worker.concurrency for worker in taking), now)
    if job.state is JobStatus.PENDING:
        limit = get_settings().requester_cap
        if not promotion.free_slots(job.requested_by):
            return Waiting(Why.AT_YOUR_LIMIT, ahead=ahead, limit=limit)
    why = Why.AHEAD_OF_YOU if ahead else Why.NEXT
    return Waiting(why, ahead=ahead, starts_at=starts_at, ready_at=ready_at)


def explain_asking(
    requester_id: ObjectId, report_type: str, priority_rank: int, scheduled_for: datetime | None
) -> Waiting | None:
    """What `explain` would say of a report that was asked for at this moment."""
    return explain(
        ReportJob(
            id=ObjectId(),
            status=JobStatus.PENDING.value,
            requested_by=requester_id,
            report_type=report_type,
            priority_rank=priority_rank,
            scheduled_for=scheduled_for or database_clock.about_now(),
        )
    )


def ready_at(job: ReportJob) -> datetime | None:
    """When a running job will probably be ready: from its own pace, or what such reports have taken."""
    if not job.state.is_running or job.started_at is None:
        return None
    now = database_clock.about_now()
    elapsed = (now - job.started_at).total_seconds()
    typical = typical_seconds(job.report_type)
    percentage = job.progress.percentage if job.progress else 0
    if percentage >= 10:
        return now + timedelta(seconds=elapsed * (100 - percentage) / percentage)
    return now + timedelta(seconds=max(typical - elapsed, 1)) if typical is not None else None


def typical_seconds(report_type: str | None = None) -> float | None:
    """The median run time of the last finished jobs of this type, or of all types; None if none has finished."""
    recent = _finished.get(None)
    measured = [seconds for of, seconds in recent if of == report_type] or [seconds for _, seconds in recent]
    return float(median(measured)) if measured else None


def typical_seconds_by_type() -> dict[str, float]:
    """The median run time of the last finished jobs of each report type that has any."""
    by_type: defaultdict[str, list[float]] = defaultdict(list)
    for of, seconds in _finished.get(None):
        by_type[of].append(seconds)
    return {of: float(median(measured)) for of, measured in by_type.items()}


def _read_finished(_: None) -> list[tuple[str, float]]:
    """Report type and run time of the last finished jobs."""
    finished = JobEvent.objects(status=JobStatus.READY.value).order_by("-at").limit(MEASURED)
    return [(of, seconds) for of, seconds in finished.scalar("report_type", "run_seconds") if seconds is not None]


_finished = Remembered(_read_finished, seconds=60.0)


def counts() -> dict[JobStatus, int]:
    """Jobs in each state."""
    found = Counter(job.status for job in job_facts.every(RIGHTS_SECONDS))
    return {state: found[state.value] for state in JobStatus}


def overview() -> Overview:
    """The queue at a glance."""
    now = database_clock.now()
    known = workers.every(now)
    oldest = _oldest_waiting(now)
    slots = sum(worker.concurrency for worker in known if worker.is_alive and not worker.is_paused)
    return Overview(counts(), oldest, tuple(known), slots, _alarm(oldest, known))


def alarm() -> Alarm | None:
    """What an operator must know now, or None."""
    now = database_clock.now()
    return _alarm(_oldest_waiting(now), workers.every(now))


def history(*, hours: int = 24, periods: int = 24) -> list[Period]:
    """Throughput, and percentiles of waiting and running, over the last `hours`, oldest first."""
    now = database_clock.now()
    length = timedelta(hours=hours) / periods
    begin = now - periods * length
    buckets: list[list[JobEvent]] = [[] for _ in range(periods)]
    for event in _events_since(begin, (JobStatus.PROCESSING, JobStatus.READY, JobStatus.FAILED)):
        buckets[min(int((event.at - begin) / length), periods - 1)].append(event)
    return [_period(begin + number * length, bucket) for number, bucket in enumerate(buckets)]


def failures_by_code(*, hours: int = 24) -> list[tuple[str, int]]:
    """How many jobs failed in the last `hours`, by the code of the error, the most frequent first."""
    events = _events_since(database_clock.now() - timedelta(hours=hours), (JobStatus.FAILED,))
    return Counter(event.code or "unknown" for event in events).most_common()


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all values do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _events_since(begin: datetime, states: Sequence[JobStatus]) -> list[JobEvent]:
    """The latest events of these states, one query for each: an `$in` with a sort is a trap of the embedded server."""
    found: list[JobEvent] = []
    for state in states:
        found += JobEvent.objects(status=state.value, at__gt=begin).order_by("-at")[:EVENTS_READ]
    return found


def _period(begins: datetime, events: Sequence[JobEvent]) -> Period:
    ready = [event for event in events if event.status == JobStatus.READY]
    waits = [event.wait_seconds for event in events if event.wait_seconds is not None]
    runs = [event.run_seconds for event in ready if event.run_seconds is not None]
    return Period(
        begins=begins,
        ready=len(ready),
        failed=sum(event.status == JobStatus.FAILED for event in events),
        wait_p50=percentile(waits, 0.5),
        wait_p95=percentile(waits, 0.95),
        run_p50=percentile(runs, 0.5),
        run_p95=percentile(runs, 0.95),
    )


def _ahead_of(job: ReportJob) -> int:
    """Queued jobs that a worker would take before this one."""
    mine = _place(job)
    queued = (each for each in _jobs() if each.status == JobStatus.QUEUED and each.id != job.id)
    return sum(_place(each) < mine for each in queued)


def _place(job: ReportJob | JobFacts) -> tuple[int, datetime, ObjectId]:
    """The order in which workers take jobs."""
    return -(job.priority_rank or 0), job.scheduled_for or job.created_at, job.id


def _jobs() -> list[JobFacts]:
    return job_facts.every(RIGHTS_SECONDS)


def _estimate(job: ReportJob, ahead: int, slots: int, now: datetime) -> tuple[datetime | None, datetime | None]:
    """(starts, ready): the jobs ahead and those running share the slots; each takes the median of what was measured."""
    each = typical_seconds()
    own = typical_seconds(job.report_type)
    if each is None or own is None:
        return None, None
    running = sum(each.state.is_running for each in _jobs())
    # A job that runs is on average half done. Whoever finds a slot free starts at once.
    work = ahead * each + min(running, slots) * each / 2
    wait = work / slots if ahead + running >= slots else 0.0
    starts_at = now + timedelta(seconds=wait)
    return starts_at, starts_at + timedelta(seconds=own)


def _oldest_waiting(now: datetime) -> timedelta | None:
    """How long the oldest due job has waited; a job held back by its requester's own limit does not count."""
    queued = [each.scheduled_for or each.created_at for each in _jobs() if each.status == JobStatus.QUEUED]
    return max(now - min(queued), timedelta(0)) if queued else None


def _alarm(oldest: timedelta | None, known: Sequence[WorkerState]) -> Alarm | None:
    if not any(worker.is_alive for worker in known):
        return Alarm(
            "no-worker", Message("No worker is running, so no report is made. Start one with `reportdesk worker`.")
        )
    limit = timedelta(seconds=get_settings().queue_alarm_seconds)
    if oldest is not None and oldest > limit:
        minutes = round(oldest.total_seconds() / 60)
        text = Message("A report has waited for %(minutes)s minutes. Start more workers.", minutes=minutes)
        return Alarm("oldest-too-old", text)
    return None
