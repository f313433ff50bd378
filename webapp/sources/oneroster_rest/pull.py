"""All that a OneRoster service has, or what changed since last time, as a CSV bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from webapp.clock import utcnow
from webapp.messages import Message
from webapp.sources.http_addresses import PullError, Refused, shown
from webapp.sources.http_client import Client
from webapp.sources.http_retries import Limits
from webapp.sources.oneroster_rest.access import RestAccess
from webapp.sources.oneroster_rest.bundle import CsvFile, as_bulk, write_manifest
from webapp.sources.oneroster_rest.columns import COLLECTIONS, ROLE_HEADINGS, Collection, role_rows, text_of
from webapp.sources.oneroster_rest.paging import Page, first_address, pages, read_page
from webapp.sources.oneroster_rest.tokens import Tokens
from webapp.sources.xapi.values import instant

#: Clocks differ, and a change may be written down some moments before it can be read. What comes twice is unchanged.
OVERLAP = timedelta(minutes=5)
#: How a service says that it has no gradebook, or none for us.
_NOT_OFFERED = frozenset(
    {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.GONE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
Progress = Callable[[str, int, int | None], None]


@dataclass
class RestPull:
    """`folder` is a bundle for `oneroster`. `watermarks` (collection -> instant) are for the next pull, to be kept once
    this one is in the record; a collection without one is fetched whole. `notes` are worth telling, with how often."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    watermarks: dict[str, datetime] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    #: How often a question had to be asked again.
    retries: int = 0

    def note(self, text: str, count: int = 1) -> None:
        if count:
            self.notes[text] = self.notes.get(text, 0) + count


@dataclass
class _Fetched:
    """One pass over a collection."""

    count: int = 0
    repeated: int = 0
    misshapen: int = 0
    replaced: int = 0
    roles: int = 0
    total: int | None = None
    began_at: datetime | None = None
    newest: datetime | None = None

    @property
    def is_whole(self) -> bool:
        return self.total is None or self.total == self.count + self.misshapen


def pull(
    access: RestAccess,
    into: Path,
    watermarks: Mapping[str, datetime] | None = None,
    *,
    on_page: Progress = lambda collection, rows, total: None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    wait: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> RestPull:
    """Fetch into `into`, an empty folder, what changed since `watermarks` (None: everything there is).

    `on_page(collection, rows, total)` is told how far it is. Raises PullError; the folder has no manifest then.
    """
    into.mkdir(parents=True, exist_ok=True)
    found = RestPull(into)
    with ExitStack() as stack:
        client = stack.enter_context(Client(access.peer, access.url, limits=limits, wait=wait))
        asking = stack.enter_context(Client(access.token_peer, access.token_url, limits=limits, wait=wait))
        one = _Pull(access, client, Tokens(access, asking, monotonic), on_page, found)
        for collection in COLLECTIONS:
            one.fetch(collection, (watermarks or {}).get(collection.name))
        found.retries = client.retries + asking.retries
    write_manifest(into, found.modes, shown(access.url))
    return found


def check(
    access: RestAccess,
    *,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    wait: Callable[[float], None] = time.sleep,
) -> int | None:
    """Is it there, does it know us, is it a OneRoster service? How many organisations it says it has, where it says so.

    Raises PullError.
    """
    with (
        Client(access.peer, access.url, limits=limits, wait=wait) as client,
        Client(access.token_peer, access.token_url, limits=limits, wait=wait) as asking,
    ):
        ask = _asking(access, client, Tokens(access, asking), "orgs")
        return ask(f"{access.address_of('rostering', 'orgs')}?limit=1&offset=0").total


def _asking(access: RestAccess, client: Client, tokens: Tokens, name: str) -> Callable[[str], Page]:
    def ask(url: str) -> Page:
        def get() -> Page:
            return client.get(url, tokens.headers(), lambda answer: read_page(answer, access.peer, name))

        try:
            return get()
        except Refused as refused:
            if refused.answer_status != HTTPStatus.UNAUTHORIZED:
                raise
        # The token may have ended before its time.
        tokens.forget()
        return get()

    return ask


@dataclass
class _Pull:
    access: RestAccess
    client: Client
    tokens: Tokens
    on_page: Progress
    found: RestPull

    def fetch(self, collection: Collection, watermark: datetime | None) -> None:
        """A collection into its file, once more where it changed under way."""
        try:
            fetched = self._pass(collection, watermark)
            if not fetched.is_whole:
                self.found.note(
                    Message(
                        "%(name)s changed while it was read (%(count)s rows came of %(total)s), and was read once more",
                        name=collection.name,
                        count=fetched.count + fetched.misshapen,
                        total=fetched.total or 0,
                    )
                )
                fetched = self._pass(collection, watermark)
        except Refused as refused:
            if collection.service != "gradebook" or refused.answer_status not in _NOT_OFFERED:
                raise self._in_words(refused, watermark) from refused
            self.found.note(
                Message("the service offers us no %(name)s: what is known of them stays as it is", name=collection.name)
            )
            if watermark is not None:
                self.found.watermarks[collection.name] = watermark
            return
        self._take(collection, watermark, fetched)

    def _pass(self, collection: Collection, watermark: datetime | None) -> _Fetched:
        since = None if watermark is None else _as_asked(watermark - OVERLAP)
        url = first_address(self.access.address_of(collection.service, collection.name), since)
        ask = _asking(self.access, self.client, self.tokens, collection.name)
        folder, found, seen = self.found.folder, _Fetched(), set[str]()
        with ExitStack() as stack:
            file = stack.enter_context(CsvFile(folder / f"{collection.name}.csv", tuple(collection.columns)))
            roles = None
            if collection.name == "users":
                roles = stack.enter_context(CsvFile(folder / "roles.csv", ROLE_HEADINGS))
            for page in pages(ask, self.client, url, self.access.page_size):
                found.began_at = found.began_at or page.answered_at or utcnow()
                found.total = page.total if page.total is not None else found.total
                for each in page.objects:
                    self._row(collection, each, seen, found, file, roles)
                self.on_page(collection.name, found.count, found.total)
            found.replaced = file.replaced + (roles.replaced if roles else 0)
        return found

    @staticmethod
    def _row(
        collection: Collection, given: Any, seen: set[str], found: _Fetched, file: CsvFile, roles: CsvFile | None
    ) -> None:
        if not isinstance(given, dict):
            found.misshapen += 1
            return
        key = text_of(given.get("sourcedId"))
        if key and key in seen:
            found.repeated += 1
            return
        seen.add(key)
        found.count += 1
        file.write(collection.row(given))
        for row in role_rows(given) if roles else ():
            found.roles += 1
            roles.write(row)  # type: ignore[union-attr]
        try:
            changed_at = instant(given.get("dateLastModified"))
        except ValueError:
            return
        found.newest = changed_at if found.newest is None else max(found.newest, changed_at)

    def _take(self, collection: Collection, watermark: datetime | None, fetched: _Fetched) -> None:
        """What a pass tells about the collection as a whole: may what is not in it have ended, where to go on."""
        found, name = self.found, collection.name
        found.rows[name] = fetched.count
        found.note(Message("rows of %(name)s that came twice; the first one counts", name=name), fetched.repeated)
        found.note(Message("rows of %(name)s that are no objects, left out", name=name), fetched.misshapen)
        found.note(
            Message("rows of %(name)s with letters that no text holds, read as “?”", name=name), fetched.replaced
        )
        if not fetched.is_whole:
            found.note(
                Message(
                    "%(name)s: %(count)s rows came of the %(total)s that the service counts; nothing was ended, and "
                    "the next sync asks for them again",
                    name=name,
                    count=fetched.count + fetched.misshapen,
                    total=fetched.total or 0,
                )
            )
        elif watermark is None and not fetched.count:
            found.note(Message("%(name)s: the service gives none; nothing was ended", name=name))
        is_all = watermark is None and fetched.is_whole and fetched.count > 0 and not fetched.misshapen
        found.modes[name] = "bulk" if is_all else "delta"
        if name == "users":
            found.rows["roles"], found.modes["roles"] = fetched.roles, found.modes[name]
        if is_all:
            self._finish_bulk(name)
        following = _following(watermark, fetched)
        if following is not None:
            found.watermarks[name] = following

    def _finish_bulk(self, name: str) -> None:
        ended = as_bulk(self.found.folder / f"{name}.csv")
        self.found.rows[name] -= ended
        self.found.note(Message("rows of %(name)s marked to be deleted, left out of what there is", name=name), ended)
        if name == "users":
            self.found.rows["roles"] -= as_bulk(self.found.folder / "roles.csv")

    def _in_words(self, refused: Refused, watermark: datetime | None) -> PullError:
        if refused.answer_status != HTTPStatus.BAD_REQUEST or watermark is None:
            return refused
        return PullError(
            Message("%(what)s It was asked for what changed since last time.", what=str(refused)),
            hint=Message("If the service has no filter by dateLastModified, fetch everything each time."),
        )


def _following(watermark: datetime | None, fetched: _Fetched) -> datetime | None:
    """Where the next pull goes on. Not after the newest change that was seen: some services show yesterday's changes
    today; not after the first page was given: what changed since may stand on a page that was read before."""
    if not fetched.is_whole or fetched.newest is None or fetched.began_at is None:
        return watermark
    found = min(fetched.newest, fetched.began_at)
    return found if watermark is None else max(found, watermark)


def _as_asked(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
