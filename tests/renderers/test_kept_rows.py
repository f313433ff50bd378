"""The rows that a page reads, beside the same done in plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.engine.result import Column, Result
from webapp.renderers import kept_rows
from webapp.renderers.kept_rows import KeptRows
from webapp.services.plain_text import folded

KINDS = {
    "string": (
        pa.string(),
        st.sampled_from(["Ana", "ana", "ÁNA", "zoë", "Zoe", "ΧΕΙΜΩΝΑΣ", "", "10", "9", "Ana Ruiz"]),
    ),
    "integer": (pa.int64(), st.integers(-(10**12), 10**12) | st.sampled_from([0, 1])),
    "number": (pa.float64(), st.sampled_from([0.0, -1.5, 2.25, 1e12, 0.1])),
    "datetime": (
        pa.timestamp("us", tz="UTC"),
        st.sampled_from([datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)]),
    ),
    "date": (pa.date32(), st.sampled_from([date(2026, 3, 1), date(1969, 3, 1)])),
    "boolean": (pa.bool_(), st.booleans()),
}
Table = tuple[list[str], list[list[Any]]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | KINDS[kind][1] for kind in kinds)).map(list)
    return kinds, draw(st.lists(row, max_size=12))


def keep(folder: Path, kinds: list[str], rows: list[list[Any]], keys: dict[str, list[Any]] | None = None) -> KeptRows:
    """`rows` through the engine's file and ours. All columns have labels that differ in case alone, or not at all."""
    columns = {f"c{place}": pa.array([row[place] for row in rows], KINDS[kind][0]) for place, kind in enumerate(kinds)}
    pyarrow.parquet.write_table(pa.table(columns | (keys or {})), folder / "rows.parquet")
    declared = tuple(
        Column("count[Fall]", ("Fall", "FALL", "fall")[n % 3], kind, "text", "field") for n, kind in enumerate(kinds)
    )
    result = Result(declared, folder / "rows.parquet", len(rows), len(rows), None, None, ())
    assert kept_rows.write(result, folder / "rows.arrow", folded)
    return KeptRows.open(folder / "rows.arrow")


def plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell


@settings(deadline=None, max_examples=60)
@given(table=tables(), data=st.data())
def test_any_column_sorts_as_plain_python_does_empty_last_and_equal_ones_as_they_stood(
    table: Table, data: st.DataObject
) -> None:
    kinds, rows = table
    place, descending = data.draw(st.integers(0, len(kinds) - 1)), data.draw(st.booleans())
    filled = [row for row in rows if row[place] is not None]
    if kinds[place] == "string":
        filled.sort(key=lambda row: (folded(row[place]), row[place]), reverse=descending)
    else:
        filled.sort(key=lambda row: row[place], reverse=descending)
    if descending:  # Python turns equal ones round only when it is told to sort in reverse twice
        filled = [
            row
            for key in dict.fromkeys(row[place] for row in filled)
            for row in (each for each in rows if each[place] == key and each[place] is not None)
        ]
    wanted = [*filled, *(row for row in rows if row[place] is None)]
    with TemporaryDirectory() as folder:
        kept = keep(Path(folder), kinds, rows)
        found = kept.cells(kept.ordered(kept.all, place, descending=descending))
    assert found == [[plain(cell) for cell in row] for row in wanted]


@settings(deadline=None, max_examples=60)
@given(table=tables(), words=st.lists(st.sampled_from(["an", "zoe", "χειμωνασ", "1", "ruiz", "nobody"]), max_size=2))
def test_a_search_finds_the_rows_whose_texts_have_every_word(table: Table, words: list[str]) -> None:
    kinds, rows = table
    words = [folded(word) for word in words]
    wanted = [
        number
        for number, row in enumerate(rows)
        if all(any(isinstance(cell, str) and word in folded(cell) for cell in row) for word in words)
    ]
    with TemporaryDirectory() as folder:
        assert list(keep(Path(folder), kinds, rows).found(words, {})) == wanted


def test_a_word_that_stands_for_a_key_finds_its_rows(tmp_path: Path) -> None:
    kept = keep(tmp_path, ["string"], [["in-progress"], ["completed"], [None]])
    assert list(kept.found(["curso"], {0: {"curso": ["in-progress"]}})) == [0]


def test_states_sort_in_the_order_of_life(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"c0": ["completed", "odd", "not-started", "in-progress"]}), tmp_path / "r")
    words = {"not-started": "Not started", "in-progress": "In progress", "completed": "Completed"}
    column = Column("status", "Status", "string", "text", "field", words=words)
    kept_rows.write(Result((column,), tmp_path / "r", 4, 4, None, None, ()), tmp_path / "rows.arrow", folded)
    kept = KeptRows.open(tmp_path / "rows.arrow")
    assert list(kept.ordered(kept.all, 0, descending=False)) == [2, 3, 0, 1]


def test_sums_and_subtotals_stay_after_the_groups_however_it_is_sorted(tmp_path: Path) -> None:
    rows = [["group", 1], ["subtotal", 9], ["group", 5], ["other", 7]]
    kept = keep(tmp_path, ["string", "integer"], rows)
    assert list(kept.ordered(kept.all, 1, descending=True, row_type=0)) == [2, 0, 1, 3]


def test_what_a_row_was_grouped_by_is_told_wherever_it_stands_in_the_file(tmp_path: Path) -> None:
    table = pa.table({"g0": ["5f" * 12, None], "c0": ["Ana", None], "g1": ["2026-03", "2026-04"]})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    result = Result((Column("a", "A", "string", "text", "dimension"),), tmp_path / "rows.parquet", 2, 2, None, None, ())
    kept_rows.write(result, tmp_path / "rows.arrow", folded)
    kept = KeptRows.open(tmp_path / "rows.arrow")
    assert (kept.keys(0), kept.keys(1), kept.cells([0])) == (["5f" * 12, "2026-03"], [None, "2026-04"], [["Ana"]])


def test_of_a_result_too_large_to_keep_the_first_rows_are_kept_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_rows, "MOST_CELLS", 5)
    monkeypatch.setattr(kept_rows, "FIRST_ROWS", 2)
    pyarrow.parquet.write_table(pa.table({"c0": list(range(6))}), tmp_path / "rows.parquet")
    result = Result((Column("n", "N", "integer", "count", "field"),), tmp_path / "rows.parquet", 6, 6, None, None, ())
    assert not kept_rows.write(result, tmp_path / "rows.arrow", folded)
    assert KeptRows.open(tmp_path / "rows.arrow").count == 2


def test_totals_of_rows_one_by_one_are_of_those_asked_for(tmp_path: Path) -> None:
    kept = keep(tmp_path, ["number"], [[1.0], [None], [4.0]])
    assert kept.total([0, 1, 2], 0, is_mean=False) == 5.0
    assert kept.total([0, 1, 2], 0, is_mean=True) == 2.5
    assert kept.total([1], 0, is_mean=True) is None
