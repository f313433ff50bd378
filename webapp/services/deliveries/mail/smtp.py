"""One conversation with the mail server for one letter, and what its answers mean.

Up to DATA nothing can have arrived, and whatever goes wrong is tried again without harm. From there on only the
server's answer tells: where it is lost, the letter may have arrived.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from webapp.settings import Settings, get_settings

SAID_LENGTH = 300


class Meaning(Enum):
    TAKEN = auto()
    REFUSED = auto()  # 5xx: it will be again
    LATER = auto()  # 4xx
    TOO_LARGE = auto()
    AWAY = auto()  # no conversation came about: not this letter's fault
    UNSURE = auto()  # it was handed over, and the answer is lost


@dataclass(frozen=True)
class Answer:
    """`said`: code and words of the server, or what the network said."""

    meaning: Meaning
    said: str


class _AwayError(Exception):
    """There is no conversation."""


def deliver(letter: bytes, *, sender: str, recipient: str, hand_over: Callable[[], None]) -> Answer:
    """Give `letter` to the mail server for `recipient`. `hand_over` is called just before DATA; what it raises ends the
    conversation."""
    is_handed_over = False
    try:
        with _conversation(get_settings()) as server:
            if (limit := _limit_of(server)) is not None and len(letter) > limit:
                return Answer(Meaning.TOO_LARGE, f"SIZE {limit}")
            options = [f"SIZE={len(letter)}"] if server.has_extn("size") else []
            for step in (lambda: server.mail(sender, options), lambda: server.rcpt(recipient)):
                code, text = step()
                if not 200 <= code < 300:
                    return _refusal(code, text)
            hand_over()
            is_handed_over = True
            code, text = server.data(letter)
            return Answer(Meaning.TAKEN, _words(code, text)) if code == 250 else _refusal(code, text)
    except _AwayError as error:
        return Answer(Meaning.AWAY, str(error)[:SAID_LENGTH])
    except smtplib.SMTPDataError as error:  # DATA itself was refused: nothing went out
        return _refusal(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        meaning = Meaning.UNSURE if is_handed_over else Meaning.AWAY
        return Answer(meaning, _network_words(error))


@contextmanager
def _conversation(settings: Settings) -> Iterator[smtplib.SMTP]:
    """Connected, encrypted as set, signed in. Raises _AwayError."""
    try:
        server = _connected(settings)
    except (OSError, smtplib.SMTPException) as error:
        raise _AwayError(_network_words(error)) from error
    # A server that sends a byte now and then keeps each step within its time; the whole has an end, too.
    end = threading.Timer(settings.delivery_time_limit_seconds, _cut, [server])
    end.daemon = True
    end.start()
    try:
        try:
            _sign_in(server, settings)
        except (OSError, smtplib.SMTPException) as error:
            raise _AwayError(_network_words(error)) from error
        yield server
        with contextlib.suppress(OSError, smtplib.SMTPException):  # all that matters was said
            server.quit()
    finally:
        end.cancel()
        server.close()


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port = settings.smtp_host or "", settings.smtp_port
    # The name that is said to the server: looking this machine's own up may take long.
    me = (settings.mail_from or "").rpartition("@")[2] or "localhost"
    if settings.smtp_security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, me, timeout=settings.smtp_timeout_seconds, context=context)
    return smtplib.SMTP(host, port, me, timeout=settings.smtp_timeout_seconds)


def _sign_in(server: smtplib.SMTP, settings: Settings) -> None:
    if settings.smtp_security == "starttls":
        server.starttls(context=ssl.create_default_context())
    server.ehlo_or_helo_if_needed()
    if settings.smtp_user:
        secret = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        server.login(settings.smtp_user, secret)


def _limit_of(server: smtplib.SMTP) -> int | None:
    """The largest letter that the server takes; None where it does not say."""
    told = server.esmtp_features.get("size", "").strip()
    return int(told) if told.isascii() and told.isdigit() and int(told) > 0 else None


def _refusal(code: int, text: bytes | str) -> Answer:
    said = _words(code, text)
    # 552 is “too large” or “mailbox full”; the enhanced code tells which, where there is one.
    if (code == 552 and " 5.2.2" not in said) or " 5.3.4" in said:
        return Answer(Meaning.TOO_LARGE, said)
    return Answer(Meaning.LATER if 400 <= code < 500 else Meaning.REFUSED, said)


def _words(code: int, text: bytes | str) -> str:
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return _plain(f"{code} {told}")


def _network_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error)
    return _plain(str(error) or type(error).__name__)


def _plain(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:SAID_LENGTH]


def _cut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with contextlib.suppress(OSError):  # it may have ended by itself
            server.sock.shutdown(socket.SHUT_RDWR)
