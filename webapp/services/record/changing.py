"""Changes of the record that are no import: an older version published again, derived columns worked out anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from webapp import record
from webapp.documents import AdminArea
from webapp.record import RecordVersion
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.record import mirror, reading

OnWait = Callable[[], None]


def undo(number: int, *, by: Actor, on_wait: OnWait | None = None) -> RecordVersion:
    """Publish version `number` again, as the newest one. Raises VersionGoneError and NotFoundError."""
    require_permission(by, Permission.MANAGE_CONTENT)
    published = record.undo(number, by=reading.name_of(by), on_wait=on_wait)
    took_effect(published)
    audit.record(by, AdminArea.IMPORTS, "record undone", str(number))
    return published


def rebuild(*, by: Actor, verbs: Mapping[tuple[str, str], str], on_wait: OnWait | None = None) -> RecordVersion | None:
    """Work out anew what the record derives, by today's rules. None: nothing is different."""
    require_permission(by, Permission.MANAGE_CONTENT)
    published = record.rederive(by=reading.name_of(by), verbs=verbs, on_wait=on_wait)
    if published is not None:
        took_effect(published)
        audit.record(by, AdminArea.IMPORTS, "record rebuilt", str(published.number))
    return published


def took_effect(published: RecordVersion) -> None:
    """After every publication: what MongoDB mirrors, and what this process remembers."""
    mirror.bring_departments(published)
    reading.forget()
