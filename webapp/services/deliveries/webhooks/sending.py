"""What a webhook tells of a report: its type, its id, how it ended, and where its page is. Never rows, never names."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from webapp.documents import Delivery, ReportJob, WebhookEndpoint
from webapp.documents.ids import id_or_nobody
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.deliveries import links
from webapp.services.deliveries.outcomes import Failed, HandOver, Later, Outcome, Sent, Skipped
from webapp.services.deliveries.telling import tell
from webapp.services.deliveries.webhooks import addresses, endpoints, posting, signing

#: After the first try, the second …: a day in all, and the last one over and over until the time is up.
WAITS = tuple(timedelta(seconds=each) for each in (5, 300, 1_800, 7_200, 18_000, 36_000))
LONGEST_ASKED_WAIT = timedelta(hours=1)


def send(delivery: Delivery, job: ReportJob | None, hand_over: HandOver) -> Outcome:
    """POST it, signed. `job` None: it is a test."""
    endpoint = WebhookEndpoint.objects(id=id_or_nobody(delivery.recipient)).first()
    if endpoint is None:
        return Skipped(Message("The webhook has been deleted."))
    if not endpoint.is_active:
        return Skipped(Message("The webhook “%(name)s” has been ended.", name=endpoint.name))
    now = database_clock.now()
    body = json.dumps(_told(delivery, job, now), separators=(",", ":")).encode()
    # The same id at each try: a receiver that had it before knows it.
    message_id = f"msg_{delivery.id}"
    headers = signing.headers(signing.secrets_of(endpoint, now), message_id, now, body)
    try:
        target = addresses.target_of(endpoint.url)
        hand_over(messageId=message_id, form="notice")
        answer = posting.post(target, headers, body)
    except addresses.RefusedAddressError as error:
        return Failed(error.why)
    return _outcome(delivery, endpoint, answer, len(body))


def _outcome(delivery: Delivery, endpoint: WebhookEndpoint, answer: posting.Answer, size: int) -> Outcome:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Sent(answer.said, size)
    if answer.status == HTTPStatus.GONE:
        why = Message(
            "“%(name)s” wants no more webhooks: its server said %(said)s.", name=endpoint.name, said=answer.said
        )
        if endpoints.end_by_itself(endpoint.id, why) and endpoint.created_by is not None:
            tell(endpoint.created_by, why)
        return Failed(why, answer.said)
    why = answer.why or Message("“%(name)s” did not take it.", name=endpoint.name)
    wait = WAITS[min(delivery.attempts, len(WAITS)) - 1]
    if answer.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=answer.retry_after), LONGEST_ASKED_WAIT))
    return Later(why, answer.said, wait, is_away=answer.is_unreachable)


def _told(delivery: Delivery, job: ReportJob | None, now: datetime) -> dict[str, Any]:
    if job is None:
        return {"type": "test", "timestamp": now.isoformat(), "data": {"deliveryId": str(delivery.id)}}
    data: dict[str, Any] = {
        "reportId": str(job.id),
        "reportType": job.report_type,
        "format": job.output.format,
        "status": delivery.occasion,
    }
    for name, value in (
        ("requestedBy", job.requested_by),
        ("departmentId", job.department_id),
        ("templateId", job.template_id),
        ("scheduleId", job.schedule_id),
    ):
        if value is not None:
            data[name] = str(value)
    if delivery.only_word:
        data["isEmpty"] = True
    if (page := links.of_report(job.id)) is not None:
        has_file = job.state.has_file and not delivery.only_word
        data["links"] = {"page": page, **({"file": links.of_file(job.id)} if has_file else {})}
    return {"type": f"report.{delivery.occasion}", "timestamp": now.isoformat(), "data": data}
