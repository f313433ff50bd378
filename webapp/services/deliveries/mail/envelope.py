"""A letter as it goes out: MIME, with what lets others know it for what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from webapp.documents import Delivery
from webapp.services.deliveries import links
from webapp.services.deliveries.mail import unsubscribing
from webapp.settings import get_settings

#: Lines of seven bits, whatever servers stand between.
POLICY = SMTP.clone(cte_type="7bit", raise_on_defect=True)
CHART_ID = "chart"


@dataclass(frozen=True)
class Letter:
    """What is written. `chart` is a PNG that the HTML shows as `cid:` + `chart_cid(…)`."""

    subject: str
    text: str
    html: str
    language: str
    chart: bytes | None = None


@dataclass(frozen=True)
class Attachment:
    name: str
    mime_type: str
    content: bytes


def message_id(delivery: Delivery) -> str:
    """The same for each try: whoever had it before knows it."""
    return f"<{delivery.id}@{_domain()}>"


def chart_cid(delivery: Delivery) -> str:
    """The name of the picture in this letter."""
    return f"{CHART_ID}.{delivery.id}@{_domain()}"


def sealed(
    delivery: Delivery,
    letter: Letter,
    *,
    sent_by: str,
    reply_to: str | None,
    at: datetime,
    attachment: Attachment | None = None,
) -> bytes:
    """The letter to one recipient, whole."""
    settings = get_settings()
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(_line(sent_by), addr_spec=settings.mail_from)
    message["To"] = delivery.recipient
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = _line(letter.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(delivery)
    # Nobody's autoresponder need answer it.
    message["Auto-Submitted"] = "auto-generated"
    if (address := links.of_unsubscribing(unsubscribing.token_of(delivery))) is not None:
        message["List-Unsubscribe"] = f"<{address}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.chart is not None:
        page = next(part for part in message.iter_parts() if part.get_content_type() == "text/html")
        cid = f"<{chart_cid(delivery)}>"
        page.add_related(letter.chart, "image", "png", cid=cid, disposition="inline")
    if attachment is not None:
        kind, _, subtype = attachment.mime_type.partition("/")
        message.add_attachment(
            attachment.content, maintype=kind, subtype=subtype or "octet-stream", filename=attachment.name
        )
    # Last: what is made of parts takes along what was said of its content.
    message["Content-Language"] = letter.language
    return message.as_bytes()


def _line(text: str) -> str:
    """In one line: whatever a name holds, it begins no other header."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _domain() -> str:
    return (get_settings().mail_from or "").rpartition("@")[2]
