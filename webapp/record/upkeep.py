"""Keeping the record small and quick: files are joined, and those deleted that no version needs which is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from webapp import clock
from webapp.messages import Message
from webapp.record import versions
from webapp.record.lake import delta
from webapp.record.lake.delta import VersionGoneError
from webapp.record.staging import turn
from webapp.record.tables import TABLES
from webapp.record.versions import Made, RecordVersion
from webapp.settings import get_settings

#: Every import adds files; beyond so many in one month, reading them costs more than joining them.
FILES_BEFORE_COMPACTION = 8
#: Files that no version still needed refers to stay this long: a report may be reading them right now.
KEEP_FILES_FOR = timedelta(hours=6)


@dataclass(frozen=True)
class TableFigures:
    table: str
    version: int
    rows: int
    files: int
    bytes: int


def compact() -> RecordVersion | None:
    """Join the files of tables that have many, and publish that; its rows stay the same. None when none has."""
    with turn():
        base = versions.current()
        joined = {}
        for table in base.tables:
            if not _has_many_files(base, table):
                continue
            found = delta.as_published(table, base.tables[table], base.table_ids[table])
            if found is None:
                raise VersionGoneError(base.number)
            delta.compact(table, found)
            newest = delta.open_table(table)
            if newest is not None:
                joined[table] = newest
        if not joined:
            return None
        return versions.publish(base, joined, made=Made.UPKEEP, what=Message("Files joined"))


def _has_many_files(base: RecordVersion, table: str) -> bool:
    found = base.open(table)
    if found is None:
        return False
    files = len(found.file_uris())
    places = max(len(found.partitions()), 1) if TABLES[table].month_of else 1
    return files > FILES_BEFORE_COMPACTION * places


def vacuum(
    keep: Collection[int], *, keep_for: timedelta | None = None, keep_files_for: timedelta = KEEP_FILES_FOR
) -> int:
    """Delete files that only versions need which are not in `keep`, not the current one, and older than `keep_for`
    (default: the setting). Returns how many files went."""
    limit = clock.utcnow() - (
        keep_for if keep_for is not None else timedelta(days=get_settings().record_retention_days)
    )
    with turn():
        gone, current = versions.gone_numbers(), versions.current()
        kept: list[RecordVersion] = []
        for version in versions.history():
            if version.number in gone:
                continue
            if version.number == current.number or version.number in keep or version.published_at >= limit:
                kept.append(version)
            else:
                versions.let_go(version.number)
        return sum(_vacuum_table(table, kept, keep_files_for) for table in TABLES)


def _vacuum_table(table: str, kept: list[RecordVersion], keep_files_for: timedelta) -> int:
    found = delta.open_table(table)
    if found is None:
        return 0
    table_id = delta.id_of(found)
    numbers = {each.tables[table] for each in kept if each.table_ids.get(table) == table_id}
    return delta.vacuum(table, found, sorted(numbers), keep_files_for)


def figures() -> list[TableFigures]:
    """Of every table of the current version: its version, rows, files and bytes."""
    base = versions.current()
    found: list[TableFigures] = []
    for table in TABLES:
        opened = base.open(table)
        if opened is None:
            continue
        actions = pa.table(opened.get_add_actions(flatten=True))
        sizes = [int(size or 0) for size in actions["size_bytes"].to_pylist()]
        found.append(TableFigures(table, opened.version(), delta.row_count(opened), len(sizes), sum(sizes)))
    return found
