"""Bulk writes that a second run does not repeat."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from webapp import clock
from webapp.documents.connection import current_database
from webapp.importers.summary import Counts

BATCH = 2_000
#: Of one `$in`: the embedded server's time grows with the square of it.
ASKED_AT_ONCE = 200
DUPLICATE_KEY = 11000
#: Batches on their way to the server while the next is being read: enough to keep both busy, few enough for memory.
AHEAD = 3

Document = dict[str, Any]
#: (document there, document read) -> the fields to change
Decide = Callable[[Document, Document], Document]


def changed_fields(there: Document, read: Document) -> Document:
    """The fields of `read` that differ from what is there."""
    return {name: value for name, value in read.items() if name != "_id" and there.get(name) != value}


def upsert(
    collection: str, documents: Sequence[Document], counts: Counts, *, decide: Decide = changed_fields
) -> dict[str, ObjectId]:
    """Insert or update by `externalId`; documents that would not change are not written. Returns ids by externalId."""
    found = current_database()[collection]
    ids: dict[str, ObjectId] = {}
    for begin in range(0, len(documents), BATCH):
        batch = {document["externalId"]: document for document in documents[begin : begin + BATCH]}
        there = _there(collection, list(batch))
        now = clock.utcnow()
        new, changes = [], []
        for external_id, document in batch.items():
            if external_id not in there:
                document.setdefault("_id", ObjectId())
                new.append({**document, "createdAt": now, "updatedAt": now})
                ids[external_id] = document["_id"]
                continue
            known = there[external_id]
            ids[external_id] = known["_id"]
            if change := decide(known, document):
                changes.append(UpdateOne({"_id": known["_id"]}, {"$set": {**change, "updatedAt": now}}))
            else:
                counts.unchanged += 1
        if new:
            found.insert_many(new, ordered=False)
            counts.added += len(new)
        if changes:
            found.bulk_write(changes, ordered=False)
            counts.updated += len(changes)
    return ids


def _there(collection: str, external_ids: list[str]) -> dict[str, Document]:
    found = current_database()[collection]
    if not found.estimated_document_count():
        return {}
    there: dict[str, Document] = {}
    for begin in range(0, len(external_ids), ASKED_AT_ONCE):
        asked = {"externalId": {"$in": external_ids[begin : begin + ASKED_AT_ONCE]}}
        there |= {each["externalId"]: each for each in found.find(asked)}
    return there


class EventWriter:
    """Inserts learning events by `_id` in a thread of its own, while the next ones are being read.

    Those that are there already stay as they are. `close` waits for the last; an error of the thread is raised there
    or at the next `add`.
    """

    def __init__(self, counts: Counts, on_written: Callable[[int], None]) -> None:
        self._counts = counts
        self._on_written = on_written
        self._batches: queue.Queue[list[Document] | None] = queue.Queue(AHEAD)
        self._batch: list[Document] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="import-writer", daemon=True)
        self._thread.start()

    def add(self, document: Document) -> None:
        self._batch.append(document)
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over what there is; raises what the thread met."""
        if self._error is not None:
            raise self._error
        if self._batch:
            self._batches.put(self._batch)
            self._batch = []

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._batches.put(None)
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            if self._error is None:
                try:
                    self._write(batch)
                except BaseException as error:  # noqa: BLE001 - raised again by whoever adds the next
                    self._error = error

    def _write(self, batch: list[Document]) -> None:
        events = current_database().learningevents
        size = len(batch)
        batch = list({document["_id"]: document for document in batch}.values())
        now = clock.utcnow()
        for document in batch:
            document["updatedAt"] = now
        try:
            added = len(events.insert_many(batch, ordered=False).inserted_ids)
        except BulkWriteError as error:
            # Being refused what is there is quicker than asking for it first.
            if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
                raise
            added = int(error.details["nInserted"])
        self._counts.added += added
        self._counts.unchanged += size - added
        self._on_written(size)


def without_none(document: Mapping[str, Any]) -> Document:
    """Fields without a value are left out of the document."""
    return {name: value for name, value in document.items() if value is not None}


def ids_by_external_id(collection: str, more: Iterable[str] = ()) -> dict[str, Document]:
    """Every document of `collection` by its externalId: `_id` and the fields `more`."""
    fields = dict.fromkeys(("externalId", *more), 1)
    found = current_database()[collection].find({"externalId": {"$gt": ""}}, fields)
    return {each["externalId"]: each for each in found}
