"""What is read of a record version once, and kept until another version has other rows of the same tables."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from webapp.errors import ReportdeskError
from webapp.record import RecordVersion
from webapp.services.record import reading
from webapp.services.remembered import caching_factor

log = logging.getLogger(__name__)

T = TypeVar("T")
#: The Delta tables and their versions: equal for two record versions that have the same rows.
State = tuple[tuple[str, int], ...]


def state_of(version: RecordVersion, tables: Sequence[str]) -> State:
    return tuple((str(version.table_ids.get(table, "")), int(version.tables.get(table, -1))) for table in tables)


_every: WeakSet[KeptOfRecord[Any]] = WeakSet()


class KeptOfRecord(Generic[T]):
    """`read(version)`, kept in this process.

    After an import whoever asks first has the answer of before, and starts the reading of the new one: nobody who
    types waits for fifty thousand names. Where nothing is remembered (tests) every answer is of the newest version.
    """

    def __init__(self, tables: Sequence[str], read: Callable[[RecordVersion], T]) -> None:
        self._tables, self._read = tables, read
        self._lock = threading.Lock()
        self._known: tuple[State, T] | None = None
        self._reader: threading.Thread | None = None
        _every.add(self)

    def get(self) -> T:
        version = reading.current()
        state, known = state_of(version, self._tables), self._known
        if known is not None and known[0] == state:
            return known[1]
        if known is not None and caching_factor():
            self.read_ahead()
            return known[1]
        with self._lock:
            # Whoever waited for somebody else's reading has the answer.
            if self._known is None or self._known[0] != state:
                self._known = (state, self._read(version))
            return self._known[1]

    def read_ahead(self) -> None:
        """Begin to read, so that whoever asks first does not wait for all of it."""
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._read_now, daemon=True)
            self._reader.start()

    def _read_now(self) -> None:
        try:
            with self._lock:
                version = reading.current()
                state = state_of(version, self._tables)
                if self._known is None or self._known[0] != state:
                    self._known = (state, self._read(version))
        except (ReportdeskError, OSError) as error:
            log.warning("the record could not be read ahead; it is when it is asked for", extra={"error": str(error)})

    def forget(self) -> None:
        """Read everything at the next use."""
        with self._lock:
            self._known = None


def forget_everything() -> None:
    """Read all of it at its next use: this process knows that the record is another one."""
    for each in list(_every):
        each.forget()
