"""The bench's twelve questions at a small size: the engine and SQL by hand give the same rows, order and totals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import engine_speed
from tests.bench.engine_questions import QUESTIONS, BenchQuestion


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine_speed.Files]:
    yield from engine_speed.borrowed_data(tmp_path_factory.mktemp("data"), 20_000)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_engine_and_sql_by_hand_agree(files: engine_speed.Files, tmp_path: Path, question: BenchQuestion) -> None:
    ours, by_hand = tmp_path / "engine.parquet", tmp_path / "sql.parquet"
    result = engine_speed.by_engine(question, files, ours)
    totals = engine_speed.by_sql(question, files, by_hand)
    assert result.row_count > 0
    assert engine_speed.differences(ours, by_hand, list((result.totals or {}).values()), totals or ()) == []
