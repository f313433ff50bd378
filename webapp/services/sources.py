"""The LMS that is read in place: does its mapping fit, and what has changed there since it was last read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

from bson import ObjectId

from webapp import clock, record
from webapp.documents import AdminArea
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.permissions import TERMINAL, Actor, Permission, Terminal, require_permission
from webapp.services.record import reading
from webapp.services.rights import record_changes
from webapp.settings import get_settings
from webapp.sources.lms_mongodb import SOURCE, mapping_file, read
from webapp.sources.lms_mongodb import check as checking
from webapp.sources.lms_mongodb.check import Checked
from webapp.sources.lms_mongodb.database import Lms, opened
from webapp.sources.lms_mongodb.mapping_file import MappingFile
from webapp.sources.lms_mongodb.plan import State
from webapp.sources.lms_mongodb.read import Progress, Synced

log = logging.getLogger(__name__)

#: Only one thread of a process asks the LMS before its report; processes take turns at the record.
_refreshing = threading.Lock()
#: Touched when the LMS had nothing new: that makes no version of the record, and yet need not be asked again at once.
_ASKED = "lms-asked"


class NoSourceError(ReportdeskError):
    """No LMS is set."""

    status = HTTPStatus.CONFLICT
    code = "no-source"
    hint = Message("Set REPORTDESK_LMS_URI to its address, with the database as its path.")

    def __init__(self) -> None:
        super().__init__(Message("There is no LMS to read: REPORTDESK_LMS_URI is not set."))


@dataclass(frozen=True)
class SyncOutcome:
    """What a sync did. `version` is the record version that it made; None when it made none."""

    synced: Synced
    comparison: record.Comparison
    version: record.RecordVersion | None


def is_set() -> bool:
    """Whether there is an LMS to read."""
    return get_settings().lms_uri is not None


def check(by: Actor, *, on_progress: Progress = lambda collection, count: None) -> Checked:
    """What the mapping makes of the LMS's database; nothing is written anywhere.

    Raises NoSourceError, MappingError, LmsAddressError and LmsAwayError.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    with _lms() as (lms, file):
        return checking.check(lms, file.name, file.mapping, zone=_zone(), on_progress=on_progress)


@contextmanager
def syncing(
    by: Actor,
    *,
    dry_run: bool = False,
    on_progress: Progress = lambda collection, count: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[SyncOutcome]:
    """Bring the record up to the LMS, as one version; with `dry_run` only compare. Within the block the comparison
    answers.

    Raises as `check` does, and RecordBusyError.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    with _lms() as (lms, file):
        if isinstance(by, Terminal) and not dry_run:
            audit.record(by, AdminArea.IMPORTS, "ordered a sync of the LMS", lms.name)
        with _synced(lms, file, by, dry_run, on_progress, on_wait, None) as outcome:
            if outcome is not None:  # always: nobody asked whether it is due
                yield outcome


def refresh_if_due(max_age: timedelta | None = None) -> bool:
    """Read what the LMS has changed, if that was last done longer than `max_age` ago (REPORTDESK_LMS_REFRESH_SECONDS).

    True when the record has a new version by it. An LMS that does not answer is logged, and the record stays as it
    is: a report of a while ago is better than none.
    """
    settings = get_settings()
    age = timedelta(seconds=settings.lms_refresh_seconds) if max_age is None else max_age
    if settings.lms_uri is None or (max_age is None and not age) or not _is_due(age):
        return False
    with _refreshing:
        if not _is_due(age):
            return False
        try:
            with _lms() as (lms, file), _synced(lms, file, TERMINAL, False, _untold, _unwaited, age) as outcome:
                return outcome is not None and outcome.version is not None
        except ReportdeskError as error:
            log.warning("the LMS could not be read before a report", extra={"code": error.code})
            return False


@contextmanager
def _synced(
    lms: Lms,
    file: MappingFile,
    by: Actor,
    dry_run: bool,
    on_progress: Progress,
    on_wait: Callable[[], None],
    unless_younger: timedelta | None,
) -> Iterator[SyncOutcome | None]:
    told_by = reading.name_of(by)
    what = Message("the LMS's database “%(name)s”", name=lms.name)
    with record.importing(source=SOURCE, what=what, import_id=str(ObjectId()), by=told_by, on_wait=on_wait) as staging:
        if unless_younger is not None and not _is_due(unless_younger):
            # Whoever was first at the record has done it.
            yield None
            return
        before = staging.base
        synced = read.sync(
            lms,
            file,
            staging,
            before=State.from_document(before.state(SOURCE)),
            known=lambda table, ids: _known(before, table, ids),
            zone=_zone(),
            on_progress=on_progress,
        )
        comparison = staging.compare()
        version = None
        # What was read whole is remembered, that it need not be again before its time.
        if not dry_run and (synced.whole or not comparison.is_empty):
            version = staging.publish(state=synced.state.to_document())
            record_changes.took_effect(version, by=by)
        if not dry_run:
            _asked_path().parent.mkdir(parents=True, exist_ok=True)
            _asked_path().touch()
        log.info(
            "LMS synced",
            extra={"version": version.number if version else None, "whole": len(synced.whole), "dry_run": dry_run},
        )
        yield SyncOutcome(synced, comparison, version)


@contextmanager
def _lms() -> Iterator[tuple[Lms, MappingFile]]:
    settings = get_settings()
    if settings.lms_uri is None:
        raise NoSourceError
    file = mapping_file.load(settings.lms_mapping)
    with opened(settings.lms_uri.get_secret_value()) as lms:
        yield lms, file


def _known(version: record.RecordVersion, table: str, ids: Collection[str]) -> set[str]:
    """Which of these ids active rows of the LMS have in the record."""
    if not ids:
        return set()
    found = record.select(
        version, table, ["id"], "is_active AND source = ? AND id IN (SELECT unnest(?))", [SOURCE, list(ids)]
    )
    return {str(each) for each in found["id"].to_pylist()}


def last_read_at() -> datetime | None:
    """When the LMS was last asked for what has changed."""
    moments = [State.from_document(record.current().state(SOURCE)).synced_at]
    try:
        moments.append(datetime.fromtimestamp(_asked_path().stat().st_mtime, tz=clock.utcnow().tzinfo))
    except FileNotFoundError:
        # Not by this machine, or never.
        moments.append(None)
    return max((moment for moment in moments if moment is not None), default=None)


def _is_due(age: timedelta) -> bool:
    last = last_read_at()
    return last is None or not timedelta() <= clock.utcnow() - last < age


def _asked_path() -> Path:
    return get_settings().home / _ASKED


def _zone() -> ZoneInfo:
    return ZoneInfo(get_settings().time_zone)


def _untold(collection: str, count: int) -> None:
    """Nobody watches."""


def _unwaited() -> None:
    """Nobody is told."""
