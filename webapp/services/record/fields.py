"""The numbers that events have in their `data`."""

from __future__ import annotations

from webapp import record
from webapp.services.record.kept import KeptOfRecord


def data_fields() -> list[str]:
    """`data.<name>` for every number that any event has."""
    return list(_fields.get())


_fields: KeptOfRecord[list[str]] = KeptOfRecord(("events",), record.data_fields)
