"""The record's way in as plain dicts: what a source gives, checked and compared the slow and obvious way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from webapp.record.ids import id_of
from webapp.sources.files import files_of
from webapp.sources.oneroster.bundle import bundle_of
from webapp.sources.oneroster.rows import read_bundle

Row = dict[str, Any]

REQUIRED = {
    "teachings": (("person_id", "persons"), ("class_id", "classes")),
    "rosters": (("learner_id", "persons"), ("class_id", "classes")),
    "results": (("learner_id", "persons"),),
}


class PlainStaging:
    """`tables` holds, by key, what there is after everything that was read so far."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Row]] = {}
        self.begin()

    def begin(self) -> None:
        """The next import."""
        self.given: dict[str, dict[str, Row]] = {}
        self.counts: Counter[str] = Counter()
        self.refused: list[tuple[str, int, str]] = []
        self.broken: list[tuple[str, int, str]] = []
        self.notes: Counter[str] = Counter()
        self.aside: Counter[tuple[str, str]] = Counter()
        self.whole_tables: set[str] = set()
        self.mentioned: set[tuple[str, str]] = set()

    def read(self, what: str, n: int = 1) -> None:
        self.counts[what] += n

    def add(self, table: str, rows: list[Row]) -> None:
        for row in rows:
            given = self.given.setdefault(table, {})
            assert row["key"] not in given, (table, row["key"])
            given[row["key"]] = row

    def refuse(self, file: str, line: int, reason: str, *, value: str = "", what: str = "") -> None:
        self.refused.append((file, line, reason))

    def note_at(self, file: str, line: int, rule: str, n: int = 1) -> None:
        self.broken.append((file, line, rule if n == 1 else f"{n} {rule}"))

    def note(self, text: str, n: int = 1) -> None:
        self.notes[text] += n

    def set_aside(self, what: str, reason: str, n: int = 1) -> None:
        self.aside[what, reason] += n

    def mention(self, table: str, key: str) -> None:
        self.mentioned.add((table, key))

    def whole(self, table: str) -> None:
        self.whole_tables.add(table)

    def known(self, table: str, columns: list[str], where_source: bool = True) -> dict[str, Row]:
        return {
            key: {"id": id_of("oneroster", table, key), **{name: row.get(name) for name in columns if name != "id"}}
            for key, row in self.tables.get(table, {}).items()
        }

    def publish(self) -> None:
        """Refuse what leads nowhere, merge the rest, end what a whole table lacks."""
        for table, rows in self.given.items():
            for key in [key for key, row in rows.items() if self._leads_nowhere(table, row)]:
                row = rows.pop(key)
                self.refused.append((row["_file"], row["_line"], f"{key} leads nowhere"))
        for table, rows in self.given.items():
            self.tables.setdefault(table, {}).update(rows)
        for table in self.whole_tables:
            for key, row in self.tables.get(table, {}).items():
                if key not in self.given.get(table, {}) and (table, key) not in self.mentioned:
                    row["is_active"] = False

    def _leads_nowhere(self, table: str, row: Row) -> bool:
        for column, target in REQUIRED.get(table, ()):
            there = {*self.given.get(target, {}), *self.tables.get(target, {})}
            if row[column] not in {id_of("oneroster", target, key) for key in there}:
                return True
        return False

    def active(self, table: str) -> dict[str, Row]:
        return {key: row for key, row in self.tables.get(table, {}).items() if row["is_active"]}

    @property
    def told(self) -> str:
        """Everything that is said of the import."""
        lines = [*self.broken, *self.refused, *((text, n) for text, n in self.notes.items()), *self.aside.items()]
        return "\n".join(str(each) for each in lines)


def read(path: Path, staging: PlainStaging | None = None) -> PlainStaging:
    """What a bundle makes of the record, after what `staging` had already."""
    staging = staging or PlainStaging()
    staging.begin()
    name = path.name
    read_bundle(bundle_of(files_of(path, name), name), staging)  # type: ignore[arg-type]
    staging.publish()
    return staging
