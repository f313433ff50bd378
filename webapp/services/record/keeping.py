"""Keeping the record small and quick, without taking away what a kept report was made from."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from webapp import record
from webapp.documents import ReportJob
from webapp.services.record import mirror, reading

COMPACT_EVERY = 3_600.0


def versions_in_use() -> set[int]:
    """The record versions that jobs still kept were made from: “as of” may ask for them."""
    jobs = ReportJob._get_collection().find(
        {"provenance.recordVersion": {"$exists": True}}, {"provenance.recordVersion": 1}
    )
    return {int(job["provenance"]["recordVersion"]) for job in jobs}


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
