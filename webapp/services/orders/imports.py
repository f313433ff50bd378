"""Files of learning systems into the record: one way for the terminal, the pages and whatever pulls files.

The source is told by what the files hold. Nothing is changed until all of them were read and compared; then one record
version is published, or, in a dry run, none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import ObjectId

from webapp import record
from webapp.documents import AdminArea, LookupCategory
from webapp.documents.lookup_value import active_lookups
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.orders import raw_files
from webapp.services.permissions import Actor, Permission, Terminal, require_permission
from webapp.services.record import reading
from webapp.services.rights import record_changes
from webapp.sources import registry
from webapp.sources.files import SourceFileError, files_of

log = logging.getLogger(__name__)

#: (rows or statements read, share of the files read)
Progress = Callable[[int, float], None]


class StrictImportError(InvalidRequestError):
    """A strict import met a row that it would refuse, or a rule that is broken; nothing of it was taken."""

    code = "strict-import"
    hint = Message("Correct the files, or import without “strict”: what is right is taken then, and the rest is told.")

    def __init__(self, summary: record.Summary) -> None:
        self.summary = summary
        first = next(iter([*summary.refusals, *summary.departures]))
        super().__init__(
            {
                "files": Message(
                    "%(refused)s rows would be refused, and rules are broken %(broken)s times; the first, in %(file)s, "
                    "line %(line)s: %(reason)s. Nothing was taken.",
                    refused=summary.refused_count,
                    broken=summary.broken.total(),
                    file=first.source,
                    line=first.line,
                    reason=first.reason,
                )
            }
        )


@dataclass(frozen=True)
class Imported:
    """What an import did, or would do. `told` is what its files look like; `version` the record version that it made,
    None where it made none."""

    source: str
    told: str
    comparison: record.Comparison
    version: record.RecordVersion | None

    @property
    def is_whole(self) -> bool:
        """Was something there to take, and nothing of it refused?"""
        summary = self.comparison.summary
        return summary.refused_count == 0 and any(
            counts.settled - counts.refused - counts.set_aside for counts in summary.counts.values()
        )


@contextmanager
def importing(
    by: Actor,
    files: Mapping[Path, str],
    *,
    source: str | None = None,
    dry_run: bool = False,
    strict: bool = False,
    state: Mapping[str, Any] | None = None,
    on_progress: Progress = lambda count, share: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[Imported]:
    """Import these files (path -> what people call it), or with `dry_run` only look. Within the block the comparison
    answers; what was published is published when it begins.

    `source` names the one whose files they must be; `state` is what it wants to find at the next pull. Raises
    SourceFileError, StrictImportError, RecordBusyError.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    opened = [file for path, name in files.items() for file in files_of(path, name)]
    what = ", ".join(files.values())
    found, told = registry.recognise(opened, what)
    if source is not None and found.name != source:
        wanted = registry.source_named(source)
        raise SourceFileError(
            Message(
                "“%(file)s” looks like %(looks)s; wanted is %(wanted)s.", file=what, looks=told, wanted=wanted.label
            )
        )
    if isinstance(by, Terminal) and not dry_run:
        # What a person orders is in the audit trail since the order.
        audit.record(by, AdminArea.IMPORTS, f"imported {found.name}", what)
    import_id = str(ObjectId())
    with record.importing(
        source=found.name,
        what=what,
        import_id=import_id,
        by=reading.name_of(by),
        verbs=xapi_verbs(),
        on_wait=on_wait,
    ) as staging:
        found.read(opened, staging, on_progress=on_progress)
        comparison = staging.compare()
        summary = comparison.summary
        if strict and (summary.refused_count or summary.broken):
            raise StrictImportError(summary)
        version = None
        if not dry_run and (state is not None or not comparison.is_empty):
            raw_files.keep(import_id, found.name, files)
            version = staging.publish(state=state)
            record_changes.took_effect(version, by=by)
        log.info(
            "import done",
            extra={
                "source": found.name,
                "version": version.number if version else None,
                "dry_run": dry_run,
                "added": summary.added,
                "changed": summary.changed,
                "ended": summary.ended,
                "refused": summary.refused_count,
            },
        )
        yield Imported(found.name, told, comparison, version)


def xapi_verbs() -> dict[tuple[str, str], str]:
    """The rules of the `activity-event` lookups' `metadata.xapiVerbs`: (verb, activity type or "") -> event."""
    found: dict[tuple[str, str], str] = {}
    for key, value in active_lookups(LookupCategory.ACTIVITY_EVENT).items():
        for rule in value.metadata.get("xapiVerbs") or ():
            for activity_type in rule.get("activityTypes") or [""]:
                found[str(rule["verb"]), str(activity_type)] = key
    return found


__all__ = ["Imported", "StrictImportError", "importing", "xapi_verbs"]
