"""What administrators order: imports, syncs, the record's upkeep, a sweep. Workers carry it out (`lifecycle`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mongoengine.errors import NotUniqueError
from pymongo.errors import DuplicateKeyError

from webapp.documents import AdminArea, Order, OrderKind, User
from webapp.documents.ids import id_or_nobody
from webapp.errors import ConflictError, ForbiddenError, NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock
from webapp.services.orders import lifecycle
from webapp.services.permissions import Permission, permissions_of, require_permission
from webapp.settings import get_settings

SHOWN = 25

#: Of every other kind: the imports' page.
_STORAGE_KINDS = frozenset({OrderKind.COMPACT, OrderKind.SWEEP})
PERMISSIONS = {AdminArea.IMPORTS: Permission.MANAGE_CONTENT, AdminArea.STORAGE: Permission.ADMINISTER}


class Asked(NamedTuple):
    """The order, and whether it is a new one: the same asked twice, while one waits or runs, is one."""

    order: Order
    is_new: bool


def area_of(kind: OrderKind) -> AdminArea:
    """On whose page it stands."""
    return AdminArea.STORAGE if kind in _STORAGE_KINDS else AdminArea.IMPORTS


def ask(
    by: User,
    kind: OrderKind,
    subject: str,
    *,
    files: Sequence[dict[str, Any]] = (),
    source: str | None = None,
    dry_run: bool = False,
    strict: bool = False,
    of: Order | None = None,
) -> Asked:
    """Put an order in line, and into the audit trail; or find the same one that is there and not finished.

    `of` is the dry run that it applies.
    """
    area = area_of(kind)
    require_permission(by, PERMISSIONS[area])
    now = database_clock.now()
    order = Order(
        kind=kind.value,
        area=area.value,
        asked_by=by.id,
        asked_at=now,
        files=list(files),
        source=source,
        dry_run=dry_run or None,
        strict=strict or None,
        of=of.id if of is not None else None,
        expires_at=now + timedelta(days=get_settings().audit_retention_days),
    )
    order.same_as = _same_as(order)
    # Twice: between the two steps the other one may end.
    for _ in range(2):
        try:
            order.save(force_insert=True)
        except NotUniqueError:
            found = Order.objects(same_as=order.same_as).first()
            if found is not None:
                return Asked(found, is_new=False)
        else:
            audit.record(by, area, _act(order), subject, subject_id=order.id)
            return Asked(order, is_new=True)
    raise ConflictError(Message("The same order has just ended. Ask again."))


def _same_as(order: Order) -> str | None:
    """Equal for orders of which one is enough. What is uploaded, and rules, are each time something else; a dry run is
    applied once."""
    if order.of is not None:
        return f"apply {order.of}"
    if order.is_import or order.kind == OrderKind.REDERIVE:
        return None
    return f"{order.kind} {order.source}" if order.source else str(order.kind)


def _act(order: Order) -> str:
    """The word of the audit trail."""
    return f"ordered {order.kind}, dry run" if order.dry_run else f"ordered {order.kind}"


def again(by: User, order: Order) -> None:
    """Carry out a failed order once more, now as this person's. Raises ConflictError for one that has not failed."""
    require_permission(by, PERMISSIONS[AdminArea(order.area)])
    try:
        is_back = lifecycle.again(order.id, by=by.id, same_as=_same_as(order))
    except DuplicateKeyError as error:
        raise ConflictError(Message("The same has been ordered since, and is not done yet.")) from error
    if not is_back:
        raise ConflictError(Message("Only an order that has failed can be carried out again."))
    audit.record(by, AdminArea(order.area), _act(order), names_of(order), subject_id=order.id)


def find(order_id: str, area: AdminArea) -> Order:
    """Raises NotFoundError."""
    found = Order.objects(id=id_or_nobody(order_id), area=area.value).first()
    if found is None:
        raise NotFoundError(Message("There is no order %(id)s.", id=order_id[:24]))
    return found


def latest(area: AdminArea, *, bound: int = SHOWN) -> list[Order]:
    """The last orders of a page, the newest first."""
    return list(Order.objects(area=area.value).order_by("-asked_at").limit(bound))


def last_synced(source: str) -> datetime | None:
    """When a sync of `source` that was ordered last came to its end."""
    found = Order.objects(area=AdminArea.IMPORTS.value, kind=OrderKind.SYNC.value, source=source, state="done")
    last = found.order_by("-asked_at").only("ended_at").first()
    return last.ended_at if last is not None else None


def is_unfinished(kind: OrderKind) -> bool:
    """Does one of the last of this kind wait or run?"""
    return any(each.kind == kind and not each.is_finished for each in latest(area_of(kind)))


def names_of(order: Order) -> str:
    """What an order is about, in a few words of its own: file names, or its kind."""
    return ", ".join(str(each.get("name", "")) for each in order.files) or str(order.kind)


def asker(order: Order) -> User:
    """Who ordered it, if they still may. Raises ForbiddenError otherwise: what was ordered by somebody who has left, or
    lost the right, is not begun."""
    person = User.objects(id=order.asked_by, is_active=True).first()
    if person is None:
        raise ForbiddenError(
            Message("The person who ordered this has left."), hint=Message("Order it again yourself if it is needed.")
        )
    if PERMISSIONS[AdminArea(order.area)] not in permissions_of(person):
        raise ForbiddenError(
            Message("The person who ordered this may not do so any more."),
            hint=Message("Order it again yourself if it is needed."),
        )
    return person
