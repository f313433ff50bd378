"""Lists of schedules: one's own, and those of the departments that one manages; searched, narrowed, a page at a time.

What lists go through is kept in the process (`collection_facts`), because no index helps a search inside names.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import islice, takewhile
from typing import Any

from bson import ObjectId

from webapp.clock import aware
from webapp.documents import LookupCategory, ReportSchedule, ScheduleFire, User
from webapp.documents.report_schedule import CatchUp, OnClosed, Timing, Trigger
from webapp.services.collection_facts import CollectionFacts
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Actor
from webapp.services.plain_text import folded
from webapp.services.rights import organisation
from webapp.services.schedules import planning
from webapp.services.schedules.rights import Reach, visible_schedule
from webapp.services.timing.runs import runs_after

PAGE_SIZE = 50
#: Of a history, so many fires are shown.
FIRES_SHOWN = 50
#: Of a calendar of runs: from so many schedules, so many runs of all.
CALENDAR_SCHEDULES, CALENDAR_RUNS = 200, 200
_LATEST = datetime.max.replace(tzinfo=UTC)


class Whose(StrEnum):
    OWN = "own"
    DEPARTMENT = "department"


class State(StrEnum):
    ALL = ""
    RUNNING = "running"
    PAUSED = "paused"
    FAILING = "failing"
    OVER = "over"


@dataclass(frozen=True)
class ListQuery:
    """`text` is looked for in names, owners, report types and recipients. `number` is the page, from 1."""

    whose: Whose = Whose.OWN
    text: str = ""
    state: State = State.ALL
    number: int = 1


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """What lists and calendars of runs need to know of one. `words` and `name` are folded, `title` is the name as it
    is; `timing` as it is stored."""

    id: ObjectId
    title: str
    name: str
    words: str
    owner_id: ObjectId | None
    co_owner_ids: tuple[ObjectId, ...]
    department_id: ObjectId | None
    report_type: str
    template_id: ObjectId | None
    is_paused: bool
    next_run_at: datetime | None
    data_version: int | None
    failures: int
    timing: Mapping[str, Any]
    calendar_id: ObjectId | None
    on_closed: str
    trigger: str
    catch_up: str
    most_caught_up: int

    @property
    def schedule(self) -> Timing:
        """When it runs."""
        return Timing._from_son(self.timing)

    @property
    def state(self) -> State:
        return _state(self.is_paused, self.failures, self.next_run_at, self.data_version)


def state_of(schedule: ReportSchedule) -> State:
    """As its list tells it."""
    failures = schedule.failures_in_a_row or 0
    return _state(bool(schedule.is_paused), failures, schedule.next_run_at, schedule.data_version)


def _state(is_paused: bool, failures: int, next_run_at: datetime | None, data_version: int | None) -> State:
    if is_paused:
        return State.PAUSED
    if failures:
        return State.FAILING
    return State.OVER if next_run_at is None and data_version is None else State.RUNNING


@dataclass(frozen=True)
class SchedulePage:
    """`names` are of people and departments; `number` and `pages` are of the list."""

    schedules: list[ReportSchedule]
    states: dict[ObjectId, State]
    names: dict[ObjectId, str]
    count: int
    number: int
    is_by_date = False
    is_bounded = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // PAGE_SIZE))


def page(actor: Actor, query: ListQuery) -> SchedulePage:
    """One page: what runs next comes first, what runs no more last."""
    found = matching(actor, query)
    number = min(max(query.number, 1), max(1, -(-len(found) // PAGE_SIZE)))
    shown = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    schedules = _in_order([each.id for each in shown])
    return SchedulePage(schedules, {each.id: each.state for each in shown}, _names_of(schedules), len(found), number)


def matching(actor: Actor, query: ListQuery) -> list[ScheduleFacts]:
    """The facts of all that match and that `actor` may see, in the order of the list."""
    reach = Reach(actor)
    # Whoever is active sees what is theirs and what they steer.
    wanted = reach.is_of_its_people if query.whose is Whose.OWN else reach.steers
    found = [each for each in _facts.everything() if wanted(each)] if reach.is_active else []
    if query.state:
        found = [each for each in found if each.state is query.state]
    if words := folded(query.text).split():
        of_owners, of_types = _words_of_owners(found), _words_of_types(found)
        found = [
            each
            for each in found
            if _has(words, f"{each.name} {each.words} {of_owners.get(each.owner_id, '')} {of_types[each.report_type]}")
        ]
    return found


def _has(words: Iterable[str], text: str) -> bool:
    return all(word in text for word in words)


def _words_of_owners(found: Iterable[ScheduleFacts]) -> dict[ObjectId | None, str]:
    names = organisation.names_of_people({each.owner_id for each in found if each.owner_id})
    return {owner_id: folded(name) for owner_id, name in names.items()}


def _words_of_types(found: Iterable[ScheduleFacts]) -> dict[str, str]:
    return {key: folded(lookups.label(LookupCategory.REPORT_TYPE, key)) for key in {each.report_type for each in found}}


def history(actor: Actor, schedule_id: str | ObjectId, *, most: int = FIRES_SHOWN) -> list[ScheduleFire]:
    """The last fires, the newest first. Raises ScheduleNotFoundError."""
    found = visible_schedule(actor, schedule_id)
    return list(ScheduleFire.objects(schedule_id=found.id).order_by("-fired_for").limit(most))


def of_job(actor: Actor, schedule_id: ObjectId | None) -> ReportSchedule | None:
    """The schedule that a job came from, where `actor` may know about it."""
    found = ReportSchedule.objects(id=schedule_id, is_active=True).first() if schedule_id else None
    return found if found is not None and Reach(actor).sees(found) else None


def of_template(actor: Actor, template_id: ObjectId) -> list[ReportSchedule]:
    """Those that follow a template, as far as `actor` may know about them, by name."""
    reach = Reach(actor)
    found = [each for each in _facts.everything() if each.template_id == template_id and reach.sees(each)]
    return _in_order([each.id for each in sorted(found, key=lambda each: (each.name, each.id))])


def upcoming(actor: Actor, whose: Whose, now: datetime, ahead: timedelta) -> list[tuple[datetime, ScheduleFacts]]:
    """The runs from now on for so long, in their order: the first `CALENDAR_RUNS`, of `CALENDAR_SCHEDULES` at most."""
    running = [each for each in matching(actor, ListQuery(whose)) if each.next_run_at is not None]
    soon = [each for each in running if aware(each.next_run_at or now) <= now + ahead]
    closed = cache(planning.closed_days)
    # Lazily, from all at once: only as many runs are worked out as are told.
    each_of = [_runs_of(each, now, closed) for each in soon[:CALENDAR_SCHEDULES]]
    told = heapq.merge(*each_of, key=lambda each: (each[0], str(each[1].id)))
    return list(islice(takewhile(lambda each: each[0] <= now + ahead, told), CALENDAR_RUNS))


def _runs_of(
    schedule: ScheduleFacts, now: datetime, closed: planning.Closed
) -> Iterator[tuple[datetime, ScheduleFacts]]:
    return ((run, schedule) for run in runs_after(planning.rule_of(schedule, closed), now))


def read_ahead() -> None:
    """Begin to read all, for those who ask later."""
    _facts.read_ahead()


def forget() -> None:
    """Read all anew: another database, in tests."""
    _facts.forget()


def _in_order(ids: Sequence[ObjectId]) -> list[ReportSchedule]:
    found = {each.id: each for each in ReportSchedule.objects(id__in=list(ids))} if ids else {}
    return [found[each] for each in ids if each in found]


def _names_of(schedules: Iterable[ReportSchedule]) -> dict[ObjectId, str]:
    people = {each.owner_id for each in schedules} | {each.paused_by for each in schedules if each.paused_by}
    names = dict(User.objects(id__in=list(people)).scalar("id", "name")) if people else {}
    return names | {each.id: each.name for each in organisation.departments().values()}


def _build(document: dict[str, Any]) -> ScheduleFacts | None:
    if document.get("isActive") is False:
        return None
    told = [str(each.get("recipient") or "") for each in document.get("delivery") or ()]
    return ScheduleFacts(
        id=document["_id"],
        title=document.get("name") or "",
        name=folded(document.get("name") or ""),
        words=folded(" ".join([document.get("description") or "", *told])),
        owner_id=document.get("ownerId"),
        co_owner_ids=tuple(document.get("coOwnerIds") or ()),
        department_id=document.get("departmentId"),
        report_type=document.get("reportType") or "",
        template_id=document.get("templateId"),
        is_paused=bool(document.get("isPaused")),
        next_run_at=document.get("nextRunAt"),
        data_version=document.get("dataVersion"),
        failures=document.get("failuresInARow") or 0,
        timing=document.get("schedule") or {},
        calendar_id=document.get("calendarId"),
        on_closed=document.get("onClosed") or OnClosed.RUN.value,
        trigger=document.get("trigger") or Trigger.TIME.value,
        catch_up=document.get("catchUp") or CatchUp.ONCE.value,
        most_caught_up=document.get("mostCaughtUp") or ReportSchedule.most_caught_up.default,
    )


_FIELDS = (
    *("name", "description", "ownerId", "coOwnerIds", "departmentId", "reportType", "isActive", "isPaused"),
    *("nextRunAt", "dataVersion", "failuresInARow", "delivery", "templateId"),
    *("schedule", "calendarId", "onClosed", "trigger", "catchUp", "mostCaughtUp"),
)
_facts: CollectionFacts[ScheduleFacts] = CollectionFacts(
    ReportSchedule._get_collection_name(),
    _FIELDS,
    _build,
    # What runs next comes first, what runs no more last.
    lambda each: (each.next_run_at or _LATEST, each.name, each.id),
)
