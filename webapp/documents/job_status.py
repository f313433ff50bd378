"""The states of a report job, in the order of life: what is stored, what people read, and its colour.

`services.jobs.lifecycle` says which may follow which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from webapp.messages import Message


class JobStatus(StrEnum):
    """The ten states; `STATES` says what each means."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    RENDERING = "rendering"
    UPLOADING = "uploading"
    READY = "ready"
    DOWNLOADED = "downloaded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_waiting(self) -> bool:
        return self in WAITING

    @property
    def is_running(self) -> bool:
        return self in RUNNING

    @property
    def is_finished(self) -> bool:
        return not (self.is_waiting or self.is_running)

    @property
    def has_file(self) -> bool:
        return self in WITH_FILE


WAITING = (JobStatus.PENDING, JobStatus.QUEUED)
RUNNING = (JobStatus.PROCESSING, JobStatus.RENDERING, JobStatus.UPLOADING)
WITH_FILE = (JobStatus.READY, JobStatus.DOWNLOADED)


@dataclass(frozen=True)
class State:
    """`color` is Tabler's name: states are told by their words, the colour only helps."""

    label: str
    description: str
    color: str


STATES: dict[JobStatus, State] = {
    JobStatus.PENDING: State(Message("Waiting"), Message("Not due yet, or held back."), "secondary"),
    JobStatus.QUEUED: State(Message("Queued"), Message("Any free worker may take it now."), "azure"),
    JobStatus.PROCESSING: State(Message("Processing"), Message("The numbers are being worked out."), "blue"),
    JobStatus.RENDERING: State(Message("Rendering"), Message("The file is being written."), "blue"),
    JobStatus.UPLOADING: State(Message("Storing"), Message("The file is being checked and put in its place."), "blue"),
    JobStatus.READY: State(Message("Ready"), Message("The file can be downloaded."), "green"),
    JobStatus.DOWNLOADED: State(Message("Downloaded"), Message("The file has been downloaded at least once."), "teal"),
    JobStatus.FAILED: State(Message("Failed"), Message("It could not be made; the page says why."), "red"),
    JobStatus.CANCELLED: State(Message("Cancelled"), Message("Somebody stopped it."), "orange"),
    JobStatus.EXPIRED: State(
        Message("Expired"), Message("The file was deleted after its time; the request remains."), "secondary"
    ),
}
