"""What a dry run lists, row by row, is as many rows as it counts."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.sources.oneroster.school import ALL_BULK, school
from webapp import record
from webapp.record.merging.comparison import Change, Comparison
from webapp.sources.files import files_of
from webapp.sources.oneroster.rows import OneRosterSource

pytestmark = pytest.mark.usefixtures("settings")


def listed_as_counted(comparison: Comparison) -> int:
    rows = 0
    for table, counted in comparison.tables.items():
        for kind in (Change.ADDED, Change.CHANGED, Change.ENDED, Change.DERIVED):
            told = getattr(counted, kind.value)
            assert comparison.changes(table, kind).num_rows == told, (table, kind)
            rows += told
    return rows


def test_each_change_is_listed_once_and_as_counted(tmp_path: Path) -> None:
    whole = school(tmp_path / "whole", manifest=ALL_BULK)
    with record.importing(source="oneroster", what="x", import_id=uuid.uuid4().hex, by="t") as staging:
        OneRosterSource().read(files_of(whole, "x"), staging)
        comparison = staging.compare()
        assert comparison.tables["enrollments"].added > 0
        assert listed_as_counted(comparison) > 0
        staging.publish()
    without = whole / "enrollments.csv"
    lines = without.read_text().splitlines(keepends=True)
    without.write_text("".join([lines[0], *lines[2:]]))
    with record.importing(source="oneroster", what="x", import_id=uuid.uuid4().hex, by="t") as staging:
        OneRosterSource().read(files_of(whole, "x"), staging)
        comparison = staging.compare()
        assert comparison.tables["rosters"].ended == 1
        assert listed_as_counted(comparison) >= 2
