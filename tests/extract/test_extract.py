"""The extract is what the documents are: after inserts, changes, late ones, deletions, kills and two refreshers at once.

Each test compares the table with a rebuild from nothing, cell by cell.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from bson import ObjectId

from webapp import extract
from webapp.extract import VersionGoneError, delta, maintenance
from webapp.settings import get_settings

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
TABLE = "learningevents"


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "_id": ObjectId(f"{number:024x}"),
        "eventType": "content-viewed",
        "timestamp": LONG_AGO + timedelta(hours=number),
        "data": {"clicks": number},
        "isActive": True,
        "updatedAt": datetime.now(UTC),
        **fields,
    }


def rows(snapshot: extract.Snapshot, table: str = TABLE) -> list[tuple[Any, ...]]:
    """All rows, the columns in the order of their names."""
    files = snapshot.files[table]
    if not files:
        return []
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_parquet($1, union_by_name=true) ORDER BY id", [files])
        names = [each[0] for each in found.description]
        order = sorted(range(len(names)), key=lambda place: names[place])
        return [tuple(row[place] for place in order) for row in found.fetchall()]


def refreshed() -> list[tuple[Any, ...]]:
    return rows(extract.refresh([TABLE]))


def rebuilt() -> list[tuple[Any, ...]]:
    return rows(extract.rebuild([TABLE]))


def test_new_changed_and_deactivated_documents_come_with_the_next_refresh(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(50)])
    assert len(refreshed()) == 50
    database[TABLE].insert_many([event(number) for number in range(50, 60)])
    database[TABLE].update_one(
        {"_id": ObjectId(f"{3:024x}")}, {"$set": {"isActive": False, "updatedAt": datetime.now(UTC)}}
    )
    found = refreshed()
    assert len(found) == 60
    assert found == rebuilt()


def test_a_refresh_with_nothing_new_makes_no_new_version_in_the_long_run(database: Any) -> None:
    database[TABLE].insert_many([event(number, updatedAt=LONG_AGO) for number in range(10)])
    first = extract.refresh([TABLE])
    again = extract.refresh([TABLE])
    assert again.versions == first.versions
    assert again.files == first.files


def test_a_number_never_seen_before_becomes_a_column(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(5)])
    refreshed()
    database[TABLE].insert_one(event(9, data={"clicks": 2.5, "Score.raw": 7, "note": "text", "flag": True}))
    found = refreshed()
    assert found == rebuilt()
    assert "data.clicks" in extract.data_fields()
    assert "data.Score.raw" in extract.data_fields()
    assert not any("note" in name or "flag" in name for name in extract.data_fields())


def test_a_value_of_another_type_is_empty_and_the_rest_is_kept_exactly(database: Any) -> None:
    database[TABLE].insert_many([
        event(1, duration="long"), event(2, duration=2.5), event(3, duration=7), event(4, timestamp="yesterday"),
        event(5, data="none"), event(6, score=float("nan")), event(7, eventType=12),
    ])  # fmt: skip
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT duration, score, event_type FROM read_parquet($1) ORDER BY id",
            [extract.refresh([TABLE]).files[TABLE]],
        ).fetchall()
    assert [row[0] for row in found] == [None, 2.5, 7.0, None, None, None, None]
    assert found[5][1] is None
    assert found[6][2] == "12"


def test_deleted_documents_leave_the_extract(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(30)])
    refreshed()
    database[TABLE].delete_many({"_id": {"$lt": ObjectId(f"{10:024x}")}})
    found = refreshed()
    assert len(found) == 20
    assert found == rebuilt()


def test_documents_stamped_in_the_past_are_found_by_their_number(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(30)])
    refreshed()
    database[TABLE].insert_many([event(number, updatedAt=LONG_AGO) for number in range(30, 40)])
    found = refreshed()
    assert len(found) == 40
    assert found == rebuilt()


def test_an_older_version_stays_what_it_was_until_it_is_cleaned_away(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(5)])
    first = extract.refresh([TABLE])
    before = rows(first)
    database[TABLE].insert_many([event(number) for number in range(5, 9)])
    database[TABLE].update_many({}, {"$set": {"duration": 3.0, "updatedAt": datetime.now(UTC)}})
    extract.rebuild([TABLE])
    assert rows(extract.snapshot([TABLE], first.versions)) == before
    maintenance.vacuum(keep_files_for=timedelta(0))
    with pytest.raises(VersionGoneError):
        extract.snapshot([TABLE], first.versions)


def test_a_table_made_anew_has_none_of_the_versions_of_the_one_before(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(5)])
    first = extract.refresh([TABLE])
    assert extract.snapshot([TABLE], first.versions, first.table_ids).files == first.files
    shutil.rmtree(delta.location(TABLE))
    database[TABLE].insert_one(event(9))
    assert extract.refresh([TABLE]).versions == first.versions  # the same number, and other data
    with pytest.raises(VersionGoneError):
        extract.snapshot([TABLE], first.versions, first.table_ids)


def test_versions_that_a_kept_report_was_made_from_survive_the_cleaning(database: Any) -> None:
    from tests.factories import make_job

    database[TABLE].insert_many([event(number) for number in range(5)])
    first = extract.refresh([TABLE])
    before = rows(first)
    make_job(provenance={"versions": first.versions})
    database[TABLE].insert_many([event(number) for number in range(5, 9)])
    extract.rebuild([TABLE])
    maintenance.vacuum(keep_files_for=timedelta(0))
    assert rows(extract.snapshot([TABLE], first.versions)) == before


def test_many_small_refreshes_are_compacted_and_stay_the_same(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "FILES_BEFORE_COMPACTION", 4)
    for number in range(8):
        database[TABLE].insert_one(event(number))
        refreshed()
    snapshot = extract.refresh([TABLE])
    assert len(snapshot.files[TABLE]) <= 5
    assert rows(snapshot) == rebuilt()


def test_the_extract_of_another_database_is_never_added_to(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(5)])
    refreshed()
    database.extractsource.delete_many({})  # another database has another name for its content
    database[TABLE].delete_many({})
    database[TABLE].insert_many([event(number) for number in range(100, 103)])
    assert len(refreshed()) == 3


def _refresh_often(times: int) -> None:
    from webapp.documents import connect

    settings = get_settings()
    connect(settings.mongodb_uri or "", settings.mongodb_database)
    for _ in range(times):
        extract.refresh([TABLE])


def test_two_refreshers_at_once_do_no_harm(database: Any, settings_env: pytest.MonkeyPatch, tmp_path: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(200)])
    # The same tables from two homes: the file lock that only saves work is then no help, as between two machines.
    settings_env.setenv("REPORTDESK_EXTRACT_URL", (tmp_path / "shared").as_uri())
    context = multiprocessing.get_context("spawn")
    processes = []
    for name in ("one", "two", "three"):
        settings_env.setenv("REPORTDESK_HOME", str(tmp_path / name))
        processes.append(context.Process(target=_refresh_often, args=(8,)))
        processes[-1].start()
    for number in range(200, 260):
        database[TABLE].insert_one(event(number))
        time.sleep(0.02)
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    get_settings.cache_clear()
    found = refreshed()
    assert len(found) == 260
    assert found == rebuilt()


REFRESH = """
import sys
from webapp import extract
from webapp.documents import connect
from webapp.settings import get_settings
settings = get_settings()
connect(settings.mongodb_uri, settings.mongodb_database)
print("ready", flush=True)
extract.refresh(["learningevents"])
"""


def test_killed_at_any_moment_the_next_refresh_equals_a_rebuild(database: Any) -> None:
    chance = random.Random(7)
    number = 0
    for _ in range(10):
        fresh = [event(n) for n in range(number, number + 1_500)]
        number += 1_500
        database[TABLE].insert_many(fresh)
        database[TABLE].update_many(
            {"_id": {"$lt": ObjectId(f"{40:024x}")}},
            {"$set": {"duration": chance.random(), "updatedAt": datetime.now(UTC)}},
        )
        process = subprocess.Popen([sys.executable, "-c", REFRESH], env=dict(os.environ), stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    found = refreshed()
    assert len(found) == number
    assert found == rebuilt()


def test_how_far_it_has_read_is_in_the_same_commit_as_what_it_read(database: Any) -> None:
    database[TABLE].insert_many([event(number) for number in range(3)])
    extract.refresh([TABLE])
    found = delta.open_table(TABLE)
    assert found is not None
    state = delta.state_of(found)
    assert state is not None
    assert state.read_until_instant <= datetime.now(UTC)
    assert extract.snapshot([TABLE]).refreshed_at == state.read_until_instant
