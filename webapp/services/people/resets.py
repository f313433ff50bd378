"""A new password by a link: it works once, for an hour, and ends every session of its person when it is used."""

from __future__ import annotations

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

from webapp import clock
from webapp.documents import PasswordReset, User
from webapp.errors import InvalidRequestError, ReportdeskError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.audit import SessionAct
from webapp.services.people import accounts, passwords
from webapp.services.people.sessions import hash_of
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.settings import get_settings


class Mailer(Protocol):
    """What sends a letter. `webapp.app.create_app` takes one; without it an administrator hands links over."""

    def send(self, to: str, subject: str, text: str) -> None: ...


class LinkEndedError(ReportdeskError):
    """The link was used, is too old, or never was one. The three are told alike."""

    status = HTTPStatus.GONE
    code = "link-ended"
    hint = Message("Ask for a new link.")

    def __init__(self) -> None:
        super().__init__(Message("This link for a new password no longer works."))


def make(user: User, *, by: Actor) -> str:
    """What a link for `user` carries; kept nowhere else. Links made before still work, until one is used.

    `by` is the administrator who hands it over, or the terminal. Raises ForbiddenError, and InvalidRequestError for an
    account that cannot sign in.
    """
    require_permission(by, Permission.ADMINISTER)
    return _make(user, by)


def letter_for(user: User) -> tuple[Message, Message]:
    """Subject and text of a letter with a new link, for the person's own address: whoever asked need not be they.

    Raises as `make`.
    """
    return _letter(_make(user, None))


def _make(user: User, by: Actor | None) -> str:
    if not user.email:
        raise InvalidRequestError(
            {"email": Message("An account needs an e-mail address to sign in with. Save one first.")}
        )
    if not user.is_active:
        raise InvalidRequestError(
            {"email": Message("%(name)s's account is inactive. Activate it first.", name=user.name)}
        )
    token, now = secrets.token_urlsafe(32), clock.utcnow()
    PasswordReset(
        token_hash=hash_of(token),
        user_id=user.id,
        epoch=user.session_epoch or 0,
        created_at=now,
        expires_at=now + timedelta(minutes=get_settings().reset_link_minutes),
    ).save(force_insert=True)
    audit.record_session(by, SessionAct.PASSWORD_LINK_MADE, user)
    return token


def person_of(token: str) -> User:
    """Whose link it is. Raises LinkEndedError."""
    return _person_of(PasswordReset.objects(token_hash=hash_of(token), expires_at__gt=clock.utcnow()).first())


def use(token: str, password: str) -> User:
    """Set the password by the link, which ends with it. Raises LinkEndedError, and InvalidRequestError for a weak
    password, after which the link still works."""
    user = person_of(token)
    if wrong := passwords.problem(password, user):
        raise InvalidRequestError({"password": wrong})
    # Whoever deletes it has used it: of two at once one comes too late.
    _person_of(PasswordReset.objects(token_hash=hash_of(token), expires_at__gt=clock.utcnow()).modify(remove=True))
    accounts.set_password(user, password, by=user)
    audit.record_session(None, SessionAct.PASSWORD_RESET, user)
    return user


def _letter(token: str) -> tuple[Message, Message]:
    """Subject and text of the letter with the link. Only where `public_url` says the desk is: what a request says of
    itself may be an attacker's."""
    settings = get_settings()
    address = link(token, settings.public_url or "")
    minutes = settings.reset_link_minutes
    text = Message(
        "Somebody, probably you, asked for a new password at %(organization)s.\n\n"
        "Choose it here within %(minutes)s minutes:\n%(address)s\n\n"
        "If it was not you, do nothing: your password stays as it is.",
        organization=settings.organization_name, minutes=minutes, address=address,
    )  # fmt: skip
    return Message("A new password for %(organization)s", organization=settings.organization_name), text


def link(token: str, base: str) -> str:
    """The whole address. The token is in the query: paths stand in more logs."""
    return f"{base.rstrip('/')}/new-password?t={token}"


def _person_of(found: PasswordReset | None) -> User:
    user = User.objects(id=found.user_id, is_active=True).first() if found is not None else None
    if found is None or user is None or (user.session_epoch or 0) != found.epoch:
        raise LinkEndedError()
    return user
