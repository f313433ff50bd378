"""The extract against the driver alone: reading everything beside draining the same cursor, and finding nothing new.

Extract and baseline take turns on the same server and the same documents.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.engine_pipelines import load
from tests.bench.engine_speed import data
from webapp import embedded, extract
from webapp.documents import connect, disconnect
from webapp.engine import compiler
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.query import Query
from webapp.extract.reading import BATCH
from webapp.extract.tables import projection
from webapp.services import database_setup
from webapp.settings import get_settings

EVENTS = 100_000
ROUNDS = 5
REFRESHES = 20
TABLE = "learningevents"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = data(Path(folder), EVENTS)
        del os.environ["REPORTDESK_EXTRACT_URL"]  # an extract of its own, not the one the documents came from
        get_settings.cache_clear()
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        try:
            client = connect(uri, "bench")
            database_setup.prepare()
            load(client.bench, files)
            _ingest(client.bench[TABLE])
            _nothing_new()
            disconnect()
        finally:
            embedded.stop(settings)


def _ingest(collection: Any) -> None:
    drained: list[float] = []
    read: list[float] = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        deque(collection.find({}, projection(TABLE), batch_size=BATCH).hint([("_id", 1)]), maxlen=0)
        drained.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        extract.rebuild([TABLE])
        read.append(time.perf_counter() - begin)
        print(
            f"{EVENTS:,} events: the cursor alone {EVENTS / drained[-1]:,.0f}/s, the extract {EVENTS / read[-1]:,.0f}/s"
        )
    ratio = median(drained) / median(read)
    print(f"the extract keeps {ratio:.2f} of the speed of draining the cursor (aim: 0.80)")


def _nothing_new() -> None:
    """Milliseconds of a refresh of what each report type reads, when there is nothing to read."""
    worst = 0.0
    for key, declared in REPORT_TYPES.items():
        query = Query(
            report_type=key, dataset=declared.dataset, dimensions=declared.group_by, measures=declared.measures
        )
        tables = compiler.tables_of(query)
        extract.refresh(tables)
        times = []
        for _ in range(REFRESHES):
            begin = time.perf_counter()
            extract.refresh(tables)
            times.append(time.perf_counter() - begin)
        worst = max(worst, median(times))
        print(f"{key:22} {len(tables)} tables  {median(times) * 1000:6.1f} ms")
    print(f"a refresh with nothing new takes at most {worst * 1000:.0f} ms (aim: 100)")
