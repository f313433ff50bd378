"""What a worker and the child process of one job say to each other. Everything here crosses a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson import ObjectId

from webapp.documents import JobStatus, ReportJob
from webapp.services.jobs.changes import Failure


@dataclass(frozen=True)
class Assignment:
    """One job for one child. `environment` holds the worker's `REPORTDESK_*`: the child reads its settings from it."""

    job_id: ObjectId
    fence: int
    claim_id: str
    mongodb_uri: str
    environment: Mapping[str, str]
    scratch: str  # a folder of this attempt's own, deleted by the worker afterwards
    drawer: str = ""  # where charts are drawn (`renderers.drawer`); nowhere: by the child


@dataclass(frozen=True)
class ProgressMade:
    step: str
    percentage: float
    processed: int
    total: int


@dataclass(frozen=True)
class StageEntered:
    stage: JobStatus


@dataclass(frozen=True)
class PublishAsked:
    """The file lies verified under its temporary key; the worker answers whether the job is still held."""


@dataclass(frozen=True)
class Outcome:
    """A published file. `storage` has the names of `output.storage` in MongoDB."""

    storage: Mapping[str, Any]
    provenance: Mapping[str, Any]
    records: int


@dataclass(frozen=True)
class Failed:
    failure: Failure
    is_permanent: bool


ChildReport = ProgressMade | StageEntered | PublishAsked | Outcome | Failed


class NotHeldError(Exception):
    """The worker does not hold the job any more: nothing may be published."""


class Context(Protocol):
    """What a running job has: itself, a place to work, and a way to say how far it is."""

    job: ReportJob
    assignment: Assignment

    def progress(self, step: str, percentage: float, processed: int = 0, total: int = 0) -> None: ...

    def enter(self, stage: JobStatus) -> None: ...

    def require_hold(self) -> None:
        """Raises NotHeldError unless the worker confirms, by a fenced write, that the job is still its own."""


RunJob = Callable[[Context], Outcome]


@dataclass
class Messages:
    """What has come from a child and is not yet written to the database."""

    progress: ProgressMade | None = None
    stages: list[JobStatus] = field(default_factory=list)
    publish_asked: bool = False
    ended: Outcome | Failed | None = None
