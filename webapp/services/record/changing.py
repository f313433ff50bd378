"""Changes of the record that are no import: an older version published again, derived columns worked out anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from webapp import record
from webapp.documents import AdminArea
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.record import RecordBusyError, RecordVersion
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


def take_back(number: int, *, newest: int, by: Actor) -> RecordVersion:
    """Undo version `number` and all that came after it, up to `newest`, which whoever asks has seen. Does not wait.

    Raises ConflictError when the record has moved on since, RecordBusyError while something is imported.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    if record.current().number != newest:
        raise ConflictError(Message("The record has changed since you opened this page, so nothing was undone."))
    return undo(number - 1, by=by, on_wait=_refuse_to_wait)


def _refuse_to_wait() -> None:
    raise RecordBusyError(Message("Something is being imported at the moment, so nothing was undone."))


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
