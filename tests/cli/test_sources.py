"""`reportdesk source`: an LMS's database that is read in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.cli.conftest import Terminal
from tests.sources.lms_mongodb import made_up
from tests.sources.lms_mongodb.staged import everything_in
from webapp import clock, record


@pytest.fixture
def lms(mongo: str, database_name: str) -> Iterator[Any]:
    """An LMS's database, with documents in it."""
    client: MongoClient[Any] = MongoClient(mongo, tz_aware=True)
    found = client[f"{database_name}_lms"]
    made_up.filled(found)
    yield found
    client.drop_database(found.name)
    client.close()


@pytest.fixture
def is_set(lms: Any, mongo: str, settings_env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server, _, options = mongo.partition("/?")
    settings_env.setenv("REPORTDESK_LMS_URI", f"{server}/{lms.name}?{options}")
    settings_env.setenv("REPORTDESK_LMS_MAPPING", str(made_up.mapping_in(tmp_path)))


@pytest.mark.does("source check", "source sync")
def test_an_lms_is_checked_tried_and_brought_over(terminal: Terminal, lms: Any, is_set: None) -> None:
    before = everything_in(lms)
    checked = terminal("source", "check")
    assert checked.exit_code == 1
    assert checked.stdout.startswith(f"{lms.name}, by the mapping ")
    for each in made_up.LACKING:
        assert each in checked.stdout
    tried = terminal("source", "sync", "--dry-run")
    assert tried.exit_code == 0, tried.stderr
    assert "Nothing was changed: this was a dry run." in tried.stdout
    assert record.current().number == 0
    done = terminal("source", "sync")
    assert done.exit_code == 0, done.stderr
    (rosters,) = [line.split() for line in done.stdout.splitlines() if line.startswith("rosters")]
    assert rosters == ["rosters", "4", "3", "0", "0", "0", "1", "0", "0"]
    assert "        1  its learner is neither" in done.stdout
    assert "Version 1 of the learning record." in done.stdout
    assert "There is nothing new." in terminal("source", "sync").stdout
    lms.belegungen.update_one({"_id": 12}, {"$set": {"stand": "laufend", "geaendert": clock.utcnow()}})
    lms.belegungen.update_one({"_id": 13}, {"$set": {"person": "a.lenz", "geaendert": clock.utcnow()}})
    lms.protokoll.delete_one({"_id": "p3"})
    mended = terminal("source", "check")
    assert mended.exit_code == 0, mended.stdout
    assert before.keys() == everything_in(lms).keys()


@pytest.mark.refuses("source check", "source sync")
@pytest.mark.parametrize("command", ["check", "sync"])
def test_without_an_lms_or_with_one_that_cannot_be_read_it_is_said_what_to_set(
    terminal: Terminal, command: str, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused() -> str:
        done = terminal("source", command)
        assert done.exit_code == 1
        assert done.stdout == ""
        return done.stderr

    assert "REPORTDESK_LMS_URI is not set" in refused()
    settings_env.setenv("REPORTDESK_LMS_URI", "mongodb://127.0.0.1:9")
    assert "REPORTDESK_LMS_URI is such as" in refused()
    settings_env.setenv("REPORTDESK_LMS_URI", "mongodb://127.0.0.1:9/lms?serverSelectionTimeoutMS=100")
    assert "may read that database" in refused()
    settings_env.setenv("REPORTDESK_LMS_MAPPING", "moodle")
    assert "no mapping “moodle”" in refused()
    path = tmp_path / "ours.yaml"
    path.write_text(made_up.MAPPING.replace("values: belegung", "values: buchung"), "utf-8")
    settings_env.setenv("REPORTDESK_LMS_MAPPING", str(path))
    assert "there is no value table “buchung”" in refused()
    assert record.current().number == 0
