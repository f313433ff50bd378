"""Import of xAPI statements into the record, against two baselines on the same file: parsing each line with orjson and
nothing more, and `insert_many` of the same statements into the embedded database.

`REPORTDESK_BENCH_COPIES` times the sample (default 4.5: the size of OULAD's module BBB), each copy with ids of its own.
"""

from __future__ import annotations

import gzip
import os
import resource
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pymongo import MongoClient

from tests.conftest import SAMPLE
from webapp import embedded
from webapp.documents import connect, disconnect
from webapp.services import database_setup
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings

COPIES = float(os.environ.get("REPORTDESK_BENCH_COPIES", "4.5"))
BATCH = 2_000
#: insert_many is slow: a part of the statements tells its speed.
INSERTED = 100_000


def main() -> None:
    if not SAMPLE.is_dir():
        print(f"the sample data is not at {SAMPLE}")
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ["REPORTDESK_HOME"] = home
        get_settings.cache_clear()
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        try:
            _measure(uri, Path(home))
        finally:
            embedded.stop(settings)


def _measure(uri: str, home: Path) -> None:
    client = connect(uri, "bench")
    database_setup.prepare()
    path = home / "statements.ndjson.gz"
    count = write_copies(path, COPIES)
    parsed = _parse(path)
    inserted = _insert(client, path)
    with imports.importing(TERMINAL, {SAMPLE / "oneroster": "roster"}):
        pass
    for turn in ("first", "again"):
        begin = time.perf_counter()
        with imports.importing(TERMINAL, {path: path.name}) as done:
            added = done.comparison.summary.counts["events"].added
        took = time.perf_counter() - begin
        print(
            f"{turn}: {count:,} statements, {added:,} added, {count / took:,.0f}/s: {parsed / took:.2f} of the speed of "
            f"parsing alone (aim: 0.30), {inserted * count / took:.1f} times that of insert_many; "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most"
        )
    disconnect()


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


def _insert(client: MongoClient[Any], path: Path) -> float:
    """Seconds for one statement."""
    documents = [orjson.loads(line) for _, line in zip(range(INSERTED), _lines(path), strict=False)]
    begin = time.perf_counter()
    for start in range(0, len(documents), BATCH):
        client["plain"].statements.insert_many(documents[start : start + BATCH], ordered=False)
    return (time.perf_counter() - begin) / len(documents)
