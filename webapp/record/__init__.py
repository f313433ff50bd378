"""The learning record: a lake of Delta tables with one way in (`importing`) and numbered versions that readers read.

Nobody ever sees half an import: a reader takes a version (`current`, `at`), and that names the files.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from webapp import clock
from webapp.engine.catalogue.tables import DATA_PREFIX, data_key
from webapp.messages import Message
from webapp.record import versions
from webapp.record.lake.delta import RecordBusyError, VersionGoneError
from webapp.record.merging.comparison import Change, Comparison, TableChanges
from webapp.record.merging.derived import Verbs
from webapp.record.reading import looking, looking_at, select
from webapp.record.staging import OnWait, Staging, importing, turn
from webapp.record.summary import Counts, Refusal, Summary
from webapp.record.upkeep import TableFigures, compact, figures, vacuum
from webapp.record.versions import Made, RecordVersion, at, current, gone_numbers, history


def undo(to: int, *, by: str, on_wait: OnWait | None = None) -> RecordVersion:
    """Publish the tables of version `to` as a new version: row for row what they were. Raises VersionGoneError."""
    with turn(on_wait):
        base, older = current(), at(to)
        for table in older.tables:
            older.open(table)  # raises VersionGoneError
        changed = {
            table
            for table in {*base.tables, *older.tables}
            if (base.tables.get(table), base.table_ids.get(table))
            != (older.tables.get(table), older.table_ids.get(table))
        }
        return versions.put(
            replace(
                older,
                number=base.number + 1,
                published_at=clock.utcnow(),
                made=Made.UNDO,
                what=Message("Back to version %(number)s", number=str(to)),
                by=by,
                import_id="",
                source="",
                summary=Summary(),
                changed_tables=tuple(sorted(changed)),
                undone_to=to,
            )
        )


def rederive(*, by: str, verbs: Verbs | None = None, on_wait: OnWait | None = None) -> RecordVersion | None:
    """Work out anew what the record derives, by the rules and the verbs of now. None when nothing changes."""
    told = Message("Worked out anew")
    with importing(source="", what=told, import_id=uuid.uuid4().hex, by=by, verbs=verbs, on_wait=on_wait) as staged:
        return None if staged.compare().is_empty else staged.publish()


def data_fields(version: RecordVersion | None = None) -> list[str]:
    """`data.<name>` for every number that events have in their `data`."""
    found = (version or current()).open("events")
    names = [each.name for each in found.schema().fields] if found is not None else []
    return sorted(f"data.{data_key(name)}" for name in names if name.startswith(DATA_PREFIX))


__all__ = [
    "Change",
    "Comparison",
    "Counts",
    "Made",
    "RecordBusyError",
    "RecordVersion",
    "Refusal",
    "Staging",
    "Summary",
    "TableChanges",
    "TableFigures",
    "VersionGoneError",
    "at",
    "compact",
    "current",
    "data_fields",
    "figures",
    "gone_numbers",
    "history",
    "importing",
    "looking",
    "looking_at",
    "rederive",
    "select",
    "undo",
    "vacuum",
]
