"""The record rebuilt from the files that were kept of its imports, by the rules of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from webapp import record
from webapp.documents import AdminArea
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.record import RecordVersion, Staging, rebuilding
from webapp.record.rebuilding import Difference
from webapp.scratch import scratch
from webapp.services import audit
from webapp.services.orders import imports, raw_files
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.record import reading
from webapp.services.rights import record_changes
from webapp.sources import registry
from webapp.sources.files import files_of


class NoKeptFilesError(ReportdeskError):
    """There is nothing to rebuild the record from."""

    status = HTTPStatus.CONFLICT
    code = "no-kept-files"
    hint = Message("REPORTDESK_RAW_FILE_DAYS says how long the files of imports are kept.")

    def __init__(self, version: RecordVersion) -> None:
        super().__init__(
            Message(
                "The record of version %(number)s cannot be rebuilt: of its last import no files are kept.",
                number=str(version.number),
            )
        )


@dataclass(frozen=True)
class Rebuilt:
    """`base` is the version that was built upon: 0, or the one of the last import whose files are not kept; `count`
    imports were read again. `version` is what was published, None where nothing was."""

    base: int
    count: int
    differences: Mapping[str, Difference]
    version: RecordVersion | None


def rebuild(
    by: Actor,
    *,
    dry_run: bool = False,
    on_import: Callable[[str], None] = lambda what: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Rebuilt:
    """Read the kept files of all imports again, in their order, and publish what comes of them where it differs; with
    `dry_run` only compare. What was undone stays undone.

    Raises NoKeptFilesError, VersionGoneError, SourceFileError, RecordBusyError.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    current = record.current()
    made_of = rebuilding.imports_of(current)
    without = [number for number, each in enumerate(made_of) if not raw_files.are_kept(each.import_id)]
    begin = without[-1] + 1 if without else 0
    if begin == len(made_of):
        raise NoKeptFilesError(current)
    base = record.at(made_of[begin - 1].number if begin else 0)
    verbs = imports.xapi_verbs()
    with rebuilding.rebuilding(base, by=reading.name_of(by), verbs=verbs, on_wait=on_wait) as again:
        if again.current.number != current.number:
            raise record.RecordBusyError(Message("Something was imported meanwhile, so nothing was rebuilt."))
        for each in made_of[begin:]:
            on_import(str(each.what))
            again.take(each, partial(_read, each))
        found = again.differences()
        version = again.publish(found) if found and not dry_run else None
    if version is not None:
        record_changes.took_effect(version, by=by)
        audit.record(by, AdminArea.IMPORTS, "record rebuilt from files", str(version.number))
    return Rebuilt(base.number, len(made_of) - begin, found, version)


def _read(imported: RecordVersion, staging: Staging) -> None:
    with scratch("raw-") as folder:
        kept = raw_files.fetch(imported.import_id, folder)
        opened = [file for path, name in kept.items() for file in files_of(path, name)]
        registry.source_named(imported.source).read(opened, staging)
