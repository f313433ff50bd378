"""Handing out finished files: whole or in parts, straight from a local folder, or by a short-lived address of a cloud
store. Visibility and the data scope are checked at every download."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from bson import ObjectId

from webapp import renderers, storage
from webapp.documents import LookupCategory, ReportJob, User
from webapp.errors import ConflictError, ForbiddenError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.audit import ReportAct
from webapp.services.jobs import lifecycle
from webapp.services.lookups import values as lookups
from webapp.services.rights import data_scope, visibility
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings
from webapp.storage import FileGoneError, StorageError

log = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class Download:
    """A file that may be handed out: by a short-lived address of the store (`redirect_url`), or by `read`."""

    job: ReportJob
    actor: User
    key: str
    sha256: str
    size: int
    mime_type: str
    redirect_url: str | None = None

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but without `end`, written down in the audit trail before the first goes out.
        When the last one of the file has gone out, the download counts; no other does."""
        end = self.size if end is None else end
        if (start, end) == (0, self.size):
            audit.record_on_report(self.actor, ReportAct.DOWNLOADED, self.job)
        else:
            audit.record_once_an_hour(self.actor, ReportAct.DOWNLOADED_IN_PARTS, self.job)
        files = storage.open_storage(get_settings().effective_storage_url)
        yield from files.read(self.key, start, end if end < self.size else None)
        if end == self.size:
            lifecycle.mark_downloaded(self.job.id, by=self.actor.id)
            log.info("file downloaded", extra={"job_id": str(self.job.id)})


def open_download(actor: User, job_id: str | ObjectId) -> Download:
    """The job's file for `actor`. Raises JobNotFoundError, NotReadyError, ScopeError and StorageError."""
    job = _readable(actor, job_id)
    stored = job.output.storage
    files = storage.open_storage(get_settings().effective_storage_url)
    lasting = timedelta(seconds=get_settings().signed_url_seconds)
    if (url := files.signed_url(stored.key, lasting)) is not None:
        # The store will not tell us when it has sent the last byte; being sent there is what can be known.
        audit.record_on_report(actor, ReportAct.DOWNLOADED, job)
        lifecycle.mark_downloaded(job.id, by=actor.id)
        size = stored.size_bytes or 0
    else:
        size = files.stat(stored.key).size
        if stored.size_bytes is not None and size != stored.size_bytes:
            raise FileDamagedError(f"The file of “{job.name}” is not as long as it was when it was made.")
    return Download(
        job,
        actor,
        str(stored.key),
        stored.sha256 or "",
        size,
        stored.mime_type or "application/octet-stream",
        url,
    )


def page_result(actor: User, job_id: str | ObjectId) -> dict[str, Any] | None:
    """What the report's page shows of the result, as it was stored with the file; None when the storage has none.

    Raises JobNotFoundError, NotReadyError and ScopeError.
    """
    return page_of(actor, visibility.visible_job(actor, job_id))


def page_of(actor: User, job: ReportJob) -> dict[str, Any] | None:
    """As `page_result`, of a job that `actor` has been shown already: the audit trail says that they looked at it.

    Raises NotReadyError and ScopeError.
    """
    _require_readable(actor, job)
    folder = str(job.output.storage.key).rpartition("/")[0]
    page = _page(get_settings().effective_storage_url, f"{folder}/page.json")
    if page is not None:
        audit.record_once_an_hour(actor, ReportAct.LOOKED_AT, job)
    return page


def page_for_letter(job: ReportJob) -> dict[str, Any] | None:
    """As `page_of`, for a letter: whether its reader may have it was judged before (`deliveries.mail.recipients`), and
    what was sent is written down there. None as well for a report that has no file."""
    stored = job.output.storage
    if not job.state.has_file or stored is None or not stored.key:
        return None
    return _page(get_settings().effective_storage_url, f"{str(stored.key).rpartition('/')[0]}/page.json")


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


__all__ = ["Download", "NotReadyError", "ScopeError", "open_download", "page_result"]
