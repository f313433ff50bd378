"""LMS files that were sent by the browser: what they are, where they wait, and when they go.

What an upload is called is only ever shown. It lies under a key made of its order's id, and a worker reads it from
there, wherever that worker runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from webapp import storage
from webapp.documents import Order, OrderKind, OrderState, User
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.orders import orders
from webapp.services.orders.told import Told
from webapp.services.permissions import Permission, require_permission
from webapp.settings import get_settings
from webapp.sources import registry
from webapp.sources.files import SourceFileError, files_of
from webapp.storage import Storage

FOLDER = "imports/"
#: A bundle of OneRoster has thirty files; statements come in as many as a store makes of a day.
MOST_FILES = 50
NAME_LENGTH = 120
#: An upload whose order is about to be written, at the longest.
SETTLING = timedelta(minutes=30)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Upload:
    """A file that was sent: `name` as the browser said, `path` where it lies for the moment."""

    name: str
    path: Path


def receive(by: User, uploads: Sequence[Upload], *, dry_run: bool = False, strict: bool = False) -> Order:
    """Keep the files, and order their import, or with `dry_run` only a look at what it would do.

    Raises InvalidRequestError under `files`, before anything is kept.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    if not uploads:
        raise InvalidRequestError({"files": Message("Choose a file first.")})
    if len(uploads) > MOST_FILES:
        raise InvalidRequestError(
            {"files": Message("At most %(most)s files at once; a zip is one file.", most=MOST_FILES)}
        )
    source = _source_of(uploads)
    folder_id = ObjectId()
    files = _files()
    kept: list[dict[str, Any]] = []
    for number, upload in enumerate(uploads, start=1):
        key = f"{FOLDER}{folder_id}/{number}"
        files.put(upload.path, key)
        kept.append({"key": key, "name": shown_name(upload.name), "size": upload.path.stat().st_size})
    names = ", ".join(each["name"] for each in kept)
    return orders.ask(by, OrderKind.IMPORT, names, files=kept, source=source, dry_run=dry_run, strict=strict).order


def fetch(order: Order, folder: Path) -> dict[Path, str]:
    """The files of an order, in `folder`: their paths, and what people call them. Raises FileGoneError."""
    files = _files()
    found: dict[Path, str] = {}
    for number, each in enumerate(order.files, start=1):
        path = folder / f"{number}"
        with path.open("wb") as target:
            for chunk in files.read(str(each["key"])):
                target.write(chunk)
        found[path] = str(each["name"])
    return found


def keep_changes(order: Order, path: Path) -> str:
    """The list of all changes of a dry run, kept beside its files; the key."""
    fence = order.lease.fence if order.lease else 0
    key = f"{FOLDER}{order.id}/{fence}/changes.csv"
    _files().put(path, key)
    return key


def changes_of(order: Order) -> Iterator[bytes]:
    """That list. Raises FileGoneError."""
    return _files().read(Told.from_document(order.summary).changes_key or f"{FOLDER}{order.id}/changes.csv")


def delete_files(order: Order) -> None:
    """They are read and not needed any more."""
    files = _files()
    for each in order.files:
        files.delete(str(each["key"]))


def delete_changes(order: Order) -> None:
    """The dry run was settled."""
    if key := Told.from_document(order.summary).changes_key:
        _files().delete(key)


def are_kept(order: Order, now: datetime) -> bool:
    """Do the files of an order that is not done, or of a dry run, lie there still?"""
    return bool(order.asked_at > now - timedelta(days=get_settings().file_retention_days))


def delete_old(now: datetime) -> int:
    """Delete uploads of orders that are done or forgotten; those of failed ones, and of dry runs that nobody has
    settled, after the time that files are kept."""
    files = _files()
    lying = [(key, changed_at) for key, _, changed_at in files.list(FOLDER) if changed_at < now - SETTLING]
    if not lying:
        return 0
    kept_since = now - timedelta(days=get_settings().file_retention_days)
    needed: set[str] = set()
    for order in Order.objects(area="imports", asked_at__gt=kept_since).only(
        "files", "state", "dry_run", "settled", "summary"
    ):
        if order.state != OrderState.DONE or (order.dry_run and order.settled is None):
            needed |= {str(each["key"]) for each in order.files}
            needed.add(Told.from_document(order.summary).changes_key or "")
    old = [key for key, _ in lying if key not in needed]
    for key in old:
        files.delete(key)
    return len(old)


def shown_name(name: str) -> str:
    """The last part of what the browser said, without what cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LENGTH] or "?"


def _source_of(uploads: Sequence[Upload]) -> str:
    """Whose files these are, by what they hold: names and types that a browser sends prove nothing."""
    packed = [each for each in uploads if _is_zip(each.path)]
    loose = [each for each in uploads if each not in packed]
    found: set[str] = set()
    try:
        for together in ([each] for each in packed):
            found.add(_recognised(together))
        if loose:
            found.add(_recognised(loose))
    except SourceFileError as error:
        raise InvalidRequestError({"files": str(error)}) from error
    if len(found) > 1:
        raise InvalidRequestError(
            {"files": Message("Send the files of one system at a time: a roster first, then the statements.")}
        )
    return found.pop()


def _recognised(uploads: Sequence[Upload]) -> str:
    opened = [file for each in uploads for file in files_of(each.path, shown_name(each.name))]
    return registry.recognise(opened, ", ".join(shown_name(each.name) for each in uploads))[0].name


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _ZIP


def _files() -> Storage:
    return storage.open_storage(get_settings().effective_storage_url)
