"""The audit trail: who did what, to which thing, and when; reports' own events and administration's together.

Pages go backwards in time. Each read is served by one index; the last days are read first, and more only while they
give less than a page, because the embedded server reads everything that matches before it sorts (DESIGN §10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId

from webapp import clock
from webapp.documents import AdminArea, AdminEvent, JobEvent, JobStatus, ReportJob, User

PAGE_SIZE = 50
#: A page, one more to know whether there is another, and those of one instant that the page before has shown already.
READ_AT_ONCE = PAGE_SIZE + 1 + 100
#: How far back to read at first, and then, while that gives less than a page.
LOOKS = (timedelta(hours=12), timedelta(days=4))
#: Kinds of what happens to a report: the state it came to, or that it was deleted.
REPORTS, DELETED = "reports", "deleted"


@dataclass(frozen=True)
class AuditQuery:
    """`kind`: "" for all, "reports", a report's state, "deleted", or an `AdminArea`. `until` is exclusive;
    `before` is where the last page ended (`AuditPage.older`)."""

    person_id: ObjectId | None = None
    job_id: ObjectId | None = None
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """`who` is a person's name; without one, a worker or the terminal did it. `area` is "reports" or an `AdminArea`."""

    id: str
    at: datetime
    area: str
    action: str
    subject: str
    user_id: ObjectId | None = None
    who: str | None = None
    worker_id: str | None = None
    job_id: ObjectId | None = None
    code: str = ""  # of a report's error
    changes: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditPage:
    entries: list[AuditEntry]
    older: str | None  # what the next page's `before` is; None on the last


def page(query: AuditQuery) -> AuditPage:
    """One page, the newest first: at most four reads of events, and two for the names in them."""
    until, last_id = _cursor(query)
    found = [*_job_entries(query, until), *_admin_entries(query, until)]
    if last_id:
        at, _, entry_id = query.before.partition("~")
        found = [each for each in found if (each.at.isoformat(), each.id) < (at, entry_id)]
    found.sort(key=lambda each: (each.at.isoformat(), each.id), reverse=True)
    shown = found[:PAGE_SIZE]
    older = f"{shown[-1].at.isoformat()}~{shown[-1].id}" if len(found) > PAGE_SIZE else None
    return AuditPage(_named(shown), older)


def _cursor(query: AuditQuery) -> tuple[datetime | None, str]:
    """The instant before which to read (exclusive), and the last entry shown, in case others have its instant."""
    at, _, entry_id = query.before.partition("~")
    try:
        last = datetime.fromisoformat(at) if at else None
    except ValueError:
        last = None
    if last is None or last.tzinfo is None or not entry_id or not 1970 < last.year < 9000:
        return query.until, ""
    # `$lte` on a compound index loses rows on the embedded server: one millisecond more and `$lt` is the same.
    return last + timedelta(milliseconds=1), entry_id


def _job_entries(query: AuditQuery, until: datetime | None) -> list[AuditEntry]:
    wanted: dict[str, Any] = {}
    if query.kind == DELETED:
        wanted["to"] = None
    elif query.kind in {state.value for state in JobStatus}:
        wanted["to"] = query.kind
    elif query.kind not in ("", REPORTS):
        return []
    if query.person_id is not None:
        wanted["userId"] = query.person_id
    if query.job_id is not None:
        wanted["jobId"] = query.job_id
    looks: tuple[timedelta, ...] = LOOKS if query.person_id is None else LOOKS[1:]
    if query.job_id is not None:
        looks = ()
    found: list[dict[str, Any]] = []
    end = until
    for look in looks:
        begin = (until or clock.utcnow()) - look
        if query.since is not None and query.since >= begin:
            break
        found += _read(JobEvent, wanted, begin, end)
        if len(found) >= READ_AT_ONCE:
            return [_job_entry(event) for event in found]
        end = begin
    return [_job_entry(event) for event in (*found, *_read(JobEvent, wanted, query.since, end))]


def _admin_entries(query: AuditQuery, until: datetime | None) -> list[AuditEntry]:
    wanted: dict[str, Any] = {}
    if query.kind in {area.value for area in AdminArea}:
        wanted["area"] = query.kind
    elif query.kind:
        return []
    if query.job_id is not None:
        return []
    if query.person_id is not None:
        wanted["userId"] = query.person_id
    return [
        AuditEntry(
            id=str(event["_id"]),
            at=event["at"],
            area=event["area"],
            action=event["action"],
            subject=event["subject"],
            user_id=event.get("userId"),
            changes=event.get("changes") or {},
        )
        for event in _read(AdminEvent, wanted, query.since, until)
    ]


def _read(
    document: type[AdminEvent | JobEvent], wanted: dict[str, Any], since: datetime | None, until: datetime | None
) -> list[dict[str, Any]]:
    """The last events that are wanted, of [since, until)."""
    period = {name: instant for name, instant in (("$gte", since), ("$lt", until)) if instant is not None}
    matching = {**wanted, **({"at": period} if period else {})}
    return list(document._get_collection().find(matching).sort("at", -1).limit(READ_AT_ONCE))


def _job_entry(event: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=str(event["_id"]),
        at=event["at"],
        area=REPORTS,
        action=event.get("to") or DELETED,
        subject=event.get("reportType") or "",
        user_id=event.get("userId"),
        worker_id=event.get("workerId"),
        job_id=event.get("jobId"),
        code=event.get("code") or "",
    )


def _named(entries: list[AuditEntry]) -> list[AuditEntry]:
    """With the names of people, and of reports that are still there."""
    people = {entry.user_id for entry in entries if entry.user_id}
    jobs = {entry.job_id for entry in entries if entry.job_id}
    names: dict[ObjectId, str] = dict(User.objects(id__in=list(people)).scalar("id", "name")) if people else {}
    reports: dict[ObjectId, str] = dict(ReportJob.objects(id__in=list(jobs)).scalar("id", "name")) if jobs else {}
    return [
        AuditEntry(
            **{
                **vars(entry),
                "who": names.get(entry.user_id) if entry.user_id else None,
                "subject": reports.get(entry.job_id, entry.subject) if entry.job_id else entry.subject,
            }
        )
        for entry in entries
    ]


def id_or_none(text: str) -> ObjectId | None:
    """The id in `text` (a whole address of a report will do), or None."""
    try:
        return ObjectId(text.strip().rstrip("/").rpartition("/")[2])
    except (InvalidId, TypeError):
        return None
