"""Reading documents for the extract: what changed since an instant, or everything, staged as Parquet files.

Staging bounds the memory at any size of collection, and gives the one schema that a commit needs: which numbers
`data` holds is known only after the last document.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from webapp.documents.connection import current_database, long_read_database
from webapp.engine.catalogue.tables import DATA_PREFIX
from webapp.extract.tables import MAX_DATA_COLUMNS, Document, arrow_schema, projection, to_arrow

CHUNK = 20_000
#: Documents per round trip: small enough that a slow server answers others in between.
BATCH = 4_000
SOURCE_COLLECTION = "extractsource"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Staged:
    """Rows read, in Parquet files of a scratch folder, and their one schema."""

    table: str
    paths: tuple[Path, ...]
    schema: pa.Schema
    row_count: int

    def reader(self) -> pa.RecordBatchReader:
        if not self.paths:
            return pa.RecordBatchReader.from_batches(self.schema, [])
        dataset = pyarrow.dataset.dataset([str(path) for path in self.paths], schema=self.schema)
        return dataset.scanner(batch_size=CHUNK, batch_readahead=2, fragment_readahead=1).to_reader()


def database_time() -> datetime:
    """Now, by the database's clock where it tells it: the clocks of workers may differ."""
    return current_database().command("hello")["localTime"].replace(tzinfo=UTC)


def source_id() -> str:
    """A name for this database's content, made once: an extract of another database must never be added to."""
    collection = current_database()[SOURCE_COLLECTION]
    found = collection.find_one({"_id": "source"})
    if found is None:
        # Of several processes that ask first, one makes it; all read what that one made.
        with suppress(DuplicateKeyError):
            collection.insert_one({"_id": "source", "uuid": uuid.uuid4().hex})
        found = collection.find_one({"_id": "source"})
    if found is None:
        raise RuntimeError("the database lost what it had just acknowledged")
    return str(found["uuid"])


def document_count(table: str) -> int:
    return current_database()[table].estimated_document_count()


def read_changed(table: str, since: datetime, folder: Path, on_progress: Progress | None = None) -> Staged:
    """Documents whose `updatedAt` is `since` or later."""
    cursor = _collection(table).find({"updatedAt": {"$gte": since}}, projection(table), batch_size=BATCH)
    return _stage(table, cursor, folder, on_progress, expected=0)


def read_all(table: str, folder: Path, on_progress: Progress | None = None) -> Staged:
    """Every document once: in the order of `_id`, which no update can change under the cursor."""
    expected = document_count(table) if on_progress else 0
    cursor = _collection(table).find({}, projection(table), batch_size=BATCH).hint([("_id", 1)])
    return _stage(table, cursor, folder, on_progress, expected=expected)


def _collection(table: str) -> Collection[Any]:
    # Instants as naive UTC: that is how the extract keeps them, and half the work of aware ones.
    options: CodecOptions[Any] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_CLAMP)
    return long_read_database()[table].with_options(options)


def _chunks(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """The documents in lists of CHUNK; the next one is asked for while the last one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="extract-reading") as reader:
        coming = reader.submit(lambda: list(islice(documents, CHUNK)))
        while chunk := coming.result():
            coming = reader.submit(lambda: list(islice(documents, CHUNK)))
            yield chunk


def _stage(
    table: str, documents: Iterator[Document], folder: Path, on_progress: Progress | None, *, expected: int
) -> Staged:
    paths: list[Path] = []
    names: list[str] = []
    row_count = 0
    for chunk in _chunks(documents):
        rows = to_arrow(table, chunk)
        for name in rows.column_names:
            if name.startswith(DATA_PREFIX) and name not in names and len(names) < MAX_DATA_COLUMNS:
                names.append(name)
        path = folder / f"{table}-{len(paths):06}.parquet"
        pyarrow.parquet.write_table(rows, path, compression="none")
        paths.append(path)
        row_count += len(chunk)
        if on_progress is not None:
            on_progress(table, row_count, max(expected, row_count))
    return Staged(table, tuple(paths), arrow_schema(table, names), row_count)
