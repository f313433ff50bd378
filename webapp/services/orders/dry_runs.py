"""What becomes of a dry run: its files are imported, or go."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from bson import ObjectId

from webapp.documents import AdminArea, Order, OrderKind, OrderState, Settled, User
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services import audit, database_clock
from webapp.services.orders import orders, uploads
from webapp.services.permissions import Permission, require_permission
from webapp.storage import FileGoneError


def is_open(order: Order) -> bool:
    """Can it still be applied?"""
    return bool(
        order.dry_run
        and order.is_import
        and order.state == OrderState.DONE
        and order.settled is None
        and uploads.are_kept(order, database_clock.now())
    )


def apply(by: User, order: Order) -> Order:
    """Order the import of the same files; it compares anew. Raises ConflictError for what is no dry run, or is none
    that waits any more."""
    require_permission(by, Permission.MANAGE_CONTENT)
    _require_open(order)
    asked = orders.ask(
        by,
        OrderKind.IMPORT,
        orders.names_of(order),
        files=order.files,
        source=order.source,
        strict=bool(order.strict),
        of=order,
    )
    # Of two who apply it at once, both find the one order.
    if asked.is_new and _settle(order.id, Settled.APPLIED, asked.order.id):
        uploads.delete_changes(order)
    return asked.order


def changes(by: User, order: Order) -> Iterator[bytes]:
    """The list of all it would change, written down in the audit trail. Raises ConflictError when it has gone."""
    require_permission(by, Permission.MANAGE_CONTENT)
    _require_open(order)
    found = uploads.changes_of(order)
    try:
        first = next(found, b"")
    except FileGoneError as error:
        raise _over() from error
    audit.record(by, AdminArea.IMPORTS, "changes downloaded", orders.names_of(order), subject_id=order.id)
    return chain([first], found)


def discard(by: User, order: Order) -> None:
    """Let its files go. Raises ConflictError as `apply` does."""
    require_permission(by, Permission.MANAGE_CONTENT)
    _require_open(order)
    if not _settle(order.id, Settled.DISCARDED):
        raise _over()
    uploads.delete_changes(order)
    uploads.delete_files(order)
    audit.record(by, AdminArea.IMPORTS, "dry run discarded", orders.names_of(order), subject_id=order.id)


def _settle(order_id: ObjectId, how: Settled, applied_as: ObjectId | None = None) -> bool:
    waiting = Order.objects(id=order_id, state=OrderState.DONE.value, settled__exists=False)
    more = {} if applied_as is None else {"set__applied_as": applied_as}
    return waiting.modify(set__settled=how.value, **more) is not None


def _require_open(order: Order) -> None:
    if not is_open(order):
        raise _over()


def _over() -> ConflictError:
    return ConflictError(
        Message("This dry run was applied or discarded already, or its files have gone."),
        hint=Message("Send the files again if they are needed."),
    )
