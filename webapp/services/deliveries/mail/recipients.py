"""Who may get what by e-mail, judged when it is sent: people lose rights while reports wait.

- Whoever sends must still be here, and may still read all rows of the file.
- Somebody with an account gets the file only if they may see the report, and may read all its rows themselves; if not
  all rows, a notice with a link, where the page's own rules hold.
- An address without an account is outside: only in the domains that are allowed, and it is a disclosure.
"""

from __future__ import annotations

from dataclasses import dataclass

from webapp.documents import Delivery, ReportJob, User
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services.deliveries.mail import unsubscribing
from webapp.services.deliveries.outcomes import Skipped
from webapp.services.rights import data_scope, standing, visibility
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings


@dataclass(frozen=True)
class Recipient:
    """`person` None: outside the organisation. `may_have_rows`: figures, chart and file; else only that it is ready."""

    address: str
    person: User | None
    sender: User
    may_have_rows: bool

    @property
    def is_outside(self) -> bool:
        return self.person is None


def judge(delivery: Delivery, job: ReportJob) -> Recipient | Skipped:
    """Who gets it and what of it; or why they get nothing."""
    if unsubscribing.is_unsubscribed(delivery):
        return Skipped(Message("%(address)s has unsubscribed.", address=delivery.recipient), is_wanted=True)
    sender = standing_sender(job)
    if isinstance(sender, Skipped):
        return sender
    scope = DataScope.from_document(job.provenance["scope"])
    person = User.objects(email=delivery.recipient).first()
    if person is None:
        return _outside(delivery.recipient, sender)
    if not person.is_active:
        return Skipped(Message("The account of %(name)s is closed.", name=person.name))
    if not visibility.may_see(person, job):
        return Skipped(
            Message("%(name)s may not see this report. Share it, and have it delivered again.", name=person.name)
        )
    return Recipient(delivery.recipient, person, sender, data_scope.data_scope(person).covers(scope))


def standing_sender(job: ReportJob) -> User | Skipped:
    """In whose name the report goes out: they are still here, and may still read all its rows; or why it does not."""
    try:
        sender = standing.standing_requester(job)
        scope = DataScope.from_document((job.provenance or {})["scope"])
    except ReportdeskError as error:
        return Skipped(_told(error))
    except KeyError:
        return Skipped(Message("The report does not say whose rows it counts."))
    if not data_scope.data_scope(sender).covers(scope):
        return Skipped(Message("It counts rows that the person who asked for it may not read any more."))
    return sender


def _outside(address: str, sender: User) -> Recipient | Skipped:
    domain = address.rpartition("@")[2].lower()
    if domain not in get_settings().mail_domains:
        return Skipped(
            Message(
                "Nobody here has the address %(address)s, and reports do not go to addresses at %(domain)s.",
                address=address,
                domain=domain,
            )
        )
    return Recipient(address, None, sender, may_have_rows=True)


def _told(error: ReportdeskError) -> Message:
    return Message.joined([str(error)])
