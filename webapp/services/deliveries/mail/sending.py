"""One letter to one recipient: who they are, what they may have, how large it may be, and what the server says."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from webapp import storage
from webapp.catalogues import LANGUAGES
from webapp.documents import Delivery, ReportJob, User
from webapp.documents.notice import SubjectKind
from webapp.messages import Message
from webapp.renderers.reader import Reader
from webapp.services import audit, database_clock
from webapp.services.audit import ReportAct
from webapp.services.deliveries import telling
from webapp.services.deliveries.mail import envelope, recipients, smtp, writing
from webapp.services.deliveries.mail.envelope import Attachment
from webapp.services.deliveries.mail.recipients import Recipient
from webapp.services.deliveries.mail.smtp import Meaning
from webapp.services.deliveries.outcomes import Failed, HandOver, Later, Outcome, Sent, Skipped
from webapp.services.deliveries.telling import Subject
from webapp.settings import get_settings

#: Base64, in lines of 76.
_ENCODED = 4 / 3 * 78 / 76
_FILE, _LINK, _NOTICE = "file", "link", "notice"


def send(delivery: Delivery, job: ReportJob, hand_over: HandOver) -> Outcome:
    """Send the letter. Raises StorageError, LostError."""
    settings = get_settings()
    if settings.smtp_host is None:
        return Failed(Message("This desk sends no e-mail: REPORTDESK_SMTP_HOST is not set."))
    if delivery.occasion == "ready" and not job.state.has_file:
        return Skipped(Message("Its file was deleted before it could be sent."))
    judged = recipients.judge(delivery, job)
    if isinstance(judged, Skipped):
        return judged
    now = database_clock.now()
    for form in _forms(delivery, job, judged):
        letter = _letter(delivery, job, judged, now, form)
        # What is known to be too large is not even offered to the server.
        if form != _FILE or len(letter) <= settings.mail_size_limit_mb * 1_000_000:
            outcome = _hand_in(delivery, job, judged, letter, form, hand_over)
            if outcome is not None:
                if isinstance(outcome, Sent) and form == _LINK and delivery.attach:
                    _tell_of_link(judged.sender, job)
                return outcome
    if judged.is_outside:
        return Failed(
            Message(
                "The file is too large for a letter, and whoever has %(address)s cannot sign in to fetch it.",
                address=judged.address,
            )
        )
    return Failed(Message("The mail server does not even take a letter without the file."))


def _tell_of_link(sender: User, job: ReportJob) -> None:
    """Once for all that a schedule makes: it will be as large the next time."""
    text = Message("The file of “%(name)s” is too large for letters: a link to it was sent instead.", name=job.name)
    telling.tell(
        sender.id, text, about=Subject(SubjectKind.REPORT, job.id), once=f"too-large:{job.schedule_id or job.id}"
    )


def _forms(delivery: Delivery, job: ReportJob, judged: Recipient) -> list[str]:
    """In which forms to try, the best one first."""
    if delivery.occasion != "ready":
        return [_NOTICE]
    if not judged.may_have_rows or delivery.only_word:
        return [_NOTICE]
    # Whoever cannot sign in has no use for a link.
    wants_file = delivery.attach or judged.is_outside
    fits = float(job.output.storage.size_bytes or 0) * _ENCODED <= get_settings().mail_size_limit_mb * 1_000_000
    return [*([_FILE] if wants_file and fits else []), *([] if judged.is_outside else [_LINK])]


def _hand_in(
    delivery: Delivery, job: ReportJob, judged: Recipient, letter: bytes, form: str, hand_over: HandOver
) -> Outcome | None:
    """What came of it; None: it is too large for the server."""

    def begin() -> None:
        hand_over(form=form, messageId=envelope.message_id(delivery), size=len(letter), isOutside=judged.is_outside)
        _write_down(delivery, job, judged, form)

    settings = get_settings()
    answer = smtp.deliver(letter, sender=settings.mail_from or "", recipient=judged.address, hand_over=begin)
    match answer.meaning:
        case Meaning.TAKEN:
            return Sent(answer.said, len(letter))
        case Meaning.TOO_LARGE:
            return None
        case Meaning.REFUSED:
            why = Message("The mail server does not take letters to %(address)s.", address=judged.address)
            return Failed(why, answer.said)
        case Meaning.LATER:
            return Later(Message("The mail server does not take the letter just now."), answer.said)
        case Meaning.AWAY:
            return Later(Message("The mail server cannot be used just now."), answer.said, is_away=True)
        case Meaning.UNSURE:
            why = Message("The mail server may have taken the letter: its answer was lost.")
            return Later(why, answer.said, is_away=True, is_unsure=True)


def _write_down(delivery: Delivery, job: ReportJob, judged: Recipient, form: str) -> None:
    """Before it goes out, as a download is: who was sent what, and on whose order."""
    act = ReportAct.DISCLOSED if judged.is_outside else ReportAct.SENT
    changes = {"recipient": ("", judged.address), "form": ("", form)}
    audit.record_once(judged.sender, act, job, key=f"delivery:{delivery.id}:{form}", changes=changes)


def _letter(delivery: Delivery, job: ReportJob, judged: Recipient, now: datetime, form: str) -> bytes:
    """The whole letter of this form. Raises StorageError."""
    reader, sender, can_sign_in = _reader(judged, job), judged.sender.name, not judged.is_outside
    attachment = None
    if delivery.occasion != "ready":
        letter = writing.failed(delivery, job, reader, sender=sender, can_sign_in=can_sign_in)
    else:
        attachment = _attachment(job) if form == _FILE else None
        letter = writing.ready(
            delivery,
            job,
            reader,
            sender=sender,
            now=now,
            rows=judged.may_have_rows,
            about_file=_about_file(delivery, job, judged, form),
            can_sign_in=can_sign_in,
        )
    return envelope.sealed(
        delivery,
        letter,
        sent_by=get_settings().organization_name,
        reply_to=judged.sender.email,
        at=now,
        attachment=attachment,
    )


def _attachment(job: ReportJob) -> Attachment:
    stored = job.output.storage
    files = storage.open_storage(get_settings().effective_storage_url)
    content = b"".join(files.read(stored.key))
    return Attachment(_file_name(job), stored.mime_type or "application/octet-stream", content)


def _about_file(delivery: Delivery, job: ReportJob, judged: Recipient, form: str) -> Message:
    if form == _FILE:
        return Message("The file is attached: %(name)s", name=_file_name(job))
    # Whoever may not read the rows is not told that there are none either.
    if delivery.only_word and judged.may_have_rows:
        return Message("It has no rows this time, so no file is sent.")
    if form == _NOTICE:
        return Message("Open its page and sign in: you see what you may read.")
    if not delivery.attach:
        return Message("Its page has the file, for those who sign in.")
    return Message(
        "The file is too large to be attached (%(size)s MB). Its page has it, for those who sign in.",
        size=round((job.output.storage.size_bytes or 0) / 1_000_000, 1),
    )


def _file_name(job: ReportJob) -> str:
    return str(job.output.storage.key).rpartition("/")[2]


def _reader(judged: Recipient, job: ReportJob) -> Reader:
    """In the recipient's own language and zone; outside in the sender's language and the report's zone."""
    settings = get_settings()
    person: User = judged.person or judged.sender
    locale = person.locale if person.locale in LANGUAGES else settings.default_locale
    of_report = (job.provenance or {}).get("timeZone")
    zone = (person.time_zone if not judged.is_outside else None) or of_report or settings.time_zone
    try:
        return Reader(str(locale), str(ZoneInfo(zone)))
    except (KeyError, OSError, ValueError):
        return Reader(str(locale), settings.time_zone)
