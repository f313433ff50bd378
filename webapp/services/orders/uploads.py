"""LMS files that were sent by the browser: what they are, where they wait, and when they go.

What an upload is called is only ever shown. It lies under a key made of its order's id, and a worker reads it from
there, wherever that worker runs.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
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
from webapp.services.permissions import Permission, require_permission
from webapp.settings import get_settings

FOLDER = "imports/"
MOST_FILES = 20
NAME_LENGTH = 120
#: An upload whose order is about to be written, at the longest.
SETTLING = timedelta(minutes=30)
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"


@dataclass(frozen=True)
class Upload:
    """A file that was sent: `name` as the browser said, `path` where it lies for the moment."""

    name: str
    path: Path


def receive(by: User, uploads: Sequence[Upload]) -> Order:
    """Keep the files, and order their import. Raises InvalidRequestError under `files`."""
    require_permission(by, Permission.MANAGE_CONTENT)
    if not uploads:
        raise InvalidRequestError({"files": Message("Choose a file first.")})
    if len(uploads) > MOST_FILES:
        raise InvalidRequestError({"files": Message("At most %(most)s files at once.", most=MOST_FILES)})
    kinds = {_kind(upload) for upload in uploads}
    if len(kinds) > 1 or (kinds == {OrderKind.ONEROSTER} and len(uploads) > 1):
        raise InvalidRequestError(
            {"files": Message("Send one OneRoster zip file, or files of xAPI statements, not both.")}
        )
    folder_id = ObjectId()
    files = storage.open_storage(get_settings().effective_storage_url)
    kept: list[dict[str, Any]] = []
    for number, upload in enumerate(uploads, start=1):
        key = f"{FOLDER}{folder_id}/{number}"
        files.put(upload.path, key)
        kept.append({"key": key, "name": shown_name(upload.name), "size": upload.path.stat().st_size})
    return orders.ask(by, kinds.pop(), ", ".join(each["name"] for each in kept), files=kept).order


def fetch(order: Order, folder: Path) -> dict[Path, str]:
    """The files of an order, in `folder`: their paths, and what people call them. Raises FileGoneError."""
    files = storage.open_storage(get_settings().effective_storage_url)
    found: dict[Path, str] = {}
    for number, each in enumerate(order.files, start=1):
        path = folder / f"{number}"
        with path.open("wb") as target:
            for chunk in files.read(str(each["key"])):
                target.write(chunk)
        # The importer goes by the ending; the ending goes by the content.
        with path.open("rb") as begun:
            ending = ".json.gz" if begun.read(2) == _GZIP else ".json"
        found[path.rename(path.with_suffix(ending))] = str(each["name"])
    return found


def delete_files(order: Order) -> None:
    """They are read and not needed any more."""
    files = storage.open_storage(get_settings().effective_storage_url)
    for each in order.files:
        files.delete(str(each["key"]))


def delete_old(now: datetime) -> int:
    """Delete uploads of orders that are done or forgotten, and of failed ones after the time that files are kept."""
    files = storage.open_storage(get_settings().effective_storage_url)
    lying = [(key, changed_at) for key, _, changed_at in files.list(FOLDER) if changed_at < now - SETTLING]
    if not lying:
        return 0
    kept_since = now - timedelta(days=get_settings().file_retention_days)
    needed = {
        str(each["key"])
        for order in Order.objects(area="imports", asked_at__gt=kept_since).only("files", "state")
        if order.state != OrderState.DONE
        for each in order.files
    }
    old = [key for key, _ in lying if key not in needed]
    for key in old:
        files.delete(key)
    return len(old)


def shown_name(name: str) -> str:
    """The last part of what the browser said, without what cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LENGTH] or "?"


def _kind(upload: Upload) -> OrderKind:
    """By the first bytes: names and types that a browser sends prove nothing."""
    with upload.path.open("rb") as file:
        begin = file.read(4096)
    if begin.startswith(_ZIP):
        return OrderKind.ONEROSTER
    if begin.startswith(_GZIP):
        try:
            with gzip.open(upload.path) as unpacked:
                begin = unpacked.read(4096)
        except (OSError, EOFError, zlib.error):
            begin = b""
    if begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return OrderKind.XAPI
    raise InvalidRequestError(
        {
            "files": Message(
                "“%(name)s” is neither a OneRoster zip file nor xAPI statements (a JSON array, or one statement a "
                "line; .gz too).",
                name=shown_name(upload.name),
            )
        }
    )
