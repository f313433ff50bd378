"""The record made anew of what was imported: import after import on top of an earlier version, and one version of it.

What is written meanwhile no version names: readers see none of it. Should nothing be published, the next import sets
the tables back, as after an import that was killed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from deltalake import DeltaTable

from webapp import clock
from webapp.messages import Message
from webapp.record import versions
from webapp.record.lake import delta
from webapp.record.lake.duck import Duck, quoted
from webapp.record.merging import writing
from webapp.record.merging.derived import Verbs
from webapp.record.staging import SCRATCH_PREFIX, OnWait, Staging, turn
from webapp.record.summary import Summary
from webapp.record.tables import TABLES, RecordTable
from webapp.record.versions import Made, RecordVersion
from webapp.scratch import scratch

#: When a row was written says nothing about what stands in it.
_NOT_COMPARED = frozenset({"changed_at"})


@dataclass(frozen=True)
class Difference:
    """Rows of one table: only in the rebuilt record, there with other content, only in the record as it is."""

    added: int
    changed: int
    gone: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def imports_of(version: RecordVersion) -> list[RecordVersion]:
    """The imports of which `version` is made, in their order: those that were undone are none of them."""
    made_of: dict[int, list[RecordVersion]] = {0: []}
    for each in sorted(versions.history(), key=lambda each: each.number):
        before = made_of.get(each.number - 1, [])
        if each.made is Made.UNDO:
            made_of[each.number] = made_of.get(each.undone_to or 0, [])
        elif each.made is Made.IMPORT and each.source:
            made_of[each.number] = [*before, each]
        else:
            made_of[each.number] = before
    return made_of[version.number]


@dataclass
class Rebuilding:
    """Filled by `take`, one import after another; then compared, and published or left."""

    base: RecordVersion
    verbs: Verbs
    by: str
    current: RecordVersion = field(default_factory=versions.current)
    count: int = 0

    def __post_init__(self) -> None:
        self._made = self.base

    def take(self, imported: RecordVersion, read: Callable[[Staging], None]) -> None:
        """Import once more what made the version `imported`; `read` gives the rows."""
        self._take(imported.source, imported.import_id, imported.published_at, read)
        self.count += 1

    def differences(self) -> dict[str, Difference]:
        """By table, where the rebuilt record differs from the one that is there."""
        # What depends on the moment, such as who teaches now, is of now in both.
        self._take("", uuid.uuid4().hex, clock.utcnow(), lambda staging: None)
        with scratch(SCRATCH_PREFIX) as folder:
            duck = Duck(folder)
            try:
                found = {name: _difference(duck, table, self.current, self._made) for name, table in TABLES.items()}
            finally:
                duck.close()
        return {name: each for name, each in found.items() if each}

    def publish(self, differences: dict[str, Difference]) -> RecordVersion:
        """The tables that differ as they are rebuilt, as the newest version. Raises RecordBusyError."""
        summary = Summary()
        for name, each in differences.items():
            counts = summary.of(name)
            counts.added, counts.changed, counts.ended = each.added, each.changed, each.gone
        kept = {name: each for name, each in self.current.tables.items() if name not in differences}
        ids = {name: self.current.table_ids[name] for name in kept}
        new = {name: self._made.tables[name] for name in differences if name in self._made.tables}
        return versions.put(
            replace(
                self.current,
                number=self.current.number + 1,
                published_at=clock.utcnow(),
                made=Made.IMPORT,
                what=Message("Rebuilt from the files of %(count)s imports", count=self.count),
                by=self.by,
                import_id=uuid.uuid4().hex,
                source="",
                summary=summary,
                tables={**kept, **new},
                table_ids={**ids, **{name: self._made.table_ids[name] for name in new}},
                changed_tables=tuple(differences),
                undone_to=None,
            )
        )

    def _take(self, source: str, import_id: str, now: datetime, read: Callable[[Staging], None]) -> None:
        with scratch(SCRATCH_PREFIX) as folder:
            staging = Staging(
                self._made, folder, source=source, what="", import_id=import_id, by=self.by, verbs=self.verbs, now=now
            )
            try:
                read(staging)
                self._made = _with(self._made, writing.write(staging.compare()))
            finally:
                staging.close()


@contextmanager
def rebuilding(base: RecordVersion, *, by: str, verbs: Verbs, on_wait: OnWait | None = None) -> Iterator[Rebuilding]:
    """Rebuild on top of `base`, once it is this one's turn at the record. Raises VersionGoneError."""
    with turn(on_wait):
        for table in base.tables:
            base.open(table)  # raises VersionGoneError
        yield Rebuilding(base, verbs, by)


def _with(made: RecordVersion, written: dict[str, DeltaTable]) -> RecordVersion:
    return replace(
        made,
        tables={**made.tables, **{name: found.version() for name, found in written.items()}},
        table_ids={**made.table_ids, **{name: delta.id_of(found) for name, found in written.items()}},
    )


def _difference(duck: Duck, table: RecordTable, there: RecordVersion, made: RecordVersion) -> Difference:
    """Row by row, by a hash of all that stands in a row."""
    name = table.name
    held = [
        duck.see_table(f"{which}_{name}", table, version.open(name))
        for which, version in (("there", there), ("made", made))
    ]
    # What the record works out alone has the id of the import after which it was worked out.
    left_out = _NOT_COMPARED | ({"import_id"} if table.is_derived else set())
    shared = [each for each in table.columns if each not in left_out]
    sides = []
    for which, data in zip(("there", "made"), held, strict=True):
        # A number that no event has is the same as no such column.
        more = [f'"{each}"' if each in data else "NULL::DOUBLE" for each in sorted({*held[0], *held[1]})]
        sides.append(f"SELECT id, hash({', '.join([quoted(shared), *more])}) AS content FROM {which}_{name}")  # noqa: S608
    added, changed, gone = duck.rows(
        "SELECT count(*) FILTER (WHERE t.id IS NULL), "  # noqa: S608
        "count(*) FILTER (WHERE t.content <> m.content), count(*) FILTER (WHERE m.id IS NULL) "
        f"FROM ({sides[0]}) t FULL JOIN ({sides[1]}) m ON m.id = t.id"
    )[0]
    return Difference(int(added), int(changed), int(gone))
