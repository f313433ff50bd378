"""Who a statement is about. Two identities are one only when they are equal as a whole: an account is its home page and
its name together, an activity its full IRI."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from webapp.messages import Message

LONGEST = 1_000
_ADDRESS = re.compile(r"[^@\s\0]+@[^@\s\0]+")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Actor:
    """`identity` is the whole of it, as text; `account_name` and `home_page` where it is an account, `email` where it
    is an address; `name` is what to call the person."""

    identity: str
    name: str
    account_name: str = ""
    home_page: str = ""
    email: str = ""


class ActorError(ValueError):
    """An actor whose events nobody can own; its text says why."""


def actor_of(given: Any) -> Actor:
    """Raises ActorError."""
    if not isinstance(given, dict):
        raise ActorError(Message("it has no actor"))
    if given.get("objectType") == "Group" or "member" in given:
        return _of_group(given)
    name = given.get("name")
    shown = name[:255] if isinstance(name, str) else ""
    account = given.get("account")
    if account is not None:
        return _of_account(account, shown)
    if (mbox := given.get("mbox")) is not None:
        email = address(mbox)
        return Actor(f"mbox:{email}", shown or email, email=email)
    if (digest := given.get("mbox_sha1sum")) is not None:
        if not isinstance(digest, str) or not _SHA1.fullmatch(digest):
            raise ActorError(Message("its actor's mbox_sha1sum is no SHA-1"))
        return Actor(f"sha1:{digest.lower()}", shown or f"sha1 {digest[:8]}")
    if (openid := given.get("openid")) is not None:
        text = _text(openid, "openid")
        return Actor(f"openid:{text}", shown or text)
    raise ActorError(Message("its actor has no account, mbox, mbox_sha1sum or openid"))


def _of_account(account: Any, shown: str) -> Actor:
    if isinstance(account, list):
        raise ActorError(Message("its actor's account is a list, as in xAPI 0.9; read are 1.0 and 2.0"))
    if not isinstance(account, dict):
        raise ActorError(Message("its actor's account has no homePage and name"))
    home_page, name = _text(account.get("homePage"), "homePage"), _text(account.get("name"), "name")
    return Actor(f"account:{home_page} {name}", shown or name[:255], name, home_page)


def _of_group(given: dict[str, Any]) -> Actor:
    members = given.get("member")
    if isinstance(members, list) and len(members) == 1 and isinstance(members[0], dict) and "member" not in members[0]:
        return actor_of(members[0])
    raise ActorError(Message("its actor is a group: whose event it is, nobody can say"))


def _text(value: Any, what: str) -> str:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or "\0" in text:
        raise ActorError(Message("its actor's %(what)s is missing", what=what))
    if len(text) > LONGEST:
        raise ActorError(Message("its actor's %(what)s is longer than %(most)s characters", what=what, most=LONGEST))
    return text


def address(mbox: Any) -> str:
    """The e-mail address of an mbox, in small letters. Raises ActorError."""
    scheme, _, rest = mbox.partition(":") if isinstance(mbox, str) else ("", "", "")
    rest = rest.strip()
    if scheme.strip().casefold() != "mailto" or not _ADDRESS.fullmatch(rest) or len(rest) > LONGEST:
        raise ActorError(Message("its actor's mbox is no mailto: address"))
    return rest.lower()


def sha1_of(email: str) -> str:
    """What `mbox_sha1sum` says of this address."""
    return hashlib.sha1(f"mailto:{email}".encode(), usedforsecurity=False).hexdigest()
