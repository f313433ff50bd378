"""What the sweep counts for the pages of administration: uses of lookup values, files, the record's tables.

Jobs are read batch by batch, so that others are answered in between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webapp.documents import LookupCategory, ReportJob, SweepFigures, User
from webapp.documents.job_status import WITH_FILE
from webapp.documents.sweep_figures import SWEEP
from webapp.services.record import keeping

BATCH = 1_000
LEARNER = "learner"
_FIELDS = {
    "reportType": 1, "status": 1, "priority": 1, "visibility": 1, "output.format": 1, "output.storage.sizeBytes": 1,
    "parameters.measures": 1, "parameters.groupBy": 1, "parameters.slicers": 1, "parameters.filters.eventTypes": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Swept:
    """What a sweep has done and seen."""

    file_count: int
    file_bytes: int
    orphans_removed: int
    files_expired: int


def read() -> SweepFigures | None:
    """As the last sweep left them; None before the first."""
    return SweepFigures.objects(id=SWEEP).first()


def is_recent(now: datetime, within: timedelta) -> bool:
    """Has any worker swept lately?"""
    found = read()
    return found is not None and found.swept_at is not None and found.swept_at > now - within


def write(now: datetime, swept: Swept, *, next_sweep_at: datetime) -> None:
    """Count, and keep it for the pages."""
    uses, formats = _of_jobs()
    uses[LookupCategory.ROLE] = _of_people()
    SweepFigures(
        id=SWEEP,
        swept_at=now,
        next_sweep_at=next_sweep_at,
        file_count=swept.file_count,
        file_bytes=swept.file_bytes,
        orphans_removed=swept.orphans_removed,
        files_expired=swept.files_expired,
        formats=formats,
        uses={category: {_key(key): count for key, count in counted.items()} for category, counted in uses.items()},
        tables=keeping.figures(),
    ).save()


def uses_of(figures: SweepFigures | None, category: str) -> dict[str, int] | None:
    """How many jobs (people, for roles) carry each value; None where nothing was counted yet."""
    if figures is None or category not in figures.uses:
        return None
    return dict(figures.uses[category])


def _of_jobs() -> tuple[dict[str, Counter[str]], list[dict[str, Any]]]:
    uses: dict[str, Counter[str]] = defaultdict(Counter)
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    with_file = {state.value for state in WITH_FILE}
    # In the order of `_id`, which no update changes under the cursor: every job once.
    for job in ReportJob._get_collection().find({}, _FIELDS, batch_size=BATCH).hint([("_id", 1)]):
        output, parameters = job.get("output") or {}, job.get("parameters") or {}
        form = str(output.get("format"))
        uses[LookupCategory.REPORT_TYPE][str(job.get("reportType"))] += 1
        uses[LookupCategory.REPORT_STATUS][str(job.get("status"))] += 1
        uses[LookupCategory.REPORT_PRIORITY][str(job.get("priority"))] += 1
        uses[LookupCategory.REPORT_VISIBILITY][str(job.get("visibility"))] += 1
        uses[LookupCategory.OUTPUT_FORMAT][form] += 1
        measures = {str(each).partition(":")[0] for each in parameters.get("measures") or ()}
        uses[LookupCategory.MEASURE_TYPE].update(measures)
        grouped = {*(parameters.get("groupBy") or ()), *(parameters.get("slicers") or ())}
        uses[LookupCategory.DIMENSION_ENTITY].update(grouped)
        uses[LookupCategory.ACTIVITY_EVENT].update(set((parameters.get("filters") or {}).get("eventTypes") or ()))
        if job.get("status") in with_file:
            files[form] += 1
            sizes[form] += int((output.get("storage") or {}).get("sizeBytes") or 0)
    formats = [{"format": form, "count": count, "bytes": sizes[form]} for form, count in files.most_common()]
    for category in LookupCategory:
        uses.setdefault(category, Counter())
    return uses, formats


def _of_people() -> Counter[str]:
    """Accounts by the roles they hold, anywhere. Learners have none."""
    found = User._get_collection().find({"roles": {"$ne": LEARNER}}, {"roles": 1, "memberships.roles": 1})
    return Counter(role for user in found for role in _roles_of(user) if role != LEARNER)


def _roles_of(user: dict[str, Any]) -> set[str]:
    """For the whole desk and in departments."""
    places = [user, *(user.get("memberships") or ())]
    return {role for place in places for role in place.get("roles") or ()}


def _key(key: str) -> str:
    """A name that other clients may have written, as a key of a document."""
    return key.replace(".", "_").replace("$", "_")[:100]
