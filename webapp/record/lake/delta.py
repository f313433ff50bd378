"""One Delta table of the record: opening it at a version, and committing the next.

Every commit names the version it builds on (`max_commit_retries=0`): when another process has committed first, it
fails. Delta would otherwise let two appends of the same rows both succeed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake import Field as DeltaField
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.settings import get_settings

ROWS_A_GROUP = 122_880
#: Versions must stay readable as long as a job may ask for them; the log is small.
CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 400 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}
COMMIT = CommitProperties(max_commit_retries=0)
#: Delta's writer holds what it writes in memory: packed like this, that is half as much.
WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=ROWS_A_GROUP)


class RecordBusyError(ConflictError):
    """Another process, on another machine, published first."""

    code = "record-busy"
    hint = Message("Try again in a minute.")
    is_permanent = False


class VersionGoneError(ConflictError):
    """A report asked for the record as an earlier report saw it, and that version has been cleaned away."""

    code = "record-version-gone"
    hint = Message("Ask for the report without “as of”: it will be made from today's data.")

    def __init__(self, number: int) -> None:
        super().__init__(Message("Version %(number)s of the learning record is no longer kept.", number=str(number)))


def location(table: str) -> str:
    """Where the Delta table lives: a path for a local one, a URL for any other."""
    url = get_settings().effective_record_url.rstrip("/")
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return str(Path(unquote(parsed.path)) / table)
    return f"{url}/{table}"


def open_table(table: str, version: int | None = None) -> DeltaTable | None:
    """The table at `version` (None: the newest); None while there is none."""
    try:
        return DeltaTable(location(table), version=version)
    except TableNotFoundError:
        return None


def open_at(table: str, version: int, table_id: str) -> DeltaTable | None:
    """The table at `version`; None when it, its log, or one of its files is gone, or when it is another than
    `table_id` (one made in its place)."""
    try:
        found = open_table(table, version)
    except DeltaError:
        return None
    if found is None or id_of(found) != table_id:
        return None
    uris = found.file_uris()
    if "://" not in location(table) and not all(Path(uri).exists() for uri in uris):
        return None
    return found


def id_of(delta: DeltaTable) -> str:
    return str(delta.metadata().id)


def row_count(delta: DeltaTable) -> int:
    """Rows of this version, from the log alone."""
    counts: list[Any] = pa.table(delta.get_add_actions(flatten=True))["num_records"].to_pylist()
    return sum(int(count) for count in counts)


def as_published(table: str, version: int, table_id: str) -> DeltaTable | None:
    """The newest version, holding what `version` holds: what an import that was killed has committed since is taken
    back. None when `version` is gone."""
    published, newest = open_at(table, version, table_id), open_table(table)
    if published is None or newest is None:
        return None
    if newest.version() == version:
        return newest
    if set(newest.file_uris()) != set(published.file_uris()):
        with _busy(table):
            newest.restore(version, commit_properties=COMMIT)
        newest = open_table(table)
    return newest


def replace(table: str, delta: DeltaTable | None, rows: pa.RecordBatchReader) -> None:
    """A new version that holds exactly `rows`."""
    if delta is None and "://" not in location(table):
        Path(location(table)).parent.mkdir(parents=True, exist_ok=True)
    with _busy(table):
        write_deltalake(
            delta if delta is not None else location(table),
            rows,
            mode="overwrite" if delta is not None else "error",
            schema_mode="overwrite" if delta is not None else None,
            configuration=CONFIGURATION if delta is None else None,
            commit_properties=COMMIT,
            writer_properties=WRITER,
        )


def change_files(
    table: str, delta: DeltaTable, schema: pa.Schema, added: Sequence[AddAction], gone: Sequence[str]
) -> None:
    """A new version with these files, which lie there already, and without those of the paths `gone`."""
    there = {each.name for each in delta.schema().fields}
    more = [DeltaField(name, PrimitiveType("double")) for name in schema.names if name not in there]
    now = int(time.time() * 1000)
    with _busy(table):
        if more:
            delta.alter.add_columns(more, commit_properties=COMMIT)
            delta.update_incremental()
        delta.create_write_transaction(
            [*added, *(RemoveAction(path, True, now) for path in gone)],
            "append",
            schema,
            ["month"],
            commit_properties=COMMIT,
        )


def create(table: str, schema: pa.Schema) -> DeltaTable:
    """A new table without rows, in partitions by month."""
    place = location(table)
    if "://" not in place:
        Path(place).mkdir(parents=True, exist_ok=True)
    with _busy(table):
        return DeltaTable.create(
            place, schema, partition_by=["month"], configuration=CONFIGURATION, commit_properties=COMMIT
        )


def paths(delta: DeltaTable, months: Collection[str] | None = None) -> list[str]:
    """The files of these months (None: all), as the table names them."""
    actions: Any = pa.table(delta.get_add_actions(flatten=True))
    found = zip(actions["path"].to_pylist(), actions["partition.month"].to_pylist(), strict=True)
    return [path for path, month in found if months is None or month in months]


def compact(table: str, delta: DeltaTable) -> None:
    """A new version with the same rows in fewer files."""
    with _busy(table):
        delta.optimize.compact(commit_properties=COMMIT)


def vacuum(table: str, delta: DeltaTable, keep: Sequence[int], keep_files_for: timedelta) -> int:
    """Delete the files that none of the versions `keep` refers to, nor the newest. Returns how many went."""
    with _busy(table):
        removed = delta.vacuum(
            retention_hours=int(keep_files_for.total_seconds() // 3600),
            enforce_retention_duration=False,
            dry_run=False,
            full=True,  # also what a killed import left behind, which no version ever knew
            keep_versions=list(keep),
            commit_properties=COMMIT,
        )
    return len(removed)


@contextmanager
def _busy(table: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError as error:
        raise RecordBusyError(
            Message("Another import wrote the record's table %(table)s at the same time.", table=table)
        ) from error
