"""What a worker says about itself in the collection `workers`, and what it is told there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from bson import ObjectId

from webapp.documents import WorkerRecord


@dataclass(frozen=True)
class Wishes:
    """What people have asked of a worker."""

    is_paused: bool = False
    is_draining: bool = False


def write(
    worker_id: str, *, concurrency: int, job_ids: Iterable[ObjectId], jobs_done: int, bell_port: int | None = None
) -> Wishes:
    """Say that this worker lives, and read what people want of it. All instants are the database's."""
    records = WorkerRecord._get_collection()
    change: dict[str, Any] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": version("reportdesk"),
        "concurrency": concurrency,
        "jobIds": list(job_ids),
        "jobsDone": jobs_done,
        "bellPort": bell_port,
        "startedAt": {"$ifNull": ["$startedAt", "$$NOW"]},
        "lastBeatAt": "$$NOW",
    }
    records.update_one({"_id": worker_id}, [{"$set": change}, {"$unset": ["stoppedAt"]}], upsert=True)
    found = records.find_one({"_id": worker_id}, {"isPaused": 1, "isDraining": 1}) or {}
    return Wishes(bool(found.get("isPaused")), bool(found.get("isDraining")))


def say_goodbye(worker_id: str, *, jobs_done: int) -> None:
    """A clean exit: the worker is not missing, it has left."""
    change = {"jobIds": [], "jobsDone": jobs_done, "stoppedAt": "$$NOW"}
    WorkerRecord._get_collection().update_one({"_id": worker_id}, [{"$set": change}])
