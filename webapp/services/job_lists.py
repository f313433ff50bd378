"""The lists of reports that pages show: filtered, searched, sorted and paged by the database, counted up to a bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bson import ObjectId
from bson.errors import InvalidId
from mongoengine import Q, QuerySet

from webapp.documents import Department, ReportJob, User
from webapp.services import visibility

PAGE_SIZE = 25
#: Counting stops here and says so: an exact number of matches is never worth reading a whole collection.
COUNT_BOUND = 1_000
#: "All that match" means so many at once; the answer says when there were more.
BULK_BOUND = 1_000

SORTS = {
    "created": "created_at",
    "name": "name",
    "type": "report_type",
    "status": "status",
    "completed": "completed_at",
    "priority": "priority_rank",
}
NEWEST_FIRST = "-created"
#: What a row of a list shows; histories and provenance stay in the database.
ROW_FIELDS = (
    "id",
    "name",
    "report_type",
    "status",
    "priority",
    "progress",
    "output.format",
    "output.storage.size_bytes",
    "requested_by",
    "department_id",
    "visibility",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "scheduled_for",
    "error.message",
    "error.said",
    "event_count",
    "cancel_requested_at",
)


class JobList(StrEnum):
    """Whose reports a list holds."""

    OWN = "own"
    SHARED = "shared"
    DEPARTMENT = "department"


@dataclass(frozen=True)
class JobListQuery:
    """What is looked for. Empty means any; `since` and `until` are days of asking, both included, in `time_zone`."""

    text: str = ""
    statuses: tuple[str, ...] = ()
    report_types: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    requester_id: str | None = None
    department_id: str | None = None
    since: date | None = None
    until: date | None = None
    sort: str = NEWEST_FIRST
    page: int = 1
    time_zone: str = "UTC"

    @property
    def is_filtered(self) -> bool:
        return replace(self, sort=NEWEST_FIRST, page=1, time_zone="UTC") != JobListQuery()


@dataclass(frozen=True)
class JobPage:
    """One page of a list. `count` goes to `COUNT_BOUND` + 1 at most: that many means “more than the bound”."""

    jobs: list[ReportJob]
    count: int
    number: int
    sort: str
    names: dict[ObjectId, str] = field(default_factory=dict)

    @property
    def is_bounded(self) -> bool:
        return self.count > COUNT_BOUND

    @property
    def pages(self) -> int:
        return max(1, -(-min(self.count, COUNT_BOUND) // PAGE_SIZE))

    @property
    def is_by_date(self) -> bool:
        return self.sort == NEWEST_FIRST


def page(actor: User, which: JobList, query: JobListQuery) -> JobPage:
    """One page of the list, with the names of the people and departments on it: at most four reads."""
    found = matching(actor, which, query)
    count = found.limit(COUNT_BOUND + 1).count(with_limit_and_skip=True)
    last = max(1, -(-min(count, COUNT_BOUND) // PAGE_SIZE))
    number = min(max(query.page, 1), last)
    jobs = list(
        found.only(*ROW_FIELDS).order_by(*_order(query.sort)).skip((number - 1) * PAGE_SIZE).limit(PAGE_SIZE)
        if count
        else ()
    )
    return JobPage(jobs, count, number, query.sort, names_of(jobs, besides=actor))


def recent(actor: User, which: JobList, limit: int) -> list[ReportJob]:
    """The newest of a list, without a count."""
    return list(matching(actor, which, JobListQuery()).only(*ROW_FIELDS).order_by("-created_at")[:limit])


def matching_ids(actor: User, which: JobList, query: JobListQuery) -> list[ObjectId]:
    """Ids of all jobs that match, the newest first, `BULK_BOUND` at most: what “select all matching” acts on."""
    return list(matching(actor, which, query).order_by("-created_at").limit(BULK_BOUND).scalar("id"))


def rows(actor: User, job_ids: Iterable[str]) -> list[ReportJob]:
    """These jobs, in this order, as far as `actor` may see them: the poll of a list. One read by `_id`."""
    wanted: list[ObjectId] = []
    for job_id in job_ids:
        try:
            wanted.append(ObjectId(job_id))
        except (InvalidId, TypeError):
            continue
    wanted = wanted[:PAGE_SIZE]
    found = {job.id: job for job in ReportJob.objects(id__in=wanted).only(*ROW_FIELDS)}
    return [found[job_id] for job_id in wanted if job_id in found and visibility.may_see(actor, found[job_id])]


def names_of(jobs: Iterable[ReportJob], *, besides: User | None = None) -> dict[ObjectId, str]:
    """Names of the requesters and departments of `jobs`, by id. The name of `besides` is known already."""
    jobs = list(jobs)
    people = {job.requested_by for job in jobs}
    names: dict[ObjectId, str] = {}
    if besides is not None and besides.id in people:
        people.discard(besides.id)
        names[besides.id] = besides.name
    if people:
        names.update(User.objects(id__in=list(people)).scalar("id", "name"))
    departments = {job.department_id for job in jobs if job.department_id}
    if departments:
        names.update(Department.objects(id__in=list(departments)).scalar("id", "name"))
    return names


def matching(actor: User, which: JobList, query: JobListQuery) -> QuerySet:
    """Jobs of the list that match, in no order. Narrowed first by what `actor` may see."""
    found = _base(actor, which)
    if query.text.strip():
        found = found.filter(Q(name__icontains=query.text.strip()[:200]))
    if query.statuses:
        found = found.filter(status__in=list(query.statuses))
    if query.report_types:
        found = found.filter(report_type__in=list(query.report_types))
    if query.formats:
        found = found.filter(output__format__in=list(query.formats))
    if query.requester_id:
        found = found.filter(requested_by=_id_or_nobody(query.requester_id))
    if query.department_id:
        below = visibility.with_departments_below([_id_or_nobody(query.department_id)])
        found = found.filter(department_id__in=list(below))
    if query.since:
        found = found.filter(created_at__gte=_midnight(query.since, query.time_zone))
    if query.until:
        found = found.filter(created_at__lt=_midnight(query.until + timedelta(days=1), query.time_zone))
    return found


def _base(actor: User, which: JobList) -> QuerySet:
    if not actor.is_active:
        return ReportJob.objects.none()
    if which is JobList.OWN:
        return ReportJob.objects(requested_by=actor.id)
    if which is JobList.SHARED:
        return visibility.visible_jobs(actor).filter(visibility__ne="private", requested_by__ne=actor.id)
    if visibility.is_administrator(actor):
        return visibility.visible_jobs(actor)
    # The managed departments are one of the grants of `visible_jobs`; alone, the query has an index to itself.
    return ReportJob.objects(department_id__in=list(visibility.managed_department_ids(actor)))


def _order(sort: str) -> tuple[str, ...]:
    """`_id` last, so that equal values keep their place from page to page."""
    name = sort.removeprefix("-")
    sign = "-" if sort.startswith("-") else ""
    if name not in SORTS:
        return ("-created_at", "-id")
    return (f"{sign}{SORTS[name]}", "-created_at", "-id") if name != "created" else (f"{sign}created_at", f"{sign}id")


def _id_or_nobody(text: str) -> ObjectId:
    """An id that no document has stands for one that cannot be read: it matches nothing, as it should."""
    try:
        return ObjectId(text)
    except (InvalidId, TypeError):
        return ObjectId("000000000000000000000000")


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(time_zone))
