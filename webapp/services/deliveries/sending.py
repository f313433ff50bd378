"""One delivery that a worker holds: sent by its channel, and what came of it written into the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import pymongo
from pymongo.errors import PyMongoError

from webapp.documents import Channel, Delivery, ReportJob
from webapp.documents.notice import SubjectKind
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services.deliveries import copies, hosts, ledger, notices
from webapp.services.deliveries.mail import sending as mail
from webapp.services.deliveries.outcomes import (
    Failed,
    HandOver,
    Later,
    LostError,
    Outcome,
    Sent,
    Skipped,
    handing_over,
)
from webapp.services.deliveries.telling import Subject, tell
from webapp.services.deliveries.webhooks import endpoints
from webapp.services.deliveries.webhooks import sending as webhooks
from webapp.services.leases import retry
from webapp.services.leases.lease import Hold
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: One step with the database, as in the worker's loop; and until it is tried again.
STEP_SECONDS, AGAIN_SECONDS = 4.0, 0.5
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 4 * 3600.0
_SENDERS: Mapping[Channel, Callable[[Delivery, ReportJob, HandOver], Outcome]] = {
    Channel.EMAIL: mail.send,
    Channel.WEBHOOK: webhooks.send,
    Channel.INBOX: notices.send,
    Channel.STORAGE: copies.send,
}


def send(hold: Hold) -> str:
    """Try it, and write what came of it; returns the word for the log."""
    delivery = ledger.held(hold)
    if delivery is None:
        return "lost"
    if delivery.crash_count >= get_settings().max_crashes:
        times = delivery.crash_count
        why = Message("The worker that sent it ended %(times)s times before it was done.", times=times)
        return _settled(hold, delivery, Failed(why))
    try:
        outcome = _tried(delivery, handing_over(lambda sets: ledger.hand_over(hold, sets)))
    except LostError:
        return "lost"
    return _settled(hold, delivery, outcome)


def give_up(hold: Hold) -> str:
    """Its time is over, and its server is known to be away: it fails without one more try."""
    delivery = ledger.held(hold)
    if delivery is None:
        return "lost"
    outcome = _given_up(delivery, Later(Message("The server could not be reached."), delivery.server_said or ""))
    return settle(hold, delivery, outcome)


def patience() -> timedelta:
    """How long a delivery is tried."""
    return timedelta(hours=get_settings().delivery_retry_hours)


def _tried(delivery: Delivery, hand_over: HandOver) -> Outcome:
    job = ReportJob.objects(id=delivery.job_id).first() if delivery.job_id else None
    if job is None and not delivery.occasion.startswith(endpoints.TEST):
        return Skipped(Message("The report has been deleted."))
    try:
        if job is None:
            return webhooks.send(delivery, None, hand_over)
        return _SENDERS[Channel(delivery.channel)](delivery, job, hand_over)
    except LostError:
        raise
    except ReportdeskError as error:  # of the storage, for one
        return Later(Message.joined([str(error)]))
    except PyMongoError:
        raise
    except Exception:
        # A fault of ours with one delivery must not stop all others; it is tried again, and ends at its time.
        log.exception("delivery failed", extra={"delivery_id": str(delivery.id), "channel": delivery.channel})
        return Later(Message("Something unexpected went wrong; the worker's log has it."))


def _settled(hold: Hold, delivery: Delivery, outcome: Outcome) -> str:
    """As `settle`, with patience: what has been sent must not go out again because the database was away a moment.

    Raises PyMongoError once whoever holds it is taken for dead.
    """
    end = time.monotonic() + get_settings().lease_seconds
    while True:
        try:
            with pymongo.timeout(STEP_SECONDS):
                return settle(hold, delivery, outcome)
        except PyMongoError:
            if time.monotonic() > end:
                raise
            time.sleep(AGAIN_SECONDS)


def settle(hold: Hold, delivery: Delivery, outcome: Outcome) -> str:
    """Write what came of it; returns the word for the log, “lost” where it is another worker's by now."""
    outcome = _given_up(delivery, outcome)
    _tell_pace(delivery, outcome)
    match outcome:
        case Sent():
            word, written = "sent", ledger.sent(hold, said=outcome.said, size=outcome.size)
        case Later():
            wait = outcome.wait or _wait(delivery)
            word = "put off"
            written = ledger.postpone(hold, wait, outcome.why, said=outcome.said, is_unsure=outcome.is_unsure)
        case Skipped():
            if not outcome.is_wanted:
                _tell_sender(delivery, outcome.why)
            word, written = "skipped", ledger.skip(hold, outcome.why)
        case Failed():
            # Told first, once: whoever is killed in between tells it again, and nobody hears it twice.
            _tell_sender(delivery, outcome.why)
            word, written = "failed", ledger.fail(hold, outcome.why, said=outcome.said)
    return word if written else "lost"


def _given_up(delivery: Delivery, outcome: Outcome) -> Outcome:
    """What has not worked for as long as is set has failed."""
    if not isinstance(outcome, Later) or ledger.waits_since(delivery) < patience():
        return outcome
    why = Message(
        "It was given up after %(hours)s hours. %(why)s",
        hours=f"{get_settings().delivery_retry_hours:g}",
        why=outcome.why,
    )
    return Failed(why, outcome.said)


def _tell_pace(delivery: Delivery, outcome: Outcome) -> None:
    if not delivery.host:
        return
    if isinstance(outcome, Later) and outcome.is_away:
        hosts.is_away(delivery.host)
    elif isinstance(outcome, Sent):
        hosts.answered(delivery.host)


def _wait(delivery: Delivery) -> timedelta:
    return retry.backoff(max(delivery.attempts, 1), base=FIRST_WAIT_SECONDS, cap=LONGEST_WAIT_SECONDS, jitter=0)


def _tell_sender(delivery: Delivery, why: Message) -> None:
    """In whose name it went: once for each report and end, for its page lists all of them."""
    if delivery.job_id is None or delivery.sender_id is None or delivery.channel == Channel.INBOX:
        return
    tell(
        delivery.sender_id,
        Message("“%(name)s” did not reach everyone. %(why)s", name=delivery.job_name or "", why=why),
        about=Subject(SubjectKind.REPORT, delivery.job_id),
        once=f"undelivered:{delivery.job_id}:{delivery.occasion}",
    )
