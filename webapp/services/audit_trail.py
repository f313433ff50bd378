"""Reading the audit trail: what people did (`AdminEvent`), and what became of reports, state by state (`JobEvent`).

Pages go backwards in time. Each read is served by one index; the last days are read first, and more only while they
give less than a page, because the embedded server reads everything that matches before it sorts (DESIGN §13).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp import clock
from webapp.documents import AdminArea, AdminEvent, JobEvent, JobStatus, ReportJob, User
from webapp.documents.ids import id_or_none
from webapp.services import audit
from webapp.services.audit import ReportAct, SessionAct
from webapp.services.permissions import Permission, require_permission

PAGE_SIZE = 50
EXPORTED_AT_ONCE = 500
#: One more than is shown tells whether there is another page; and those of one instant that the page before has shown.
_BESIDES = 1 + 100
#: How far back to read at first, and then, while that gives less than a page.
LOOKS = (timedelta(hours=12), timedelta(days=4), timedelta(days=32))
#: By a condition, the index that serves it; what narrows most comes first.
_INDEXES: dict[str, list[tuple[str, int]]] = {
    "subjectId": [("subjectId", 1), ("at", 1)],
    "jobId": [("jobId", 1), ("seq", 1)],
    "userId": [("userId", 1), ("at", 1)],
    "area": [("area", 1), ("at", 1)],
    "to": [("to", 1), ("at", 1)],
}
EVERYTHING, STATES = "everything", "states"


@dataclass(frozen=True)
class Kind:
    """What a kind of entry asks of people's acts, and of reports' states; None: none of those."""

    acts: Mapping[str, object] | None = None
    states: Mapping[str, object] | None = None


def _act(area: AdminArea, action: str) -> Kind:
    return Kind(acts={"area": area.value, "action": action})


#: By the name in the address; "" is what people did.
KINDS: dict[str, Kind] = {
    "": Kind(acts={}),
    EVERYTHING: Kind(acts={}, states={}),
    **{area.value: Kind(acts={"area": area.value}) for area in AdminArea},
    **{f"reports.{act.value}": _act(AdminArea.REPORTS, act.value) for act in ReportAct},
    **{f"sessions.{act.value}": _act(AdminArea.SESSIONS, act.value) for act in SessionAct},
    STATES: Kind(states={}),
    **{f"states.{state.value}": Kind(states={"to": state.value}) for state in JobStatus},
    "states.deleted": Kind(states={"to": None}),
}


@dataclass(frozen=True)
class AuditQuery:
    """`kind` is one of `KINDS`; `about` is the report, person or other thing that it happened to. `until` is exclusive;
    `before` is where the last page ended (`AuditPage.older`)."""

    person_id: ObjectId | None = None
    about: ObjectId | None = None
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""

    @property
    def is_filtered(self) -> bool:
        return replace(self, before="") != AuditQuery()


@dataclass(frozen=True)
class AuditEntry:
    """One line of the trail. `area` is an `AdminArea`, or `STATES`: then `action` is the state, "" for deleted.
    `who` is a person's name; without one a worker, the terminal, or somebody not signed in did it."""

    id: str
    at: datetime
    area: str
    action: str
    subject: str
    subject_id: str = ""
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


def page(query: AuditQuery, *, size: int = PAGE_SIZE) -> AuditPage:
    """One page, the newest first: a few reads of events, and two for the names in them."""
    kind, at_once = KINDS[query.kind], size + _BESIDES
    until, last_id = _cursor(query)
    found: list[AuditEntry] = []
    if kind.acts is not None:
        acts = {**kind.acts, **({"subjectId": str(query.about)} if query.about is not None else {})}
        found += [_act_entry(event) for event in _newest(AdminEvent, query, acts, until, at_once)]
    if kind.states is not None:
        states = {**kind.states, **({"jobId": query.about} if query.about is not None else {})}
        found += [_state_entry(event) for event in _newest(JobEvent, query, states, until, at_once)]
    if last_id:
        at, _, entry_id = query.before.partition("~")
        found = [each for each in found if (each.at.isoformat(), each.id) < (at, entry_id)]
    found.sort(key=lambda each: (each.at.isoformat(), each.id), reverse=True)
    shown = found[:size]
    older = f"{shown[-1].at.isoformat()}~{shown[-1].id}" if len(found) > size else None
    return AuditPage(_named(shown), older)


def export(actor: User, query: AuditQuery) -> Iterator[AuditEntry]:
    """Everything that matches, the newest first, read in slices. That it was exported is written down first.

    Raises ForbiddenError.
    """
    require_permission(actor, Permission.ADMINISTER)
    audit.record(actor, AdminArea.AUDIT, "exported", query.kind or "acts")
    return _in_slices(query)


def _in_slices(query: AuditQuery) -> Iterator[AuditEntry]:
    before: str | None = query.before
    while before is not None:
        found = page(replace(query, before=before), size=EXPORTED_AT_ONCE)
        yield from found.entries
        before = found.older


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


def _newest(
    document: type[AdminEvent | JobEvent],
    query: AuditQuery,
    asked: dict[str, Any],
    until: datetime | None,
    at_once: int,
) -> list[dict[str, Any]]:
    """The last events that are wanted, `at_once` at most."""
    wanted = asked if query.person_id is None else {**asked, "userId": query.person_id}
    # What happened to one thing is little; what one person did is less than what all did.
    looks = () if query.about is not None else LOOKS if query.person_id is None else LOOKS[1:]
    found: list[dict[str, Any]] = []
    now = clock.utcnow()
    end = until
    for look in looks:
        begin = (until or now) - look
        if query.since is not None and query.since >= begin:
            break
        found += _read(document, wanted, begin, end, at_once)
        if len(found) >= at_once:
            return found
        end = begin
    return [*found, *_read(document, wanted, query.since, end, at_once)]


def _read(
    document: type[AdminEvent | JobEvent],
    wanted: dict[str, Any],
    since: datetime | None,
    until: datetime | None,
    at_once: int,
) -> list[dict[str, Any]]:
    """The last events that are wanted, of [since, until).

    The index is named, that of what narrows most: with a second condition the embedded server takes none by itself.
    """
    period = {name: instant for name, instant in (("$gte", since), ("$lt", until)) if instant is not None}
    matching = {**wanted, **({"at": period} if period else {})}
    index = next((index for name, index in _INDEXES.items() if name in wanted), [("at", 1)])
    return list(document._get_collection().find(matching).sort("at", -1).limit(at_once).hint(index))


def _act_entry(event: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=str(event["_id"]),
        at=event["at"],
        area=event["area"],
        action=event["action"],
        subject=event["subject"],
        subject_id=event.get("subjectId") or "",
        user_id=event.get("userId"),
        job_id=id_or_none(event.get("subjectId")) if event["area"] == AdminArea.REPORTS else None,
        changes=event.get("changes") or {},
    )


def _state_entry(event: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=str(event["_id"]),
        at=event["at"],
        area=STATES,
        action=event.get("to") or "",
        subject=event.get("reportType") or "",
        subject_id=str(event.get("jobId") or ""),
        user_id=event.get("userId"),
        worker_id=event.get("workerId"),
        job_id=event.get("jobId"),
        code=event.get("code") or "",
    )


def _named(entries: list[AuditEntry]) -> list[AuditEntry]:
    """With the names of people, and of reports that are still there."""
    people = {entry.user_id for entry in entries if entry.user_id}
    jobs = {entry.job_id for entry in entries if entry.area == STATES and entry.job_id}
    names: dict[ObjectId, str] = dict(User.objects(id__in=list(people)).scalar("id", "name")) if people else {}
    reports: dict[ObjectId, str] = dict(ReportJob.objects(id__in=list(jobs)).scalar("id", "name")) if jobs else {}
    return [
        AuditEntry(
            **{
                **vars(entry),
                "who": names.get(entry.user_id) if entry.user_id else None,
                "subject": reports.get(entry.job_id, entry.subject)
                if entry.area == STATES and entry.job_id
                else entry.subject,
            }
        )
        for entry in entries
    ]
