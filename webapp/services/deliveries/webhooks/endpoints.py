"""Where other programs are told of reports: kept by administrators, each with a secret that can be rotated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import AdminArea, Channel, Delivery, User, WebhookEndpoint
from webapp.documents.ids import id_or_nobody
from webapp.documents.webhook_endpoint import NAME_LENGTH, URL_LENGTH
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message, to_document
from webapp.services import audit, database_clock
from webapp.services.deliveries.webhooks import addresses, signing
from webapp.services.permissions import Permission, require_permission
from webapp.sources.http_addresses import shown

TEST = "test-"


class EndpointNotFoundError(NotFoundError):
    """No such endpoint."""

    def __init__(self) -> None:
        super().__init__(Message("There is no such webhook."))


@dataclass(frozen=True)
class Named:
    """What whoever chooses one may know of it."""

    id: ObjectId
    name: str


def every(actor: User) -> list[WebhookEndpoint]:
    """All of them, by name. Raises ForbiddenError."""
    require_permission(actor, Permission.ADMINISTER)
    return list(WebhookEndpoint.objects.order_by("name"))


def choices() -> list[Named]:
    """Those that reports may be told to."""
    found = WebhookEndpoint.objects(is_active=True).order_by("name").scalar("id", "name")
    return [Named(endpoint_id, name) for endpoint_id, name in found]


def find(actor: User, endpoint_id: str) -> WebhookEndpoint:
    """Raises ForbiddenError, EndpointNotFoundError."""
    require_permission(actor, Permission.ADMINISTER)
    found = WebhookEndpoint.objects(id=id_or_nobody(endpoint_id)).first()
    if found is None:
        raise EndpointNotFoundError
    return found


def host_of(endpoint_id: str) -> str:
    """The host of this endpoint, by whose pace its webhooks go; a name of its own for one that is none."""
    found = WebhookEndpoint.objects(id=id_or_nobody(endpoint_id)).only("url").first()
    try:
        return f"web {addresses.target_of(found.url).host}" if found is not None else f"web {endpoint_id}"
    except addresses.RefusedAddressError:
        return f"web {endpoint_id}"


def add(actor: User, *, name: str, url: str) -> WebhookEndpoint:
    """A new one, with its secret. Raises ForbiddenError, InvalidRequestError."""
    require_permission(actor, Permission.ADMINISTER)
    name, url = _checked(name, url)
    made = WebhookEndpoint(name=name, url=url, created_by=actor.id).save()
    _write_down(actor, "webhook added", made, {"url": ("", shown(url))})
    return made


def change(actor: User, endpoint_id: str, *, name: str, url: str, is_active: bool) -> WebhookEndpoint:
    """Another name or address, or ended, or begun again. Raises as `add`, and EndpointNotFoundError."""
    before = find(actor, endpoint_id)
    name, url = _checked(name, url)
    changes: dict[str, tuple[object, object]] = {
        field: (old, new)
        for field, old, new in (
            ("name", before.name, name),
            ("url", shown(before.url), shown(url)),
            ("active", before.is_active, is_active),
        )
        if old != new
    }
    sets = {"set__name": name, "set__url": url, "set__is_active": is_active, "set__updated_at": database_clock.now()}
    if is_active:
        sets["unset__ended_why"] = 1
    WebhookEndpoint.objects(id=before.id).update_one(**sets)
    if changes or before.url != url:
        _write_down(actor, "webhook changed", before, changes)
    return before.reload()


def rotate(actor: User, endpoint_id: str) -> WebhookEndpoint:
    """A new secret; the one before signs too for `signing.OVERLAP`. Raises ForbiddenError, EndpointNotFoundError."""
    found = find(actor, endpoint_id)
    until = database_clock.now() + signing.OVERLAP
    # Two clicks at once are one rotation: the second finds another generation.
    changed = WebhookEndpoint.objects(id=found.id, generation=found.generation).update_one(
        inc__generation=1, set__former_until=until
    )
    if changed:
        _write_down(actor, "webhook secret rotated", found, {})
    return found.reload()


def delete(actor: User, endpoint_id: str) -> WebhookEndpoint:
    """Raises ForbiddenError, EndpointNotFoundError."""
    found = find(actor, endpoint_id)
    WebhookEndpoint.objects(id=found.id).delete()
    _write_down(actor, "webhook deleted", found, {})
    return found


def test(actor: User, endpoint_id: str) -> ObjectId:
    """Have a worker send a test there; returns the id of its delivery. Raises as `rotate`."""
    found = find(actor, endpoint_id)
    now, delivery_id = database_clock.now(), ObjectId()
    Delivery(
        id=delivery_id, job_id=None, occasion=f"{TEST}{delivery_id}", channel=Channel.WEBHOOK.value,
        recipient=str(found.id), sender_id=actor.id, host=host_of(str(found.id)),
        made_at=now, queued_at=now, not_before=now,
    ).save(force_insert=True)  # fmt: skip
    _write_down(actor, "webhook tested", found, {})
    return delivery_id


def end_by_itself(endpoint_id: ObjectId, why: Message) -> bool:
    """Its receiver wants no more. False when it had been ended already."""
    changed = WebhookEndpoint.objects(id=endpoint_id, is_active=True).update_one(
        set__is_active=False, set__ended_why=to_document(why), set__updated_at=database_clock.now()
    )
    return bool(changed)


def _checked(name: str, url: str) -> tuple[str, str]:
    errors: dict[str, str] = {}
    name, url = " ".join(name.split()), url.strip()
    if not name or len(name) > NAME_LENGTH:
        errors["name"] = Message("A webhook needs a name of at most %(most)s characters.", most=NAME_LENGTH)
    if len(url) > URL_LENGTH:
        errors["url"] = Message("An address has at most %(most)s characters.", most=URL_LENGTH)
    else:
        try:
            addresses.resolved(addresses.target_of(url))
        except addresses.RefusedAddressError as error:
            errors["url"] = error.why
        except addresses.UnknownHostError as error:
            errors["url"] = Message("There is no server by the name %(host)s.", host=str(error))
    if errors:
        raise InvalidRequestError(errors)
    return name, url


def _write_down(actor: User, act: str, endpoint: WebhookEndpoint, changes: Mapping[str, tuple[object, object]]) -> None:
    audit.record(actor, AdminArea.DELIVERIES, act, endpoint.name, subject_id=endpoint.id, changes=changes)
