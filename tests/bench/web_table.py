"""The page of a large result, 255,012 rows in 40 columns: opened, turned over, sorted and searched, by the server.

Each address is one that nobody has asked for yet, so that nothing is remembered. Baseline: DuckDB doing the same to the
same rows in Parquet, in this process. The time of the processor stands beside the time on the clock, because a busy
machine shows there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.bench import web_desk
from tests.bench.web_pages import client_of
from webapp import storage
from webapp.documents import ReportJob
from webapp.engine.result import Column, Result
from webapp.renderers import kept_rows, page_result
from webapp.services.plain_text import folded
from webapp.services.queue.status import percentile
from webapp.settings import get_settings

ROWS, TEXTS, NUMBERS = 255_012, 10, 30
PAGE_AIM, SEARCH_AIM = 150, 300
ROUNDS = 25
#: Different texts of each column of texts: people, classes, states, events…
DIFFERENT = (20_000, 300, 40, 5, ROWS, 1_000, 12, ROWS, 3, 800)


def main() -> None:
    with web_desk.desk("bench_table") as _, tempfile.TemporaryDirectory() as scratch:
        people = web_desk.make_staff(4)
        web_desk.make_month(people, 40)
        rows = Path(scratch) / "rows.parquet"
        _make(rows)
        job = _report(rows, Path(scratch))
        client = client_of(web_desk.make_app(), next(each for each in people if each.id == job.requested_by))
        client.get(f"/reports/{job.id}")  # a process that has answered before

        def asked(query: str) -> Callable[[int], None]:
            def ask(number: int) -> None:
                answer = client.get(f"/reports/{job.id}?{query.format(n=number)}", headers={"HX-Request": "true"})
                assert answer.status_code == 200, answer.status_code

            return ask

        def whole(number: int) -> None:
            assert client.get(f"/reports/{job.id}?page={number + 1}").status_code == 200

        print(f"{ROWS:,} rows, {TEXTS + NUMBERS} columns")
        _told("page opened", whole, PAGE_AIM)
        _told("page turned over", asked("page={n}99"), PAGE_AIM)
        _told("sorted by a number", asked("sort={n}"), SEARCH_AIM, of=range(TEXTS, TEXTS + ROUNDS))
        _told("sorted by a text, downwards", asked("sort=-{n}"), SEARCH_AIM, of=range(TEXTS))
        _told("searched", asked("find=senor+{n}7"), SEARCH_AIM)
        _told("searched and sorted", asked("find=name+{n}&sort=-20"), SEARCH_AIM)
        _baseline(rows)


def _make(path: Path) -> None:
    texts = [f"'Ñame ' || (hash(i * {k + 2}) % {most}) || ' Señor' AS c{k}" for k, most in enumerate(DIFFERENT)]
    numbers = [f"(hash(i * {k + 3}) % 100000) / 7.0 AS c{k}" for k in range(TEXTS, TEXTS + NUMBERS)]
    duckdb.execute(
        f"COPY (SELECT {', '.join(texts + numbers)} FROM range({ROWS}) AS r(i)) TO '{path}' (FORMAT parquet)"
    )


def _report(rows: Path, folder: Path) -> ReportJob:
    """A finished report of these rows."""
    job = ReportJob.objects(status="ready").first()
    columns = tuple(
        Column(f"text-{n}", f"Text {n}", "string", "text", "field")
        if n < TEXTS
        else Column(f"number-{n}", f"Number {n}", "number", "number", "field")
        for n in range(TEXTS + NUMBERS)
    )
    result = Result(columns, rows, ROWS, ROWS, None, None, ())
    begin = time.perf_counter()
    is_whole = kept_rows.write(result, folder / "rows.arrow", folded)
    print(f"kept in {time.perf_counter() - begin:.1f} s, {(folder / 'rows.arrow').stat().st_size / 1e6:.0f} MB")
    page_result.write(result, None, folder / "page.json", has_all_rows=is_whole)
    files = storage.open_storage(get_settings().effective_storage_url)
    for name in ("rows.arrow", "page.json"):
        files.put(folder / name, f"reports/{job.id}/1/{name}")
    ReportJob._get_collection().update_one(
        {"_id": job.id}, {"$set": {"output.storage": {"provider": "local", "key": f"reports/{job.id}/1/file.csv"}}}
    )
    return job.reload()


def _baseline(rows: Path) -> None:
    connection = duckdb.connect(config={"threads": 2})
    folded_text = "strip_accents(lower(c{}))"

    def query(sql: str) -> Callable[[int], None]:
        return lambda number: connection.execute(sql.format(number % TEXTS, rows=rows)).fetchall() and None

    anywhere = " OR ".join(f"contains({folded_text.format(n)}, 'senor 7')" for n in range(TEXTS))
    _told("baseline: DuckDB, a page", query(f"SELECT * FROM '{rows}' LIMIT 50 OFFSET {{0}}00"), None)
    _told("baseline: DuckDB, sorted by a number", query(f"SELECT * FROM '{rows}' ORDER BY c1{{0}} LIMIT 50"), None)
    _told("baseline: DuckDB, searched", query(f"SELECT * FROM '{rows}' WHERE {anywhere} LIMIT 50"), None, of=range(5))


def _told(name: str, ask: Callable[[int], None], aim: int | None, of: Any = range(ROUNDS)) -> None:
    times, own = [], time.process_time()
    for number in of:
        begin = time.perf_counter()
        ask(number)
        times.append(time.perf_counter() - begin)
    cpu = (time.process_time() - own) / len(times)
    middle, high = (1_000 * (percentile(times, share) or 0.0) for share in (0.5, 0.95))
    aimed = f" (aim: {aim})" if aim else ""
    print(f"{name}: median {middle:.0f}, p95 {high:.0f} ms{aimed}; cpu {1_000 * cpu:.0f} ms")
