"""The channel of inboxes: word of a report's end to somebody who asked for it."""

from __future__ import annotations

from webapp.documents import Delivery, ReportJob, User
from webapp.documents.ids import id_or_nobody
from webapp.documents.notice import SubjectKind
from webapp.messages import Message
from webapp.services.deliveries.outcomes import HandOver, Outcome, Sent, Skipped
from webapp.services.deliveries.telling import Subject, tell
from webapp.services.rights import data_scope, visibility
from webapp.services.rights.data_scope import DataScope


def send(delivery: Delivery, job: ReportJob, hand_over: HandOver) -> Outcome:
    """Put the notice into their inbox, if they may know of the report; once, however often it is tried."""
    person = User.objects(id=id_or_nobody(delivery.recipient)).first()
    if person is None or not person.is_active:
        return Skipped(Message("The account is closed."), is_wanted=True)
    if not visibility.may_see(person, job):
        return Skipped(Message("%(name)s may not see this report.", name=person.name))
    hand_over(form="notice")
    tell(
        person.id,
        _told(delivery, job, person),
        about=Subject(SubjectKind.REPORT, job.id),
        once=f"delivery:{delivery.id}",
    )
    return Sent()


def _told(delivery: Delivery, job: ReportJob, person: User) -> Message:
    if delivery.only_word and _may_read_rows(person, job):
        return Message("“%(name)s” is ready, and has no rows this time.", name=job.name)
    if delivery.occasion == "ready":
        return Message("“%(name)s” is ready.", name=job.name)
    if delivery.occasion == "cancelled":
        return Message("“%(name)s” was cancelled.", name=job.name)
    why = job.error.text if job.error is not None else ""
    return Message("“%(name)s” could not be made. %(why)s", name=job.name, why=why)


def _may_read_rows(person: User, job: ReportJob) -> bool:
    """May they read all the rows that it counts? Else they are not told that there are none either."""
    scope = (job.provenance or {}).get("scope")
    return scope is not None and data_scope.data_scope(person).covers(DataScope.from_document(scope))
