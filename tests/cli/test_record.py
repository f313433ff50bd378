"""`reportdesk record`: versions, going back, upkeep, and what an older installation has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId

from tests.cli.conftest import Terminal
from tests.factories import make_learner
from tests.services.orders.test_orders import roster
from webapp import record
from webapp.documents.connection import current_database


@pytest.mark.does("record info", "record history", "record undo", "record compact", "record rebuild")
def test_versions_are_told_undone_and_kept_up(terminal: Terminal) -> None:
    assert "nothing has been imported yet" in terminal("record", "info").stdout
    make_learner("Lee")
    make_learner("Lou")
    told = terminal("record", "info")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("version 2 ")
    assert [line.split()[:2] for line in told.stdout.splitlines() if line.startswith("persons")] == [["persons", "2"]]
    assert terminal("record", "history", "--limit", "1").stdout.count("\n") == 1
    assert terminal("record", "history").stdout.count("\n") == 2
    assert terminal("record", "undo", "1").stdout.startswith("version 3 ")
    assert record.select(record.current(), "persons", ["name"])["name"].to_pylist() == ["Lee"]
    assert terminal("record", "compact").exit_code == 0
    assert "Nothing is different" in terminal("record", "rebuild").stdout


@pytest.mark.refuses("record rebuild")
def test_the_record_is_rebuilt_from_the_kept_files_or_it_is_said_that_there_are_none(
    terminal: Terminal, tmp_path: Path
) -> None:
    make_learner("Lee")
    done = terminal("record", "rebuild", "--from-files")
    assert (done.exit_code, "no files are kept" in done.stderr) == (1, True)
    assert terminal("record", "rebuild", "--dry-run").exit_code == 2
    terminal("import", "files", str(roster(tmp_path)))
    done = terminal("record", "rebuild", "--from-files", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "1 imports were read again, upon version 1.",
        "Row for row it is what the record holds.",
    ]
    assert "reading " in done.stderr


@pytest.mark.refuses("record undo", "record history")
def test_a_version_that_there_is_not_is_named(terminal: Terminal) -> None:
    done = terminal("record", "undo", "7")
    assert (done.exit_code, "has no version 7" in done.stderr) == (1, True)
    assert terminal("record", "history", "--limit", "0").exit_code == 2


@pytest.mark.does("record migrate")
def test_an_older_installation_is_carried_over_and_dropped_only_when_told(terminal: Terminal) -> None:
    assert "nothing of an older version" in terminal("record", "migrate").stdout
    current_database().courses.insert_one(
        {"_id": ObjectId(), "name": "History I", "updatedAt": datetime(2025, 1, 1, tzinfo=UTC)}
    )
    done = terminal("record", "migrate")
    assert done.exit_code == 0, done.stderr
    assert "--drop" in done.stdout
    assert "courses" in terminal("record", "migrate", "--drop").stdout
    assert "courses" not in current_database().list_collection_names()


@pytest.mark.refuses("record migrate")
def test_what_is_not_in_the_record_is_not_dropped(terminal: Terminal) -> None:
    current_database().learningevents.insert_one({"_id": ObjectId(), "timestamp": datetime(2025, 1, 1, tzinfo=UTC)})
    done = terminal("record", "migrate", "--drop")
    assert done.exit_code == 1
    assert "nothing was dropped" in done.stderr
    assert current_database().learningevents.count_documents({}) == 1
