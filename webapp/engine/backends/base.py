"""What the runner asks of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from webapp.engine.declarations import Table


@dataclass(frozen=True)
class Limits:
    """What one question may use; None: as much as the engine likes. Beyond `memory_mb` an engine spills to disk."""

    memory_mb: int | None = None
    threads: int | None = None
    seconds: float | None = None


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
