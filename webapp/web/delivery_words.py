"""What channels and states of deliveries are called."""

from __future__ import annotations

from flask_babel import gettext as _

from webapp.documents import Channel, Delivery, DeliveryState
from webapp.documents.delivery import When


def channel_words() -> dict[str, str]:
    return {
        Channel.EMAIL: _("E-mail"),
        Channel.WEBHOOK: _("Webhook"),
        Channel.INBOX: _("Inbox"),
        Channel.STORAGE: _("Copy in the storage"),
    }


def state_words() -> dict[str, str]:
    return {
        DeliveryState.QUEUED: _("Waiting"),
        DeliveryState.SENDING: _("Being sent"),
        DeliveryState.SENT: _("Sent"),
        DeliveryState.SKIPPED: _("Not sent"),
        DeliveryState.FAILED: _("Failed"),
    }


STATE_COLOURS = {"queued": "yellow", "sending": "blue", "sent": "green", "skipped": "secondary", "failed": "red"}


def form_words(delivery: Delivery) -> str:
    """What was sent: the file itself, a link, or word of it."""
    return {"file": _("with the file"), "link": _("with a link"), "notice": _("without figures")}.get(
        delivery.form or "", ""
    )


def when_words() -> dict[str, str]:
    """At which ends of a report one wants to be told."""
    return {
        "": _("No"),
        When.ENDED: _("When it is ready, or has failed"),
        When.READY: _("Only when it is ready"),
        When.FAILED: _("Only if it fails"),
    }
