"""The parts of one report, as its page tells them: which there are, how far each is, and what went to whom."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bson import ObjectId

from webapp.documents import Channel, Delivery, PartMade, ReportJob, User
from webapp.services.jobs import parts
from webapp.services.rights import organisation, visibility
from webapp.services.rights.visibility import Reach

#: What a line tells of the report of a part.
_FIELDS = (
    *("id", "name", "status", "progress", "error", "requested_by", "department_id", "visibility", "reader_ids"),
    *("provenance.rowsWritten", "completed_at", "updated_at", "event_count", "cancel_requested_at"),
)


@dataclass(frozen=True)
class PartLine:
    """One part; `job` None: it has no report, or the reader may not know about it. `recipients` and `deliveries` are
    told to those who manage the whole."""

    made: PartMade
    job: ReportJob | None
    recipients: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()

    @property
    def rows(self) -> int | None:
        """How many rows its file has; None without one."""
        found = (self.job.provenance or {}).get("rowsWritten") if self.job is not None else None
        return int(found) if found is not None else None


@dataclass(frozen=True)
class PartLines:
    lines: list[PartLine]
    names: dict[str, str] = field(default_factory=dict)  # of recipients that are ids

    @property
    def is_moving(self) -> bool:
        return any(line.job is not None and not line.job.is_finished for line in self.lines)

    @property
    def lacks_files(self) -> bool:
        """Are there some that ended without a file, or are not there, and could be made?"""
        return any(
            line.made.job_id is not None
            and (line.job is None or (line.job.is_finished and not line.job.state.has_file))
            for line in self.lines
        )


def of_whole(actor: User, whole: ReportJob) -> PartLines:
    """Those that `actor` may know about; whoever manages the whole also sees which were not made, and why."""
    if whole.burst is None:
        return PartLines([])
    manages, reach = visibility.may_manage(actor, whole), Reach(actor)
    there = {job.id: job for job in parts.of(whole.id, *_FIELDS) if reach.sees(job)}
    shown = [each for each in whole.burst.parts if manages or each.job_id in there]
    if not manages:
        return PartLines([PartLine(each, there[each.job_id]) for each in shown])
    names = organisation.names_of_people({person for each in shown for person in each.recipient_ids})
    sent = _deliveries(list(there))
    lines = [
        PartLine(
            each,
            there.get(each.job_id),
            (*(names[person] for person in each.recipient_ids if person in names), *each.addresses),
            tuple(sent[each.job_id]),
        )
        for each in shown
    ]
    return PartLines(lines, {str(person): name for person, name in names.items()})


def _deliveries(job_ids: list[ObjectId]) -> dict[ObjectId | None, list[Delivery]]:
    """Of these reports. That a notice was put into somebody's inbox is told here: it is by the rule of the schedule."""
    found: dict[ObjectId | None, list[Delivery]] = defaultdict(list)
    for each in Delivery.objects(job_id__in=job_ids) if job_ids else ():
        found[each.job_id].append(each)
    for several in found.values():
        several.sort(key=lambda each: (each.channel != Channel.EMAIL, each.recipient))
    return found
