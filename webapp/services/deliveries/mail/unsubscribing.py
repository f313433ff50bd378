"""Taking oneself off a list with one click (RFC 8058), by a link that only this desk can have made.

A list is a schedule, or what one person sends by hand. The link has the delivery's id in it and no address: links stand
in logs. It works as long as the ledger keeps the delivery.
"""

from __future__ import annotations

from bson import ObjectId
from itsdangerous import BadData, URLSafeSerializer
from mongoengine.errors import NotUniqueError

from webapp.documents import Channel, Delivery, Unsubscribe
from webapp.documents.ids import id_made_of, id_or_nobody
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services import database_clock
from webapp.settings import get_settings


class UnknownLinkError(NotFoundError):
    """The link is none of this desk's, or too old."""

    hint = Message("Use the link of a newer letter, or answer the letter and ask to be taken off.")

    def __init__(self) -> None:
        super().__init__(Message("This link to unsubscribe does not work, or no longer."))


def subscription_of(delivery: Delivery) -> str:
    """To what list the letter belongs."""
    return f"schedule:{delivery.schedule_id}" if delivery.schedule_id else f"person:{delivery.sender_id}"


def token_of(delivery: Delivery) -> str:
    """What the link of this letter carries."""
    return str(_serializer().dumps(str(delivery.id)))


def letter_of(token: str) -> Delivery:
    """Which letter the link is of. Raises UnknownLinkError."""
    try:
        delivery_id = _serializer().loads(token)
    except BadData as error:
        raise UnknownLinkError from error
    found = Delivery.objects(id=id_or_nobody(delivery_id), channel=Channel.EMAIL.value).first()
    if found is None:
        raise UnknownLinkError
    return found


def is_unsubscribed(delivery: Delivery) -> bool:
    return Unsubscribe.objects(id=_id(delivery)).first() is not None


def unsubscribe(token: str) -> Delivery:
    """No more letters of this list to this address; doing it again changes nothing. Raises UnknownLinkError."""
    delivery = letter_of(token)
    wanted = Unsubscribe(
        id=_id(delivery),
        address=delivery.recipient,
        subscription=subscription_of(delivery),
        at=database_clock.now(),
    )
    try:
        wanted.save(force_insert=True)
    except NotUniqueError:
        return delivery
    return delivery


def subscribe_again(token: str) -> Delivery:
    """Whoever clicked by mistake. Raises UnknownLinkError."""
    delivery = letter_of(token)
    Unsubscribe.objects(id=_id(delivery)).delete()
    return delivery


def _id(delivery: Delivery) -> ObjectId:
    key = f"{delivery.recipient}\n{subscription_of(delivery)}"
    return id_made_of(key)


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(get_settings().session_key, salt="unsubscribe")
