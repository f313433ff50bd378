"""Where questions are worked out: DuckDB in this process, or Spark on many machines.

The compiler makes Ibis expressions that mean the same everywhere; what one engine alone does is behind `Backend`.
"""

from __future__ import annotations

from pathlib import Path

from webapp.engine.backends.base import Backend, Limits
from webapp.engine.backends.duckdb_backend import DuckDbBackend

DUCKDB = "duckdb"


def open_backend(engine: str, scratch: Path, limits: Limits) -> Backend:
    """A connection to `engine`: `duckdb`, or the address of a Spark master (`spark://host:port`)."""
    if engine == DUCKDB:
        return DuckDbBackend(scratch, limits)
    # Spark is an extra, and takes seconds to import: only who asks for it pays.
    from webapp.engine.backends.spark_backend import SparkBackend

    return SparkBackend(engine, limits)


__all__ = ["DUCKDB", "Backend", "Limits", "open_backend"]
