"""The twelve questions as aggregation pipelines of the embedded MongoDB, on the same documents, at sizes it can take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from tests.bench.engine_questions import QUESTIONS
from webapp import embedded
from webapp.engine.catalogue.tables import TABLES, Kind
from webapp.settings import get_settings

PIPELINE_SECONDS = 20.0
BATCH = 5_000


def measure(
    folder: Path, sizes: Sequence[int], seconds: list[list[float]], data: Callable[[Path, int], dict[str, list[str]]]
) -> None:
    """Print, beside the engine's `seconds` (by question, by size), those of each pipeline."""
    stopped: set[int] = set()
    for place, size in enumerate(sizes):
        files = data(folder, size)
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        try:
            client: MongoClient[Any] = MongoClient(uri)
            load(client.bench, files)
            client.close()
            print(
                f"{size:,} events in MongoDB: seconds of the engine, and of a pipeline ({PIPELINE_SECONDS:.0f} s at most)"
            )
            for number, question in enumerate(QUESTIONS):
                said = "not tried: it did not finish on fewer"
                if number not in stopped:
                    said, finished = _ask(uri, *question.pipeline)
                    if not finished:
                        stopped.add(number)
                        # The server goes on with what it was asked; only its end ends that.
                        embedded.stop(settings)
                        uri = embedded.ensure_running(settings)
                print(f"{question.name[:52]:52} {seconds[number][place]:8.2f}  {said}")
                sys.stdout.flush()
        finally:
            embedded.stop(settings)


def _ask(uri: str, collection: str, stages: list[dict[str, Any]]) -> tuple[str, bool]:
    client: MongoClient[Any] = MongoClient(uri, socketTimeoutMS=int(PIPELINE_SECONDS * 1000), retryReads=False)
    begin = time.perf_counter()
    try:
        found = len(list(client.bench[collection].aggregate(stages, allowDiskUse=True)))
    except AutoReconnect:
        return f"did not finish in {PIPELINE_SECONDS:.0f} s", False
    except OperationFailure as error:
        return f"refused: {str(error)[:90]}", True
    finally:
        client.close()
    return f"{time.perf_counter() - begin:8.2f}  ({found:,} documents)", True


def load(database: Any, files: dict[str, list[str]]) -> None:
    """The rows of `files` as documents, unless they are there."""
    for table, paths in files.items():
        collection = database[table]
        if collection.estimated_document_count():
            continue
        for path in paths:
            for batch in pyarrow.parquet.ParquetFile(path).iter_batches(BATCH):
                collection.insert_many([_document(table, row) for row in batch.to_pylist()], ordered=False)


def _field(column: str) -> str:
    """The field of a document that `column` holds."""
    if column == "id":
        return "_id"
    head, *rest = column.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _document(table: str, row: dict[str, Any]) -> dict[str, Any]:
    found = {_field(column): row[column] for column in TABLES[table] if row[column] is not None}
    for column, kind in TABLES[table].items():
        if kind is Kind.ID and row[column] is not None:
            found[_field(column)] = ObjectId(row[column])
    if row.get("data_clicks") is not None:
        found["data"] = {"clicks": row["data_clicks"]}
    return found
