"""One Delta table: opening it, what its last commit says about the source, and committing the next version.

Every commit names the version it builds on (`max_commit_retries=0`): when another process has committed first, it
fails, and the refresh begins again from that process's version. Delta would otherwise let two appends of the same
documents both succeed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError as CommitFailedError
from deltalake.exceptions import DeltaError, TableNotFoundError

from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.settings import get_settings

STATE_KEY = "reportdesk"
#: Versions must stay readable as long as a job may ask for them; the log is small.
CONFIGURATION = {
    "delta.logRetentionDuration": "interval 400 days",
    "delta.deletedFileRetentionDuration": "interval 0 days",
}


class VersionGoneError(ConflictError):
    """A report asked for data as an earlier report saw it, and that version has been cleaned away."""

    code = "extract-version-gone"
    hint = Message("Ask for the report without “as of”: it will be made from today's data.")

    def __init__(self, table: str, version: int) -> None:
        super().__init__(
            Message(
                "Version %(version)s of the extract's table %(table)s is no longer kept.", version=version, table=table
            )
        )


@dataclass(frozen=True)
class State:
    """What a version holds: documents changed before `read_until` are in it, as they were in database `source`."""

    source: str
    layout: str
    read_until: str

    @property
    def read_until_instant(self) -> datetime:
        return datetime.fromisoformat(self.read_until)


def location(table: str) -> str:
    """Where the Delta table lives: a path for a local one, a URL for any other."""
    url = get_settings().effective_extract_url.rstrip("/")
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


def state_of(delta: DeltaTable) -> State | None:
    """What the last commit of ours says; None for a table that this program has not written."""
    for commit in delta.history(20):
        if STATE_KEY in commit:
            try:
                return State(**json.loads(commit[STATE_KEY]))
            except (TypeError, ValueError):
                return None
    return None


def row_count(delta: DeltaTable) -> int:
    """Rows of this version, from the log alone."""
    counts: list[Any] = pa.table(delta.get_add_actions(flatten=True))["num_records"].to_pylist()
    return sum(int(count) for count in counts)


def columns(delta: DeltaTable) -> list[str]:
    return [field.name for field in delta.schema().fields]


def commit_properties(state: State) -> CommitProperties:
    return CommitProperties(custom_metadata={STATE_KEY: json.dumps(asdict(state))}, max_commit_retries=0)


def replace(table: str, delta: DeltaTable | None, rows: pa.RecordBatchReader, state: State) -> None:
    """A new version that holds exactly `rows`. Raises CommitFailedError when another process was first."""
    if delta is None and "://" not in location(table):
        Path(location(table)).parent.mkdir(parents=True, exist_ok=True)
    try:
        write_deltalake(
            delta if delta is not None else location(table),
            rows,
            mode="overwrite" if delta is not None else "error",
            schema_mode="overwrite" if delta is not None else None,
            configuration=CONFIGURATION if delta is None else None,
            commit_properties=commit_properties(state),
        )
    except DeltaError as error:
        # Two processes made the table's first version at once; the slower one begins again from the other's.
        if delta is None and open_table(table) is not None:
            raise CommitFailedError(f"the table {table} was made by another process") from error
        raise


def append(delta: DeltaTable, rows: pa.RecordBatchReader, state: State) -> None:
    """A new version with `rows` added, and with their columns. Raises CommitFailedError as `replace`."""
    write_deltalake(delta, rows, mode="append", schema_mode="merge", commit_properties=commit_properties(state))


def upsert(delta: DeltaTable, rows: pa.Table, state: State) -> None:
    """A new version with `rows` in the place of rows of the same id. Raises CommitFailedError as `replace`."""
    merge = delta.merge(
        rows,
        "old.id = new.id",
        source_alias="new",
        target_alias="old",
        merge_schema=True,
        commit_properties=commit_properties(state),
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def files(delta: DeltaTable) -> list[str]:
    """The Parquet files of this version."""
    return list(delta.file_uris())


def files_at(table: str, version: int, table_id: str | None = None) -> list[str]:
    """The Parquet files of an older version. Raises VersionGoneError when they, or its log, were cleaned away, or when
    the table is another than `table_id`."""
    if version < 0:
        return []
    try:
        found = open_table(table, version)
    except DeltaError as error:
        raise VersionGoneError(table, version) from error
    if found is None or (table_id is not None and str(found.metadata().id) != table_id):
        raise VersionGoneError(table, version)
    uris = files(found)
    if "://" not in location(table) and not all(Path(uri).exists() for uri in uris):
        raise VersionGoneError(table, version)
    return uris
