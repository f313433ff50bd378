"""Keeping the Delta tables small and quick: compaction, and removal of files that no kept version needs."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from webapp.documents import ReportJob
from webapp.engine.catalogue.tables import TABLES
from webapp.extract import delta

#: Every refresh that finds something adds a file; beyond so many, reading them costs more than joining them.
FILES_BEFORE_COMPACTION = 40
#: Files that no version still needed refers to stay this long: a report may be reading them right now.
KEEP_FILES_FOR = timedelta(hours=6)


def compact_if_due(table: str, state: delta.State) -> bool:
    """Join the files of `table` when there are many. Its rows, and how far it has read, stay the same."""
    found = delta.open_table(table)
    if found is None or pa.table(found.get_add_actions(flatten=True)).num_rows <= FILES_BEFORE_COMPACTION:
        return False
    try:
        found.optimize.compact(commit_properties=delta.commit_properties(state))
    except delta.CommitFailedError:
        return False  # another process committed meanwhile; the next refresh tries again
    vacuum_table(table)
    return True


def pinned_versions(table: str) -> set[int]:
    """The versions of `table` that jobs still kept were made from: `--as-of` may ask for them."""
    field = f"provenance.versions.{table}"
    jobs = ReportJob._get_collection().find({field: {"$exists": True}}, {field: 1})
    return {int(job["provenance"]["versions"][table]) for job in jobs}


def vacuum(*, keep_files_for: timedelta = KEEP_FILES_FOR) -> int:
    """`vacuum_table` for every table."""
    return sum(vacuum_table(table, keep_files_for=keep_files_for) for table in TABLES)


def vacuum_table(table: str, *, keep_files_for: timedelta = KEEP_FILES_FOR) -> int:
    """Delete files that only versions need which no kept job pinned. Returns how many files went."""
    found = delta.open_table(table)
    state = delta.state_of(found) if found is not None else None
    if found is None or state is None:
        return 0
    keep = {version for version in pinned_versions(table) if version <= found.version()} | {found.version()}
    try:
        removed = found.vacuum(
            retention_hours=int(keep_files_for.total_seconds() // 3600),
            enforce_retention_duration=False,
            dry_run=False,
            full=True,  # also what a killed refresh left behind, which no version ever knew
            keep_versions=sorted(keep),
            commit_properties=delta.commit_properties(state),
        )
    except delta.CommitFailedError:
        return 0  # another process committed meanwhile; the next time tries again
    return len(removed)


def table_figures() -> list[dict[str, object]]:
    """Of every table extracted so far: its version, rows, files, bytes, and up to when it has read the database."""
    figures: list[dict[str, object]] = []
    for table in TABLES:
        found = delta.open_table(table)
        if found is None:
            continue
        state = delta.state_of(found)
        sizes = pa.table(found.get_add_actions(flatten=True))["size_bytes"].to_pylist()
        figures.append(
            {
                "table": table,
                "version": found.version(),
                "rows": delta.row_count(found),
                "files": len(sizes),
                "bytes": sum(int(size or 0) for size in sizes),
                "readUntil": state.read_until_instant if state is not None else None,
            }
        )
    return figures


__all__ = ["compact_if_due", "pinned_versions", "table_figures", "vacuum", "vacuum_table"]
