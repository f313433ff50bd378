"""The part of a schedule's form that says whom its reports go to: letters, webhooks, a copy, the reader's own inbox.

What it does not show (other people's inboxes, a letter's note) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import Length

from webapp.documents import Channel, User, When
from webapp.services import permissions
from webapp.services.deliveries import wishes
from webapp.services.deliveries.webhooks import endpoints
from webapp.settings import get_settings
from webapp.web.delivery_words import when_words
from webapp.web.forms import DeskForm

SEND_TO_LENGTH = 20_000
#: Which field shows what is wrong with the recipients of which channel.
FIELD_OF = {
    f"{wishes.FIELD}.{Channel.EMAIL}": "send_to",
    f"{wishes.FIELD}.{Channel.WEBHOOK}": "webhooks",
    f"{wishes.FIELD}.{Channel.STORAGE}": "copy_to",
    f"{wishes.FIELD}.{Channel.INBOX}": "notify",
}
#: Of one recipient by one channel, as a schedule keeps it.
Kept = Mapping[str, Any]


class DeliveryFields(DeskForm):
    send_to = TextAreaField(
        _l("Send it by e-mail to"),
        [Length(max=SEND_TO_LENGTH, message=_l("At most %(max)d characters of addresses are possible."))],
        render_kw={"rows": 3, "inputmode": "email", "autocomplete": "off", "spellcheck": "false"},
    )
    notify = SelectField(_l("Notify me in my inbox"), default="")
    webhooks = SelectMultipleField(_l("Tell these programs"), validate_choice=False)
    copy_to = TextAreaField(
        _l("Put a copy into the storage under"),
        [Length(max=SEND_TO_LENGTH, message=_l("It has at most %(max)d characters."))],
        render_kw={"rows": 2, "autocomplete": "off", "spellcheck": "false"},
    )
    tell_changes = BooleanField(
        _l("Tell what came, went and changed since the report before, and why (in letters, and in Excel on a sheet)")
    )

    def offer_deliveries(self, owner: User, before: Iterable[Kept]) -> None:
        """Only what can be asked for here, or has been; `owner` is whose rights the reports run with."""
        there = list(before)
        self.notify.choices = list(when_words().items())
        named = {str(each.id): each.name for each in endpoints.choices()}
        gone = {each["recipient"]: gettext("a webhook that has ended") for each in _of(Channel.WEBHOOK, there)}
        self.webhooks.choices = list((gone | named).items())
        if get_settings().smtp_host is None and not _of(Channel.EMAIL, there):
            del self.send_to
        if not self.webhooks.choices:
            del self.webhooks
        if not permissions.is_administrator(owner) and not _of(Channel.STORAGE, there):
            del self.copy_to

    def to_delivery(self, me: User, before: Iterable[Kept]) -> tuple[dict[str, Any], ...]:
        """Whom it goes to from now on. What was there of somebody who still gets it stays as it was."""
        there = [dict(each) for each in before]
        wanted = [*self._letters(there), *self._webhooks(there), *self._copies(there), *self._own_notice(me, there)]
        known = {(each["channel"], each["recipient"]): each for each in there}
        others = [each for each in there if each["channel"] == Channel.INBOX and each["recipient"] != str(me.id)]
        return (*(known.get((each["channel"], each["recipient"]), {}) | each for each in wanted), *others)

    def _letters(self, there: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "send_to" not in self:
            return _of(Channel.EMAIL, there)
        return [_kept(Channel.EMAIL, each.recipient) for each in wishes.letters(self.send_to.data or "")]

    def _webhooks(self, there: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "webhooks" not in self:
            return _of(Channel.WEBHOOK, there)
        return [_kept(Channel.WEBHOOK, each) for each in dict.fromkeys(self.webhooks.data or [])]

    def _copies(self, there: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "copy_to" not in self:
            return _of(Channel.STORAGE, there)
        patterns = (line.strip() for line in (self.copy_to.data or "").splitlines())
        return [_kept(Channel.STORAGE, each) for each in dict.fromkeys(patterns) if each]

    def _own_notice(self, me: User, there: list[dict[str, Any]]) -> list[dict[str, Any]]:
        when = self.notify.data
        return [_kept(Channel.INBOX, str(me.id)) | {"when": when}] if when in set(When) else []


def values(me: User, delivery: Iterable[Kept]) -> dict[str, Any]:
    """What the fields show of it, to `me`."""
    there = list(delivery)
    mine = (each.get("when") for each in _of(Channel.INBOX, there) if each["recipient"] == str(me.id))
    return {
        "send_to": "\n".join(each["recipient"] for each in _of(Channel.EMAIL, there)),
        "webhooks": [each["recipient"] for each in _of(Channel.WEBHOOK, there)],
        "copy_to": "\n".join(each["recipient"] for each in _of(Channel.STORAGE, there)),
        "notify": next(mine, ""),
    }


def _of(channel: Channel, there: Iterable[Kept]) -> list[dict[str, Any]]:
    return [dict(each) for each in there if each["channel"] == channel]


def _kept(channel: Channel, recipient: str) -> dict[str, Any]:
    return {"channel": channel.value, "recipient": recipient}
