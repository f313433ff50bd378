"""What a question knows of its dates before it reads a row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from webapp.engine.sources import Dates, dates_in

EARLY, LATE = datetime(2024, 3, 1, 12, 0, 0, 5), datetime(2024, 9, 1)  # noqa: DTZ001 - naive UTC, as the record keeps


def _file(path: Path, *instants: datetime | None, **options: Any) -> str:
    # A list before the date: its leaves are columns of the file too.
    table = pa.table({"tags": [["a"]] * len(instants), "at": pa.array(instants, pa.timestamp("us"))})
    pyarrow.parquet.write_table(table, path, **options)
    return str(path)


def test_the_first_and_the_last_instant_of_all_files_stand_in_their_statistics(tmp_path: Path) -> None:
    files = {"events": [_file(tmp_path / "a", LATE, LATE), _file(tmp_path / "b", EARLY, LATE, row_group_size=1)]}
    assert dates_in(files, "events", "at") == Dates(EARLY.replace(tzinfo=UTC), LATE.replace(tzinfo=UTC), False)


def test_an_empty_date_in_any_file_is_known_and_so_is_a_column_that_a_file_lacks(tmp_path: Path) -> None:
    whole, gap, none = (
        _file(tmp_path / "a", EARLY),
        _file(tmp_path / "b", None, LATE),
        _file(tmp_path / "c", None),
    )
    assert dates_in({"events": [whole, gap]}, "events", "at").may_be_empty
    assert dates_in({"events": [whole, none]}, "events", "at") == Dates(
        EARLY.replace(tzinfo=UTC), EARLY.replace(tzinfo=UTC), True
    )
    assert dates_in({"events": [whole]}, "events", "other") == Dates(are_all_empty=True)


def test_nothing_is_taken_as_known_without_statistics_or_of_files_far_away(tmp_path: Path) -> None:
    blind = _file(tmp_path / "a", EARLY, write_statistics=False)
    assert dates_in({"events": [blind]}, "events", "at") == Dates()
    assert dates_in({"events": ["s3://bucket/a.parquet"]}, "events", "at") == Dates()
    assert dates_in({}, "events", "at") == Dates(None, None, may_be_empty=False, are_all_empty=True)
