"""Keeping the record small and quick, without taking away what a kept report was made from."""

from __future__ import annotations

from typing import Any

from webapp import record
from webapp.documents import ReportJob
from webapp.services.record import mirror, reading


def versions_in_use() -> set[int]:
    """The record versions that jobs still kept were made from: “as of” may ask for them."""
    jobs = ReportJob._get_collection().find({"provenance.recordVersion": {"$exists": True}}, {"provenance.recordVersion": 1})
    return {int(job["provenance"]["recordVersion"]) for job in jobs}


def keep_up() -> None:
    """What is due: the departments of both sides, small files joined, files that nobody needs deleted."""
    mirror.give_departments()
    compact()
    mirror.bring_departments(record.current())


def compact() -> None:
    """Join small files, and delete those that only versions need which nobody can ask for any more."""
    record.compact()
    record.vacuum(versions_in_use())
    reading.forget()


def figures() -> list[dict[str, Any]]:
    """Of every table: its rows, files and bytes, for the page."""
    return [dict(each) for each in record.figures()]
