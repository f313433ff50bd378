"""Systems that are asked over HTTP: a learning record store, a OneRoster service. What they give is fetched whole, and
then imported as files are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from webapp import clock, record
from webapp.messages import Message
from webapp.scratch import scratch
from webapp.services.orders import imports
from webapp.services.orders.imports import Imported
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.settings import get_settings
from webapp.sources import lrs, oneroster_rest
from webapp.sources.http_addresses import shown

LRS, ONEROSTER_REST = "lrs", "oneroster-rest"
#: Whose rows each gives; what it wants to remember stands there, under its own name.
GIVES = {LRS: "xapi", ONEROSTER_REST: "oneroster"}

#: (how many, share done)
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Pullable:
    """A system that is set up. `last_at` is when it was last read to the end, None for never."""

    name: str
    label: str
    address: str
    last_at: datetime | None


def pullable(version: record.RecordVersion) -> list[Pullable]:
    """The systems that the settings name, as `version` of the record remembers them."""
    settings = get_settings()
    set_up = {
        LRS: (Message("Learning record store (xAPI)"), settings.lrs_url),
        ONEROSTER_REST: (Message("OneRoster service (REST)"), settings.oneroster_url),
    }
    return [
        Pullable(name, label, shown(url), _instant(_remembered(version, name).get("pulledAt")))
        for name, (label, url) in set_up.items()
        if url
    ]


@contextmanager
def pulling(
    by: Actor,
    name: str,
    *,
    dry_run: bool = False,
    on_progress: Progress = lambda count, share: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[Imported | None]:
    """Fetch what is new there, and import it; None where there is nothing new. Within the block the comparison answers.

    Raises PullError, and as `importing` does.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    with scratch("pull-") as folder:
        version = record.current()
        fetch = {LRS: _from_lrs, ONEROSTER_REST: _from_oneroster}[name]
        files, remembered, notes = fetch(folder, _remembered(version, name), on_progress)
        if not files:
            yield None
            return
        state = {**version.state(GIVES[name]), name: {**remembered, "pulledAt": clock.utcnow().isoformat()}}
        with imports.importing(
            by, files, source=GIVES[name], dry_run=dry_run, state=state, on_progress=on_progress, on_wait=on_wait
        ) as imported:
            for text, count in notes.items():
                imported.comparison.summary.note(text, count)
            yield imported


_Fetched = tuple[dict[Path, str], dict[str, Any], Mapping[str, int]]


def _from_lrs(folder: Path, remembered: Mapping[str, Any], on_progress: Progress) -> _Fetched:
    access = lrs.access(get_settings())
    address = shown(access.url)
    # Another store has told nothing yet.
    since = _instant(remembered.get("watermark")) if remembered.get("address") == address else None
    found = lrs.pull(access, folder, since, on_page=lambda pages, statements: on_progress(statements, 0.0))
    files = {path: f"{address} ({number})" for number, path in enumerate(found.files, start=1)}
    watermark = found.watermark.isoformat() if found.watermark else None
    return files if found.statements else {}, {"address": address, "watermark": watermark}, {}


def _from_oneroster(folder: Path, remembered: Mapping[str, Any], on_progress: Progress) -> _Fetched:
    access = oneroster_rest.access(get_settings())
    address = shown(access.url)
    told = remembered.get("watermarks") or {} if remembered.get("address") == address else {}
    since = {collection: moment for collection, text in told.items() if (moment := _instant(text)) is not None}
    found = oneroster_rest.pull(access, folder, since, on_page=lambda collection, rows, total: on_progress(rows, 0.0))
    watermarks = {collection: moment.isoformat() for collection, moment in found.watermarks.items()}
    files = {found.folder: address} if any(found.rows.values()) else {}
    return files, {"address": address, "watermarks": watermarks}, found.notes


def _remembered(version: record.RecordVersion, name: str) -> Mapping[str, Any]:
    found = version.state(GIVES[name]).get(name) or {}
    return found if isinstance(found, Mapping) else {}


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
