"""The pages of one collection, to their end: by the service's own links, or by counting on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from webapp.messages import Message
from webapp.sources.http_addresses import Peer, PullError, shown
from webapp.sources.http_client import Answer, Client
from webapp.sources.http_json import json_of, tolerant

#: Some services filter a page after cutting it; nobody pages through more of nothing than this.
MOST_EMPTY_PAGES = 20
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r"""\brel\s*=\s*["']?[^"';,]*\bnext\b""", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """`total` is X-Total-Count, `following` the address of the next page, where the service says them."""

    objects: list[Any]
    total: int | None
    following: str
    url: str
    answered_at: datetime | None


def read_page(answer: Answer, peer: Peer, name: str) -> Page:
    """Raises PullError for what is no answer about `name`, ValueError for what breaks off."""
    found = json_of(answer, peer, lambda body: tolerant(body, are_digits_kept=True))
    objects = found.get(name) if isinstance(found, dict) else None
    if not isinstance(objects, list):
        raise PullError(
            Message(
                "What %(address)s answers is JSON without “%(name)s”: it is no OneRoster 1.2 service.",
                address=shown(answer.url),
                name=name,
            ),
            hint=Message("Set %(setting)s to what stands before /rostering/v1p2.", setting=peer.url_setting),
        )
    total = (answer.headers.get("X-Total-Count") or "").strip()
    return Page(
        objects,
        int(total[:12]) if total.isascii() and total.isdigit() else None,
        _following(answer.headers.get("Link") or ""),
        answer.url,
        _date(answer.headers.get("Date")),
    )


def pages(ask: Callable[[str], Page], client: Client, url: str, size: int) -> Iterator[Page]:
    """All pages from `url` on, `size` rows in each if the service likes. Raises PullError, also for what goes round in
    circles."""
    offset = empty = 0
    has_links = False
    before: list[Any] = []
    seen: set[str] = set()
    following = _at(url, size, 0)
    while True:
        if following in seen:
            raise PullError(
                Message(
                    "%(peer)s at %(address)s goes round in circles: its pages never come to an end.",
                    peer=client.peer.name,
                    address=shown(following),
                ),
                hint=Message(
                    "Ask whoever runs the service; another %(setting)s may help.", setting=client.peer.page_setting
                ),
            )
        seen.add(following)
        page = ask(following)
        if page.objects and page.objects == before:
            # A service that knows no offset gives all it has, as often as it is asked.
            return
        yield page
        before = page.objects
        offset += len(page.objects)
        empty = 0 if page.objects else empty + 1
        has_links = has_links or bool(page.following)
        is_all = page.total is not None and offset >= page.total
        if page.following and not (empty and is_all) and empty <= MOST_EMPTY_PAGES:
            following = client.on_this_host(page.following, page.url)
        elif is_all or empty or (page.total is None and has_links):
            return
        else:
            following = _at(url, size, offset)


def first_address(url: str, since: str | None) -> str:
    """All of a collection in an order that does not change under way, or what was changed after `since`."""
    asked = {"sort": "sourcedId", "orderBy": "asc"}
    if since is not None:
        asked["filter"] = f"dateLastModified>'{since}'"
    return f"{url}?{urlencode(asked, quote_via=quote)}"


def _at(url: str, size: int, offset: int) -> str:
    parts = urlsplit(url)
    asked = [*parse_qsl(parts.query), ("limit", str(size)), ("offset", str(offset))]
    return urlunsplit(parts._replace(query=urlencode(asked, quote_via=quote)))


def _following(link: str) -> str:
    return next((address for address, rest in _LINK.findall(link) if _NEXT.search(rest)), "")


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
