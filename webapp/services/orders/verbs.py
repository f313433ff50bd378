"""Verbs that no rule knew: an administrator says which event each is, and the events that were kept become it."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.documents import LookupCategory, LookupValue, Order, OrderKind, User
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.orders import imports, orders
from webapp.services.permissions import Permission, require_permission


def map_verbs(by: User, chosen: Mapping[str, str]) -> Order:
    """Keep a rule for each verb (its whole IRI -> the key of an activity-event), and order what the record derives to
    be worked out anew.

    Raises InvalidRequestError under `verbs`.
    """
    require_permission(by, Permission.ADMINISTER)
    known = {each.key for each in lookups.active(LookupCategory.ACTIVITY_EVENT)}
    mapped = imports.xapi_verbs()
    if not chosen:
        raise InvalidRequestError({"verbs": Message("Choose the event of at least one verb.")})
    if unknown := sorted(set(chosen.values()) - known):
        raise InvalidRequestError({"verbs": Message("There is no event “%(key)s”.", key=unknown[0][:60])})
    for event in sorted(set(chosen.values())):
        new = [{"verb": verb} for verb, key in chosen.items() if key == event and (verb, "") not in mapped]
        value = LookupValue.objects(category=LookupCategory.ACTIVITY_EVENT.value, key=event).get()
        if new:
            rules = [*(value.metadata.get("xapiVerbs") or ()), *new]
            lookups.change(
                LookupCategory.ACTIVITY_EVENT.value, event, by=by, metadata={**value.metadata, "xapiVerbs": rules}
            )
    return orders.ask(by, OrderKind.REDERIVE, ", ".join(chosen)).order
