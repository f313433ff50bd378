"""Spark, on many machines: the way past what one can do. Needs the extra `spark` and a Java the workers have too.

The workers must reach the record's files under the same address as this process. Only the answer comes here, and
must fit the memory; what a driver needs beyond that stands in Spark's own `spark-defaults.conf`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
import pyarrow.parquet
from ibis.backends.pyspark.datatypes import PySparkSchema
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from webapp.engine import functions
from webapp.engine.backends.base import Backend, Deadline, Limits
from webapp.engine.declarations import Table

#: Letters with marks are looked for up to here: Latin, Greek, Cyrillic and their extensions.
_LETTERS_UNTIL = 0x2000
#: Marks that follow the letter they belong to.
_MARKS = range(0x300, 0x370)


class SparkBackend(Backend):
    """One session of the process's Spark application, with views of its own."""

    def __init__(self, master: str, limits: Limits) -> None:
        builder = (
            SparkSession.builder.master(master)
            .appName("reportdesk")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
        )
        if limits.memory_mb is not None:
            builder = builder.config("spark.driver.memory", f"{limits.memory_mb}m")
        self._session = builder.getOrCreate().newSession()
        self._connection = ibis.pyspark.connect(self._session)
        self._kept: list[Any] = []
        self._deadline = Deadline(limits.seconds, self._session.sparkContext.cancelAllJobs)

    def files(self, name: str, paths: Sequence[str]) -> Table:
        with self._deadline.kept(PySparkException, Py4JError):
            self._session.read.option("mergeSchema", "true").parquet(*paths).createOrReplaceTempView(name)
            return self._connection.table(name)

    def rows(self, name: str, rows: Sequence[dict[str, Any]], schema: Any) -> Table:
        plain = [tuple(row[column] for column in schema.names) for row in rows]
        with self._deadline.kept(PySparkException, Py4JError):
            self._session.createDataFrame(plain, schema=PySparkSchema.from_ibis(schema)).createOrReplaceTempView(name)
            return self._connection.table(name)

    def keep(self, name: str, table: Table) -> Table:
        with self._deadline.kept(PySparkException, Py4JError):
            frame = self._frame(table).cache()
            self._kept.append(frame)
            frame.createOrReplaceTempView(name)
            return self._connection.table(name)

    def fetch(self, table: Table) -> pa.Table:
        with self._deadline.kept(PySparkException, Py4JError):
            # Spark cuts instants into time of the zone of its session, which Ibis sets to UTC.
            return self._frame(table).toArrow().cast(table.schema().to_pyarrow())

    def write(self, table: Table, path: Path) -> None:
        pyarrow.parquet.write_table(self.fetch(table), path)

    def close(self) -> None:
        self._deadline.end()
        for frame in self._kept:
            frame.unpersist()

    def _frame(self, table: Table) -> Any:
        return self._session.sql(self._connection.compile(_in_sparks_words(table)))


_SUM = type(functions.exact_sum(ibis.literal(1.0)).op())
_WITHOUT_ACCENTS = type(functions.without_accents(ibis.literal("")).op())


def _in_sparks_words(table: Table) -> Table:
    """`table` without the functions that Spark has not."""

    def replaced(node: Any, changed: dict[str, Any] | None) -> Any:
        node = node.__recreate__(changed) if changed else node
        if isinstance(node, _SUM):
            return ops.Sum(*node.args)
        if isinstance(node, _WITHOUT_ACCENTS):
            return ops.Translate(*node.args, *_letters())
        return node

    return table.op().replace(replaced).to_expr()


@lru_cache(maxsize=1)
def _letters() -> tuple[str, str]:
    """Letters with marks, and the same without; marks by themselves, for which nothing stands."""
    plain = {chr(code): unicodedata.normalize("NFD", chr(code)) for code in range(0xC0, _LETTERS_UNTIL)}
    marked = {letter: text[0] for letter, text in plain.items() if len(text) > 1 and not unicodedata.combining(text[0])}
    marks = "".join(chr(code) for code in _MARKS)
    return "".join(marked) + marks, "".join(marked.values())
