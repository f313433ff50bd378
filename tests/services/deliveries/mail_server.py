"""A real SMTP server of a test's own: with TLS and sign-in, and as bad-tempered as a test wants it."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "desk", "a mail server's own"


@dataclass
class MailServer:
    """What it does, and what it was given. Addresses in `refuses` get a 550, those in `puts_off` a 451 so many times."""

    host: str = "127.0.0.1"
    port: int = 0
    refuses: set[str] = field(default_factory=set)
    puts_off: Counter[str] = field(default_factory=Counter)
    loses_answer: int = 0  # takes so many letters, and goes before it has said so
    hangs: bool = False
    thinks: float = 0.0  # seconds between having taken a letter and saying so
    letters: list[tuple[str, EmailMessage, bytes]] = field(default_factory=list)
    conversations: int = 0

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for recipient, letter, _ in self.letters if recipient == address]

    # --- aiosmtpd's hooks ---------------------------------------------------------------------------------------------

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.conversations += 1
        session.host_name = hostname
        if self.hangs:
            await asyncio.sleep(3600)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 5.1.1 No such person here"
        if self.puts_off[address] > 0:
            self.puts_off[address] -= 1
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        for address in envelope.rcpt_tos:
            letter = email.message_from_bytes(content, policy=default)
            assert isinstance(letter, EmailMessage)
            self.letters.append((address, letter, content))
        await asyncio.sleep(self.thinks)
        if self.loses_answer:
            self.loses_answer -= 1
            server.transport.abort()
        return "250 2.0.0 Taken as test-1"


def _check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=is_right)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file of the authority that a client has to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    authority, private = folder / "authority.pem", folder / "key.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context, authority


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    found: MailServer, *, context: ssl.SSLContext | None, security: str = "starttls", size_limit: int = 33_554_432
) -> Iterator[MailServer]:
    """Serve. With a context people must sign in, after STARTTLS or on a connection that is TLS from its first byte."""
    found.port = free_port()
    options: dict[str, Any] = {"data_size_limit": size_limit}
    if context is not None:
        options |= {"auth_required": True, "authenticator": _check}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        else:
            options |= {"ssl_context": context, "auth_require_tls": False}
    controller = Controller(found, hostname=found.host, port=found.port, **options)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
