"""What makes a password good enough: long, and hard to guess even for who knows common ones, names and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from webapp.documents import User
from webapp.messages import Message
from webapp.settings import get_settings

SHORTEST = 12
LONGEST = 1024
#: What zxcvbn looks at. It needs ever longer for more (seconds at 72), and 32 tell enough.
LOOKED_AT = 32
#: zxcvbn's best: more than ten thousand million guesses.
GOOD_SCORE = 4
#: Own words shorter than this are in many passwords by chance.
SHORTEST_WORD = 4

_hasher = PasswordHasher()
# Checked when no such account exists, so that the answer takes as long as for one that does: a test holds that it is
# made as new hashes are. Written down, because to make one takes each process that starts a tenth of a second.
_DECOY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$7nPS1LrdSVpMaot8tO/i8g$cP1sUHxbzLkdYtnDpnQkdneibAOmwTxOfsUmg2uB/48"


@dataclass(frozen=True)
class Strength:
    """`score` from 0 to 4, and what stands in the way of the password, in words; None when it is good enough."""

    score: int
    problem: Message | None

    @property
    def is_good(self) -> bool:
        return self.problem is None


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters in it."""
    return _hasher.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Whether `stored` is the hash of this password. Without a hash it is not, after as long a time."""
    try:
        _hasher.verify(stored or _DECOY_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_new_hash(stored: str) -> bool:
    return _hasher.check_needs_rehash(stored)


def own_words(name: str, email: str | None) -> list[str]:
    """What somebody who knows the person would try first: name, address, the organisation, this program."""
    texts = [name, email or "", get_settings().organization_name, "reportdesk"]
    words = [word for text in texts for word in re.split(r"[\W_]+", text) if word]
    return list(dict.fromkeys(text.lower() for text in (*texts, (email or "").partition("@")[0], *words) if text))


def strength(password: str, about: Iterable[str] = ()) -> Strength:
    """How good `password` is for somebody whose own words are `about`."""
    if not password:
        return Strength(0, Message("Type a new password."))
    about = list(about)
    found = zxcvbn(password[:LOOKED_AT], user_inputs=about)
    score = int(found["score"])
    if len(password) > LONGEST:
        return Strength(score, Message("A password has at most %(most)s characters.", most=LONGEST))
    if len(password) < SHORTEST:
        return Strength(min(score, 2), Message("A password has at least %(least)s characters.", least=SHORTEST))
    left = _without(password, about)
    if left != password.lower() and len(left) < SHORTEST - SHORTEST_WORD:
        return Strength(min(score, 1), Message("It is mostly your name, your address or a name of this place."))
    if score < GOOD_SCORE:
        return Strength(score, _weakness(found["sequence"]))
    return Strength(score, None)


def problem(password: str, user: User) -> Message | None:
    """What is wrong with this password for this person, and what to do; None when it is good enough."""
    wrong = strength(password, own_words(user.name or "", user.email)).problem
    if wrong is None or len(password) > LONGEST:
        return wrong
    return Message.joined(
        [wrong, Message("Take four words that do not belong together, or what a password manager makes.")]
    )


def _without(password: str, about: Iterable[str]) -> str:
    """The password without the person's own words in it."""
    left = password.lower()
    for word in sorted(about, key=len, reverse=True):
        if len(word) >= SHORTEST_WORD:
            left = left.replace(word, "")
    return left


def _weakness(sequence: list[dict[str, object]]) -> Message:
    """Why it is easy to guess, by the part that zxcvbn found most in it."""
    longest = max(sequence, key=lambda part: len(str(part["token"])))
    pattern = longest["pattern"]
    if pattern == "dictionary" and longest.get("dictionary_name") == "user_inputs":
        return Message("It is mostly your name, your address or a name of this place.")
    if pattern == "dictionary" and longest.get("dictionary_name") == "passwords":
        return Message("It is one of the passwords that are tried first.")
    if pattern in ("repeat", "sequence", "spatial"):
        return Message("It repeats itself or follows the keyboard.")
    if pattern in ("date", "regex"):
        return Message("It is mostly a date.")
    return Message("It is too easy to guess.")
