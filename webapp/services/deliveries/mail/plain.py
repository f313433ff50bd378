"""Letters that are no report's: a link for a new password."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from webapp import clock
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services.deliveries.mail import smtp
from webapp.services.deliveries.mail.envelope import POLICY
from webapp.services.deliveries.mail.smtp import Meaning
from webapp.settings import Settings


class LetterNotSentError(ReportdeskError):
    """The mail server did not take it."""

    code = "letter-not-sent"
    hint = Message("Ask for it again in a few minutes.")


class SmtpMailer:
    """Sends at once, or not at all: whoever asked for a link asks again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, to: str, subject: str, text: str) -> None:
        """Raises LetterNotSentError, with the server's own words."""
        sender = self._settings.mail_from or ""
        message = EmailMessage(policy=POLICY)
        message["From"] = Address(self._settings.organization_name, addr_spec=sender)
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(clock.utcnow())
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        answer = smtp.deliver(message.as_bytes(), sender=sender, recipient=to, hand_over=lambda: None)
        if answer.meaning is not Meaning.TAKEN:
            raise LetterNotSentError(Message("The mail server did not take the letter: %(said)s", said=answer.said))


def mailer_of(settings: Settings) -> SmtpMailer | None:
    """None where no mail server is set."""
    return SmtpMailer(settings) if settings.smtp_host is not None else None
