"""Everything that a record store stored since last time, page by page, as files with one statement a line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from webapp.messages import Message
from webapp.sources.http_addresses import PullError, Refused, shown
from webapp.sources.http_client import Answer, Client
from webapp.sources.http_json import json_of, tolerant
from webapp.sources.http_retries import Limits
from webapp.sources.lrs.access import VERSION, LrsAccess
from webapp.sources.lrs.watermark import consistent_through, newest_stored, next_watermark, since_of

VERSION_HEADER = "X-Experience-API-Version"
#: A store that goes on and on without a statement has lost its way.
MOST_EMPTY_PAGES = 100
_READ_VERSIONS = ("1.0", "2.0")


@dataclass(frozen=True)
class LrsPull:
    """`files` hold one statement a line, as the store gave them. `watermark` is for the next pull, to be kept once
    these are in the record; `since` is what was asked for (None: everything)."""

    files: tuple[Path, ...]
    statements: int
    pages: int
    since: str | None
    watermark: datetime | None
    #: How often a question had to be asked again.
    retries: int


@dataclass(frozen=True)
class LrsAnswer:
    """What a store says when it is only asked whether it is there."""

    version: str
    newest_stored: datetime | None
    consistent_through: datetime | None


@dataclass(frozen=True)
class _Page:
    statements: list[Any]
    more: str
    told: datetime | None
    version: str
    url: str


def pull(
    access: LrsAccess,
    into: Path,
    watermark: datetime | None = None,
    *,
    on_page: Callable[[int, int], None] = lambda pages, statements: None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    wait: Callable[[float], None] = time.sleep,
) -> LrsPull:
    """Fetch into `into`, an empty folder, all that was stored since `watermark` (None: all there is).

    `on_page(pages, statements)` is told how far it is. Raises PullError; what is in the folder then is a beginning, of
    which nothing is to be taken.
    """
    into.mkdir(parents=True, exist_ok=True)
    since = since_of(watermark)
    asked = {"ascending": "true", "limit": str(access.page_size)} | ({"since": since} if since else {})
    url = f"{access.statements_url}?{urlencode(asked)}"
    files: list[Path] = []
    told: list[datetime | None] = []
    newest: datetime | None = None
    count = pages = empty = 0
    seen = {url}
    with Client(access.peer, url, limits=limits, wait=wait) as client:
        while url:
            page = _page(client, access, url)
            pages += 1
            count += len(page.statements)
            empty = 0 if page.statements else empty + 1
            told.append(page.told)
            newest = max((each for each in (newest, newest_stored(page.statements)) if each), default=None)
            if page.statements:
                files.append(_write(into / f"statements-{pages:06}.ndjson", page.statements))
            on_page(pages, count)
            url = client.on_this_host(page.more, page.url) if page.more else ""
            if url in seen or empty > MOST_EMPTY_PAGES:
                raise _in_circles(access, page.url)
            seen.add(url)
        # Each page holds what was stored until it was asked for; all of them, what was stored until the first was.
        promised = min((each for each in told if each), default=None) if all(told) else None
        return LrsPull(tuple(files), count, pages, since, next_watermark(watermark, promised, newest), client.retries)


def check(
    access: LrsAccess,
    *,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    wait: Callable[[float], None] = time.sleep,
) -> LrsAnswer:
    """Is it there, does it know us, is it a record store? Raises PullError."""
    url = f"{access.statements_url}?{urlencode({'limit': '1'})}"
    with Client(access.peer, url, limits=limits, wait=wait) as client:
        page = _page(client, access, url)
    return LrsAnswer(page.version, newest_stored(page.statements), page.told)


def _page(client: Client, access: LrsAccess, url: str) -> _Page:
    try:
        return client.get(url, access.headers, lambda answer: _read(answer, access))
    except Refused as refused:
        version = refused.answer_headers.get(VERSION_HEADER, "")
        is_about_version = version and not version.startswith(access.version[:3])
        if refused.answer_status == HTTPStatus.BAD_REQUEST and is_about_version:
            raise _wrong_version(access, url, version) from refused
        raise


def _read(answer: Answer, access: LrsAccess) -> _Page:
    """Raises PullError for what no record store says, ValueError for what breaks off."""
    version = answer.headers.get(VERSION_HEADER, "")
    if version and not version.startswith(_READ_VERSIONS):
        raise _wrong_version(access, answer.url, version)
    found = json_of(answer, access.peer, _loads)
    statements = found.get("statements") if isinstance(found, dict) else None
    if not isinstance(statements, list):
        raise PullError(
            Message(
                "What %(address)s answers is JSON without “statements”: it is no learning record store.",
                address=shown(answer.url),
            ),
            hint=Message("Set %(setting)s to the store's xAPI endpoint.", setting=access.peer.url_setting),
        )
    more = found.get("more")
    return _Page(
        statements, more if isinstance(more, str) else "", consistent_through(answer.headers), version, answer.url
    )


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # One bad letter in one statement spoils that one, not its whole page.
        return tolerant(body)


def _write(path: Path, statements: Sequence[Any]) -> Path:
    """One statement a line, there whole or not at all."""
    draft = path.with_name(f".{path.name}")
    with draft.open("wb") as file:
        for statement in statements:
            file.write(_line(statement))
            file.write(b"\n")
    return draft.rename(path)


def _line(statement: Any) -> bytes:
    try:
        return orjson.dumps(statement)
    except TypeError:
        # What no UTF-8 can say, or no double: as JSON may escape it, for the reader to refuse by its line.
        return json.dumps(statement).encode("ascii")


def _wrong_version(access: LrsAccess, url: str, version: str) -> PullError:
    return PullError(
        Message(
            "The learning record store at %(address)s speaks xAPI %(theirs)s; it was asked in %(ours)s.",
            address=shown(url),
            theirs="".join(each for each in version if each.isprintable())[:20],
            ours=access.version,
        ),
        hint=Message("Set %(setting)s to 1.0.3 or 2.0.0, whichever it speaks.", setting=VERSION),
    )


def _in_circles(access: LrsAccess, url: str) -> PullError:
    return PullError(
        Message(
            "The learning record store at %(address)s goes round in circles: its “more” never comes to an end.",
            address=shown(url),
        ),
        hint=Message("Ask whoever runs the store; another %(setting)s may help.", setting=access.peer.page_setting),
    )
