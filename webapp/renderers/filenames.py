"""What a file is called: for people's computers, never a path."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from urllib.parse import quote

from pathvalidate import is_valid_filename, sanitize_filename
from pathvalidate.handler import ReservedNameHandler

#: File systems count bytes; this leaves room for an extension and a number.
MOST_BYTES = 180
#: Beside what pathvalidate knows of file systems: what turns a name round on the screen (`…fdp.exe` for `…exe.pdf`),
#: controls beyond ASCII, and halves of characters, which no file and no database can hold.
_UNSHOWN = re.compile(r"[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def is_file_name(text: str) -> bool:
    """Can every file system hold it, and every screen show it as it is?"""
    if _UNSHOWN.search(text) or text.startswith("."):
        return False
    # Windows keeps devices' names for itself, whatever follows the first dot and however many spaces stand before it.
    return all(is_valid_filename(each, platform="universal") for each in (text, text.partition(".")[0].rstrip()))


def file_name(stem: str, extension: str) -> str:
    """`stem` cleaned, cut to what file systems take, with the extension."""
    text = unicodedata.normalize("NFC", _UNSHOWN.sub(" ", stem))
    text = sanitize_filename(
        text,
        replacement_text=" ",
        platform="universal",
        max_len=MOST_BYTES,
        reserved_name_handler=ReservedNameHandler.as_is,
    )
    text = " ".join(text.split()).strip(". ")
    if not is_file_name(text):
        text = f"report {text}".strip()
    return f"{text}.{extension}"


def fill_template(template: str, *, name: str, day: date) -> str:
    """`{name}` and `{date}` in `template`. Where that is too long the name is cut, so that the date stays."""
    rest = template.replace("{name}", "").replace("{date}", day.isoformat())
    room = max(MOST_BYTES - len(rest.encode()), 0)
    short = name.encode()[:room].decode(errors="ignore").rstrip()
    return template.replace("{date}", day.isoformat()).replace("{name}", short)


def content_disposition(name: str) -> str:
    """The header that names a download, for old browsers and for all of Unicode (RFC 6266)."""
    # Names of other clients' files were cleaned by nobody.
    name = _UNSHOWN.sub("_", re.sub(r"[\x00-\x1f\x7f/\\]+", "_", name))
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["%]', "_", plain).strip() or "report"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
