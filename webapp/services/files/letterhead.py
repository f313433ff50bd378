"""The organisation's name and logo, as files show them; an administrator's setting."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from webapp import storage
from webapp.documents import AdminArea, Letterhead
from webapp.documents.letterhead import LETTERHEAD, MOST_NAME
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.renderers import pdf_file
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.settings import get_settings
from webapp.storage import StorageError

MOST_BYTES = 500_000
FOLDER = "letterhead"
_SVG = "{http://www.w3.org/2000/svg}svg"
#: What an SVG may run, or fetch from elsewhere; a declaration could make its few bytes many.
_NOT_DRAWING = re.compile(
    rb"<!DOCTYPE|<!ENTITY|<\s*(\w+:)?(script|foreignObject)\b|\bon\w+\s*=|(href|src)\s*=\s*[\"'](?!#|data:)",
    re.IGNORECASE,
)


def read() -> Letterhead:
    """What is set; the name of the settings where none is."""
    found = Letterhead.objects(id=LETTERHEAD).first() or Letterhead()
    found.name = found.name or get_settings().organization_name
    return found


def logo() -> bytes | None:
    """The logo's bytes; None where there is none, or where the storage has lost it: a report is made all the same."""
    key = read().logo_key
    if not key:
        return None
    try:
        return b"".join(storage.open_storage(get_settings().effective_storage_url).read(key))
    except StorageError:
        return None


def change(by: Actor, *, name: str, logo: bytes | None, without_logo: bool = False) -> None:
    """Set the name, and the logo where one is given; `without_logo` takes it away.

    Raises InvalidRequestError for a logo that is no PNG and no SVG that can be printed, or that is too large.
    """
    require_permission(by, Permission.ADMINISTER)
    name = name.strip()
    if len(name) > MOST_NAME:
        raise InvalidRequestError({"name": Message("A name has at most %(most)s characters.", most=MOST_NAME)})
    found = Letterhead.objects(id=LETTERHEAD).first() or Letterhead()
    before, key = found.logo_key, found.logo_key
    if logo:
        key = _kept(logo, _kind(logo))
    elif without_logo:
        key = ""
    Letterhead.objects(id=LETTERHEAD).update_one(set__name=name, set__logo_key=key, upsert=True)
    if before and before != key:
        storage.open_storage(get_settings().effective_storage_url).delete(before)
    audit.record(by, AdminArea.STORAGE, "letterhead changed", name or get_settings().organization_name)


def _kind(logo: bytes) -> str:
    """`png` or `svg`. Raises InvalidRequestError."""
    if len(logo) > MOST_BYTES:
        raise _refused(Message("The logo has more than %(most)s bytes: save it smaller.", most=MOST_BYTES))
    kind = "png" if logo.startswith(pdf_file.PNG) else "svg"
    if kind == "svg":
        _check_svg(logo)
    if not pdf_file.can_print(logo):
        raise _refused(Message("The logo cannot be printed: save it again as PNG or SVG."))
    return kind


def _check_svg(logo: bytes) -> None:
    if _NOT_DRAWING.search(logo):
        raise _refused(
            Message("The logo's SVG runs something or fetches it from elsewhere: save it as plain SVG, or as PNG.")
        )
    try:
        root = ElementTree.fromstring(logo)  # noqa: S314 - declarations and entities are refused above
    except ElementTree.ParseError as error:
        raise _refused(Message("The logo is neither a PNG nor an SVG.")) from error
    if root.tag != _SVG:
        raise _refused(Message("The logo is neither a PNG nor an SVG."))


def _refused(text: Message) -> InvalidRequestError:
    return InvalidRequestError({"logo": text})


def _kept(logo: bytes, kind: str) -> str:
    """Store it; returns its key."""
    key = f"{FOLDER}/{hashlib.sha256(logo).hexdigest()[:16]}.{kind}"
    with TemporaryDirectory(prefix="reportdesk-") as folder:
        path = Path(folder) / "logo"
        path.write_bytes(logo)
        storage.open_storage(get_settings().effective_storage_url).put(path, key)
    return key
