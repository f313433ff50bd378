"""The parts of a report that is made in parts: their ids, which there are, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from webapp.documents import JobStatus, PartsState, ReportJob, User
from webapp.documents.ids import id_made_of
from webapp.services import database_clock
from webapp.services.jobs import facts as job_facts
from webapp.services.jobs.facts import JobFacts
from webapp.services.rights.visibility import Reach

#: While parts are made, those who look are told so much later at most.
SECONDS = 1.0


def id_of(whole_id: ObjectId, part: str) -> ObjectId:
    """Of the report of one part, so that of several who make it one does. `part` as a request has it."""
    return id_made_of(f"{whole_id}:part:{part}")


def of(whole_id: ObjectId, *only: str) -> list[ReportJob]:
    """The reports of its parts, in no order. One read by the index."""
    found = ReportJob.objects(parent_id=whole_id)
    return list(found.only(*only) if only else found)


def move_on(whole_id: ObjectId, state: PartsState, to: PartsState | None, **told: Any) -> bool:
    """From one state of its parts to another (None: nothing is left to be done about them), with what is `told` of them
    from now on (fields of `MadeInParts`). False where somebody else has moved it meanwhile, or it is gone."""
    fields = {f"burst.{name}": value for name, value in told.items()}
    change: dict[str, Any] = {"$set": {"updatedAt": database_clock.now(), **fields}}
    if to is None:
        change["$unset"] = {"partsState": ""}
    else:
        change["$set"]["partsState"] = to.value
    guard = {"_id": whole_id, "partsState": state.value}
    return ReportJob._get_collection().update_one(guard, change, hint="_id_").matched_count == 1


@dataclass(frozen=True)
class PartCounts:
    """How many parts there are by now, and in which states; `is_moving`: more may come, or some are not ended."""

    count: int
    ready: int
    failed: int
    stopped: int
    is_moving: bool

    @property
    def left(self) -> int:
        return self.count - self.ready - self.failed - self.stopped


def counts_of(actor: User, shown: Iterable[ReportJob | JobFacts]) -> dict[ObjectId, PartCounts]:
    """Of those of `shown` that are made in parts, as far as `actor` may know about these."""
    wholes = {job.id: _is_more_to_come(job) for job in shown if _has_parts(job)}
    if not wholes:
        return {}
    reach = Reach(actor)
    found: dict[ObjectId, list[JobStatus]] = {each: [] for each in wholes}
    for job in job_facts.every(max_age=SECONDS):
        if job.parent_id in found and reach.sees(job):
            found[job.parent_id].append(job.state)
    return {whole_id: _counted(states, wholes[whole_id]) for whole_id, states in found.items()}


def _has_parts(job: ReportJob | JobFacts) -> bool:
    return job.has_parts if isinstance(job, JobFacts) else job.burst is not None


def _is_more_to_come(job: ReportJob | JobFacts) -> bool:
    """Of a whole that has ended without a file no parts are made, until it is made again."""
    return bool(job.parts_state) and (job.state.has_file or not job.state.is_finished)


def _counted(states: list[JobStatus], is_more_to_come: bool) -> PartCounts:
    by = Counter(states)
    ready = sum(by[state] for state in JobStatus if state.has_file) + by[JobStatus.EXPIRED]
    ended = ready + by[JobStatus.FAILED] + by[JobStatus.CANCELLED]
    is_moving = ended < len(states) or is_more_to_come
    return PartCounts(len(states), ready, by[JobStatus.FAILED], by[JobStatus.CANCELLED], is_moving)
