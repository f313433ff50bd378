"""The extract: the documents as Delta tables, one per collection, refreshed incrementally; what the engine reads.

It can be deleted at any time: the next refresh builds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from webapp import clock
from webapp.engine.catalogue.tables import DATA_PREFIX, data_key
from webapp.extract import delta
from webapp.extract.delta import VersionGoneError
from webapp.extract.maintenance import table_figures, vacuum
from webapp.extract.reading import Progress
from webapp.extract.refresh import ExtractBusyError, rebuild_table, refresh_table


@dataclass(frozen=True)
class Snapshot:
    """Tables at fixed versions: the same files whatever is committed after. `as_of` is when it was taken;
    `refreshed_at` is the moment up to which all its tables have read the database, None before the first time."""

    versions: dict[str, int]
    files: dict[str, list[str]]
    as_of: datetime
    refreshed_at: datetime | None = None
    #: What tells a table from one that was made in its place after the extract was deleted.
    table_ids: dict[str, str] = field(default_factory=dict)


def refresh(tables: Iterable[str], *, on_progress: Progress | None = None) -> Snapshot:
    """Bring `tables` up to now and pin their versions.

    `on_progress(table, documents read, documents expected)` is called while there is something to read.
    Raises ExtractBusyError (temporary).
    """
    found = {table: refresh_table(table, on_progress) for table in tables}
    return Snapshot(
        versions={table: each.version() for table, each in found.items()},
        files={table: delta.files(each) for table, each in found.items()},
        as_of=clock.utcnow(),
        table_ids={table: str(each.metadata().id) for table, each in found.items()},
    )


def snapshot(
    tables: Iterable[str], versions: Mapping[str, int] | None = None, table_ids: Mapping[str, str] | None = None
) -> Snapshot:
    """`tables` as they are, or at `versions` (which must name every one of them). Reads nothing from the database.

    A table never extracted yet has version -1 and no files. Raises VersionGoneError for a version cleaned away, or,
    with `table_ids`, for one of a table that is not there any more.
    """
    pinned: dict[str, int] = {}
    files: dict[str, list[str]] = {}
    read_until: list[datetime | None] = []
    for table in tables:
        if versions is None:
            found = delta.open_table(table)
            pinned[table], files[table] = (-1, []) if found is None else (found.version(), delta.files(found))
            state = delta.state_of(found) if found is not None else None
            read_until.append(state.read_until_instant if state is not None else None)
        else:
            version = int(versions[table])
            pinned[table], files[table] = version, delta.files_at(table, version, (table_ids or {}).get(table))
    known = [moment for moment in read_until if moment is not None]
    refreshed_at = min(known) if known and len(known) == len(read_until) else None
    return Snapshot(pinned, files, clock.utcnow(), refreshed_at, dict(table_ids or {}))


def data_fields() -> list[str]:
    """`data.<name>` for every number that events have in their `data`, as far as they were extracted."""
    found = delta.open_table("learningevents")
    names = delta.columns(found) if found is not None else []
    return sorted(f"data.{data_key(name)}" for name in names if name.startswith(DATA_PREFIX))


def rebuild(tables: Iterable[str], *, on_progress: Progress | None = None) -> Snapshot:
    """As `refresh`, reading every document anew."""
    names = list(tables)
    for table in names:
        rebuild_table(table, on_progress)
    return snapshot(names)


__all__ = [
    "ExtractBusyError",
    "Snapshot",
    "VersionGoneError",
    "data_fields",
    "rebuild",
    "refresh",
    "snapshot",
    "table_figures",
    "vacuum",
]
