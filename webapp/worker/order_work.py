"""What a worker does for each kind of order. Runs in a child process; may be killed and begun again at any point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from webapp.documents import Order, OrderKind, User
from webapp.documents.order import OLD_IMPORTS
from webapp.messages import Message
from webapp.services import database_clock, sources
from webapp.services.files import retention
from webapp.services.orders import change_list, imports, orders, pulls, told, uploads
from webapp.services.orders.imports import Imported
from webapp.services.record import keeping
from webapp.services.rights import record_changes

#: (share done, what it is at, how many of it)
Progress = Callable[[float, str, int], None]
#: What it is at, beside names of files and tables; pages say it in words.
ROWS, WAITS, LISTING, DERIVING = "rows", "waits", "listing", "deriving"
LMS = "lms"
NOTHING_NEW = Message("There is nothing new.")


def carry_out(order: Order, folder: Path, on_progress: Progress) -> dict[str, Any]:
    """Do it; the summary is what its page shows. Raises ReportdeskError."""
    by = orders.asker(order)
    if order.is_import:
        return _import(by, order, folder, on_progress)
    if order.kind == OrderKind.SYNC:
        return _sync(by, str(order.source), on_progress)
    if order.kind == OrderKind.REDERIVE:
        on_progress(0.0, DERIVING, 0)
        published = record_changes.rebuild(by=by, verbs=imports.xapi_verbs(), on_wait=_waiting(on_progress))
        return {"version": published.number if published is not None else None}
    if order.kind == OrderKind.COMPACT:
        keeping.compact()
        return {}
    swept = retention.sweep(database_clock.now())
    return {"orphansRemoved": swept.orphans_removed, "filesExpired": swept.files_expired}


def clean(order: Order) -> None:
    """After its end was written: what it needed goes. A dry run's files wait until somebody says what becomes of it."""
    if order.is_import and not order.dry_run:
        uploads.delete_files(order)


def _import(by: User, order: Order, folder: Path, on_progress: Progress) -> dict[str, Any]:
    found = uploads.fetch(order, folder)
    with imports.importing(
        by,
        found,
        source=order.source or OLD_IMPORTS.get(order.kind),
        dry_run=bool(order.dry_run),
        strict=bool(order.strict),
        on_progress=_reading(on_progress),
        on_wait=_waiting(on_progress),
    ) as imported:
        what = _told(imported, samples=bool(order.dry_run))
        if order.dry_run:
            on_progress(1.0, LISTING, 0)
            path = folder / "changes.csv"
            change_list.write(imported.comparison, path)
            what = replace(what, changes_key=uploads.keep_changes(order, path), changes_size=path.stat().st_size)
    return what.to_document()


def _sync(by: User, source: str, on_progress: Progress) -> dict[str, Any]:
    if source == LMS:
        with sources.syncing(
            by,
            on_progress=lambda collection, count: on_progress(0.0, collection, count),
            on_wait=_waiting(on_progress),
        ) as outcome:
            found = told.tell(outcome.comparison, source=source, looks="", version=outcome.version, samples=False)
        return found.to_document()
    with pulls.pulling(by, source, on_progress=_reading(on_progress), on_wait=_waiting(on_progress)) as imported:
        found = _told(imported, samples=False) if imported is not None else told.Told(source, NOTHING_NEW)
    return found.to_document()


def _told(imported: Imported, *, samples: bool) -> told.Told:
    return told.tell(
        imported.comparison,
        source=imported.source,
        looks=imported.told,
        version=imported.version,
        samples=samples,
    )


def _reading(on_progress: Progress) -> Callable[[int, float], None]:
    return lambda count, share: on_progress(share, ROWS, count)


def _waiting(on_progress: Progress) -> Callable[[], None]:
    return lambda: on_progress(0.0, WAITS, 0)
