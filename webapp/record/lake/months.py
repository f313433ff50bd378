"""The files of a table in partitions by month, written one after another as sorted rows come, and committed at once.

Delta's own writer keeps a file of every month open, and takes half as much memory again as all the rest of an import.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from deltalake.transaction import AddAction

from webapp.record.lake.delta import ROWS_A_GROUP
from webapp.settings import get_settings
from webapp.storage import open_storage

#: Larger months are several files, so that one can be read by several threads, or machines.
ROWS_A_FILE = 4_000_000
#: Columns in which hardly two values are equal.
UNLIKE = ("id", "key")


def write_files(table: str, rows: pa.RecordBatchReader, scratch: Path) -> list[AddAction]:
    """Parquet files of `rows`, which come sorted by `month`, put where the Delta table `table` is. Texts may come as
    dictionaries; the files say nothing of that.

    Nobody knows of them before a commit names them. Raises StorageError.
    """
    storage = open_storage(get_settings().effective_record_url)
    inside = rows.schema.remove(rows.schema.get_field_index("month"))
    # Of a column without two equal values a dictionary is only more work, and its bounds tell nothing.
    repeating = [name for name in inside.names if name not in UNLIKE]
    options: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "store_schema": False}
    options |= {"use_dictionary": repeating, "write_statistics": repeating}
    added: list[AddAction] = []
    for month, batches in _by_month(_ahead(rows)):
        for part in _files(batches):
            draft = scratch / f"{uuid.uuid4().hex}.parquet"
            count = 0
            with pyarrow.parquet.ParquetWriter(draft, inside, **options) as writer:
                for batch in part:
                    writer.write_batch(batch.select(inside.names), row_group_size=ROWS_A_GROUP)
                    count += len(batch)
            path = f"month={month}/part-{uuid.uuid4()}.zstd.parquet"
            size = draft.stat().st_size
            storage.put(draft, f"{table}/{path}")
            draft.unlink()
            added.append(
                AddAction(
                    path, size, {"month": month}, int(time.time() * 1000), True, json.dumps({"numRecords": count})
                )
            )
    return added


def _ahead(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same; the next one is worked out while the last one is written."""
    waiting = iter(rows)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        following = thread.submit(next, waiting, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, waiting, None)
            yield batch


def _by_month(rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, Iterator[pa.RecordBatch]]]:
    """Each month and its batches. A month's batches are to be taken before the next month."""
    pieces = _pieces(rows)
    waiting = next(pieces, None)
    while waiting is not None:
        month = waiting[0]

        def of_month() -> Iterator[pa.RecordBatch]:
            nonlocal waiting
            while waiting is not None and waiting[0] == month:  # noqa: B023 - taken before the next month begins
                yield waiting[1]
                waiting = next(pieces, None)

        yield month, of_month()


def _pieces(rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows cut where the month changes."""
    for batch in rows:
        months, start = batch.column("month"), 0
        counts: Any = pc.value_counts(months)
        for counted in counts.to_pylist():  # in the order in which they appear
            yield counted["values"], batch.slice(start, counted["counts"])
            start += counted["counts"]


def _files(batches: Iterator[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    """The batches of one file after another."""
    first = next(batches, None)
    while first is not None:
        begun = first

        def of_file() -> Iterator[pa.RecordBatch]:
            nonlocal first
            count = len(begun)  # noqa: B023 - taken before the next file begins
            yield begun  # noqa: B023
            for batch in batches:
                if count >= ROWS_A_FILE:
                    first = batch
                    return
                count += len(batch)
                yield batch
            first = None

        yield of_file()
