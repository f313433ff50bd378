"""What came of one try to deliver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from webapp.messages import Message


@dataclass(frozen=True)
class Sent:
    """The other side has taken it; `said` is its answer, `size` the bytes that went out."""

    said: str = ""
    size: int = 0


@dataclass(frozen=True)
class Skipped:
    """It must not go to this recipient. `is_wanted`: the recipient's own wish, of which nobody needs to be told."""

    why: Message
    is_wanted: bool = False


@dataclass(frozen=True)
class Failed:
    """It will not work as it stands."""

    why: Message
    said: str = ""


@dataclass(frozen=True)
class Later:
    """It may work another time. `wait`: not before; None: as the channel is used to. `is_away`: the server could not be
    reached at all, so that nothing else need be tried there for now. `is_unsure`: it may have arrived all the same."""

    why: Message
    said: str = ""
    wait: timedelta | None = None
    is_away: bool = False
    is_unsure: bool = False


Outcome = Sent | Skipped | Failed | Later
#: Called with what goes out just before it does, from when on it may arrive. Raises LostError.
HandOver = Callable[..., None]


class LostError(Exception):
    """The delivery is another worker's now: whoever held it drops what it made."""


def handing_over(write: Callable[[dict[str, Any]], bool]) -> HandOver:
    """`write` tells whether it is still held."""

    def hand_over(**sets: Any) -> None:
        if not write(sets):
            raise LostError

    return hand_over
