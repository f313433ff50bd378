"""The lists of reports that pages show.

They are filtered, searched, sorted and counted in the facts that this process keeps of all jobs (`job_facts`), so that
no list makes the database read them all again; what the rows show comes from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any

from bson import ObjectId

from webapp import clock
from webapp.documents import ReportJob, User
from webapp.documents.ids import ids_of
from webapp.messages import from_document
from webapp.services.jobs import facts as job_facts
from webapp.services.jobs import list_filters, parts
from webapp.services.jobs.facts import JobFacts
from webapp.services.jobs.list_filters import Looker
from webapp.services.jobs.parts import PartCounts
from webapp.services.plain_text import folded
from webapp.services.record import names
from webapp.services.remembered import RIGHTS_SECONDS, Remembered
from webapp.services.rights import data_scope, organisation
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.visibility import JobNotFoundError, Reach

PAGE_SIZE = 25
#: Counting stops here and says so: an exact number of matches is never worth reading a whole collection. The pages of a
#: list go so far, and so does what is done to “all that match”: the list says so before.
COUNT_BOUND = 1_000

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
    "cancel_requested_by",
    "cancel_reason",
    "priority_changed_by",
    "asked_for",
    "provenance.scope",
    "parent_id",
    "reader_ids",
    "burst.by",
    "parts_state",
)


#: What a row says besides of the work on it, for whoever keeps the queue.
WORK_FIELDS = ("attempts", "error.code", "error.retry_count", "error.last_retry_at")


class JobList(StrEnum):
    """Whose reports a list holds."""

    OWN = "own"
    SHARED = "shared"
    DEPARTMENT = "department"


@dataclass(frozen=True)
class JobListQuery:
    """What is looked for: the filters in force (`list_filters.in_force`); days are days of `time_zone`."""

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = NEWEST_FIRST
    page: int = 1
    time_zone: str = "UTC"

    @property
    def is_filtered(self) -> bool:
        return bool(self.filters)


@dataclass(frozen=True)
class JobPage:
    """One page of a list. `count` goes to `COUNT_BOUND` + 1 at most: that many means “more than the bound”."""

    jobs: list[ReportJob]
    count: int
    number: int
    sort: str
    names: dict[ObjectId, str] = field(default_factory=dict)
    chips: dict[ObjectId, list[str]] = field(default_factory=dict)
    parts: dict[ObjectId, PartCounts] = field(default_factory=dict)

    @property
    def is_bounded(self) -> bool:
        return self.count > COUNT_BOUND

    @property
    def pages(self) -> int:
        return max(1, -(-min(self.count, COUNT_BOUND) // PAGE_SIZE))

    @property
    def is_by_date(self) -> bool:
        return self.sort == NEWEST_FIRST


def page(actor: User, which: JobList, query: JobListQuery, more: tuple[str, ...] = ()) -> JobPage:
    """One page of the list, with the names of those who asked. `more`: fields that its rows show besides."""
    found = _matching(actor, which, query)
    count = min(len(found), COUNT_BOUND + 1)
    last = max(1, -(-min(count, COUNT_BOUND) // PAGE_SIZE))
    number = min(max(query.page, 1), last)
    jobs = _documents(found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], more)
    names, chips = names_of(jobs, besides=actor), chips_of(actor, jobs)
    return JobPage(jobs, count, number, query.sort, names, chips, parts.counts_of(actor, jobs))


def recent(actor: User, lists: Iterable[JobList], limit: int) -> dict[JobList, list[ReportJob]]:
    """The newest of each list, without a count."""
    jobs = job_facts.every()
    rules = {which: _rule(actor, which) for which in lists}
    wholes = {which: _wholes(jobs, rule) for which, rule in rules.items()}
    newest = {
        which: list(islice((job for job in reversed(jobs) if rule(job) and job.parent_id not in wholes[which]), limit))
        for which, rule in rules.items()
    }
    documents = {job.id: job for job in _documents([job for found in newest.values() for job in found])}
    return {which: [documents[job.id] for job in found if job.id in documents] for which, found in newest.items()}


def matching_ids(actor: User, which: JobList, query: JobListQuery) -> list[ObjectId]:
    """Ids of the jobs on all pages of the list, in its order, `COUNT_BOUND` at most: what “all that match” means."""
    return [job.id for job in _matching(actor, which, query)[:COUNT_BOUND]]


def requesters(actor: User, which: JobList) -> list[tuple[ObjectId, str]]:
    """The people whose reports the list holds, by name."""
    belongs = _rule(actor, which)
    # Asked for beside the list itself, which has just brought the facts up to date.
    asked = {job.requested_by for job in job_facts.every(max_age=RIGHTS_SECONDS) if belongs(job)}
    return sorted(User.objects(id__in=list(asked)).scalar("id", "name"), key=lambda pair: folded(pair[1]))


def rows(actor: User, job_ids: Iterable[ObjectId], more: tuple[str, ...] = ()) -> list[ReportJob]:
    """These jobs, in this order, as far as `actor` may see them. One read by `_id`."""
    wanted, reach = list(job_ids)[:PAGE_SIZE], Reach(actor)
    found = {job.id: job for job in ReportJob.objects(id__in=wanted).only(*ROW_FIELDS, *more)}
    return [found[job_id] for job_id in wanted if job_id in found and reach.sees(found[job_id])]


def row_facts(actor: User, job_ids: Iterable[ObjectId]) -> list[JobFacts]:
    """As `rows`, but only what tells whether a job has moved: all that most polls need. One read by `_id` at most."""
    wanted, reach = list(job_ids)[:PAGE_SIZE], Reach(actor)
    found = job_facts.read_shared(wanted)
    return [found[job_id] for job_id in wanted if job_id in found and reach.sees(found[job_id])]


def facts_of(actor: User, job_id: str) -> JobFacts:
    """What tells whether the job has moved. Raises JobNotFoundError. One read by `_id` at most."""
    for found in row_facts(actor, ids_of([job_id])):
        return found
    raise JobNotFoundError(job_id)


def shared_document(facts: JobFacts) -> ReportJob:
    """The whole document behind the facts. Read once for all who ask within seconds, so not to be changed.

    Raises JobNotFoundError.
    """
    job = _shared_documents.get(facts)
    if job is None:
        raise JobNotFoundError(str(facts.id))
    return job


def _read_shared_document(facts: JobFacts) -> ReportJob | None:
    return ReportJob.objects(id=facts.id).first()


_shared_documents: Remembered[JobFacts, ReportJob | None] = Remembered(_read_shared_document, kept=200)


def names_of(jobs: Iterable[ReportJob], *, besides: User | None = None) -> dict[ObjectId, str]:
    """Names of the requesters of `jobs`, of whoever stopped or moved them, and of their departments, by id. The name of
    `besides` is known already."""
    jobs = list(jobs)
    people = {job.requested_by for job in jobs}
    # Who stopped or moved a report of somebody else's.
    people |= {each for job in jobs for each in (job.cancel_requested_by, job.priority_changed_by) if each}
    names: dict[ObjectId, str] = {}
    if besides is not None and besides.id in people:
        people.discard(besides.id)
        names[besides.id] = besides.name
    names.update(organisation.names_of_people(people))
    wanted = {job.department_id for job in jobs if job.department_id}
    names.update((each.id, each.name) for each in organisation.departments().values() if each.id in wanted)
    return names


def chips_of(actor: User, jobs: Iterable[ReportJob]) -> dict[ObjectId, list[str]]:
    """What each report was narrowed by, by its id: records by their names where `actor` may read what the report
    counts, else by their number."""
    mine: DataScope | None = None
    told: dict[ObjectId, list[str]] = {}
    for job in jobs:
        stored = (job.provenance or {}).get("scope")
        may_name = job.requested_by == actor.id
        if not may_name and stored is not None and job.asked_for:
            mine = mine or data_scope.data_scope(actor)
            may_name = mine.covers(DataScope.from_document(stored))
        texts = (each.get("text" if may_name else "counted") for each in job.asked_for or ())
        told[job.id] = [text for text in (from_document(each) for each in texts) if text]
    return told


def _documents(found: Iterable[JobFacts], more: tuple[str, ...] = ()) -> list[ReportJob]:
    """What the rows show of these jobs. One that was deleted a moment ago is left out."""
    wanted = [job.id for job in found]
    jobs = {job.id: job for job in ReportJob.objects(id__in=wanted).only(*ROW_FIELDS, *more)} if wanted else {}
    return [jobs[job_id] for job_id in wanted if job_id in jobs]


def _matching(actor: User, which: JobList, query: JobListQuery) -> list[JobFacts]:
    """Jobs of the list that match, in the order asked for. By date it ends once there are more than any count tells."""
    jobs = job_facts.every()
    looker = Looker(query.time_zone, cache(lambda: _learners_known(actor, jobs)))
    belongs, tests = _rule(actor, which), list_filters.tests_of(query.filters, looker)
    wholes = frozenset() if list_filters.PARTS_OF in query.filters else _wholes(jobs, belongs)
    # A whole is found by its parts, too: whoever looks for what failed finds the report of which a part did.
    by_a_part = {
        job.parent_id
        for job in (jobs if wholes else ())
        if job.parent_id in wholes and belongs(job) and all(test(job) for test in tests)
    }
    name = query.sort.removeprefix("-")
    is_by_date = name not in SORTS or name == "created"
    found: list[JobFacts] = []
    for job in jobs if query.sort == "created" else reversed(jobs):
        if job.parent_id in wholes or not belongs(job):
            continue
        if job.id in by_a_part or all(test(job) for test in tests):
            found.append(job)
            if is_by_date and len(found) > COUNT_BOUND:
                break
    # A stable sort: equal values stay newest first, so they keep their place from page to page.
    return found if is_by_date else sorted(found, key=_sort_key(SORTS[name]), reverse=query.sort.startswith("-"))


def _wholes(jobs: Iterable[JobFacts], belongs: Callable[[JobFacts], bool]) -> frozenset[ObjectId]:
    """The reports of a list under which their parts stand. Whoever may see a part and not its whole has the part as a
    row of its own."""
    with_parts = {job.parent_id for job in jobs if job.parent_id is not None}
    return frozenset(job.id for job in jobs if job.id in with_parts and belongs(job)) if with_parts else frozenset()


def _learners_known(actor: User, jobs: Iterable[JobFacts]) -> dict[ObjectId, str]:
    """Those whom these reports are about and whose rows `actor` may count, with all that a search looks into."""
    ids, scope = list({each for job in jobs for each in job.learner_ids}), data_scope.data_scope(actor)
    if ids and not scope.is_everything:
        ids = list(names.learners_among(ids, scope.department_ids or (), scope.class_ids or ()))
    return {each.id: each.folded for each in names.of_ids(names.LEARNER, ids)}


def _sort_key(attribute: str) -> Callable[[JobFacts], Any]:
    """Empty values first, as in the database."""

    def key(job: JobFacts) -> tuple[bool, Any]:
        value = getattr(job, attribute)
        return (value is not None, value)

    return key


def _rule(actor: User, which: JobList) -> Callable[[JobFacts], bool]:
    """Which jobs the list holds: never one that `actor` may not see, nor one whose time is over."""
    reach, now, me = Reach(actor), clock.utcnow(), actor.id

    def is_of_list(job: JobFacts) -> bool:
        if which is JobList.OWN:
            return job.requested_by == me
        if which is JobList.SHARED:
            return job.requested_by != me and (job.visibility != "private" or reach.is_for_actor(job))
        return reach.steers(job)

    return lambda job: is_of_list(job) and reach.sees(job) and (job.expires_at is None or job.expires_at > now)
