"""From what a merge has worked out to the next Delta version of each table that it changes.

Nothing of it is seen by anyone before the record version that names these Delta versions is published.
"""

from __future__ import annotations

from deltalake import DeltaTable

from webapp.engine.sql import literal
from webapp.messages import Message
from webapp.record.lake import delta
from webapp.record.lake.delta import RecordBusyError, VersionGoneError
from webapp.record.lake.months import UNLIKE, write_files
from webapp.record.lake.sorting import in_order
from webapp.record.merging import derived
from webapp.record.merging.comparison import Comparison
from webapp.record.merging.merge import Merge
from webapp.record.tables import TABLES, RecordTable


def write(comparison: Comparison) -> dict[str, DeltaTable]:
    """The tables that changed, at their new versions. Raises RecordBusyError."""
    merge = comparison.merge
    written: dict[str, DeltaTable] = {}
    for name, changes in comparison.tables.items():
        if not changes.is_change:
            continue
        if name == "events":
            _write_events(merge)
        else:
            _write_whole(merge, TABLES[name])
        written[name] = _newest(name)
    return written


def _write_whole(merge: Merge, table: RecordTable) -> None:
    """A small table, every row of it."""
    stays = "_state = 'unchanged'"
    # What only the record worked out was still given by the import that gave it.
    same_import = stays if table.is_derived else f"{stays} OR (_state = 'changed' AND NOT _is_read)"
    columns = {name: f'"{name}"' for name in table.columns}
    columns["changed_at"] = f"CASE WHEN {stays} THEN _changed_at ELSE {merge.now} END"
    columns["import_id"] = f"CASE WHEN {same_import} THEN _import_id ELSE {_import(merge)} END"
    sql = f"SELECT {derived.named(columns)} FROM w_{table.name} ORDER BY id"  # noqa: S608
    known = _as_published(merge, table.name)
    delta.replace(table.name, known, merge.duck.batches(sql, table.arrow_schema()))


def _write_events(merge: Merge) -> None:
    """Months in which something changes are written anew, what else is added lies beside what is there."""
    table = TABLES["events"]
    schema = table.arrow_schema(merge.data)
    new = {name: f'"{name}"' for name in schema.names} | {"changed_at": merge.now, "import_id": _import(merge)}
    there = {name: f'"{name}"' for name in schema.names} | {
        "changed_at": f"CASE WHEN _is_moved THEN {merge.now} ELSE _changed_at END",
        "import_id": f"CASE WHEN _is_absent THEN {_import(merge)} ELSE _import_id END",
    }
    months = sorted(merge.moved)
    given = merge.given.get(table.name)
    parts: list[str] = []
    if months:
        parts.append(f"SELECT {derived.named(there)} FROM ({merge.events_there(months)})")  # noqa: S608
    if given is not None and given.count > merge.skipped[table.name]:
        parts.append(f"SELECT {derived.named(new)} FROM ({merge.events_new()})")  # noqa: S608
    order = ("month", "class_id", "timestamp", "id")
    rows = in_order(merge.duck, " UNION ALL ".join(parts), schema, order, unlike=UNLIKE)
    added = write_files(table.name, rows, merge.duck.folder)
    known = _as_published(merge, table.name) or delta.create(table.name, schema)
    gone = delta.paths(known, months if table.name in merge.base.tables else None)
    delta.change_files(table.name, known, schema, added, gone)


def _import(merge: Merge) -> str:
    return literal(merge.facts.import_id)


def _as_published(merge: Merge, table: str) -> DeltaTable | None:
    """The Delta table, holding what the version holds that is built on. One that version does not know is what a
    first import left that was killed: it is written over."""
    if table not in merge.base.tables:
        return delta.open_table(table)
    found = delta.as_published(table, merge.base.tables[table], merge.base.table_ids[table])
    if found is None:
        raise VersionGoneError(merge.base.number)
    return found


def _newest(table: str) -> DeltaTable:
    found = delta.open_table(table)
    if found is None:  # deleted by hand in this moment
        raise RecordBusyError(Message("The record's table %(table)s has just been deleted.", table=table))
    return found
