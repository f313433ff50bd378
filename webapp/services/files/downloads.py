"""Handing out finished files: whole or in parts, straight from a local folder, or by a short-lived address of a cloud
store. Visibility and the data scope are checked at every download."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from bson import ObjectId

from webapp import renderers, storage
from webapp.documents import LookupCategory, ReportJob, User
from webapp.errors import ConflictError, ForbiddenError
from webapp.messages import Message
from webapp.renderers.filenames import content_disposition
from webapp.services.jobs import lifecycle
from webapp.services.lookups import values as lookups
from webapp.services.rights import data_scope, visibility
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings
from webapp.storage import FileGoneError, Storage, StorageError

log = logging.getLogger(__name__)

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
#: Pages of one report are asked for again while people look at it.
PAGES_KEPT = 16


class NotReadyError(ConflictError):
    """The report has no file (yet, or any more)."""

    code = "no-file"
    hint = Message("The report's page says what it is doing.")


class ScopeError(ForbiddenError):
    """The file has rows that the person may not read."""

    code = "outside-your-data"
    hint = Message("Ask for the same report yourself: it then counts the rows that you may read.")


class FileDamagedError(StorageError):
    """Somebody or something has changed the stored file."""

    code = "file-damaged"
    hint = Message("Make the report again, and tell an administrator.")


@dataclass
class Download:
    """An answer to a download: `redirect_url`, or `status`, `headers` and `chunks`."""

    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    redirect_url: str | None = None


def open_download(
    actor: User,
    job_id: str | ObjectId,
    *,
    range_header: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Download:
    """The job's file for `actor`. A download that is finished (its last byte went out) counts, no other.

    Raises JobNotFoundError, NotReadyError, ScopeError and StorageError.
    """
    job = _readable(actor, job_id)
    stored = job.output.storage
    files = storage.open_storage(get_settings().effective_storage_url)
    name = str(stored.key).rpartition("/")[2]
    lasting = timedelta(seconds=get_settings().signed_url_seconds)
    if (url := files.signed_url(stored.key, lasting)) is not None:
        # The store will not tell us when it has sent the last byte; being sent there is what can be known.
        lifecycle.mark_downloaded(job.id, by=actor.id)
        return Download(redirect_url=url)
    etag = f'"{stored.sha256}"'
    headers = {
        "Content-Type": stored.mime_type or "application/octet-stream",
        "Content-Disposition": content_disposition(name),
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Cache-Control": "private, no-cache",
    }
    if if_none_match and etag in [each.strip().removeprefix("W/") for each in if_none_match.split(",")]:
        return Download(HTTPStatus.NOT_MODIFIED, headers)
    size = files.stat(stored.key).size
    if stored.size_bytes is not None and size != stored.size_bytes:
        raise FileDamagedError(f"The file of “{job.name}” is not as long as it was when it was made.")
    start, end = 0, size
    status = HTTPStatus.OK
    # A download that is taken up again after the report was made anew begins from the start.
    if if_range and if_range.strip() != etag:
        range_header = None
    if range_header and (bounds := _bounds(range_header, size)) is not None:
        start, end = bounds
        if start >= end:
            return Download(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return Download(status, headers, _counted(files, stored.key, start, end, size, job.id, actor.id))


def page_result(actor: User, job_id: str | ObjectId) -> dict[str, Any] | None:
    """What the report's page shows of the result, as it was stored with the file; None when the storage has none.

    Raises JobNotFoundError, NotReadyError and ScopeError.
    """
    return page_of(actor, visibility.visible_job(actor, job_id))


def page_of(actor: User, job: ReportJob) -> dict[str, Any] | None:
    """As `page_result`, of a job that `actor` has been shown already. Raises NotReadyError and ScopeError."""
    _require_readable(actor, job)
    folder = str(job.output.storage.key).rpartition("/")[0]
    return _page(get_settings().effective_storage_url, f"{folder}/page.json")


@lru_cache(maxsize=PAGES_KEPT)
def _page(url: str, key: str) -> dict[str, Any] | None:
    # A key has the fence in its name: what lies under it never changes.
    try:
        return renderers.page_result.read(b"".join(storage.open_storage(url).read(key)))
    except FileGoneError:
        return None


def _readable(actor: User, job_id: str | ObjectId) -> ReportJob:
    job = visibility.visible_job(actor, job_id)
    _require_readable(actor, job)
    return job


def _require_readable(actor: User, job: ReportJob) -> None:
    if not job.state.has_file or job.output.storage is None or not job.output.storage.key:
        status = lookups.label(LookupCategory.REPORT_STATUS, job.status)
        raise NotReadyError(Message("“%(name)s” has no file: it is %(status_)s.", name=job.name, status=status))
    _require_scope(actor, job)


def _require_scope(actor: User, job: ReportJob) -> None:
    """Rows may be read by whoever may read them anyway; by others only while their reader shares them.

    The scope that the file was made with is compared with what people may read today: someone who has lost a
    department can no longer open, or go on sharing, what was made when they had it.
    """
    try:
        of_file = DataScope.from_document((job.provenance or {})["scope"])
    except KeyError as error:
        raise ScopeError(Message("“%(name)s” does not say whose rows it counts.", name=job.name)) from error
    if data_scope.data_scope(actor).covers(of_file):
        return
    if job.visibility != "private" and actor.id != job.requested_by:
        requester = User.objects(id=job.requested_by).first()
        if requester is not None and data_scope.data_scope(requester).covers(of_file):
            return
    raise ScopeError(Message("“%(name)s” counts rows that you may not read.", name=job.name))


def _bounds(header: str, size: int) -> tuple[int, int] | None:
    """[start, end) of a single range; None for a header to ignore."""
    found = _RANGE.match(header.strip())
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        return max(size - int(found[2]), 0), size
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    return start, end


def _counted(
    files: Storage, key: str, start: int, end: int, size: int, job_id: ObjectId, actor_id: ObjectId
) -> Iterator[bytes]:
    """The bytes; when the last one of the file has gone out, the download counts."""
    yield from files.read(key, start, end if end < size else None)
    if end == size:
        lifecycle.mark_downloaded(job_id, by=actor_id)
        log.info("file downloaded", extra={"job_id": str(job_id)})


__all__ = ["Download", "NotReadyError", "ScopeError", "open_download", "page_result"]
