"""Reading an answer as JSON, also one with a bad byte or letter in it: what is wrong stays where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from webapp.messages import Message
from webapp.sources.http_addresses import Peer, PullError, shown
from webapp.sources.http_client import Answer

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"


def json_of(answer: Answer, peer: Peer, loads: Callable[[bytes], Any]) -> Any:
    """The answer's value.

    Raises PullError for what is no JSON at all (a sign-in page, say), and ValueError for JSON that breaks off.
    """
    body = answer.body.removeprefix(_BOM).strip(_BLANK)
    if not body:
        raise ValueError("nothing came")
    if body[:1] not in (b"{", b"["):
        raise PullError(
            Message(
                "%(peer)s at %(address)s answers with %(kind)s, not with JSON.",
                peer=peer.name,
                address=shown(answer.url),
                kind=answer.headers.get("Content-Type", "").partition(";")[0].strip()[:60] or "–",
            ),
            hint=Message(
                "Check %(setting)s: a page for people, or a proxy that asks to sign in, may be there.",
                setting=peer.url_setting,
            ),
        )
    return loads(body)


def tolerant(body: bytes, *, are_digits_kept: bool = False) -> Any:
    """JSON in which bytes that are no UTF-8 become lone surrogates; with `are_digits_kept`, numbers are texts as they
    were written. Raises ValueError."""
    number = str if are_digits_kept else None
    try:
        return json.loads(body.decode("utf-8", errors="surrogateescape"), parse_float=number, parse_int=number)
    except RecursionError as error:
        raise ValueError("it is nested without end") from error
