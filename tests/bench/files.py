"""Files of a million detail rows, each beside the plain writer of its field, on the same rows in the same run.

Every file is written by a process of its own, as a job's child writes it, so that its memory can be told. Ours and the
baseline take turns.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow.parquet

from tests.bench.memory import peak_mb
from webapp import renderers
from webapp.engine.result import ChartSpec, Column, Result
from webapp.engine.sql import identifier
from webapp.renderers.about import About

ROWS = 1_000_000
PDF_ROWS = 5_000
ROUNDS = 7
#: The child of a report of this size may use so much.
MOST_MB, PDF_MOST_MB = 500, 800

COLUMNS = (
    Column("timestamp", "Time", "datetime", "datetime", "field"),
    Column("learner", "Learner", "string", "text", "dimension"),
    Column("learner-number", "Learner number", "string", "text", "dimension"),
    Column("class", "Class", "string", "text", "dimension"),
    Column("event-type", "Event", "string", "text", "dimension"),
    Column("content", "Content", "string", "text", "dimension"),
    Column("duration", "Recorded time", "number", "seconds", "field"),
    Column("score", "Score", "number", "score", "field"),
)
#: What the engine makes of detail rows: names of people and classes, instants, times, scores with gaps.
MADE = """
    SELECT to_timestamp(1672531200 + i * 37 % 31536000)::TIMESTAMPTZ AS "timestamp",
           ['Ana', 'Zoë', 'Łukasz', 'O''Brien', 'Mary-Ann'][1 + i % 5] || ' ' ||
               ['Ruiz', 'Nováková, Jr.', 'Sørensen', 'Smith'][1 + i // 5 % 4] AS learner,
           'L' || lpad((i % 30000)::VARCHAR, 6, '0') AS "learner-number",
           'BIO-' || (100 + i % 180) || '-2023' AS "class",
           ['Content viewed', 'Video played', 'Assessment submitted'][1 + i % 3] AS "event-type",
           'Unit ' || (i % 400) || ': reading and notes' AS content,
           CASE WHEN i % 11 = 0 THEN NULL ELSE (i * 7919 % 5400)::DOUBLE END AS duration,
           CASE WHEN i % 3 = 2 THEN round((i * 104729 % 10000) / 100.0, 2) END::DOUBLE AS score
    FROM range({rows}) AS t(i)
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reportdesk-bench-") as scratch:
        folder = Path(scratch)
        for name, rows in (("rows", ROWS), ("few", PDF_ROWS)):
            duckdb.execute(f"COPY ({MADE.format(rows=rows)}) TO '{folder / name}.parquet' (FORMAT parquet)")
        _beside_duckdb(folder)
        _excel(folder)
        _pdf(folder)


def _beside_duckdb(folder: Path) -> None:
    """CSV, JSON and Parquet beside `COPY` of the same rows to the same format."""
    for key, most in (("csv", 1.3), ("json", 1.5), ("parquet", 1.2)):
        ours, theirs, memory = [], [], 0.0
        for _ in range(ROUNDS):
            seconds, megabytes = _in_child("ours", key, folder)
            ours.append(seconds)
            memory = max(memory, megabytes)
            theirs.append(_in_child("copy", key, folder)[0])
        ratio = median(ours) / median(theirs)
        print(
            f"{key}: {ROWS:,} rows in {median(ours):.2f} s, COPY {median(theirs):.2f} s, ratio {ratio:.2f} "
            f"(aim: at most {most}), peak {memory:.0f} MB (aim: under {MOST_MB})"
        )


def _excel(folder: Path) -> None:
    ours, memory = zip(*(_in_child("ours", "excel", folder) for _ in range(ROUNDS)), strict=True)
    theirs, _ = _in_child("openpyxl", "excel", folder)
    cells = ROWS * len(COLUMNS)
    print(
        f"excel: {cells:,} cells in {median(ours):.1f} s, {cells / median(ours):,.0f}/s (aim: at least 250,000), openpyxl "
        f"write-only {theirs:.1f} s, {theirs / median(ours):.1f} times as long (aim: at least 2), peak {max(memory):.0f} "
        f"MB (aim: under {MOST_MB})"
    )


def _pdf(folder: Path) -> None:
    ours, memory = zip(*(_in_child("ours", "pdf", folder, "few") for _ in range(ROUNDS)), strict=True)
    print(
        f"pdf: {PDF_ROWS:,} rows in {median(ours):.1f} s (aim: under 5), peak {max(memory):.0f} MB "
        f"(aim: under {PDF_MOST_MB})"
    )


# --- one file, in a process of its own --------------------------------------------------------------------------------


def _in_child(writer: str, key: str, folder: Path, rows: str = "rows") -> tuple[float, float]:
    """Seconds of writing and the process's peak memory in MB."""
    command = [sys.executable, "-m", "tests.bench.files", writer, key, str(folder), rows]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, megabytes = json.loads(told)
    return seconds, megabytes


def _write(writer: str, key: str, folder: Path, name: str) -> None:
    rows = folder / f"{name}.parquet"
    if writer == "ours":
        # What a child has in its memory beside the file: all it needs for the whole job.
        importlib.import_module("webapp.worker.execution")
    write = {"ours": _ours, "copy": _copy, "openpyxl": _openpyxl}[writer]
    # A job's child has had DuckDB answer the question before it writes the file.
    duckdb.execute("SELECT count(*) FROM read_parquet($rows)", {"rows": str(rows)})
    begin = time.perf_counter()
    write(key, rows, folder / "out")
    seconds = time.perf_counter() - begin
    print(json.dumps([seconds, peak_mb()]))


def _ours(key: str, rows: Path, target: Path) -> None:
    count = pyarrow.parquet.read_metadata(rows).num_rows
    chart = ChartSpec("bar", "class", ("score",), None, "Score by class")
    result = Result(COLUMNS, rows, count, count, None, chart, ())
    renderers.render(key, result, _about(), target, filename_stem="bench")


def _about() -> About:
    now = datetime.now(UTC)
    provenance: dict[str, Any] = {"question": [["Rows", "Activity"]], "measures": {}, "versions": {}, "asOf": now}
    return About("Learner activity", "", "Bench", "Nobody", "0" * 24, now, "Europe/Madrid", "en", provenance)


def _copy(key: str, rows: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    names = ", ".join(identifier(column.key) for column in COLUMNS)
    option = {
        "csv": "FORMAT csv, HEADER",
        "json": "FORMAT json, ARRAY true",
        "parquet": "FORMAT parquet, COMPRESSION zstd",
    }
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"COPY (SELECT {names} FROM read_parquet('{rows}')) TO '{target}/copy.{key}' ({option[key]})")


def _openpyxl(_key: str, rows: Path, target: Path) -> None:
    from openpyxl import Workbook

    target.mkdir(exist_ok=True)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    sheet.append([column.label for column in COLUMNS])
    for batch in pyarrow.parquet.ParquetFile(rows).iter_batches(batch_size=10_000):
        columns: list[list[Any]] = [batch.column(column.key).to_pylist() for column in COLUMNS]
        columns[0] = [moment.replace(tzinfo=None) for moment in columns[0]]
        for row in zip(*columns, strict=True):
            sheet.append(row)
    book.save(target / "openpyxl.xlsx")


if __name__ == "__main__":
    _write(*sys.argv[1:3], Path(sys.argv[3]), sys.argv[4])
