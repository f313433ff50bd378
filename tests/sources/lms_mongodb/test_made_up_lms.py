"""An LMS with other names, words and ids, by a mapping file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sources.lms_mongodb import made_up
from tests.sources.lms_mongodb.staged import everything_in
from webapp import clock, record
from webapp.record.ids import id_of
from webapp.services import sources
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings


@pytest.fixture(autouse=True)
def lernhaus(database: Any, lms_database: Any, lms_uri: str, settings_env: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    made_up.filled(lms_database)
    settings_env.setenv("REPORTDESK_LMS_URI", lms_uri)
    settings_env.setenv("REPORTDESK_LMS_MAPPING", str(made_up.mapping_in(tmp_path)))
    get_settings.cache_clear()
    return lms_database


def synced(dry_run: bool = False) -> record.Summary:
    with sources.syncing(TERMINAL, dry_run=dry_run) as outcome:
        return outcome.comparison.summary


def rows(table: str, *columns: str) -> list[Any]:
    return record.select(record.current(), table, list(columns), "is_active ORDER BY key").to_pylist()


def test_a_check_names_the_word_that_is_lacking_and_the_reference_that_leads_nowhere(lernhaus: Any) -> None:
    before = everything_in(lernhaus)
    found = sources.check(TERMINAL)
    told = "\n".join(found.words())
    assert not found.fits
    for each in made_up.LACKING:
        assert each in told
    assert {(each.table, each.column, tuple(each.first_ids)) for each in found.nowhere} == {
        ("rosters", "learner_id", (id_of("lms", "persons", "n.niemand"),)),
        ("events", "class_id", (id_of("lms", "classes", "9"),)),
    }
    assert everything_in(lernhaus) == before
    assert record.current().number == 0


def test_a_dry_run_changes_nothing_and_a_sync_takes_the_rest(lernhaus: Any) -> None:
    before = everything_in(lernhaus)
    dry = synced(dry_run=True)
    assert record.current().number == 0
    summary = synced()
    assert (record.current().number, dry.counts, dry.refused) == (1, summary.counts, summary.refused)
    assert summary.unbalanced == []
    counts = summary.counts["rosters"]
    assert (counts.read, counts.added, counts.refused) == (4, 3, 1)
    (refusal,) = summary.refusals
    assert (refusal.what, refusal.value) == ("rosters", "n.niemand")
    assert {str(note): count for note, count in summary.notes.items()} == {
        "× “beurlaubt”, which the mapping's value table “belegung” lacks": 1,
        "× “gedruckt”, which the mapping's value table “vorgang” lacks": 1,
    }
    latin, languages = (id_of("lms", "departments", each) for each in ("latein", "sprachen"))
    assert rows("departments", "id", "name", "parent_id") == [
        {"id": latin, "name": "Latein", "parent_id": languages},
        {"id": languages, "name": "Sprachen", "parent_id": None},
    ]
    assert [(row["key"], row["name"], row["number"]) for row in rows("persons", "key", "name", "number")] == [
        ("a.lenz", "Ada Lenz", None), ("m.weber", "Mia Weber", "4711"), ("t.krug", "Tim Krug", "4712"),
    ]  # fmt: skip
    enrolled = rows("enrollments", "key", "status", "score", "department_id")
    assert [(row["key"], row["status"], row["score"]) for row in enrolled] == [
        ("10", "in-progress", None), ("11", "completed", 75), ("12", "not-started", None),
    ]  # fmt: skip
    assert {row["department_id"] for row in enrolled} == {latin}
    assert [(row["event_type"], row["verb"]) for row in rows("events", "key", "event_type", "verb")] == [
        ("content-viewed", None), ("assessment-submitted", None), (None, "gedruckt"),
    ]  # fmt: skip
    assert everything_in(lernhaus) == before


def test_what_is_deleted_there_ends_here_whatever_its_ids_are(lernhaus: Any) -> None:
    synced()
    lernhaus.belegungen.delete_one({"_id": 10})
    lernhaus.protokoll.delete_one({"_id": "p1"})
    lernhaus.belegungen.update_one({"_id": 11}, {"$set": {"stand": "abgemeldet", "geaendert": clock.utcnow()}})
    dry = synced(dry_run=True)
    assert (dry.counts["rosters"].ended, dry.counts["events"].ended) == (1, 1)
    assert len(rows("events", "id")) == 3
    summary = synced()
    assert (summary.counts["rosters"].changed, summary.unbalanced) == (1, [])
    assert [row["key"] for row in rows("events", "key")] == ["p2", "p3"]
    assert [(row["key"], row["status"]) for row in rows("enrollments", "key", "status")] == [
        ("11", "withdrawn"), ("12", "not-started"),
    ]  # fmt: skip
    lernhaus.protokoll.insert_one({**made_up.DOCUMENTS["protokoll"][0], "geaendert": clock.utcnow()})
    synced()
    assert [row["key"] for row in rows("events", "key")] == ["p1", "p2", "p3"]
