"""What the runner asks of an engine."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from webapp.engine.declarations import Table
from webapp.engine.errors import QuestionTooSlowError

STOP_AGAIN_AFTER = 0.1


@dataclass(frozen=True)
class Limits:
    """What one question may use; None: as much as the engine likes. Beyond `memory_mb` an engine spills to disk."""

    memory_mb: int | None = None
    threads: int | None = None
    seconds: float | None = None


class Deadline:
    """Calls `stop` when `seconds` are over (None: never), and again and again until it is ended: between two
    statements there is nothing to stop, and the next one must not get away."""

    def __init__(self, seconds: float | None, stop: Callable[[], None]) -> None:
        self._seconds = seconds
        self._stop = stop
        self._is_over = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if seconds is not None:
            self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._seconds is not None:
            self._thread.join()

    @contextmanager
    def kept(self, *stopped: type[Exception]) -> Iterator[None]:
        """Around a statement. Raises QuestionTooSlowError for an error of `stopped`, or at once, when time is up."""
        if self._is_over:
            raise QuestionTooSlowError(self._seconds or 0.0)
        try:
            yield
        except stopped as error:
            if self._is_over:
                raise QuestionTooSlowError(self._seconds or 0.0) from error
            raise

    def _watch(self) -> None:
        if self._ended.wait(self._seconds):
            return
        self._is_over = True
        while True:
            self._stop()
            if self._ended.wait(STOP_AGAIN_AFTER):
                return


class Backend(ABC):
    """A connection to an engine, for one question. Every method raises QuestionTooSlowError once time is up."""

    @abstractmethod
    def files(self, name: str, paths: Sequence[str]) -> Table:
        """The Parquet files as one table; a column that some of them lack is empty there."""

    @abstractmethod
    def rows(self, name: str, rows: Sequence[dict[str, Any]], schema: Any) -> Table:
        """A table of these few rows; `schema` is an Ibis one."""

    @abstractmethod
    def keep(self, name: str, table: Table) -> Table:
        """`table`, worked out once: reading the answer again costs little."""

    @abstractmethod
    def fetch(self, table: Table) -> pa.Table:
        """The rows of `table`, here; for few."""

    @abstractmethod
    def write(self, table: Table, path: Path) -> None:
        """All rows of `table`, in its order, into one Parquet file."""

    @abstractmethod
    def close(self) -> None: ...
