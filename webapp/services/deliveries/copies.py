"""A copy of a report's file under a key of the storage that a pattern says: for programs that read files there.

The pattern has folders between slashes and the fields `{name}`, `{date}`, `{type}` and `{job}`. Each part becomes a
file name that every file system takes, so no key ever leads out of the folder of copies. A later report whose pattern
gives the same key replaces what lies there (`latest`): whoever wants all of them writes `{date}` or `{job}`.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from webapp import storage
from webapp.clock import aware
from webapp.documents import Delivery, ReportJob
from webapp.messages import Message
from webapp.renderers.filenames import file_name, fill_template, is_file_name
from webapp.scratch import scratch
from webapp.services import audit
from webapp.services.audit import ReportAct
from webapp.services.deliveries.mail.recipients import standing_sender
from webapp.services.deliveries.outcomes import HandOver, Outcome, Sent, Skipped
from webapp.settings import get_settings

FOLDER = "delivered/"
FIELDS = ("name", "date", "type", "job")
MOST_PARTS = 8


def problem_of(pattern: str) -> Message | None:
    """Why `pattern` is none; None: it is one."""
    parts = pattern.split("/")
    if len(parts) > MOST_PARTS or len(pattern) > 300:
        return Message(
            "“%(key)s”: a key has at most %(most)s parts and 300 characters.", key=pattern[:60], most=MOST_PARTS
        )
    for part in parts:
        example = part
        for field in FIELDS:
            example = example.replace(f"{{{field}}}", "x")
        if "{" in example or "}" in example:
            fields = [f"{{{each}}}" for each in FIELDS]
            return Message(
                "“%(key)s”: a key may have %(fields)s in it, and no other braces.", key=pattern[:60], fields=fields
            )
        if not is_file_name(example):
            return Message("“%(part)s” is no name that every file system takes.", part=part[:60])
    return None


def key_of(pattern: str, job: ReportJob) -> str:
    """Where the copy of this report goes. Raises ValueError for what is no pattern."""
    if (wrong := problem_of(pattern)) is not None:
        raise ValueError(str(wrong))
    zone = ZoneInfo((job.provenance or {}).get("timeZone") or get_settings().time_zone)
    moment: datetime = job.completed_at or job.created_at
    day = aware(moment).astimezone(zone).date()
    # What a name holds must not make a folder of its own.
    name = job.name.replace("/", " ").replace("\\", " ")
    filled = [
        fill_template(part.replace("{type}", job.report_type).replace("{job}", str(job.id)), name=name, day=day)
        for part in pattern.split("/")
    ]
    # As the stored file's own: one that was asked for as a zip is one.
    extension = str(job.output.storage.key).rpartition(".")[2]
    folders = [file_name(part, "x").removesuffix(".x") for part in filled[:-1]]
    return FOLDER + "/".join([*folders, file_name(filled[-1], extension)])


def send(delivery: Delivery, job: ReportJob, hand_over: HandOver) -> Outcome:
    """Copy the file. Doing it again does no harm: the same bytes are put under the same key, whole or not at all.

    Raises StorageError.
    """
    if not job.state.has_file:
        return Skipped(Message("Its file was deleted before it could be sent."))
    sender = standing_sender(job)
    if isinstance(sender, Skipped):
        return sender
    key = key_of(delivery.recipient, job)
    files = storage.open_storage(get_settings().effective_storage_url)
    with scratch("copy-") as folder:
        copy, size = folder / "copy", 0
        with copy.open("wb") as file:
            for chunk in files.read(job.output.storage.key):
                size += file.write(chunk)
        draft = f"incoming/{job.id}/copy-{delivery.id}-{delivery.lease.fence}"
        hand_over(form="file")
        changes = {"recipient": ("", key), "form": ("", "file")}
        audit.record_once(sender, ReportAct.SENT, job, key=f"delivery:{delivery.id}", changes=changes)
        files.put(copy, draft)
        files.move(draft, key)
    return Sent(key, size)
