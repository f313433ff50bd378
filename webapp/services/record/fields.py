"""The numbers that events have in their `data`."""

from __future__ import annotations

from webapp.engine.catalogue.tables import DATA_PREFIX, data_key
from webapp.record import RecordVersion
from webapp.services.record.kept import KeptOfRecord


def data_fields() -> list[str]:
    """`data.<name>` for every number that any event has."""
    return list(_fields.get())


def _read(version: RecordVersion) -> list[str]:
    events = version.open("events")
    names = [field.name for field in events.schema().fields] if events is not None else []
    return sorted(f"data.{data_key(name)}" for name in names if name.startswith(DATA_PREFIX))


_fields: KeptOfRecord[list[str]] = KeptOfRecord(("events",), _read)
