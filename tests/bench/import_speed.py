"""Import of xAPI statements into the record, against two baselines on the same file: parsing each line with orjson and
nothing more, and `insert_many` of the same statements into an embedded database of its own. Then a roster.

Each import is a process of its own, as `reportdesk import` is; its memory is told with that of the database beside it.

`REPORTDESK_BENCH_COPIES` times the sample, each copy with ids of its own; several numbers are several sizes, and how the
time grows is told (`4.5 9 18 28.43`: the last is ten million statements). Default 4.5: the size of OULAD's module BBB.
`REPORTDESK_BENCH_ROWS`: of the roster.
"""

from __future__ import annotations

import gzip
import math
import multiprocessing
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pymongo import MongoClient

from tests.bench.engine_questions import QUESTIONS
from tests.bench.memory import peak_mb, peak_of_started_mb
from tests.conftest import SAMPLE
from webapp import embedded
from webapp.documents import connect, disconnect
from webapp.engine import runner
from webapp.engine.catalogue.tables import TABLES
from webapp.record import versions
from webapp.services import database_setup
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings

COPIES = [float(each) for each in os.environ.get("REPORTDESK_BENCH_COPIES", "4.5").split()]
ROSTER_ROWS = int(os.environ.get("REPORTDESK_BENCH_ROWS", "1000000"))
BATCH = 2_000
#: insert_many is slow: a part of the statements tells its speed.
INSERTED = 100_000
#: The question of the engine bench that a cold report asks.
BY_CLASS = "events and learners of each class"


def main() -> None:
    if not SAMPLE.is_dir():
        print(f"the sample data is not at {SAMPLE}")
        return
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f} before it began")
    measured: list[tuple[int, float]] = []
    for copies in COPIES:
        measured.append(_in_a_home(_of_statements, copies))
        if len(measured) > 1:
            (fewer, before), (more, after) = measured[-2:]
            growth = (after / before) / (more / fewer)
            print(f"growth for each doubling: {growth ** (1 / math.log2(more / fewer)):.2f} (aim: 1.05)")
    _in_a_home(_of_roster, ROSTER_ROWS)


@dataclass(frozen=True)
class Import:
    """What one import did, and what it cost: seconds on the clock and of the processors, and MB at most."""

    added: int
    took: float
    cpu: float
    mb: float

    def __str__(self) -> str:
        return (
            f"{self.added:,} added; {self.took:.0f} s, {self.cpu:.0f} of CPU; {self.mb + peak_of_started_mb():,.0f} MB "
            f"at most, {self.mb:,.0f} without the database"
        )


def _alone(measure: Callable[..., Any], *given: Any) -> Any:
    """In a process of its own, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *given).result()


def _in_a_home(measure: Callable[[str, Path, Any], Any], size: Any) -> Any:
    """In a home of its own, too, with its database."""
    return _alone(_measured, measure, size)


def _measured(measure: Callable[[str, Path, Any], Any], size: Any) -> Any:
    with tempfile.TemporaryDirectory() as home:
        os.environ["REPORTDESK_HOME"] = home
        get_settings.cache_clear()
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        try:
            connect(uri, "bench")
            database_setup.prepare()
            return measure(uri, Path(home), size)
        finally:
            disconnect()
            embedded.stop(settings)


def _of_statements(uri: str, home: Path, copies: float) -> tuple[int, float]:
    """(statements, seconds of the first import)"""
    path = home / "statements.ndjson.gz"
    count = write_copies(path, copies)
    inserted = _in_a_home(_insert, path)
    parsed = _alone(_parse, path)
    _alone(_import, uri, SAMPLE / "oneroster")
    first = 0.0
    for turn in ("first", "again"):
        done = _alone(_import, uri, path)
        first = first or done.took
        print(
            f"{turn}: {count:,} statements, {done}; {count / done.took:,.0f}/s: {parsed / done.took:.2f} of the speed of "
            f"parsing alone (aim: 0.30), {inserted * count / done.took:.1f} times that of insert_many",
            flush=True,
        )
        if turn == "first":
            print(f"a cold report of activity by class: {_alone(_cold_report, home):.2f} s (aim: 5)", flush=True)
    slowest = max(_alone(_seconds_of_reports, home).items(), key=lambda each: each[1])
    print(f"slowest report of activity afterwards: {slowest[0]}, {slowest[1]:.2f} s (aim: 3)", flush=True)
    return count, first


def _of_roster(uri: str, home: Path, rows: int) -> None:
    folder = home / "roster"
    count = write_roster(folder, rows)
    for turn in ("first", "again"):
        print(f"{turn}: OneRoster of {count:,} rows, {_alone(_import, uri, folder)} (aim: 90 s)", flush=True)


def _import(uri: str, path: Path) -> Import:
    connect(uri, "bench")
    begin, cpu = time.perf_counter(), time.process_time()
    with imports.importing(TERMINAL, {path: path.name}) as done:
        counts = done.comparison.summary.counts
        added = counts["events"].added if "events" in counts else done.comparison.summary.added
    return Import(added, time.perf_counter() - begin, time.process_time() - cpu, peak_mb())


def _cold_report(home: Path) -> float:
    """Seconds from the question to its rows, in a process that has asked nothing yet, of files that have to be read
    from the disk."""
    files = versions.current().files(TABLES)
    for path in (each for paths in files.values() for each in paths):
        with Path(path).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    query = next(each.query for each in QUESTIONS if each.name == BY_CLASS)
    begin = time.perf_counter()
    runner.run(query, versions.current().files(TABLES), home / "cold" / "rows.parquet")
    return time.perf_counter() - begin


def _seconds_of_reports(home: Path) -> dict[str, float]:
    """Each of the engine bench's questions about activity, asked of this record."""
    files = versions.current().files(TABLES)
    seconds: dict[str, float] = {}
    for question in QUESTIONS:
        if question.query.report_type == "learner-activity":
            begin = time.perf_counter()
            runner.run(question.query, files, home / "rows.parquet")
            seconds[question.name] = time.perf_counter() - begin
    return seconds


def write_roster(folder: Path, rows: int) -> int:
    """A bulk bundle of so many rows: a tenth are learners, each with three enrollments and six results."""
    folder.mkdir()
    learners = rows // 10
    classes = max(learners // 100, 3)
    stamp = "active,2026-01-31T00:00:00.000Z"
    tables: dict[str, tuple[str, Iterator[str]]] = {
        "orgs": ("name,type,identifier,parentSourcedId", iter([f"o,{stamp},Hill,district,,"])),
        "courses": ("title,courseCode,orgSourcedId", (f"k{n},{stamp},K{n},K{n},o" for n in range(50))),
        "classes": (
            "title,courseSourcedId,classCode,classType,schoolSourcedId",
            (f"c{n},{stamp},C{n},k{n % 50},C{n},scheduled,o" for n in range(classes)),
        ),
        "users": (
            "enabledUser,orgSourcedIds,role,username,givenName,familyName",
            (f"u{n},{stamp},true,o,student,u{n},Ada,L{n}" for n in range(learners)),
        ),
        "enrollments": (
            "classSourcedId,schoolSourcedId,userSourcedId,role",
            (f"e{n}-{k},{stamp},c{(n + k) % classes},o,u{n},student" for n in range(learners) for k in range(3)),
        ),
        "lineItems": (
            "title,assignDate,dueDate,classSourcedId,categorySourcedId,resultValueMin,resultValueMax",
            (f"l{n}-{k},{stamp},L,2026-01-01,2026-02-01,c{n},t,0,50" for n in range(classes) for k in range(2)),
        ),
        "categories": ("title", iter([f"t,{stamp},Tests"])),
        "results": (
            "lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate",
            (
                f"r{n}-{k},{stamp},l{(n + k // 2) % classes}-{k % 2},u{n},fully graded,{(n + k) % 51},2026-01-20"
                for n in range(learners)
                for k in range(6)
            ),
        ),
    }
    count = 0
    for name, (headings, found) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write(f"sourcedId,status,dateLastModified,{headings}\n")
            for row in found:
                file.write(f"{row}\n")
                count += 1
    manifest = ["manifest.version,1.0", "oneroster.version,1.1"]
    known = ("academicSessions", "demographics", "resources", "classResources", "courseResources")
    manifest += [f"file.{name},{'bulk' if name in tables else 'absent'}" for name in (*tables, *known)]
    (folder / "manifest.csv").write_text("\n".join(["propertyName,value", *manifest, ""]), encoding="utf-8")
    return count


def write_copies(path: Path, copies: float) -> int:
    """Statements of the sample again and again, under other ids; returns how many."""
    count = 0
    with gzip.open(path, "wb", compresslevel=1) as target:
        wanted = int(351_794 * copies)
        for turn in range(int(copies) + 1):
            for line in _lines(SAMPLE / "xapi.ndjson.gz"):
                if count == wanted:
                    return count
                if turn:
                    statement = orjson.loads(line)
                    statement["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{turn} {statement['id']}"))
                    line = orjson.dumps(statement)
                target.write(line.rstrip() + b"\n")
                count += 1
    return count


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from file


def _parse(path: Path) -> float:
    begin = time.perf_counter()
    for line in _lines(path):
        orjson.loads(line)
    return time.perf_counter() - begin


def _insert(uri: str, _home: Path, path: Path) -> float:
    """Seconds for one statement."""
    client: MongoClient[Any] = MongoClient(uri)
    documents = [orjson.loads(line) for _, line in zip(range(INSERTED), _lines(path), strict=False)]
    begin = time.perf_counter()
    for start in range(0, len(documents), BATCH):
        client["plain"].statements.insert_many(documents[start : start + BATCH], ordered=False)
    return (time.perf_counter() - begin) / len(documents)
