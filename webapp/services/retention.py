"""The end of files: at their time, and when no job points to them (DESIGN §2). Any number may run at once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from bson import ObjectId
from bson.errors import InvalidId

from webapp import storage
from webapp.documents import ReportJob
from webapp.documents.report_job import RUNNING, WITH_FILE
from webapp.services import job_events, job_lifecycle
from webapp.settings import get_settings
from webapp.storage import Storage

log = logging.getLogger(__name__)

#: A file that has just been written may belong to a job whose document is about to say so.
ORPHAN_AGE = timedelta(minutes=2)
AT_ONCE = 500
_FOLDERS = ("incoming/", "reports/")


def expire_due_files(now: datetime) -> int:
    """Jobs whose file has been kept for its time become expired, and the file goes. Returns how many."""
    # The embedded server uses a partial index only when told to; MongoDB only when the filter implies the index's own.
    past = {"output.storage.expiresAt": {"$lt": now, "$type": "date"}}
    due = ReportJob._get_collection().find(past, {"status": 1}, hint="file_expiry").limit(AT_ONCE)
    expired = 0
    for job in list(due):
        if job["status"] in WITH_FILE and job_lifecycle.expire(job["_id"]):
            expired += 1
            job_events.copy([job["_id"]])
            _delete_folder(_files(), f"reports/{job['_id']}/")
    if expired:
        log.info("files expired", extra={"count": expired})
    return expired


def sweep_orphans(now: datetime, *, older_than: timedelta = ORPHAN_AGE) -> int:
    """Delete files that no job points to and no running attempt is writing. Returns how many."""
    files = _files()
    found: dict[ObjectId | None, list[str]] = {}
    for folder in _FOLDERS:
        for key, _, changed_at in files.list(folder):
            if changed_at <= now - older_than:
                found.setdefault(_job_of(key), []).append(key)
    deleted = 0
    for job_id, keys in found.items():
        kept = _kept_prefixes(job_id)
        for key in keys:
            if not key.startswith(kept):
                files.delete(key)
                deleted += 1
    if deleted:
        log.info("orphaned files deleted", extra={"count": deleted})
    return deleted


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
    try:
        return ObjectId(key.split("/")[1])
    except (InvalidId, IndexError):
        return None


def _delete_folder(files: Storage, prefix: str) -> None:
    for key, _, _ in list(files.list(prefix)):
        files.delete(key)


def _files() -> Storage:
    return storage.open_storage(get_settings().effective_storage_url)
