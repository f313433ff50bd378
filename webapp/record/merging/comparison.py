"""What an import would change: counts for each table and kind, and the rows themselves, asked for as they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from webapp.record.merging import derived
from webapp.record.merging.merge import Merge
from webapp.record.summary import Summary
from webapp.record.tables import TABLES, RecordTable


class Change(StrEnum):
    """What becomes of a row. `DERIVED`: nothing was given for it, and what is worked out about it differs."""

    ADDED = "added"
    CHANGED = "changed"
    ENDED = "ended"
    DERIVED = "derived"
    REFUSED = "refused"


@dataclass(frozen=True)
class TableChanges:
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    ended: int = 0
    absent: int = 0  # of those ended: no longer named by the source
    derived: int = 0
    #: Of a derived table: rows that are there no more.
    gone: int = 0

    @property
    def is_change(self) -> bool:
        return bool(self.added or self.changed or self.ended or self.derived or self.gone)


class Comparison:
    """Good for as long as its import is open. `summary` counts what was given, `tables` what would be written."""

    def __init__(self, merge: Merge, summary: Summary) -> None:
        self.merge, self.summary = merge, summary
        self.tables: dict[str, TableChanges] = {name: self._counted(TABLES[name]) for name in merge.worked}
        if events := self._counted_events():
            self.tables["events"] = events
        for name, changes in self.tables.items():
            counts = summary.of(name)
            counts.added += changes.added
            counts.changed += changes.changed
            counts.unchanged += changes.unchanged
            counts.ended += changes.ended
            counts.absent += changes.absent

    @property
    def base(self) -> int:
        """The number of the record version that was compared with."""
        return self.merge.base.number

    @property
    def is_empty(self) -> bool:
        """Nothing would be written."""
        return not any(changes.is_change for changes in self.tables.values())

    def changes(self, table: str, kind: Change | str, limit: int | None = None) -> pa.Table:
        """The first `limit` rows, or all. Changed ones have `_changed`, the names of the columns that differ, and
        `_was`, what stood there, as texts, in the same order."""
        sql = self._sql(TABLES[table], Change(kind))
        return self.merge.duck.table(f"SELECT * FROM ({sql}){f' LIMIT {int(limit)}' if limit is not None else ''}")  # noqa: S608

    def batches(self, table: str, kind: Change | str) -> Iterator[pa.RecordBatch]:
        """All of them, some at a time. Nothing else may be asked until the last was taken."""
        yield from self.merge.duck.batches(self._sql(TABLES[table], Change(kind)))

    def names(self, table: str, ids: Sequence[str]) -> dict[str, str]:
        """What the rows of these ids are called, given by this import or there before."""
        views = [f"w_{table}"] * (table in self.merge.worked) + [f"c_{table}"]
        found: dict[str, str] = {}
        for view in reversed(views):
            sql = f"SELECT id, name FROM {view} WHERE name IS NOT NULL AND list_contains(?, id)"  # noqa: S608
            found |= dict(self.merge.duck.rows(sql, [list(ids)]))
        return found

    def ended_persons(self, ids: Sequence[str]) -> dict[str, str]:
        """Of these persons those whom their source has ended (not those who are taken for somebody else), by name."""
        if "persons" not in self.merge.worked:
            return {}
        sql = (
            "SELECT id, coalesce(name, key, id) FROM w_persons "
            "WHERE _state = 'ended' AND NOT given_is_active AND list_contains(?, id) ORDER BY 2"
        )
        return dict(self.merge.duck.rows(sql, [list(ids)]))

    def ended_enrollments(self) -> int:
        """How many stood and would no more. One that stands under another id (a roster names now whom statements alone
        named before) has not ended."""
        if "enrollments" not in self.tables:
            return 0
        gone = self.merge.duck.one(
            "SELECT count(*) FROM c_enrollments c ANTI JOIN w_enrollments w ON w.id = c.id "
            "ANTI JOIN w_enrollments o ON o.class_id = c.class_id AND o.learner_id = c.learner_id AND o.is_active "
            "WHERE c.is_active"
        )
        return self.tables["enrollments"].ended + int(gone)

    def _counted(self, table: RecordTable) -> TableChanges:
        name = table.name
        is_whole = self.merge.is_whole(name)
        counted = {
            (state, bool(own)): int(count)
            for state, own, count in self.merge.duck.rows(
                f"SELECT _state, {_is_own(table)}, count(*) FROM w_{name} w GROUP BY ALL"  # noqa: S608
            )
        }

        def of(state: str, own: bool) -> int:
            return counted.get((state, own), 0)

        absent = of("ended", False) if is_whole else 0
        gone = 0
        if table.is_derived:
            gone = self.merge.duck.one(
                f"SELECT count(*) FROM c_{name} c ANTI JOIN w_{name} w ON w.id = c.id"  # noqa: S608
            )
        return TableChanges(
            added=of("added", True) + of("added", False) * table.is_derived,
            changed=of("changed", True),
            unchanged=of("unchanged", True) * (not table.is_derived),
            ended=of("ended", True) + absent,
            absent=absent,
            derived=of("added", False) + of("changed", False) + of("ended", False) - absent,
            gone=gone,
        )

    def _counted_events(self) -> TableChanges | None:
        given = self.merge.given.get("events")
        added = given.count - self.merge.skipped["events"] if given is not None else 0
        moved, absent = sum(self.merge.moved.values()), self.merge.absent_events
        changes = TableChanges(added=added, ended=absent, absent=absent, derived=moved - absent)
        return changes if given is not None or moved else None

    def _sql(self, table: RecordTable, kind: Change) -> str:
        if kind is Change.REFUSED:
            return f'SELECT file, line, "column", value FROM refused WHERE "table" = \'{table.name}\''  # noqa: S608
        if table.name == "events":
            return self._events_sql(kind)
        if table.name not in self.tables:
            return f"SELECT * FROM c_{table.name} WHERE false"  # noqa: S608
        columns = ["id", *table.content]
        # What ends is told as it stands in the record.
        of = "c" if kind is Change.ENDED else "w"
        listed = ", ".join(f'{of}."{name}"' for name in columns)
        is_whole = self.merge.is_whole(table.name)
        is_own = _is_own(table)
        if kind is Change.DERIVED:
            where = f"NOT {is_own} AND w._state <> 'unchanged' AND NOT ({is_whole} AND w._state = 'ended')"
        else:
            where = f"w._state = '{kind.value}' AND ({is_own} OR {is_whole and kind is Change.ENDED})"
        if kind in (Change.CHANGED, Change.DERIVED):
            listed += f", {_what_changed(table)}"
        return (
            f"SELECT {listed} FROM w_{table.name} w LEFT JOIN c_{table.name} c ON c.id = w.id "  # noqa: S608
            f"WHERE {where} ORDER BY w.source, w.key, w.id"
        )

    def _events_sql(self, kind: Change) -> str:
        if kind is Change.ADDED and self.merge.is_given(TABLES["events"]):
            return self.merge.events_new()
        if kind in (Change.DERIVED, Change.ENDED) and self.merge.moved:
            where = "_is_absent" if kind is Change.ENDED else "_is_moved AND NOT _is_absent"
            return f"SELECT * FROM ({self.merge.events_there(sorted(self.merge.moved))}) WHERE {where}"  # noqa: S608
        return "SELECT * FROM c_events WHERE false"


def _is_own(table: RecordTable) -> str:
    """SQL: is a row told as added, changed or ended? One that was read; of a table that is worked out, each."""
    return "true" if table.is_derived else "w._is_read"


def _what_changed(table: RecordTable) -> str:
    pairs = ", ".join(
        f"CASE WHEN {derived.differs([name], 'w', 'c')} THEN {{'name': '{name}', 'was': c.\"{name}\"::VARCHAR}} END"
        for name in table.content
    )
    found = f"list_filter([{pairs}], lambda each: each IS NOT NULL)"
    return (
        f"list_transform({found}, lambda each: each.name) AS _changed, "
        f"list_transform({found}, lambda each: each.was) AS _was"
    )
