"""Bringing the Delta tables up to the documents of now.

A refresh asks for documents whose `updatedAt` is past what the last commit had read, less an overlap for clocks that
differ; leaves out what the table holds already, equal in every column; and commits the rest at once, with how far it
has read in the same commit. Killed anywhere, it has committed or it has not; the next refresh goes on from there.

What `updatedAt` does not tell (deletions, documents stamped in the past) shows in the count: then the table is read
anew, in one commit.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from webapp.errors import ConflictError
from webapp.extract import delta
from webapp.extract.maintenance import compact_if_due, vacuum_table
from webapp.extract.reading import (
    Progress,
    Staged,
    database_time,
    document_count,
    read_all,
    read_changed,
    source_id,
)
from webapp.extract.tables import layout
from webapp.messages import Message
from webapp.settings import get_settings

#: How far the clocks of two writers may differ before the count has to notice.
OVERLAP = timedelta(seconds=10)
ATTEMPTS = 8
#: Counting may take at most this share of the time; a server that knows its counts is asked every time.
COUNTING_SHARE = 0.01
FREE_COUNT_SECONDS = 0.05


class ExtractBusyError(ConflictError):
    """Other processes kept committing first."""

    code = "extract-busy"
    hint = Message("Try again in a minute.")
    is_permanent = False


def refresh_table(table: str, on_progress: Progress | None = None) -> DeltaTable:
    """The newest version of `table`, after everything changed by now is in it.

    Raises ExtractBusyError when other processes committed first again and again.
    """
    with _turn(table):
        for _ in range(ATTEMPTS):
            try:
                return _refresh(table, on_progress)
            except delta.CommitFailedError:
                continue  # another process was first: what it committed is the new beginning
    raise ExtractBusyError(Message("The extract's table %(table)s is being refreshed by other processes.", table=table))


def rebuild_table(table: str, on_progress: Progress | None = None) -> DeltaTable:
    """`table`, read anew from the first document on."""
    with _turn(table):
        return _rebuild(table, delta.open_table(table), source_id(), on_progress)


def _refresh(table: str, on_progress: Progress | None) -> DeltaTable:
    known = delta.open_table(table)
    state = delta.state_of(known) if known is not None else None
    source = source_id()
    if known is None or state is None or state.source != source or state.layout != layout(table):
        return _rebuild(table, known, source, on_progress)
    started_at = database_time()
    counted = _count_if_due(table)
    _add_changed(table, known, state, started_at, on_progress)
    current = _reopened(table)
    rows = delta.row_count(current)
    # More documents than before the read may have come since; fewer rows, or more of them, than there ever were
    # documents, is what `updatedAt` did not tell.
    if counted is not None and (rows < counted or (rows > counted and rows > document_count(table))):
        return _rebuild(table, current, source, on_progress)
    return current


def _reopened(table: str) -> DeltaTable:
    found = delta.open_table(table)
    if found is None:  # deleted by hand in this moment
        raise delta.CommitFailedError(f"the table {table} is gone")
    return found


def _rebuild(table: str, known: DeltaTable | None, source: str, on_progress: Progress | None) -> DeltaTable:
    started_at = database_time()
    state = delta.State(source, layout(table), (started_at - OVERLAP).isoformat())
    with _scratch() as folder:
        staged = read_all(table, folder, on_progress)
        delta.replace(table, known, staged.reader(), state)
    if known is not None:
        vacuum_table(table)  # every rebuild leaves a whole copy behind
    return _reopened(table)


def _add_changed(
    table: str, known: DeltaTable, state: delta.State, started_at: datetime, on_progress: Progress | None
) -> None:
    """Commit what changed since `state`, if anything did."""
    with _scratch() as folder:
        staged = read_changed(table, state.read_until_instant, folder, on_progress)
        if not staged.row_count:
            return
        state = changed(state, read_until=max(state.read_until_instant, started_at - OVERLAP).isoformat())
        change = _Change(staged, known)
        if change.new_rows == 0 and change.changed_rows == 0:
            # Nothing new, but read again for the overlap's sake: commit that it need not be read a third time.
            if started_at - OVERLAP > change.newest:
                delta.append(known, pa.RecordBatchReader.from_batches(change.schema, []), state)
        elif change.changed_rows == 0:
            delta.append(known, change.reader(), state)
        else:
            delta.upsert(known, change.reader().read_all(), state)
    compact_if_due(table, state)


class _Change:
    """What of the staged rows the table does not hold yet, worked out by DuckDB, spilling to disk when it is much."""

    def __init__(self, staged: Staged, known: DeltaTable) -> None:
        self._database = duckdb.connect(config={"memory_limit": "512MB", "threads": 2})
        self._database.execute("SET enable_progress_bar = false")  # a child process looks like a prompt to it
        self._database.register("read_rows", staged.reader())
        held = delta.files(known)
        known_columns = delta.columns(known)
        added = [name for name in known_columns if name not in staged.schema.names]
        self.schema = pa.schema([*staged.schema, *(pa.field(name, pa.float64()) for name in added)])
        columns = ", ".join(f'"{name}"' for name in self.schema.names)
        self._database.execute(
            "CREATE TEMP TABLE read_once AS SELECT * FROM read_rows "
            # A document that changed while it was read comes twice; its last state is meant.
            "QUALIFY row_number() OVER (PARTITION BY id ORDER BY updated_at DESC) = 1"
        )
        for name in added:
            self._database.execute(f'ALTER TABLE read_once ADD COLUMN "{name}" DOUBLE')
        if held:
            self._database.execute(
                "CREATE TEMP TABLE held AS SELECT * FROM read_parquet($files, union_by_name=true) "
                "WHERE id IN (SELECT id FROM read_once)",
                {"files": held},
            )
            for name in self.schema.names:
                if name not in known_columns:
                    self._database.execute(f'ALTER TABLE held ADD COLUMN IF NOT EXISTS "{name}" DOUBLE')
            self._database.execute(
                f"CREATE TEMP TABLE changed AS SELECT {columns} FROM read_once "  # noqa: S608  (names of our own)
                f"EXCEPT SELECT {columns} FROM held"
            )
            self.changed_rows = self._number("SELECT count(*) FROM changed SEMI JOIN held USING (id)")
        else:
            self._database.execute(f"CREATE TEMP TABLE changed AS SELECT {columns} FROM read_once")  # noqa: S608
            self.changed_rows = 0
        self.new_rows = self._number("SELECT count(*) FROM changed") - self.changed_rows
        newest = self._database.execute("SELECT max(updated_at) FROM read_once").fetchone()
        self.newest = newest[0].replace(tzinfo=UTC) if newest else datetime.min.replace(tzinfo=UTC)

    def _number(self, sql: str) -> int:
        row = self._database.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def reader(self) -> pa.RecordBatchReader:
        batches = self._database.execute("SELECT * FROM changed").to_arrow_reader(20_000)
        return pa.RecordBatchReader.from_batches(self.schema, (batch.cast(self.schema) for batch in batches))


def _count_if_due(table: str) -> int | None:
    """How many documents there are; None when counting is slow here and was done a short while ago."""
    note = get_settings().home / "extract-counts" / table
    try:
        last = note.stat().st_mtime
        seconds = float(note.read_text(encoding="ascii") or 0)
    except (FileNotFoundError, ValueError):
        last, seconds = 0.0, 0.0
    if seconds > FREE_COUNT_SECONDS and time.time() - last < seconds / COUNTING_SHARE:
        return None
    before = time.perf_counter()
    count = document_count(table)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{time.perf_counter() - before:.4f}", encoding="ascii")
    return count


@contextmanager
def _scratch() -> Iterator[Path]:
    parent = get_settings().scratch_folder
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="extract-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def _turn(table: str) -> Iterator[None]:
    """One refresher at a time on this machine. It only saves work: Delta's commits keep others right without it."""
    folder = get_settings().home / "extract-locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / table).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
