"""What a worker does for each kind of order. Runs in a child process; may be killed and begun again at any point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from webapp.documents import Order, OrderKind, User
from webapp.importers.oneroster import FILES
from webapp.importers.summary import Summary
from webapp.services import database_clock
from webapp.services.files import retention
from webapp.services.orders import imports, orders, uploads
from webapp.services.record import keeping

#: (share done, what it is at, how many of it)
Progress = Callable[[float, str, int], None]
MOST_REASONS = 50


def carry_out(order: Order, folder: Path, on_progress: Progress) -> dict[str, Any]:
    """Do it; the summary is what its page shows. Raises ReportdeskError."""
    by = orders.asker(order)
    if order.kind == OrderKind.COMPACT:
        keeping.compact()
        return {}
    if order.kind == OrderKind.SWEEP:
        swept = retention.sweep(database_clock.now())
        return {"orphansRemoved": swept.orphans_removed, "filesExpired": swept.files_expired}
    found = uploads.fetch(order, folder)
    summary = _import(by, OrderKind(order.kind), found, on_progress)
    uploads.delete_files(order)
    return _stored(summary, {path.name: name for path, name in found.items()})


def _import(by: User, kind: OrderKind, found: dict[Path, str], on_progress: Progress) -> Summary:
    if kind == OrderKind.ONEROSTER:
        path, name = next(iter(found.items()))
        return imports.import_oneroster(
            by,
            path,
            shown=name,
            on_progress=lambda file, count: on_progress(FILES.index(file) / len(FILES), file, count),
        )
    return imports.import_xapi(by, found, on_progress=lambda count, share: on_progress(share, "statements", count))


def _stored(summary: Summary, names: dict[str, str]) -> dict[str, Any]:
    """As the order keeps it. Texts of the file are values here, never names of fields."""
    return {
        "counts": [
            {"what": what, "read": each.read, "added": each.added, "updated": each.updated, "unchanged": each.unchanged}
            for what, each in summary.counts.items()
        ],
        "refusedCount": summary.refused_count,
        "reasons": [[reason, count] for reason, count in summary.refused.most_common(MOST_REASONS)],
        "refusals": [
            {"source": names.get(each.source, each.source), "line": each.line, "reason": each.reason[:300]}
            for each in summary.refusals
        ],
        "notes": [[text, count] for text, count in list(summary.notes.items())[:MOST_REASONS]],
    }
