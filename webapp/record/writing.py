"""From what a merge has worked out to the next Delta version of each table that it changes.

Nothing of it is seen by anyone before the record version that names these Delta versions is published.
"""

from __future__ import annotations

from deltalake import DeltaTable

from webapp.record import delta, derived
from webapp.record.comparison import Comparison
from webapp.record.delta import VersionGoneError
from webapp.record.merge import Merge
from webapp.record.tables import TABLES, RecordTable


def write(merge: Merge, comparison: Comparison) -> dict[str, DeltaTable]:
    """The tables that changed, at their new versions. Raises RecordBusyError."""
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
    delta.replace(table.name, known, merge.duck.batches(sql, table.arrow_schema()), [])


def _write_events(merge: Merge) -> None:
    """Months in which something changes are written anew, what else is added is appended."""
    table = TABLES["events"]
    schema = table.arrow_schema(merge.data)
    names = schema.names
    new = {name: f'"{name}"' for name in names} | {"changed_at": merge.now, "import_id": _import(merge)}
    there = {name: f'"{name}"' for name in names} | {
        "changed_at": f"CASE WHEN _is_moved THEN {merge.now} ELSE _changed_at END",
        "import_id": "_import_id",
    }
    given = merge.given.get("events")
    added = given.count - merge.skipped["events"] if given is not None else 0
    order = "ORDER BY month, class_id, timestamp, id"

    def of_new(source: str) -> str:
        return f"SELECT {derived.named(new)} FROM ({source})"  # noqa: S608

    known = _as_published(merge, table.name)
    if "events" not in merge.base.tables:
        rows = merge.duck.batches(f"{of_new(merge.events_new())} {order}", schema)
        delta.replace(table.name, known, rows, ["month"])
        return
    assert known is not None
    months = sorted(merge.moved)
    if months:
        sql = f"SELECT {derived.named(there)} FROM ({merge.events_there(months)})"  # noqa: S608
        if added:
            sql += f" UNION ALL {of_new(merge.events_new(months))}"
        delta.replace_months(table.name, known, merge.duck.batches(f"SELECT * FROM ({sql}) {order}", schema), months)  # noqa: S608
    if added:
        source = merge.events_new(months, is_without=True)
        if months and not merge.duck.one(f"SELECT count(*) FROM ({source})"):  # noqa: S608
            return
        delta.append(table.name, _newest(table.name), merge.duck.batches(f"{of_new(source)} {order}", schema))


def _import(merge: Merge) -> str:
    return derived.literal(merge.facts.import_id)


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
    assert found is not None
    return found


