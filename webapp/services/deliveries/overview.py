"""Reading the ledger: all of it for administrators, a report's or a schedule's own for those who manage that; and
having what failed tried again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp.documents import AdminArea, Channel, Delivery, DeliveryState, ReportJob, User, WebhookEndpoint
from webapp.documents.ids import id_or_nobody, ids_of
from webapp.errors import ConflictError, NotFoundError
from webapp.messages import Message
from webapp.services import audit, database_clock, permissions
from webapp.services.deliveries import ledger
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.rights import visibility

PAGE_SIZE = 50
#: Of one report, on its page.
MOST_OF_ONE = 50
#: Of the fires of one schedule together.
MOST_OF_SCHEDULE = 500
#: How far back to read at first, and then, while that gives less than a page: the embedded server reads all that
#: matches before it sorts.
LOOKS = (timedelta(days=2), timedelta(days=20))


class DeliveryNotFoundError(NotFoundError):
    """No such delivery."""

    def __init__(self) -> None:
        super().__init__(Message("There is no such delivery."))


@dataclass(frozen=True)
class DeliveryQuery:
    """`recipient` is the whole address, or an id. `before` is where the last page ended (`DeliveryPage.older`)."""

    state: str = ""
    channel: str = ""
    recipient: str = ""
    job_id: ObjectId | None = None
    before: str = ""


@dataclass(frozen=True)
class DeliveryPage:
    deliveries: list[Delivery]
    older: str | None
    names: dict[str, str]  # of recipients that are ids, and of senders


def page(actor: User, query: DeliveryQuery) -> DeliveryPage:
    """The newest first. Raises ForbiddenError."""
    require_permission(actor, Permission.ADMINISTER)
    found = _newest(_wanted(query), _instant(query.before), PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    older = shown[-1].made_at.isoformat() if len(found) > PAGE_SIZE else None
    return DeliveryPage(shown, older, _names(shown))


def of_job(actor: User, job: ReportJob) -> DeliveryPage | None:
    """Those of one report, for those who manage it; None where there are none to be seen."""
    if not job.is_finished or not job.deliver_to or not visibility.may_manage(actor, job):
        return None
    found = list(Delivery.objects(job_id=job.id).limit(MOST_OF_ONE))
    found = [each for each in found if each.channel != Channel.INBOX or each.recipient == str(actor.id)]
    found.sort(key=lambda each: (each.made_at, each.channel, each.recipient))
    return DeliveryPage(found, None, _names(found)) if found else None


def of_schedule(actor: Actor, schedule_id: ObjectId, part_ids: Collection[ObjectId] = ()) -> DeliveryPage:
    """The last of a schedule, the newest first; who may see the schedule is asked before. Notices are told to those
    whose inbox they are in, and those of parts (`part_ids`), which the schedule itself gives to whoever runs them.
    `older`: there are more, which the pages of its reports have."""
    found = list(Delivery.objects(schedule_id=schedule_id).order_by("-made_at").limit(MOST_OF_SCHEDULE + 1))
    own = str(permissions.id_of(actor))
    shown = [
        each
        for each in found[:MOST_OF_SCHEDULE]
        if each.channel != Channel.INBOX or each.recipient == own or each.job_id in part_ids
    ]
    older = found[-1].made_at.isoformat() if len(found) > MOST_OF_SCHEDULE else None
    return DeliveryPage(shown, older, _names(shown))


def again(actor: User, delivery_id: str) -> Delivery:
    """Have what failed, or was skipped, tried again now.

    Raises ForbiddenError, DeliveryNotFoundError, ConflictError.
    """
    require_permission(actor, Permission.ADMINISTER)
    found = Delivery.objects(id=id_or_nobody(delivery_id)).first()
    if found is None:
        raise DeliveryNotFoundError
    if not ledger.again(found.id):
        raise ConflictError(Message("This delivery has not failed, so it is not tried again."))
    audit.record(
        actor, AdminArea.DELIVERIES, "delivery tried again", found.job_name or "", subject_id=found.id,
        changes={"recipient": ("", found.recipient)},
    )  # fmt: skip
    return found.reload()


def _wanted(query: DeliveryQuery) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if query.job_id is not None:
        asked["jobId"] = query.job_id
    if query.recipient:
        asked["recipient"] = query.recipient
    if query.state in set(DeliveryState):
        asked["state"] = query.state
    if query.channel in set(Channel):
        asked["channel"] = query.channel
    return asked


def _newest(asked: dict[str, Any], before: datetime | None, at_once: int) -> list[Delivery]:
    end = before or database_clock.now() + timedelta(minutes=1)
    if "jobId" in asked:
        return _read(asked, None, end, at_once)
    for look in LOOKS:
        found = _read(asked, end - look, end, at_once)
        if len(found) >= at_once:
            return found
    return _read(asked, None, end, at_once)


def _read(asked: dict[str, Any], since: datetime | None, until: datetime, at_once: int) -> list[Delivery]:
    # What narrows most first; with a second condition the embedded server takes none by itself.
    narrowest = next((name for name in ("jobId", "recipient", "state") if name in asked), None)
    index = {
        "jobId": [("jobId", 1), ("occasion", 1), ("channel", 1), ("recipient", 1)],
        "recipient": [("recipient", 1), ("madeAt", 1)],
        "state": [("state", 1), ("madeAt", 1)],
        None: [("madeAt", 1)],
    }[narrowest]
    period = {"$lt": until} | ({"$gte": since} if since else {})
    found = Delivery._get_collection().find({**asked, "madeAt": period}).sort("madeAt", -1).limit(at_once).hint(index)
    return [Delivery._from_son(each) for each in found]


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None and 1970 < found.year < 9000 else None


def _names(found: list[Delivery]) -> dict[str, str]:
    people = ids_of(each.recipient for each in found if each.channel == Channel.INBOX)
    people += [each.sender_id for each in found if each.sender_id]
    hooks = ids_of(each.recipient for each in found if each.channel == Channel.WEBHOOK)
    names: dict[str, str] = {}
    if people:
        names |= {str(key): name for key, name in User.objects(id__in=list(set(people))).scalar("id", "name")}
    if hooks:
        kept = WebhookEndpoint.objects(id__in=list(set(hooks))).scalar("id", "name")
        names |= {str(key): name for key, name in kept}
    return names
