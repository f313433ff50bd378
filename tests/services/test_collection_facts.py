"""What lists are kept up to date by: who writes with a slow clock is seen, and what was read already is not read for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from webapp.services import collection_facts
from webapp.services.collection_facts import CollectionFacts
from webapp.settings import get_settings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Note:
    id: ObjectId
    text: str


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Notes:
    """A collection of notes, and how many of them were read so far."""

    def __init__(self, database: Any) -> None:
        self.collection = database["reportjobs"]
        self.read = 0
        self.facts: CollectionFacts[Note] = CollectionFacts(
            "reportjobs", ("text",), self._build, lambda note: note.text
        )

    def _build(self, document: dict[str, Any]) -> Note:
        self.read += 1
        return Note(document["_id"], document["text"])

    def write(self, *texts: str, at: datetime) -> None:
        self.collection.insert_many([{"_id": ObjectId(), "text": text, "updatedAt": at} for text in texts])

    def seen(self) -> list[str]:
        return [note.text for note in self.facts.everything()]

    def read_by_one_use(self) -> int:
        before = self.read
        self.facts.everything()
        return self.read - before


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings_env: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(collection_facts, "time", clock)
    monkeypatch.setattr(collection_facts.clock, "utcnow", lambda: NOON + timedelta(seconds=clock.now - 1_000))
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    return clock


@pytest.fixture
def notes(database: Any, clock: Clock) -> Notes:
    return Notes(database)


def test_what_is_written_is_seen_at_the_next_use(notes: Notes, clock: Clock) -> None:
    notes.write("b", at=NOON - timedelta(hours=1))
    assert notes.seen() == ["b"]
    clock.now += 1
    notes.write("a", at=NOON + timedelta(seconds=1))
    assert notes.seen() == ["a", "b"]


@pytest.mark.parametrize("quiet", [1, 50, 70, 500])
def test_who_writes_with_a_clock_half_a_minute_behind_is_seen_within_seconds(
    notes: Notes, clock: Clock, quiet: int
) -> None:
    notes.write("a", at=NOON)
    notes.seen()
    clock.now += quiet
    notes.write("late", at=NOON + timedelta(seconds=quiet - 29))
    notes.seen()
    clock.now += 5
    assert notes.seen() == ["a", "late"]


def test_a_write_that_took_a_second_is_seen_at_the_next_use(notes: Notes, clock: Clock) -> None:
    notes.write("a", at=NOON)
    notes.seen()
    clock.now += 0.1
    notes.write("slow", at=NOON - timedelta(seconds=1))
    assert notes.seen() == ["a", "slow"]


def test_of_much_that_changed_at_once_little_is_read_again(notes: Notes, clock: Clock) -> None:
    for second in range(20):
        notes.write(*(f"{second} {number}" for number in range(10)), at=NOON - timedelta(seconds=20 - second))
    assert notes.read_by_one_use() == 200
    clock.now += 1
    assert notes.read_by_one_use() <= 20
    clock.now += 5
    assert notes.read_by_one_use() == 200, "those with slow clocks are looked for"
    clock.now += 1
    assert notes.read_by_one_use() <= 20
    clock.now += 60
    assert notes.read_by_one_use() <= 20, "whoever writes now writes a later time"
