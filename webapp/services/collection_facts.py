"""A little of every document of a collection, kept in this process: what lists and searches go through.

No index helps a search inside names, and the embedded server decodes every document it looks at (3,000 jobs take it a
quarter of a second). So all are read once, and brought up to date before each use by what has changed since: one read
by the index on `updatedAt`. Now and then everything is read again, behind the back of whoever asks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from bson import ObjectId
from mongoengine.connection import ConnectionFailure
from pymongo.errors import PyMongoError

from webapp import clock
from webapp.documents.connection import database_of
from webapp.services.remembered import caching_factor

log = logging.getLogger(__name__)

#: A write is seen a moment after the time that it bears, and the clocks of those who write differ: what changed
#: shortly before the last change seen is read once more. The moment, each time; all that clocks may differ, now and
#: then, and no more once so long nothing has changed that whoever writes now writes a later time.
MOMENT = timedelta(seconds=2)
OVERLAP = timedelta(seconds=30)
LOOK_BACK_SECONDS = 5.0
READ_AGAIN_SECONDS = 600.0
BATCH = 2_000
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Facts(Protocol):
    @property
    def id(self) -> ObjectId: ...


F = TypeVar("F", bound=Facts)


@dataclass
class _Content(Generic[F]):
    by_id: dict[ObjectId, F] = field(default_factory=dict)
    in_order: list[F] = field(default_factory=list)
    until: datetime = _EVER
    read_at: float = field(default_factory=lambda: time.monotonic())
    changed_at: float = field(default_factory=lambda: time.monotonic())
    looked_back_at: float = field(default_factory=lambda: time.monotonic())

    def look_from(self) -> datetime:
        """From when on changes are to be read now; whoever asks does so."""
        if not self.by_id:
            return _EVER
        now = time.monotonic()
        is_due = now - self.looked_back_at >= LOOK_BACK_SECONDS * caching_factor()
        if not is_due or now - self.changed_at > 2 * OVERLAP.total_seconds():
            return self.until - MOMENT
        self.looked_back_at = now
        return self.until - OVERLAP


class CollectionFacts(Generic[F]):
    """`build` makes the facts of a document (None: it does not belong here); `order` is the key they are sorted by.

    `gone` names the documents deleted since an instant; without it one that is deleted stays until all is read again.
    """

    def __init__(
        self,
        collection: str,
        fields: Sequence[str],
        build: Callable[[dict[str, Any]], F | None],
        order: Callable[[F], Any],
        gone: Callable[[datetime], Iterable[ObjectId]] = lambda since: (),
    ) -> None:
        self._collection, self._build, self._order, self._gone = collection, build, order, gone
        self._projection = dict.fromkeys((*fields, "updatedAt"), 1)
        self._lock = threading.Lock()
        self._content: _Content[F] | None = None
        self._current_at = 0.0
        self._reader: threading.Thread | None = None

    def everything(self, max_age: float = 0.0) -> list[F]:
        """All facts in their order, as the database has them now, or had them `max_age` seconds ago.

        The list is not the caller's to change.
        """
        asked_at = time.monotonic() - max_age * caching_factor()
        if self._content is None and self._reader is not None:
            self._reader.join()
        with self._lock:
            # Whoever waited for somebody else's reading that began after the question has the answer.
            if self._content is None or self._current_at < asked_at:
                begun_at = time.monotonic()
                self._content = self._brought_up_to_date(self._content)
                self._current_at = begun_at
            return self._content.in_order

    @property
    def collection(self) -> str:
        return self._collection

    def documents(self, ids: Sequence[ObjectId]) -> list[dict[str, Any]]:
        """These alone, straight from the database, in no order."""
        if not ids:
            return []
        return list(database_of(self._collection)[self._collection].find({"_id": {"$in": list(ids)}}, self._projection))

    def forget(self) -> None:
        """Read everything at the next use."""
        with self._lock:
            self._content = None

    def read_ahead(self) -> None:
        """Begin to read everything, so that whoever asks first does not wait for all of it."""
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._read_again, daemon=True)
            self._reader.start()

    def _brought_up_to_date(self, known: _Content[F] | None) -> _Content[F]:
        keep = READ_AGAIN_SECONDS * caching_factor()
        if known is None or not keep:
            return self._apply_changes(_Content())
        if time.monotonic() - known.read_at >= keep:
            self.read_ahead()
        return self._apply_changes(known)

    def _read_again(self) -> None:
        try:
            content = self._apply_changes(_Content())
        except (PyMongoError, ConnectionFailure) as error:
            log.warning("facts could not be read again; those known stay in use", extra={"error": str(error)})
            return
        with self._lock:
            self._content = content

    def _apply_changes(self, content: _Content[F]) -> _Content[F]:
        begun_at = clock.utcnow()
        since = content.look_from()
        latest, is_new, is_moved = content.until, False, False
        # Whole before anything is applied: a database that goes away half-way leaves what is known as it was.
        changes = list(
            database_of(self._collection)[self._collection].find(
                {"updatedAt": {"$gt": since}}, self._projection, batch_size=BATCH
            )
        )
        gone = list(self._gone(since)) if since > _EVER else []
        for document in changes:
            latest, is_new = max(latest, document["updatedAt"]), True
            facts, known = self._build(document), content.by_id.get(document["_id"])
            if facts is None:
                content.by_id.pop(document["_id"], None)
            else:
                content.by_id[facts.id] = facts
                is_moved = is_moved or known is None or self._order(facts) != self._order(known)
        for key in gone:
            is_new = content.by_id.pop(key, None) is not None or is_new
        if is_moved:
            content.by_id = {facts.id: facts for facts in sorted(content.by_id.values(), key=self._order)}
        if is_new:
            content.in_order = list(content.by_id.values())
        # A clock that runs ahead must not hide what is written after it.
        if (until := min(latest, begun_at)) > content.until:
            content.until, content.changed_at = until, time.monotonic()
        return content
