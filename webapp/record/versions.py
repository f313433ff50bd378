"""Record versions: which Delta version of every table belongs together, in numbered files that are never changed.

`versions/<12 digits>.json` is put there last, whole, and only where there is none: whoever reads, reads one version;
of two that publish the same number, one is told that it came too late.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from deltalake import DeltaTable

from webapp import clock
from webapp.errors import NotFoundError
from webapp.messages import Message, from_document, to_document
from webapp.record.lake import delta
from webapp.record.lake.delta import RecordBusyError, VersionGoneError
from webapp.record.summary import Summary
from webapp.settings import get_settings
from webapp.storage import FileGoneError, Storage, open_storage

FOLDER = "versions/"
NEVER = datetime.fromtimestamp(0, UTC)
#: An empty file of the same number: the files of that version may have been deleted.
GONE_FOLDER = "gone/"
_NAME = re.compile(r"(\d{12})\.json")


class Made(StrEnum):
    """How a version came about. `UPKEEP` changes no row."""

    IMPORT = "import"
    UNDO = "undo"
    UPKEEP = "upkeep"


#: When what has no import yet was published.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RecordVersion:
    """The record at one moment. Number 0 is the record before anything was imported: it has no tables."""

    number: int = 0
    published_at: datetime = NEVER
    made: Made = Made.IMPORT
    what: str = ""
    by: str = ""
    import_id: str = ""
    source: str = ""
    summary: Summary = field(default_factory=Summary)
    tables: Mapping[str, int] = field(default_factory=dict)
    #: What tells a table from one that was made in its place after the record was deleted.
    table_ids: Mapping[str, str] = field(default_factory=dict)
    #: The tables that differ from those of the version before.
    changed_tables: tuple[str, ...] = ()
    #: What each source wants to remember of its last import, such as how far it has read. It goes back with the rows.
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Of an undo: the version whose rows these are.
    undone_to: int | None = None

    @property
    def counts(self) -> Mapping[str, Any]:
        return self.summary.counts

    def state(self, source: str) -> Mapping[str, Any]:
        """What `source` wanted to remember of its last import that is in this version; empty when there is none."""
        return self.states.get(source, {})

    def open(self, table: str) -> DeltaTable | None:
        """The Delta table as it is in this version; None for one without rows. Raises VersionGoneError."""
        if table not in self.tables:
            return None
        found = delta.open_at(table, self.tables[table], self.table_ids[table])
        if found is None:
            raise VersionGoneError(self.number)
        return found

    def files(self, tables: Iterable[str]) -> dict[str, list[str]]:
        """The Parquet files of each of `tables`. Raises VersionGoneError."""
        opened = {table: self.open(table) for table in tables}
        return {table: [] if found is None else list(found.file_uris()) for table, found in opened.items()}

    def to_json(self) -> bytes:
        document = {
            "number": self.number,
            "publishedAt": self.published_at.isoformat(),
            "made": self.made.value,
            "what": to_document(self.what),
            "by": self.by,
            "importId": self.import_id,
            "source": self.source,
            "summary": self.summary.to_document(),
            "tables": {name: {"version": version, "id": self.table_ids[name]} for name, version in self.tables.items()},
            "changedTables": list(self.changed_tables),
            "states": {source: dict(state) for source, state in self.states.items()},
            "undoneTo": self.undone_to,
        }
        return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")

    @classmethod
    def from_json(cls, content: bytes) -> RecordVersion:
        stored = json.loads(content)
        return cls(
            number=stored["number"],
            published_at=datetime.fromisoformat(stored["publishedAt"]),
            made=Made(stored["made"]),
            what=from_document(stored["what"]),
            by=stored["by"],
            import_id=stored["importId"],
            source=stored["source"],
            summary=Summary.from_document(stored["summary"]),
            tables={name: each["version"] for name, each in stored["tables"].items()},
            table_ids={name: each["id"] for name, each in stored["tables"].items()},
            changed_tables=tuple(stored["changedTables"]),
            states=stored.get("states") or {},
            undone_to=stored["undoneTo"],
        )


def _storage() -> Storage:
    return open_storage(get_settings().effective_record_url)


def _key(number: int, folder: str = FOLDER) -> str:
    return f"{folder}{number:012}.json"


def _numbers(folder: str = FOLDER) -> list[int]:
    found = (_NAME.fullmatch(key.rpartition("/")[2]) for key, _, _ in _storage().list(folder))
    return sorted(int(match[1]) for match in found if match)


def current() -> RecordVersion:
    """The newest version."""
    numbers = _numbers()
    return _read(numbers[-1]) if numbers else RecordVersion()


def at(number: int) -> RecordVersion:
    """The version of this number. Raises VersionGoneError when its files may be gone, NotFoundError when there never
    was one."""
    if number == 0:
        return RecordVersion()
    found = _read(number)
    if number in _numbers(GONE_FOLDER):
        raise VersionGoneError(number)
    return found


def history() -> Iterator[RecordVersion]:
    """Every version there was, the newest first; also those whose files are gone (`gone_numbers`)."""
    return (_read(number) for number in reversed(_numbers()))


def gone_numbers() -> frozenset[int]:
    """The versions that can be read no more."""
    return frozenset(_numbers(GONE_FOLDER))


def let_go(number: int) -> None:
    """From here on nobody may begin to read this version."""
    _storage().create(_key(number, GONE_FOLDER), b"")


def _read(number: int) -> RecordVersion:
    try:
        return RecordVersion.from_json(b"".join(_storage().read(_key(number))))
    except FileGoneError as error:
        raise NotFoundError(Message("The learning record has no version %(number)s.", number=str(number))) from error


def publish(base: RecordVersion, tables: Mapping[str, DeltaTable], **facts: Any) -> RecordVersion:
    """The version after `base`: its tables, but for `tables`. Raises RecordBusyError when there is one already."""
    version = replace(
        RecordVersion(),
        number=base.number + 1,
        published_at=clock.utcnow(),
        tables={**base.tables, **{name: found.version() for name, found in tables.items()}},
        table_ids={**base.table_ids, **{name: delta.id_of(found) for name, found in tables.items()}},
        changed_tables=tuple(tables),
        **{"states": base.states, **facts},
    )
    return put(version)


def put(version: RecordVersion) -> RecordVersion:
    if not _storage().create(_key(version.number), version.to_json()):
        raise RecordBusyError(
            Message("Another import published version %(number)s of the record first.", number=str(version.number))
        )
    return version


__all__ = [
    "Made",
    "RecordBusyError",
    "RecordVersion",
    "VersionGoneError",
    "at",
    "current",
    "gone_numbers",
    "history",
    "let_go",
    "publish",
    "put",
]
