"""The end of files: at their time, and when no job points to them (DESIGN §2). Any number may run at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from webapp import storage
from webapp.documents import ReportJob, indexes
from webapp.documents.ids import id_or_none
from webapp.documents.job_status import RUNNING, WITH_FILE
from webapp.services.files import sweep_figures
from webapp.services.files.sweep_figures import Swept
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lifecycle
from webapp.services.orders import raw_files, uploads
from webapp.services.record import keeping
from webapp.settings import get_settings
from webapp.storage import Storage

log = logging.getLogger(__name__)

#: A file that has just been written may belong to a job whose document is about to say so.
ORPHAN_AGE = timedelta(minutes=2)
AT_ONCE = 500
SWEEP_EVERY = timedelta(seconds=300)
_FOLDERS = ("incoming/", "reports/")


def sweep(now: datetime) -> Swept:
    """Everything that goes at its time or belongs to nobody, and then the figures that pages show."""
    expired = expire_due_files(now)
    uploads.delete_old(now)
    raw_files.delete_old(now)
    found = sweep_orphans(now)
    swept = Swept(found.files_left, found.bytes_left, found.removed, expired)
    sweep_figures.write(now, swept, next_sweep_at=now + SWEEP_EVERY)
    keeping.keep_up()
    return swept


def sweep_if_due(now: datetime) -> bool:
    """As `sweep`, unless another worker has just done it."""
    if sweep_figures.is_recent(now, SWEEP_EVERY / 2):
        return False
    sweep(now)
    return True


def expire_due_files(now: datetime) -> int:
    """Jobs whose file has been kept for its time become expired, and the file goes. Returns how many."""
    # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's own.
    past = {"output.storage.expiresAt": {"$lt": now, "$type": "date"}}
    jobs = ReportJob._get_collection()
    by_index = indexes.hint(jobs, (("output.storage.expiresAt", 1),))
    due = jobs.find(past, {"status": 1}, hint=by_index).limit(AT_ONCE)
    expired = 0
    for job in list(due):
        if job["status"] in WITH_FILE and lifecycle.expire(job["_id"]):
            expired += 1
            job_events.copy([job["_id"]])
            _delete_folder(_files(), f"reports/{job['_id']}/")
    if expired:
        log.info("files expired", extra={"count": expired})
    return expired


@dataclass(frozen=True)
class OrphanSweep:
    """How many files were deleted, and what lies there now."""

    removed: int
    files_left: int
    bytes_left: int


def sweep_orphans(now: datetime, *, older_than: timedelta = ORPHAN_AGE) -> OrphanSweep:
    """Delete files that no job points to and no running attempt is writing."""
    files = _files()
    found: dict[ObjectId | None, list[tuple[str, int]]] = {}
    files_left = bytes_left = removed = 0
    for folder in _FOLDERS:
        for key, size, changed_at in files.list(folder):
            files_left += 1
            bytes_left += size
            if changed_at <= now - older_than:
                found.setdefault(_job_of(key), []).append((key, size))
    for job_id, keys in found.items():
        kept = _kept_prefixes(job_id)
        for key, size in keys:
            if not key.startswith(kept):
                files.delete(key)
                removed += 1
                bytes_left -= size
    if removed:
        log.info("orphaned files deleted", extra={"count": removed})
    return OrphanSweep(removed, files_left - removed, bytes_left)


def _kept_prefixes(job_id: ObjectId | None) -> tuple[str, ...]:
    """What of this job's files is in use: its published folder, and what a running attempt writes."""
    job = ReportJob._get_collection().find_one({"_id": job_id}, {"status": 1, "lease": 1, "output.storage.key": 1})
    if job is None:
        return ("\0",)  # no key begins so
    kept: list[str] = []
    published = ((job.get("output") or {}).get("storage") or {}).get("key")
    if published:
        kept.append(published.rpartition("/")[0] + "/")
    if job["status"] in RUNNING:
        fence = (job.get("lease") or {}).get("fence")
        kept += [f"{folder}{job_id}/{fence}/" for folder in _FOLDERS]
    return tuple(kept) or ("\0",)


def _job_of(key: str) -> ObjectId | None:
    return id_or_none("".join(key.split("/")[1:2]))


def _delete_folder(files: Storage, prefix: str) -> None:
    for key, _, _ in list(files.list(prefix)):
        files.delete(key)


def _files() -> Storage:
    return storage.open_storage(get_settings().effective_storage_url)
