"""Twelve questions at 0.1, 1 and 10 million events: the engine, SQL by hand on the same files, and MongoDB's own way.

REPORTDESK_BENCH_EVENTS names other sizes (`50000000`); REPORTDESK_BENCH_FOLDER where the data are kept between runs.
Every answer of the engine is compared with that of the SQL, cell by cell. A pipeline that takes longer than
PIPELINE_SECONDS is stopped, and is not tried at larger sizes.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow.parquet

from tests.bench import engine_data, engine_pipelines
from tests.bench.engine_questions import QUESTIONS, BenchQuestion
from tests.bench.memory import peak_mb
from webapp.engine import runner
from webapp.engine.backends import Limits
from webapp.engine.result import Result
from webapp.settings import get_settings

SIZES = [100_000, 1_000_000, 10_000_000]
ROUNDS = 5
#: What a worker gives one question (half of `job_memory_limit_mb`'s default would be more than the aim).
MEMORY_MB = 640
PIPELINES_UP_TO = 1_000_000

Files = dict[str, list[str]]


def main() -> None:
    sizes = [int(each) for each in os.environ.get("REPORTDESK_BENCH_EVENTS", "").split()] or SIZES
    kept = os.environ.get("REPORTDESK_BENCH_FOLDER")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(kept or scratch).resolve()
        seconds: list[list[float]] = [[] for _ in QUESTIONS]
        for size in sizes:
            files = data(folder, size)
            print(f"{size:,} events ({_megabytes(files):,.0f} MB), median of {ROUNDS}, {os.cpu_count()} cores")
            print(f"{'':52} {'seconds':>8} {'by hand':>8} {'ratio':>6} {'memory':>8}")
            for number, question in enumerate(QUESTIONS):
                ours, by_hand = in_child(_measure_seconds, number, files)
                memory = in_child(_measure_memory, number, files)
                seconds[number].append(ours)
                print(f"{question.name[:52]:52} {ours:8.2f} {by_hand:8.2f} {ours / by_hand:6.2f} {memory:5.0f} MB")
                sys.stdout.flush()
        if len(sizes) > 1:
            print(f"growth from {sizes[-2]:,} to {sizes[-1]:,} events: 1 is as fast as the data")
            for number, question in enumerate(QUESTIONS):
                exponent = math.log(seconds[number][-1] / seconds[number][-2]) / math.log(sizes[-1] / sizes[-2])
                print(f"{question.name[:52]:52} {exponent:8.2f}")
        engine_pipelines.measure(folder, [size for size in sizes if size <= PIPELINES_UP_TO], seconds, data)


def data(folder: Path, events: int) -> Files:
    """The files of an invented university with so many events; settings name its folder."""
    place = folder / str(events)
    place.mkdir(parents=True, exist_ok=True)
    os.environ |= {"REPORTDESK_HOME": str(place / "home"), "REPORTDESK_RECORD_URL": place.as_uri()}
    get_settings.cache_clear()
    return engine_data.make(place, events)


def borrowed_data(folder: Path, events: int) -> Iterator[Files]:
    """As `data`, for a test: the environment is as before when it ends."""
    before = {name: os.environ.get(name) for name in ("REPORTDESK_HOME", "REPORTDESK_RECORD_URL")}
    try:
        yield data(folder, events)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        get_settings.cache_clear()


def by_sql(question: BenchQuestion, files: Files, rows_path: Path) -> tuple[Any, ...] | None:
    """Answer by hand: the rows into `rows_path`; returns the totals."""
    with duckdb.connect(config={"temp_directory": str(rows_path.with_suffix(".spill"))}) as connection:
        for table, paths in files.items():
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({paths})")
        connection.execute(f"COPY ({question.rows}) TO '{rows_path}' (FORMAT parquet)")
        return connection.execute(question.totals).fetchone() if question.totals else None


def by_engine(question: BenchQuestion, files: Files, rows_path: Path, engine: str = "duckdb") -> Result:
    return runner.run(question.query, files, rows_path, engine=engine, limits=Limits(memory_mb=MEMORY_MB))


def differences(rows: Path, others: Path, totals: Sequence[Any], other_totals: Sequence[Any]) -> list[str]:
    """Where two answers differ; numbers may by 1e-9."""
    one, other = (_rows_of(path) for path in (rows, others))
    found = [] if len(one) == len(other) else [f"{len(one)} rows and {len(other)}"]
    for mine, its in [*zip(one, other, strict=False), (list(totals), list(other_totals))]:
        if len(mine) != len(its) or not all(map(_same, mine, its)):
            found.append(f"{mine} and {its}")
    return found


def _rows_of(path: Path) -> list[list[Any]]:
    """What is shown of each row: what it is grouped by (`g0`…) stands beside it."""
    rows = pyarrow.parquet.read_table(path).to_pylist()
    return [[value for name, value in row.items() if not re.fullmatch(r"g\d+", name)] for row in rows]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if hasattr(one, "tzinfo") and hasattr(other, "tzinfo"):
        return bool(one.replace(tzinfo=None) == other.replace(tzinfo=None))
    return bool(one == other)


def in_child(measure: Callable[[Connection, int, Files], None], number: int, files: Files) -> Any:
    """What `measure` sends from a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=measure, args=(there, number, files))
    child.start()
    there.close()
    found = here.recv()
    child.join()
    return found


def _measure_seconds(answer: Connection, number: int, files: Files) -> None:
    """(seconds of the engine, seconds by hand), in turns, after one round that only warms up."""
    question = QUESTIONS[number]
    ours: list[float] = []
    by_hand: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        mine, its = Path(folder) / "engine.parquet", Path(folder) / "sql.parquet"
        for _ in range(ROUNDS + 1):
            begin = time.perf_counter()
            result = by_engine(question, files, mine)
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            totals = by_sql(question, files, its)
            by_hand.append(time.perf_counter() - begin)
        if found := differences(mine, its, list((result.totals or {}).values()), totals or ()):
            raise AssertionError(f"{question.name}: {found[:3]}")
    answer.send((median(ours[1:]), median(by_hand[1:])))


def _measure_memory(answer: Connection, number: int, files: Files) -> None:
    """Peak megabytes of a process that answers once, the interpreter and its libraries included."""
    with tempfile.TemporaryDirectory() as folder:
        by_engine(QUESTIONS[number], files, Path(folder) / "rows.parquet")
    answer.send(peak_mb())


def _megabytes(files: Files) -> float:
    return sum(Path(path).stat().st_size for paths in files.values() for path in paths) / 1e6
