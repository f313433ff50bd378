"""A staging that only gathers: what a source gives it, row by row, for tests of sources without a record."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from webapp.engine.catalogue.tables import data_key
from webapp.services.lookups.activity_events import ACTIVITY_EVENTS
from webapp.sources.files import files_of
from webapp.sources.xapi.source import XapiSource

HOME_PAGE = "https://learn.hill.example"
ADL = "http://adlnet.gov/expapi/verbs/"
Row = dict[str, Any]


def shipped_verbs() -> dict[tuple[str, str], str]:
    """The rules that the lookups are seeded with."""
    return {
        (str(rule["verb"]), kind): each.key
        for each in ACTIVITY_EVENTS
        for rule in each.verbs
        for kind in rule.get("activityTypes") or [""]  # type: ignore[attr-defined]
    }


class Gathered:
    """What the contract of Staging says, kept in lists."""

    def __init__(self, **known: dict[str, Row]) -> None:
        self.verbs = shipped_verbs()
        self._known = known
        self.rows: dict[str, list[Row]] = {}
        self.counts: Counter[str] = Counter()
        self.refused: list[tuple[str, int, str]] = []
        self.broken: list[tuple[str, int, str]] = []
        self.notes: Counter[str] = Counter()
        self.aside: Counter[str] = Counter()

    def known(self, table: str, columns: list[str], where_source: bool = True) -> dict[str, Row]:
        return {
            key: {name: row.get(name) for name in [*columns, "id"]} for key, row in self._known.get(table, {}).items()
        }

    def add(self, table: str, rows: list[Row] | pa.Table) -> None:
        given = rows.to_pylist() if isinstance(rows, pa.Table) else rows
        for row in given:
            kept = {name: value for name, value in row.items() if not name.startswith("data_")}
            if data := {data_key(n): v for n, v in row.items() if n.startswith("data_") and v is not None}:
                kept["data"] = data
            self.rows.setdefault(table, []).append(kept)

    def read(self, what: str, n: int = 1) -> None:
        self.counts[what] += n

    def refuse(self, file: str, line: int, reason: str, *, value: str = "", what: str = "") -> None:
        self.refused.append((file, line, reason))

    def note(self, text: str, n: int = 1) -> None:
        self.notes[text] += n

    def note_at(self, file: str, line: int, rule: str) -> None:
        self.broken.append((file, line, rule))

    def set_aside(self, what: str, reason: str, n: int = 1) -> None:
        self.aside[reason] += n

    def of(self, table: str) -> list[Row]:
        return self.rows.get(table, [])

    @property
    def events(self) -> list[Row]:
        return self.of("events")


CLASSES: dict[str, Row] = {
    "g7": {"id": "c" * 24, "code": "GEO-7", "course_id": "d" * 24, "department_id": "e" * 24},
    "h2": {"id": "f" * 24, "code": "HIS-2", "course_id": None, "department_id": None},
}


def statement(number: int = 1, verb: str = "experienced", about: str = "page/rivers", **more: Any) -> dict[str, Any]:
    """A usual statement of one learner; `more` replaces or adds parts."""
    given = {
        "id": f"7d4c0f1e-9a55-4c1b-8a55-{number:012}",
        "actor": {"account": {"homePage": HOME_PAGE, "name": "noor"}},
        "verb": {"id": verb if ":" in verb else ADL + verb},
        "object": {"id": f"{HOME_PAGE}/{about}"},
        "timestamp": f"2026-02-03T08:{number % 60:02}:00Z",
        **more,
    }
    return {name: value for name, value in given.items() if value is not ...}


def read(folder: Path, *found: Any, **known: dict[str, Row]) -> Gathered:
    """What the source makes of these statements, one a line."""
    path = folder / "statements.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in found), encoding="utf-8")
    staging = Gathered(**{"classes": CLASSES, **known})
    XapiSource().read(files_of(path), staging)  # type: ignore[arg-type]
    return staging
