"""Spark gives the numbers that DuckDB gives, on the bench's twelve questions. `make spark` installs it and runs this.

A standalone cluster of one master and one worker, on the loopback.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pyspark = pytest.importorskip("pyspark", reason="Spark is an extra of its own: `make spark`")

from tests.bench import engine_speed  # noqa: E402
from tests.bench.engine_questions import QUESTIONS, BenchQuestion  # noqa: E402
from webapp.engine.backends import Limits  # noqa: E402
from webapp.engine.errors import QuestionTooSlowError  # noqa: E402
from webapp.engine.runner import run  # noqa: E402

# What Spark's own Python warns of is not ours to mend.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

EVENTS = 20_000
START_WITHIN = 120.0


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster that listens on the loopback only."""
    folder = tmp_path_factory.mktemp("spark")
    # 200 partitions, the default, are for terabytes.
    (folder / "spark-defaults.conf").write_text("spark.sql.shuffle.partitions 2\nspark.executor.memory 1g\n")
    port, log = _free_port(), (folder / "log").open("wb")
    environment = os.environ | {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),
        "SPARK_WORKER_DIR": str(folder / "work"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SPARK_LOCAL_IP", "SPARK_CONF_DIR"):
            patch.setenv(name, environment[name])
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-class")]
        deploy = "org.apache.spark.deploy"
        address = f"spark://127.0.0.1:{port}"
        here = ["--host", "127.0.0.1", "--webui-port", "0"]
        processes = [
            subprocess.Popen([*command, *arguments, *here], env=environment, stdout=log, stderr=log)
            for arguments in (
                [f"{deploy}.master.Master", "--port", str(port)],
                [f"{deploy}.worker.Worker", address, "--cores", "2", "--memory", "2g"],
            )
        ]
        try:
            _wait_for(folder / "log", "Registering worker")
            yield address
        finally:
            for process in processes:
                process.kill()
                process.wait()
            log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(log: Path, words: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while words not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine_speed.Files]:
    yield from engine_speed.borrowed_data(tmp_path_factory.mktemp("data"), EVENTS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_spark_and_duckdb_agree(
    master: str, files: engine_speed.Files, tmp_path: Path, question: BenchQuestion
) -> None:
    ours, theirs = tmp_path / "duckdb.parquet", tmp_path / "spark.parquet"
    one = engine_speed.by_engine(question, files, ours)
    other = engine_speed.by_engine(question, files, theirs, master)
    assert one.row_count > 0
    totals = [list((each.totals or {}).values()) for each in (one, other)]
    assert engine_speed.differences(ours, theirs, *totals) == []
    assert (one.columns, one.row_count, one.rows_matched, one.notes) == (
        other.columns, other.row_count, other.rows_matched, other.notes,
    )  # fmt: skip


def test_a_question_that_takes_too_long_is_stopped(master: str, files: engine_speed.Files, tmp_path: Path) -> None:
    with pytest.raises(QuestionTooSlowError):
        run(QUESTIONS[4].query, files, tmp_path / "rows.parquet", engine=master, limits=Limits(seconds=0.5))
