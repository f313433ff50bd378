"""Keeping the record small and quick, without taking away what a kept report was made from."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from webapp import clock, record
from webapp.documents import ReportJob, ReportSchedule
from webapp.services.record import mirror, reading
from webapp.settings import get_settings

COMPACT_EVERY = 3_600.0


def versions_in_use() -> set[int]:
    """The record versions that jobs still kept were made from, because “as of” may ask for them; and those with which
    schedules compare their next reports."""
    jobs = ReportJob._get_collection().find(
        {"provenance.recordVersion": {"$exists": True}}, {"provenance.recordVersion": 1}
    )
    return {int(job["provenance"]["recordVersion"]) for job in jobs} | _compared_versions()


def _compared_versions() -> set[int]:
    """Of schedules that will run again and tell what changed: the version that the last report was made of, as long as
    is set."""
    since = clock.utcnow() - timedelta(days=get_settings().comparison_days)
    wanted = {"lastMade.recordVersion": {"$gt": 0}}
    fields = dict.fromkeys(
        ["lastMade.recordVersion", "lastMade.asOf", "isActive", "tellChanges", "isPaused", "nextRunAt", "dataVersion"],
        1,
    )
    return {
        int(found["lastMade"]["recordVersion"])
        for found in ReportSchedule._get_collection().find(wanted, fields)
        if _runs_again(found) and found.get("tellChanges") is not False and found["lastMade"]["asOf"] >= since
    }


def _runs_again(schedule: dict[str, Any]) -> bool:
    waits = schedule.get("isPaused") or "nextRunAt" in schedule or "dataVersion" in schedule
    return bool(schedule.get("isActive") and waits)


def keep_up() -> None:
    """What is due: the departments of both sides; once an hour small files joined, and those that nobody needs deleted.
    While an import is under way it waits."""
    mirror.give_departments()
    mirror.bring_departments(record.current())
    if _due.is_due():
        compact()
        _due.done()


def compact() -> None:
    """Join small files, and delete those that only versions need which nobody can ask for any more."""
    record.compact()
    record.vacuum(versions_in_use())
    reading.forget()


def figures() -> list[dict[str, Any]]:
    """Of every table: its version, rows, files and bytes, for the page."""
    return [asdict(each) for each in record.figures()]


class _Due:
    """Once an hour in each process that sweeps."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def done(self) -> None:
        self._next = time.monotonic() + COMPACT_EVERY


_due = _Due()
