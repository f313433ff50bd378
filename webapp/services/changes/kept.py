"""What a schedule keeps of its last report: enough to compare the next one with it, when the report is deleted by then.

Not its rows: what it asked, whose rows it could count, and which record version it read. That version is kept for it
(`services.record.keeping`) until the next report is made, for `REPORTDESK_COMPARISON_DAYS` at most.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from webapp.documents import ReportJob
from webapp.documents.report_schedule import LastMade

#: Of a stored job, what `last_made` reads.
FIELDS = (
    *("reportType", "parameters", "output.format", "requestedBy"),
    *("provenance.recordVersion", "provenance.asOf", "provenance.scope", "provenance.rowsChecksum"),
)


def last_made(job: dict[str, Any], fired_for: datetime, before: LastMade | None) -> LastMade:
    """Of a report that was made (as stored), what is kept instead of that of the one `before`."""
    made = job.get("provenance") or {}
    return LastMade(
        job_id=job["_id"],
        fired_for=fired_for,
        rows_checksum=made.get("rowsChecksum"),
        checksum_before=before.rows_checksum if before else None,
        record_version=made.get("recordVersion"),
        as_of=made.get("asOf"),
        asked={
            **{name: job[name] for name in ("reportType", "parameters", "requestedBy") if name in job},
            "output": {"format": (job.get("output") or {}).get("format")},
            "scope": made.get("scope"),
        },
    )


def report_of(made: LastMade) -> ReportJob | None:
    """That report, as far as comparing needs it; None where it does not say what data it was made of."""
    asked = dict(made.asked)
    scope = asked.pop("scope", None)
    if made.record_version is None or made.as_of is None or scope is None:
        return None
    provenance = {"recordVersion": made.record_version, "asOf": made.as_of, "scope": scope}
    found: ReportJob = ReportJob._from_son({"_id": made.job_id, **asked, "provenance": provenance})
    return found
