"""What a sync gives, kept as plain rows; and what a database holds, whole."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from webapp.sources.lms_mongodb.database import opened
from webapp.sources.lms_mongodb.mapping_file import MappingFile, load, parse
from webapp.sources.lms_mongodb.plan import State
from webapp.sources.lms_mongodb.read import Synced, sync

UTC = ZoneInfo("UTC")


class Staged:
    """A staging that merges nothing: the last row of an id stands."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        self.wholes: set[str] = set()
        self.reads: Counter[str] = Counter()
        self.refusals: list[tuple[str, int, str]] = []
        self.notes: Counter[str] = Counter()
        self.aside: Counter[tuple[str, str]] = Counter()
        self.added: Counter[str] = Counter()
        self.mentioned: set[str] = set()

    def add(self, table: str, rows: list[dict[str, Any]]) -> None:
        self.added[table] += len(rows)
        self.rows.setdefault(table, {}).update({row["id"]: row for row in rows})

    def whole(self, table: str) -> None:
        self.wholes.add(table)

    def mention(self, table: str, key: str, *, id: str | None = None) -> None:
        self.mentioned.add(str(id))

    def read(self, what: str, n: int = 1) -> None:
        self.reads[what] += n

    def refuse(self, file: str, line: int, reason: str, *, value: str = "", what: str = "") -> None:
        self.refusals.append((file, line, reason))

    def note(self, text: str, n: int = 1) -> None:
        self.notes[text] += n

    def set_aside(self, what: str, reason: str, n: int = 1) -> None:
        self.aside[what, reason] += n

    def of(self, table: str) -> list[dict[str, Any]]:
        return list(self.rows.get(table, {}).values())


class Record:
    """A record that keeps what syncs gave it: what a whole table lacks has ended."""

    def __init__(self, uri: str, mapping: str | MappingFile = "cadence") -> None:
        self.uri, self.file = uri, mapping if isinstance(mapping, MappingFile) else load(mapping)
        self.state = State()
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}

    def sync(self) -> tuple[Staged, Synced]:
        staged = Staged()
        with opened(self.uri) as lms:
            synced = sync(lms, self.file, staged, before=self.state, known=self._known, zone=UTC)
        for table in staged.wholes:
            self.rows[table] = {each: row for each, row in self.rows.get(table, {}).items() if each in staged.mentioned}
        for table, rows in staged.rows.items():
            self.rows.setdefault(table, {}).update(rows)
        self.state = State.from_document(synced.state.to_document())
        return staged, synced

    def _known(self, table: str, ids: Any) -> set[str]:
        return set(ids) & set(self.rows.get(table, {}))


def mapping_of(text: str, name: str = "made-up.yaml") -> MappingFile:
    return MappingFile(name, parse(text, name), name)


def everything_in(database: Any) -> dict[str, Any]:
    """Collections, their indexes and their documents."""
    return {
        name: (database[name].index_information(), sorted(map(repr, database[name].find({}))))
        for name in sorted(database.list_collection_names())
    }
