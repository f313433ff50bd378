"""An LMS that is nobody's: other collections, other names and words, and ids that are no ObjectIds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MAPPING = """\
description: Lernhaus
updated: geaendert
values:
  belegung:
    gebucht: not-started
    laufend: in-progress
    bestanden: completed
    abgemeldet: withdrawn
  vorgang:
    geoeffnet: content-viewed
    abgegeben: assessment-submitted
tables:
  departments:
    collection: fachbereiche
    fields: {name: titel, code: kuerzel, parent_id: oberhalb}
  persons:
    collection: leute
    fields:
      name: {text: "{vorname} {nachname}"}
      number: matrikel
      roles: {constant: learner}
  courses:
    collection: faecher
    fields: {name: titel, department_id: fachbereich}
  classes:
    collection: gruppen
    fields: {name: titel, course_id: fach, starts_at: {path: beginn, day: first}}
  rosters:
    collection: belegungen
    fields:
      learner_id: person
      class_id: gruppe
      status: {path: stand, values: belegung}
      score: {path: punkte, scale: 100, out_of: von}
  events:
    collection: protokoll
    fields:
      learner_id: person
      class_id: gruppe
      event_type: {path: vorgang, values: vorgang, keep_in: verb}
      timestamp: um
"""
NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
#: `leute` are known by text, `belegungen` and `gruppen` by number.
DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "fachbereiche": [
        {"_id": "sprachen", "titel": "Sprachen", "kuerzel": "SPR"},
        {"_id": "latein", "titel": "Latein", "kuerzel": "LAT", "oberhalb": "sprachen"},
    ],
    "leute": [
        {"_id": "m.weber", "vorname": "Mia", "nachname": "Weber", "matrikel": 4711},
        {"_id": "t.krug", "vorname": "Tim", "nachname": "Krug", "matrikel": "4712"},
        {"_id": "a.lenz", "vorname": "Ada", "nachname": "Lenz"},
    ],
    "faecher": [{"_id": "lat-1", "titel": "Latein I", "fachbereich": "latein"}],
    "gruppen": [
        {"_id": 1, "titel": "Latein I, Montag", "fach": "lat-1", "beginn": datetime(2026, 4, 1, tzinfo=UTC)},
        {"_id": 2, "titel": "Latein I, Abend", "fach": "lat-1"},
    ],
    "belegungen": [
        {"_id": 10, "person": "m.weber", "gruppe": 1, "stand": "laufend"},
        {"_id": 11, "person": "t.krug", "gruppe": 1, "stand": "bestanden", "punkte": 45, "von": 60},
        {"_id": 12, "person": "a.lenz", "gruppe": 2, "stand": "beurlaubt"},
        {"_id": 13, "person": "n.niemand", "gruppe": 2, "stand": "gebucht"},
    ],
    "protokoll": [
        {"_id": "p1", "person": "m.weber", "gruppe": 1, "vorgang": "geoeffnet", "um": NOW},
        {"_id": "p2", "person": "t.krug", "gruppe": 1, "vorgang": "abgegeben", "um": NOW},
        {"_id": "p3", "person": "t.krug", "gruppe": 9, "vorgang": "gedruckt", "um": NOW},
    ],
    "aushang": [{"_id": "a", "text": "Ferien"}],
}
#: What `source check` must name: a word and where, a reference and where it leads.
LACKING = (
    "“beurlaubt” stands 1 times where the value table “belegung” has no word for it",
    "“gedruckt” stands 1 times where the value table “vorgang” has no word for it",
    "1 rows of rosters have a learner_id that leads to no row of persons",
    "1 rows of events have a class_id that leads to no row of classes",
    "Not read: aushang",
)


def filled(database: Any) -> None:
    """`database` is that LMS."""
    for collection, documents in DOCUMENTS.items():
        database[collection].insert_many([{**each, "geaendert": NOW} for each in documents])


def mapping_in(folder: Path) -> Path:
    path = folder / "lernhaus.yaml"
    path.write_text(MAPPING, "utf-8")
    return path
