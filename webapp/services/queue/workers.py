"""The workers that are there, and what people ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from webapp.documents import AdminArea, WorkerRecord
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock, permissions
from webapp.services.permissions import Actor, Permission
from webapp.settings import get_settings

#: A worker that has missed three beats is not counted on.
MISSED_BEATS = 3


@dataclass(frozen=True)
class WorkerState:
    """A worker as the admin page and the terminal show it."""

    id: str
    host: str
    pid: int
    version: str
    concurrency: int
    started_at: datetime | None
    last_beat_at: datetime | None
    is_alive: bool
    has_left: bool  # it said goodbye; otherwise, if not alive, it is missing
    is_paused: bool
    is_draining: bool
    job_ids: tuple[ObjectId, ...]
    jobs_done: int
    bell_port: int | None


def every(now: datetime | None = None) -> list[WorkerState]:
    """All workers of the last day, the living first, then the latest. `now` is the database's time, where known."""
    now = now or database_clock.now()
    states = [_state(record, now) for record in WorkerRecord.objects.order_by("-last_beat_at") if record.host]
    long_ago = datetime.min.replace(tzinfo=now.tzinfo)
    return sorted(states, key=lambda each: (each.is_alive, each.last_beat_at or long_ago), reverse=True)


def alive(now: datetime | None = None) -> list[WorkerState]:
    """Those whose last beat is recent."""
    return [state for state in every(now) if state.is_alive]


def pause(actor: Actor, worker_id: str) -> None:
    """Let it take no more jobs until it is resumed; what it works on goes on. Takes effect at its next beat."""
    _wish(actor, worker_id, "paused", is_paused=True)


def resume(actor: Actor, worker_id: str) -> None:
    """Let a paused worker take jobs again."""
    _wish(actor, worker_id, "resumed", is_paused=False)


def drain(actor: Actor, worker_id: str) -> None:
    """Let it finish what it works on, and end."""
    _wish(actor, worker_id, "drained", is_draining=True)


def _wish(actor: Actor, worker_id: str, action: str, **wish: bool) -> None:
    permissions.require_permission(actor, Permission.ADMINISTER)
    # The terminal shows the first eight characters of an id, and takes them.
    matches = list(WorkerRecord.objects(id__startswith=worker_id, stopped_at=None)) if len(worker_id) >= 4 else []
    if len(matches) != 1:
        raise NotFoundError(
            Message("There is no running worker %(id)s.", id=worker_id[:40]),
            hint=Message("See `reportdesk workers list`."),
        )
    WorkerRecord.objects(id=matches[0].id).update_one(**{f"set__{name}": value for name, value in wish.items()})
    audit.record(actor, AdminArea.QUEUE, action, f"{matches[0].host} · {matches[0].pid}", subject_id=matches[0].id)


def _state(record: WorkerRecord, now: datetime) -> WorkerState:
    beats_until = now - MISSED_BEATS * get_settings().heartbeat
    return WorkerState(
        id=record.id,
        host=record.host,
        pid=record.pid,
        version=record.version or "",
        concurrency=record.concurrency or 1,
        started_at=record.started_at,
        last_beat_at=record.last_beat_at,
        is_alive=record.stopped_at is None and record.last_beat_at is not None and record.last_beat_at > beats_until,
        has_left=record.stopped_at is not None,
        is_paused=bool(record.is_paused),
        is_draining=bool(record.is_draining),
        job_ids=tuple(record.job_ids),
        jobs_done=record.jobs_done or 0,
        bell_port=record.bell_port,
    )
