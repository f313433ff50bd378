"""What may be asked to go out when a report ends, and asking for it: with the report, or as long as it has not ended.

What somebody may have is judged when it is sent; here is refused what can never be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bson import ObjectId

from webapp.documents import Channel, DeliveryWish, JobStatus, ReportJob, User, WebhookEndpoint, When
from webapp.documents.ids import id_or_nobody
from webapp.errors import ConflictError, InvalidRequestError
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.deliveries import copies
from webapp.services.leases.lease import literal
from webapp.services.permissions import Permission
from webapp.services.rights import visibility
from webapp.settings import get_settings

#: Of one report.
MOST = 200
FIELD = "deliver_to"
#: One `@`, a dotted domain, nothing that a header or a command could take for something else.
_ADDRESS = re.compile(
    r"^(?!\.)(?!.*\.\.)(?!.*\.@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=.{3,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
)
_BETWEEN = re.compile(r"[\s,;]+")
_UNENDED = [status.value for status in JobStatus if not status.is_finished]


def notify(person: User, when: When) -> DeliveryWish:
    """“Notify me when it is ready”, or only when it has failed: in their inbox."""
    return DeliveryWish(channel=Channel.INBOX.value, recipient=str(person.id), when=when.value)


def letters(
    addresses: str, *, attach: bool = True, when: When = When.READY, note: str | None = None
) -> list[DeliveryWish]:
    """A letter to each of these addresses, which have blanks, commas or lines between them; each once."""
    found = dict.fromkeys(each.lower() for each in _BETWEEN.split(addresses) if each)
    return [
        DeliveryWish(channel=Channel.EMAIL.value, recipient=each, when=when.value, attach=attach, note=note)
        for each in found
    ]


def check(actor: User, wanted: Iterable[DeliveryWish]) -> list[DeliveryWish]:
    """These wishes, each channel and recipient once. Raises InvalidRequestError: all that is wrong, under `FIELD`."""
    wishes = list({(each.channel, each.recipient): each for each in wanted}.values())
    problems: dict[str, None] = {}
    if len(wishes) > MOST:
        problems[Message("A report goes to at most %(most)s recipients.", most=MOST)] = None
    for wish in wishes[:MOST]:
        if (problem := _problem_of(actor, wish)) is not None:
            problems[problem] = None
    if problems:
        raise InvalidRequestError({FIELD: Message.joined(problems)})
    return wishes


def possible(
    actor: User, wanted: Iterable[DeliveryWish]
) -> tuple[tuple[DeliveryWish, ...], list[tuple[DeliveryWish, str]]]:
    """Those that can be fulfilled today, and the others with what is wrong with each: no recipient keeps a report from
    being made."""
    found, problems = list[DeliveryWish](), list[tuple[DeliveryWish, str]]()
    for wish in wanted:
        try:
            found += check(actor, [wish])
        except InvalidRequestError as error:
            problems.append((wish, error.args[0]))
    return tuple(found), problems


def add(actor: User, job_id: str | ObjectId, wish: DeliveryWish) -> ReportJob:
    """Ask for one more, as long as the report has not ended; the same again is one, as it was said last.

    Oneself may be told of any report that one sees; sending it to others is for those who may edit it. Raises
    JobNotFoundError, ForbiddenError, ConflictError, InvalidRequestError.
    """
    job = visibility.visible_job(actor, job_id)
    is_own = wish.channel == Channel.INBOX and wish.recipient == str(actor.id)
    if not is_own and not visibility.may_edit(actor, job):
        permissions.require_permission(actor, Permission.ADMINISTER)
    check(actor, [*job.deliver_to, wish])
    document = {name: value for name, value in wish.to_mongo().to_dict().items() if not name.startswith("_")}
    others = {
        "$filter": {
            "input": {"$ifNull": ["$deliverTo", []]},
            "cond": {
                "$not": [
                    {
                        "$and": [
                            {"$eq": ["$$this.channel", wish.channel]},
                            {"$eq": ["$$this.recipient", literal(wish.recipient)]},
                        ]
                    }
                ]
            },
        }
    }
    sets = {
        "deliverTo": {"$concatArrays": [others, [literal(document)]]},
        "deliveriesWanted": True,
        "updatedAt": "$$NOW",
    }
    changed = ReportJob._get_collection().update_one(
        {"_id": job.id, "status": {"$in": _UNENDED}}, [{"$set": sets}], hint="_id_"
    )
    if not changed.matched_count:
        raise ConflictError(Message("“%(name)s” has ended already.", name=job.name))
    return job.reload()


def own_notice(actor: User, job: ReportJob) -> When | None:
    """When the person has asked to be told of the end of this report."""
    for wish in job.deliver_to:
        if wish.channel == Channel.INBOX and wish.recipient == str(actor.id):
            return When(wish.when)
    return None


def _problem_of(actor: User, wish: DeliveryWish) -> Message | None:
    match wish.channel:
        case Channel.EMAIL:
            return _problem_of_address(wish.recipient)
        case Channel.INBOX:
            if User.objects(id=id_or_nobody(wish.recipient), is_active=True).first() is None:
                return Message("Nobody with an account here is meant by “%(id)s”.", id=wish.recipient[:60])
        case Channel.WEBHOOK:
            if WebhookEndpoint.objects(id=id_or_nobody(wish.recipient), is_active=True).first() is None:
                return Message("There is no such webhook.")
        case Channel.STORAGE:
            if not permissions.is_administrator(actor):
                return Message("Only administrators have copies put into the storage.")
            return copies.problem_of(wish.recipient)
        case _:
            return Message("Nothing goes out by “%(channel)s”.", channel=str(wish.channel)[:60])
    return None


def _problem_of_address(address: str) -> Message | None:
    settings = get_settings()
    if settings.smtp_host is None:
        return Message("This desk sends no e-mail.")
    if address != address.lower() or not _ADDRESS.match(address):
        return Message("“%(address)s” is no address of e-mail.", address=address[:60])
    person = User.objects(email=address).only("is_active", "name").first()
    if person is not None:
        return None if person.is_active else Message("The account of %(name)s is closed.", name=person.name)
    domain = address.rpartition("@")[2]
    if domain not in settings.mail_domains:
        return Message(
            "Nobody here has the address %(address)s, and reports do not go to addresses at %(domain)s.",
            address=address,
            domain=domain,
        )
    return None
